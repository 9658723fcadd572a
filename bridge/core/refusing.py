"""What a partner found wrong with a request, field by field, in the words of our own errors."""

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.core.errors import Fault
from bridge.core.model import Attempt

_MOST = 50
_LONGEST_NAME, _LONGEST_TEXT = 80, 500


def complaints(attempts: Sequence[Attempt]) -> list[Fault]:
    """Return the issues of the last attempt that was answered with any; they were redacted when they were kept."""
    said = [attempt.answer["issues"] for attempt in attempts if attempt.answer and attempt.answer.get("issues")]
    issues = said[-1] if said and isinstance(said[-1], list) else []
    return [fault for issue in issues[:_MOST] if (fault := _fault(issue)).problem]


def _fault(issue: Any) -> Fault:
    """Read one issue. No vendor says how it writes them: `path` may be a list, and an issue may be only a text."""
    if not isinstance(issue, Mapping):
        return Fault("", issue[:_LONGEST_TEXT] if isinstance(issue, str) else "")
    path = issue.get("path", issue.get("field"))
    field = ".".join(map(str, path)) if isinstance(path, list) else str(path or "")
    return Fault(field[:_LONGEST_NAME], str(issue.get("message") or "")[:_LONGEST_TEXT])
