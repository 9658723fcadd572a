"""What the text of a failed destination means: PostEverywhere gives `error`, free text, by many networks.

The evidence: https://developers.posteverywhere.ai (get-post-results, retry-post, errors, media-requirements), read
2026-11, and the vendor's agent skill `fix-failed-posts`, which calls a time-out a temporary problem to be retried.
"""

from bridge.core.model import Judgement
from bridge.core.verdicts import PASSES, REFUSED, verdicts

# The breaker opens after 5 failures with the same content and stays open for it: only other content helps.
_BREAKER = r"\bcircuit ?breaker\b"
_TOO_MUCH = (
    r"(?<!took )(?<!taking )\btoo (?:long|short|large|big|small)\b|\btoo many (?:characters|hashtags|images|mentions)\b"
)
_MISFIT = (
    r"\baspect ratios?\b|\bdimensions?\b|\b(?:image|media|photo|video) resolutions?\b|\bunsupported\b"
    r"|\bduplicate (?:content|post|status|tweet)\b"
)
_LACKS = r"\b(?:requires?|missing|needs?|without) (?:\w+ ){0,3}(?:media|images?|videos?|photos?|boards?|titles?)\b"

_VERDICTS = verdicts(
    timed_out=PASSES,
    first=((_BREAKER, REFUSED),),
    last=((r"\btry(?:ing)? again\b", PASSES), (f"{_TOO_MUCH}|{_MISFIT}|{_LACKS}", REFUSED)),
)


def judge(error: str, platform: str) -> Judgement:
    """Return what a destination's failure text asks of us; the texts do not differ by platform in a way that is known.

    A time-out is retryable, because the vendor keeps a destination's outcome and itself tries again after one.
    """
    return _VERDICTS.judge(error)
