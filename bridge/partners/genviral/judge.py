"""What the text of a failed target means: Genviral gives no code for it, only `error_message`, by many networks.

The evidence: https://docs.genviral.io/api-reference (get-post, retry-posts) and the vendor's skill repository, read
2026-05.
"""

from bridge.core.model import Judgement
from bridge.core.verdicts import MAY_BE_LIVE, verdicts

_VERDICTS = verdicts(timed_out=MAY_BE_LIVE)


def judge(error: str) -> Judgement:
    """Return what a target's failure text asks of us; Genviral's own time-outs leave open whether the post is live."""
    return _VERDICTS.judge(error)
