"""Drills: how what is told in one is marked, and what they come to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from bridge.core.model import OutboundEvent, Write

MARK = "DRILL"
SAYS = f"{MARK}: this is a rehearsal with simulated partners; nothing of it happened"
_TEXTS = ("what_to_do", "detail", "error", "how")
"""Fields of the data that people read as sentences."""


def marked(event: OutboundEvent) -> OutboundEvent:
    """Return an event that says it is of a drill: to programs in `drill`, to people in its texts."""
    told = orjson.loads(event.body)
    data = told["data"]
    changed: dict[str, Any] = {
        name: f"{MARK}: {data[name]}" for name in _TEXTS if isinstance(data.get(name), str) and data[name]
    }
    if account := data.get("account"):
        changed["account"] = _named(account)
    if rows := data.get("targets"):
        changed["targets"] = [{**row, "account": _named(row["account"])} for row in rows]
    told["data"] = {**data, **changed, "message": SAYS, "drill": True}
    return replace(event, body=orjson.dumps(told))


def _named(account: Mapping[str, Any]) -> dict[str, Any]:
    shown = account.get("name") or account.get("username") or account.get("id") or ""
    return {**account, "name": f"{MARK} {shown}"}


def marked_write(write: Write) -> Write:
    """Mark everything that a step tells."""
    return replace(write, events=tuple(map(marked, write.events))) if write.events else write


@dataclass(slots=True)
class Told:
    """What one endpoint was told: how many events of each type, and how many of all it has."""

    name: str
    patterns: tuple[str, ...]
    types: dict[str, int] = field(default_factory=dict)
    arrived: int = 0

    def add(self, event_type: str, *, arrived: bool) -> None:
        """Count one delivery."""
        self.types[event_type] = self.types.get(event_type, 0) + 1
        self.arrived += arrived

    @property
    def total(self) -> int:
        """How many events were for it."""
        return sum(self.types.values())

    def wire(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"name": self.name, "events": list(self.patterns), "told": self.types, "arrived": self.arrived}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the posts of a drill, by our ids.

    `waited` could not go out when they were handed in, `resumed` are those of them that are live at the end, `lost` are
    those of all that are not, `doubled` counts what went out on an account more often than once.
    """

    published: int
    waited: int
    resumed: int
    lost: int
    doubled: int

    @property
    def well(self) -> bool:
        """Whether everything went out, and once."""
        return not self.lost and not self.doubled and self.resumed == self.waited

    def wire(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        names = ("published", "waited", "resumed", "lost", "doubled")
        return {name: getattr(self, name) for name in names}


def outcome_of(posts: Mapping[str, bool], waited: Iterable[str], doubled: int) -> Outcome:
    """Return what became of posts: by id, whether each is live."""
    late = set(waited)
    resumed = sum(posts.get(post_id, False) for post_id in late)
    return Outcome(len(posts), len(late), resumed, sum(not live for live in posts.values()), doubled)
