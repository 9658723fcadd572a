"""What the text of a failed target means: Genviral gives no code for it, only `error_message`, by many networks.

The patterns are guesses from the contract's evidence: https://docs.genviral.io/api-reference (get-post, retry-posts)
and the vendor's skill repository, read 2026-05. The first row that fits decides; the order settles texts that fit
several.
"""

import re
from datetime import timedelta

from bridge.core.errors import FailureClass, FailureReason
from bridge.core.model import Judgement

DAY = timedelta(hours=24)

_LIMIT = r"spam risk too many (?:pending share|posts)|reached active user cap"
_SIGN_IN = (
    r"\b(?:revoked|unauthori[sz]ed|permissions?|re ?auth\w*|invalid grant|log ?in required)\b"
    r"|\bre ?connect(?:ed)?\b|\bnot authori[sz]ed\b|\blog ?in again\b"
    r"|\btokens?\b(?: \w+){0,3} (?:expired|invalid|revoked)\b|\b(?:expired|invalid) (?:\w+ ){0,2}tokens?\b"
    r"|(?<!upload )\b(?:session|login|authori[sz]ation|authentication|credentials?)\b(?: \w+){0,2} expired\b"
)
# What expires without anyone having to sign in again: an address, an upload, the network's container for it.
_EXPIRED_THING = r"\b(?:urls?|links?|uploads?|media|files?|videos?|containers?|cache|signatures?|certificates?)\b"
_AMBIGUOUS = (
    r"\btime ?outs?\b|\btimed ?out\b|\bdeadline exceeded\b"
    r"|\b(?:outcome|result)\b(?: \w+){0,4} unknown\b|\bstatus (?:is )?unknown\b|\bunknown (?:outcome|result)\b"
    r"|\bmay (?:have been|be) (?:published|posted|live)\b"
)
_LIMITED = r"\brate ?limit\w*|\btoo many requests\b|\bthrottl\w+|\bquota\b|\btoken bucket\b"
_POLICY = r"\bpolic(?:y|ies)\b|\bviolat\w+|\bguidelines?\b|\bcopyright\w*"
_PASSING = (
    r"(?<!frame )(?<!bit )(?<!sample )(?<!sampling )\brates?\b|\btemporar\w+|\bunavailable\b|\bbad gateway\b"
    r"|\boverloaded\b|\b(?:internal|server) (?:server )?error\b|\b(?:http|status|code|error)(?: code)?\W{0,3}5\d\d\b"
    r"|\(5\d\d\)|\b5\d\d (?:internal|bad|service|gateway|error|server)\b"
)
_TOKEN = r"(?<!unexpected )\btokens?\b(?! (?:per|limit|quota|at position)\b)"
_CONTENT = (
    r"\b(?:content|durations?|formats?|formatting|captions?)\b"
    r"|\b(?:frame|bit|sample|sampling) ?rate\b|\bbitrate\b"
)

_WAIT = Judgement(FailureReason.PLATFORM_LIMIT, FailureClass.WAIT_UNTIL, DAY)
_HUMAN = Judgement(FailureReason.TOKEN, FailureClass.NEEDS_HUMAN)
_MAY_BE_LIVE = Judgement(FailureReason.UNKNOWN_OUTCOME, FailureClass.AMBIGUOUS)
_RATE = Judgement(FailureReason.PLATFORM_RATE, FailureClass.RETRYABLE)
_REFUSED = Judgement(FailureReason.CONTENT, FailureClass.TERMINAL)
_OTHER = Judgement(FailureReason.PLATFORM_OTHER, FailureClass.RETRYABLE)

_ROWS: tuple[tuple[re.Pattern[str], Judgement], ...] = tuple(
    (re.compile(pattern), judgement)
    for pattern, judgement in (
        (_LIMIT, _WAIT),
        (_SIGN_IN, _HUMAN),
        (_AMBIGUOUS, _MAY_BE_LIVE),
        (_LIMITED, _RATE),
        (_POLICY, _REFUSED),
        (_PASSING, _RATE),
        (_TOKEN, _HUMAN),
        (_CONTENT, _REFUSED),
    )
)
_EXPIRED, _THING = re.compile(r"\bexpired\b"), re.compile(_EXPIRED_THING)
_JOINED = re.compile(r"[_\-/\s]+|(?<=[a-z])(?=[A-Z])")


def judge(error: str) -> Judgement:
    """Return what a target's failure text asks of us; an empty or unknown text is worth a small number of retries."""
    # Codes such as `access_token_invalid` and `quotaExceeded` become words.
    text = _JOINED.sub(" ", error).lower()
    if _EXPIRED.search(text) and not _THING.search(text):
        return _HUMAN
    return next((judgement for pattern, judgement in _ROWS if pattern.search(text)), _OTHER)
