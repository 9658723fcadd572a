"""How it is said what is wrong with a value, and what would be right."""

import difflib
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from bridge.core.units import format_duration

_SAID = {"missing": "is missing", "tuple_type": "must be a list"}
"""What pydantic calls a fault -> what people call it."""
_DURATION = re.compile(r"datetime\.timedelta\((?:days=(\d+))?(?:, )?(?:seconds=(\d+))?\)")
_SUBJECT = re.compile(r"^\w+ should ")


class Mistaken(ValueError):
    """A value that cannot be right, when what to write instead is more than the help of its field."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a remedy for an unknown word: the nearest known one, or all of them."""
    choices = sorted(known)
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f"Write {near[0]}."
    return f"Use one of: {', '.join(choices)}." if choices else "Leave it out: there is none yet."


def problem(detail: Any) -> str:
    """Return what one complaint of pydantic (an item of `ValidationError.errors()`) says, in our words."""
    context = detail.get("ctx", {})
    if "error" in context:
        return str(context["error"])
    if detail["type"] in _SAID:
        return _SAID[detail["type"]]
    if str(context.get("gt", "")).startswith("datetime"):
        return "must be more than 0s"
    if longest := _DURATION.fullmatch(str(context.get("le", ""))):
        most = timedelta(days=int(longest[1] or 0), seconds=int(longest[2] or 0))
        return f"must be at most {format_duration(most)}"
    if detail["type"] == "string_pattern_mismatch":
        is_address = str(context["pattern"]).startswith("^https?://")
        return "must begin with https:// or http://" if is_address else "is written in no form that is known"
    text = _SUBJECT.sub("must ", str(detail["msg"])).replace(" after validation", "")
    return text[0].lower() + text[1:]
