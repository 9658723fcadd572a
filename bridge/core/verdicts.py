"""What the text of a failed target means: networks say why in words of their own, and partners pass those on.

The patterns are guesses from the evidence that partners' pages and clients show. The first row that fits decides; the
order settles texts that fit several. A partner adds what is said only there.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from bridge.core.answers import Judgement
from bridge.core.errors import FailureClass, FailureReason

DAY = timedelta(hours=24)

WAIT = Judgement(FailureReason.PLATFORM_LIMIT, FailureClass.WAIT_UNTIL, DAY)
SIGN_IN = Judgement(FailureReason.TOKEN, FailureClass.NEEDS_HUMAN)
MAY_BE_LIVE = Judgement(FailureReason.UNKNOWN_OUTCOME, FailureClass.AMBIGUOUS)
PASSES = Judgement(FailureReason.PLATFORM_RATE, FailureClass.RETRYABLE)
REFUSED = Judgement(FailureReason.CONTENT, FailureClass.TERMINAL)
OTHER = Judgement(FailureReason.PLATFORM_OTHER, FailureClass.RETRYABLE)

_LIMIT = r"spam risk too many (?:pending share|posts)|reached active user cap"
_SIGN_IN = (
    r"\b(?:revoked|unauthori[sz]ed|permissions?|re ?auth\w*|invalid grant|log ?in required)\b"
    r"|\bre ?connect(?:ed)?\b|\bnot authori[sz]ed\b|\blog ?in again\b"
    r"|\btokens?\b(?: \w+){0,3} (?:expired|invalid|revoked)\b|\b(?:expired|invalid) (?:\w+ ){0,2}tokens?\b"
    r"|(?<!upload )\b(?:session|login|authori[sz]ation|authentication|credentials?)\b(?: \w+){0,2} expired\b"
)
# What expires without anyone having to sign in again: an address, an upload, the network's container for it.
_THING = r"\b(?:urls?|links?|uploads?|media|files?|videos?|containers?|cache|signatures?|certificates?)\b"
_EXPIRED = rf"^(?!.*{_THING}).*\bexpired\b"
_UNKNOWN = (
    r"\b(?:outcome|result)\b(?: \w+){0,4} unknown\b|\bstatus (?:is )?unknown\b|\bunknown (?:outcome|result)\b"
    r"|\bmay (?:have been|be) (?:published|posted|live)\b"
)
_TIMED_OUT = r"\btime ?outs?\b|\btimed ?out\b|\bdeadline exceeded\b"
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

_JOINED = re.compile(r"[_\-/\s]+|(?<=[a-z])(?=[A-Z])")

Row = tuple[str, Judgement]
"""A regular expression over lower-case words with single spaces between them, and what a text that fits it means."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A partner's table of failure texts."""

    rows: tuple[tuple[re.Pattern[str], Judgement], ...]

    def judge(self, error: str) -> Judgement:
        """Return what a failure text asks of us; an empty or unknown text is worth a small number of retries."""
        # Codes such as `access_token_invalid` and `quotaExceeded` become words.
        text = _JOINED.sub(" ", error).lower()
        return next((judgement for pattern, judgement in self.rows if pattern.search(text)), OTHER)


def verdicts(*, timed_out: Judgement, first: Iterable[Row] = (), last: Iterable[Row] = ()) -> Verdicts:
    """Make a table of what every network says, between a partner's own rows.

    Args:
        timed_out: what a text means that tells of a time-out and of nothing worse.
        first: rows that go before all others.
        last: rows for texts that no other row fits.
    """
    rows = (
        *first,
        (_EXPIRED, SIGN_IN),
        (_LIMIT, WAIT),
        (_SIGN_IN, SIGN_IN),
        (_UNKNOWN, MAY_BE_LIVE),
        (_TIMED_OUT, timed_out),
        (_LIMITED, PASSES),
        (_POLICY, REFUSED),
        (_PASSING, PASSES),
        (_TOKEN, SIGN_IN),
        (_CONTENT, REFUSED),
        *last,
    )
    return Verdicts(tuple((re.compile(pattern), judgement) for pattern, judgement in rows))
