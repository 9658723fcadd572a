"""Takes a stored event once more, as it was received then, in a store that is only there for it (`bridge diff`)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bridge.core.errors import Problem
from bridge.core.model import Command, CommandKind, Event, Intent, Item, Json, Post, PostState, RawRequest
from bridge.flows import Kit
from bridge.flows.ingest._events import Plan, Result, Said
from bridge.flows.ingest._keep import Keeper
from bridge.flows.ingest._preview import post_shown, refused, shown
from bridge.flows.ingest._take import Taker

_READ = "what its source read then is not in the stored body any more: it was fetched, or is a part of a request"
_LARGE = "it is the whole of a request that brought several things"


class Recalled(RawRequest):
    """A request as its event keeps it: without headers. `missed` are those that were asked for all the same."""

    def __init__(self, event: Event) -> None:
        headers = (("content-type", event.content_type),) if event.content_type else ()
        super().__init__("POST", "", "", "", headers, event.body, event.received_at)
        self.missed: list[str] = []

    def header(self, name: str) -> str | None:
        """Return a header; note one that is not known any more."""
        found = RawRequest.header(self, name)
        if found is None and name not in ("content-type", "idempotency-key"):
            self.missed.append(name)
        return found


class Noting(Keeper):
    """Keeps what was planned, and notes it: what comes later finds what came before."""

    def __init__(self, keeper: Keeper) -> None:
        super().__init__(keeper.kit, keeper.rules)
        self.planned: list[Plan] = []

    async def keep(self, said: Said, planned: Plan) -> Result:
        """Store and note what was planned."""
        self.planned.append(planned)
        return await super().keep(said, planned)


@dataclass(frozen=True, slots=True)
class Again:
    """What a stored event came to; `unknown` says why nobody can tell."""

    items: Sequence[Json] = ()
    unknown: str = ""


def item_of(event: Event, items: Sequence[Item], raw: Recalled, *, free: bool) -> Item | str | None:
    """Return the item that an event was made of, None when it was none, or why it cannot be told.

    Args:
        event: what is stored.
        items: what its source reads in the body now.
        raw: what they were read from.
        free: whether the configuration says what the fields of a body mean, so that it may mean something else now.
    """
    if len(items) > 1:
        return _LARGE
    if not items:
        return None if event.intent in (Intent.HINT, Intent.IGNORE) else _READ
    # Each event was stored as one that is not a repetition: its key may have stood in a header.
    item = replace(items[0], key=event.id)
    if event.object_id in (None, item.object_id) and _timeless(item.intent) is _timeless(event.intent):
        return item
    if raw.missed:
        return f"its sender says in the header {raw.missed[0]} what it is, and headers are not stored"
    conditional = item.intent in (Intent.IGNORE, Intent.NEEDS_MAPPING) and event.object_id == item.object_id
    return item if free or conditional or event.object_id is None else _READ


def _timeless(intent: Intent) -> Intent:
    """Take for one what only a time in a request tells apart."""
    return Intent.PUBLISH if intent is Intent.SCHEDULE else intent


async def take_again(kit: Kit, taker: Taker, said: Said) -> Json:
    """Take one item, and return what a preview would show of it."""
    noting = Noting(taker.keeper)
    try:
        result = await Taker(kit, taker.rules, noting).take(said)
    except Problem as problem:
        if problem.status == 503:
            raise
        return refused(said, problem)
    return shown(kit, said, result, noting.planned)


def as_asked(kit: Kit, event: Event, post: Post, commands: Sequence[Command]) -> Json:
    """Return a stored post as a preview would have shown it when it was accepted."""
    first = next((one for one in commands if one.kind is CommandKind.PUBLISH), None)
    if first is None:
        return post_shown(kit, post, (), event.received_at, events=())
    # Made anew: what was found out, held or sent since is not of the request that was accepted.
    fresh = Command(
        id=first.id,
        post_id=post.id,
        number=first.number,
        kind=first.kind,
        partner=post.partner,
        due_at=event.received_at,
        created_at=event.received_at,
    )
    hosted: Json | None = None if post.hosted is None else {}
    made = replace(post, state=PostState.ACCEPTED, hosted=hosted, error=None, reason=None, partner_id=None)
    return post_shown(kit, made, (fresh,), event.received_at, events=())
