"""One post with everything that happened to it, in one list ordered by time, and what may be done with it now."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from bridge.core import actions
from bridge.core.errors import Problem
from bridge.core.model import Attempt, Command, Delivery, Event, OutboundEvent, Post
from bridge.core.step import Moment, Step
from bridge.ports import Timeline
from bridge.web._shapes import Shape, attempt_shape, command_shape, post_shape, subject, verified
from bridge.web._sight import EVERYTHING, Sight

KINDS = ("received", "attempt_started", "attempt_ended", "transition", "delivery")
"""What an entry may be, in the order of cause and effect."""

_TOLD = (
    "previous",
    "current",
    "reason",
    "error",
    "retry",
    "account",
    "url",
    "what_to_do",
    "goes_at",
    "changed",
    "by",
    "how",
)
"""Members of an outbound event's data that its entry repeats, when they say something."""


def timeline_shape(line: Timeline, now: datetime, seen: Sight = EVERYTHING) -> Shape:
    """A post with its `timeline`, its `commands`, and the `actions` that are possible now."""
    return post_shape(line.post) | {
        "timeline": entries(line, seen),
        "commands": [command_shape(command) for command in line.commands],
        "actions": possible(line.post, line.commands, now),
    }


def entries(line: Timeline, seen: Sight) -> list[Shape]:
    """What happened, oldest first; what has the same instant stands in the order of cause and effect.

    Each has `at` and `kind`, one of `KINDS`.
    """
    found: list[Shape] = []
    if line.event is not None:
        found.append(_received(line.event))
    commands = {command.id: command for command in line.commands}
    for attempt in line.attempts:
        if (command := commands.get(attempt.subject_id)) is not None:
            found += _attempt(attempt, command)
    found += [_transition(event) for event in line.events]
    found += [seen.shown(one, _delivery(one, line.attempts), "attempts") for one in line.deliveries]
    return sorted(found, key=lambda entry: (entry["at"], KINDS.index(entry["kind"]), entry.get("sequence", 0)))


def _received(event: Event) -> Shape:
    return {
        "at": event.received_at,
        "kind": "received",
        "event": event.id,
        "source": event.source,
        "verified": verified(event),
        "warnings": event.warnings,
    }


def _attempt(attempt: Attempt, command: Command) -> Iterator[Shape]:
    which = {"command": command.id, "what": command.kind, "number": attempt.number}
    yield {"at": attempt.started_at, "kind": "attempt_started", **which}
    if attempt.finished_at is not None:
        said = ("outcome", "status", "reason", "detail", "answer")
        shown = attempt_shape(attempt)
        took_s = (attempt.finished_at - attempt.started_at).total_seconds()
        facts = {name: shown[name] for name in said} | {"took_s": took_s}
        yield {"at": attempt.finished_at, "kind": "attempt_ended", **which, **facts}


def _transition(event: OutboundEvent) -> Shape:
    data: dict[str, Any] = orjson.loads(event.body)["data"] if event.body else {}
    facts = {name: data[name] for name in _TOLD if data.get(name) is not None}
    return {
        "at": event.created_at,
        "kind": "transition",
        "event": event.id,
        "type": event.type,
        "subject": subject(event.subject),
        "sequence": event.sequence,
        **facts,
    }


def _delivery(delivery: Delivery, attempts: Sequence[Attempt]) -> Shape:
    own = [attempt_shape(attempt) for attempt in attempts if attempt.subject_id == delivery.id]
    return {
        "at": delivery.created_at,
        "kind": "delivery",
        "delivery": delivery.id,
        "endpoint": delivery.destination,
        "type": delivery.type,
        "sequence": delivery.sequence,
        "state": delivery.state,
        "reason": delivery.reason,
        "attempts": own,
        "due_at": delivery.due_at,
        "settled_at": delivery.settled_at,
    }


_ACTIONS: dict[str, Callable[[Step, Post, Sequence[Command]], object]] = {
    "edit": lambda step, post, commands: actions.edit(step, post, commands, {}, None),
    "cancel": actions.cancel,
    "retry": actions.retry,
    "send": actions.send,
    "drop": actions.drop,
    "live": actions.is_live,
}


def possible(post: Post, commands: Sequence[Command], now: datetime) -> list[str]:
    """Return the actions that would not be refused now: each is tried on a step that nobody writes."""
    return [name for name, act in _ACTIONS.items() if _would_do(act, post, commands, now)]


def _would_do(
    act: Callable[[Step, Post, Sequence[Command]], object], post: Post, commands: Sequence[Command], now: datetime
) -> bool:
    try:
        act(Step(Moment(now, lambda prefix: prefix, lambda: 0.0)), post, commands)
    except Problem:
        return False
    return True
