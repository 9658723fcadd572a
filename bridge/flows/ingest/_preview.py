"""Shows what a payload would come to, step by step, by the very code that takes it; nothing is stored or sent."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from bridge.core.errors import Fault, PartnerError, Problem
from bridge.core.events import wire
from bridge.core.holding import channel_of, is_held
from bridge.core.hook_rules import HookRules
from bridge.core.mapping import map_item
from bridge.core.model import Command, CommandKind, Event, Item, Json, OutboundEvent, Post, Write
from bridge.core.states import UNSETTLED
from bridge.flows import Kit, log
from bridge.flows.ingest._events import Plan, Result, Said
from bridge.flows.ingest._keep import Keeper
from bridge.ports import Accepted, Later

_NOT_SHOWN = ("raw", "html", "intent", "event")
_SHOWN_KINDS = (CommandKind.PUBLISH, CommandKind.UPDATE, CommandKind.CANCEL)


class Rehearsal(Keeper):
    """Keeps nothing: `planned` is what would have been stored."""

    def __init__(self, keeper: Keeper) -> None:
        super().__init__(keeper.kit, keeper.rules)
        self.planned: list[Plan] = []

    async def keep(self, said: Said, planned: Plan) -> Result:
        """Take down what would have been stored."""
        self.planned.append(planned)
        event = planned.event
        accepted = Accepted(event.id, tuple(post.id for post in planned.write.posts))
        return Result(
            accepted, event.intent, planned.outcome, planned.write.posts, event.warnings, event.reason, planned.note
        )

    async def repeated(self, said: Said, event: Event) -> Result | None:
        """Say that nothing was taken before: a rehearsal shows what a first time would come to."""
        return None

    async def record(self, write: Write) -> None:
        """Write nothing."""


def shown(kit: Kit, said: Said, result: Result, planned: Sequence[Plan]) -> dict[str, Any]:
    """Return what one item would come to."""
    item, write = said.item, planned[-1].write if planned else Write()
    commands: dict[str, list[Command]] = {}
    for command in write.commands:
        commands.setdefault(command.post_id, []).append(command)
    return {
        **_said(item),
        "fields": _fields(said),
        "outcome": result.outcome,
        "reason": result.reason,
        "note": result.note or item.note,
        "warnings": list(result.warnings),
        "lookups": len(write.lookups),
        "posts": [
            post_shown(kit, post, commands.get(post.id, ()), said.now, events=write.events) for post in write.posts
        ],
    }


def refused(said: Said, problem: Problem) -> dict[str, Any]:
    """Return what one item would come to that its sender would be refused."""
    return {
        **_said(said.item),
        "fields": _fields(said),
        "outcome": "refused",
        "reason": f"{problem.status} {problem.detail}",
        "note": said.item.note,
        "warnings": [fault.wire() | {"code": "REFUSED", "message": fault.problem} for fault in problem.errors],
        "lookups": 0,
        "posts": [],
    }


def _said(item: Item) -> dict[str, Any]:
    return {
        "intent": item.intent,
        "event": item.event,
        "key": item.key,
        "object": {"id": item.object_id, "revision": item.revision},
    }


def _fields(said: Said) -> dict[str, Any]:
    """Return the normalised fields, and those of the publish request that mapping made of them."""
    if not isinstance(said.rules, HookRules):
        return dict(said.item.own)
    mapped = map_item(said.item, said.rules, said.now)
    context = {name: value for name, value in mapped.context.items() if name not in _NOT_SHOWN}
    return {**context, **mapped.fields}


def post_shown(
    kit: Kit, post: Post, commands: Sequence[Command], now: datetime, *, events: Sequence[OutboundEvent]
) -> dict[str, Any]:
    """Return a post as it would be, with the exact request that its partner would get.

    Files that would be brought to the partner first stand in the request as `<stored: ADDRESS>`.
    """
    open_ones = [one for one in commands if one.kind in _SHOWN_KINDS and one.state in UNSETTLED]
    asked = max(open_ones, key=lambda command: command.number, default=None)
    content, scheduled_at = _changed(post, asked)
    brought = _brought(kit, post, asked)
    request, not_before, faults = None, None, _faults(post, events)
    if asked is not None:
        held = replace(post, hosted={**(post.hosted or {}), **{url: f"<stored: {url}>" for url in brought}} or None)
        request, not_before, failed = _request(kit, held, asked, now)
        faults += failed
    return {
        "partner": post.partner,
        "state": post.state,
        "external_id": post.external_id,
        "accounts": [{"account": row.account, "name": row.name, "platform": row.platform} for row in post.targets],
        "scheduled_at": scheduled_at,
        "content": wire(content),
        "asks": asked.kind if asked is not None else None,
        "fetches": brought,
        "call": _call(kit, post, asked),
        "request": request,
        "not_before": not_before,
        "held": _held(asked),
        "faults": faults,
    }


def _call(kit: Kit, post: Post, asked: Command | None) -> str | None:
    """Return the method and path that its partner would be called with."""
    return kit.partners[post.partner].line(asked, post) if asked is not None and post.partner in kit.partners else None


def _held(asked: Command | None) -> Json | None:
    """Return why what is asked waits here first: until it goes by itself, or where somebody approves it."""
    if asked is None or not is_held(asked):
        return None
    channel = channel_of([asked])
    return {"reason": asked.reason, **({"approve": channel} if channel else {"goes_at": asked.due_at})}


def _changed(post: Post, asked: Command | None) -> tuple[Json, Any]:
    """Return content and time of a post as they are once its partner has done what it is asked."""
    changes = dict(asked.payload["changes"]) if asked is not None and asked.kind is CommandKind.UPDATE else {}
    scheduled_at = changes.pop("scheduled_at", post.scheduled_at)
    changes.pop("accounts", None)
    return {name: value for name, value in {**post.content, **changes}.items() if value is not None}, scheduled_at


def _faults(post: Post, events: Sequence[OutboundEvent]) -> list[Json]:
    """Return why a post is rejected, as its event tells; or in one text, as the post does."""
    for told in events:
        if told.post_id == post.id and told.type == "post.rejected":
            return list(orjson.loads(told.body)["data"].get("errors") or [_fault(post.error or "")])
    return [_fault(post.error)] if post.error else []


def _fault(problem: str) -> Json:
    return Fault("", problem).wire()


def _brought(kit: Kit, post: Post, asked: Command | None) -> list[str]:
    """Return the addresses of media that would be brought to the partner first."""
    needed: Sequence[str] = ()
    kind = asked.kind if asked is not None else None
    if asked is not None and kind is CommandKind.UPDATE:
        needed = asked.payload.get("hosts", ())
    elif kind is CommandKind.PUBLISH and post.hosted is not None and post.partner in kit.partners:
        directory = kit.book.directory
        accounts = [directory.current(post.partner, row.account) for row in post.targets]
        known = [one for one in accounts if one is not None]
        needed = kit.partners[post.partner].to_host(post.content, known)
    return [url for url in needed if url not in (post.hosted or {})]


def _request(
    kit: Kit, post: Post, command: Command, now: datetime
) -> tuple[Json | str | None, datetime | None, list[Json]]:
    """Return the body that the partner would get, or until when it waits, or why it cannot be made."""
    if post.partner not in kit.partners:
        return None, None, [_fault(f"There is no key {post.partner!r} under `partners` any more")]
    try:
        made = kit.partners[post.partner].build(command, post, now)
    except PartnerError as error:
        return None, None, [_fault(error.detail or str(error.reason))]
    except Exception as error:  # noqa: BLE001  # The outermost step of a preview: who asks is told all the rest.
        log.exception("preview.failed", partner=post.partner, command=command.kind)
        return None, None, [_fault(f"bridge could not make the request ({type(error).__name__}); its log has more")]
    if isinstance(made, Later):
        return None, made.until, []
    try:
        return orjson.loads(made.body or b"null"), None, []
    except orjson.JSONDecodeError:
        return made.body.decode(errors="replace"), None, []
