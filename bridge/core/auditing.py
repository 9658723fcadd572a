"""Who asked for a change, of what, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

VIA = ("api", "console", "slack")
"""By which way a person, or a program, asks."""


@dataclass(frozen=True, slots=True)
class Note:
    """One change that was asked for: written before it is done, and ended with the status it was answered.

    `token` names who asked: an API token, or a person in a chat. `via` is one of `VIA`. `action` is the name of the
    operation (`retry_post`), `sign_in` or `sign_out`; `subject` the id in its path, empty when it has none. `outcome`
    is an HTTP status, None while it is done or when that was cut off. `detail` says which fields were given, and
    never a value.
    """

    id: str
    at: datetime
    token: str
    via: str
    action: str
    subject: str = ""
    outcome: int | None = None
    detail: Mapping[str, Any] | None = None
