"""One step: rows that change together and the events that tell of it, gathered and then written as one `Write`.

Nothing here decides; `transitions`, `resume` and the flows do. A `Step` keeps count of versions and sequences, so that
no caller has to.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any, TypeVar

import orjson

from bridge.core.causes import account_cause as account_cause
from bridge.core.causes import freed_cause as freed_cause
from bridge.core.causes import key_cause as key_cause
from bridge.core.causes import plan_cause as plan_cause
from bridge.core.causes import reconnect as reconnect
from bridge.core.causes import remedy as remedy
from bridge.core.causes import source_cause as source_cause
from bridge.core.endpoints import WANTED, destination_of
from bridge.core.errors import FailureReason
from bridge.core.events import body_of, outbound, wire
from bridge.core.model import (
    Account,
    Attempt,
    Cause,
    Command,
    CommandKind,
    Endpoint,
    Event,
    FeedState,
    Key,
    Lookup,
    Message,
    OutboundEvent,
    Post,
    PostState,
    Replay,
    SourceObject,
    Target,
    TargetState,
    Write,
)
from bridge.core.nouns import noun

Row = TypeVar("Row", Post, Command, Account, Key, Cause, Endpoint, SourceObject, Lookup, FeedState, Replay, Message)


@noun(frozen=True, slots=True)
class Moment:
    """What pure code may not fetch for itself: the instant, new ids by prefix, and chance uniform in [0, 1).

    What may have been told of before the database was put back counts on from `floor`, also where it is new here.
    """

    now: datetime
    new_id: Callable[[str], str]
    chance: Callable[[], float]
    floor: int = 0


@noun(frozen=True, slots=True)
class World:
    """What else is known when a step is decided: accounts by `KEY:ID`, keys by name, causes by id.

    `name_of(key, id)` is our name for an account, empty where there is none. `retired` are the accounts, by `KEY:ID`,
    that are no longer used: nobody is asked to act on one.
    """

    accounts: Mapping[str, Account] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    causes: Mapping[str, Cause] = field(default_factory=dict)
    name_of: Callable[[str, str], str] = lambda _key, _account_id: ""
    retired: Collection[str] = ()


def current(accounts: Mapping[str, Account], partner: str, account_id: str) -> Account | None:
    """Return the account, or the one it came back as."""
    account = accounts.get(f"{partner}:{account_id}")
    for _ in range(8):
        if account is None or account.replaced_by is None:
            break
        account = accounts.get(f"{partner}:{account.replaced_by}")
    return account


class Step:
    """Gathers one atomic step. Edits are seen by later edits; `write` gives what the store is to apply."""

    def __init__(self, moment: Moment, world: World | None = None) -> None:
        self.moment = moment
        self.now = moment.now
        self.world = world or World()
        self._rows: dict[tuple[type, str], Any] = {}
        self._base: dict[tuple[type, str], int] = {}
        self._attempts: list[Attempt] = []
        self._events: list[OutboundEvent] = []
        self._opened: dict[str, tuple[int, dict[str, Any]]] = {}
        self._killed: list[str] = []
        self._dropped: list[str] = []

    def add(self, row: Row) -> Row:
        """Add a row that is new."""
        if isinstance(row, _NAMED):
            row = replace(row, sequence=max(row.sequence, self.moment.floor))
        place = (type(row), _row_id(row))
        self._rows[place], self._base[place] = row, 0
        return row

    def edit(self, row: Row, **changes: Any) -> Row:
        """Change a row; what an earlier edit of this step changed stays changed."""
        place = (type(row), _row_id(row))
        self._base.setdefault(place, row.version)
        self._rows[place] = changed = replace(self._rows.get(place, row), **changes)
        return changed  # type: ignore[no-any-return]  # Rows of one place have one type.

    def see(self, row: Row) -> Row:
        """Return a row as this step has made it."""
        return self._rows.get((type(row), _row_id(row)), row)  # type: ignore[no-any-return]  # As in `edit`.

    def attempt(self, attempt: Attempt) -> None:
        """Write an attempt."""
        self._attempts.append(attempt)

    def kill_deliveries(self, endpoint: str) -> None:
        """Let an endpoint's due deliveries die."""
        self._killed.append(endpoint)

    def drop_endpoint(self, endpoint: str) -> None:
        """Let an endpoint's row go, and its due deliveries die."""
        self._dropped.append(endpoint)

    def new_command(self, post: Post, kind: CommandKind, due_at: datetime, **fields: Any) -> Command:
        """Add a command to a post."""
        number = self.see(post).commands + 1
        self.edit(post, commands=number)
        return self._add_command(post, number, kind, due_at, fields)

    def add_post(self, post: Post, due_at: datetime) -> Command:
        """Add a post that is new with its publish, and before it the fetch of media that must be hosted first."""
        number = 1 if post.hosted is None else 2
        post = self.add(post if post.commands == number else replace(post, commands=number))
        if number > 1:
            self._add_command(post, 1, CommandKind.FETCH, due_at, {})
        return self._add_command(post, number, CommandKind.PUBLISH, due_at, {})

    def _add_command(
        self, post: Post, number: int, kind: CommandKind, due_at: datetime, fields: Mapping[str, Any]
    ) -> Command:
        return self.add(
            Command(
                id=self.moment.new_id("cmd"),
                post_id=post.id,
                number=number,
                kind=kind,
                partner=post.partner,
                due_at=due_at,
                created_at=self.now,
                **fields,
            )
        )

    def tell_post(self, post: Post, event_type: str, previous: PostState | None, **facts: Any) -> None:
        """Tell a transition of a post; `facts` such as `reason`, `error`, `retry` join the data."""
        now = self._next(post)
        data = {
            "subject": {"kind": "post", "id": post.id},
            "previous": previous,
            "current": now.state,
            **post_facts(now),
        }
        data["targets"] = [target_facts(target) for target in now.targets]
        about = {
            "platforms": tuple(dict.fromkeys(target.platform for target in now.targets if target.platform)),
            "accounts": tuple(dict.fromkeys(target.name or target.account for target in now.targets)),
        }
        self._tell(event_type, now.sequence, data | facts, **_trail(post), **about)

    def tell_event(self, event: Event, event_type: str, reason: FailureReason, **facts: Any) -> None:
        """Tell of what an event asks for and no post is made of; once an event at most, when it is accepted."""
        data = {"subject": {"kind": "event", "id": event.id}, "previous": None, "current": PostState.REJECTED}
        own = {"source": event.source, "event_id": event.id, "external_id": event.external_id}
        data |= _common("") | own | {"correlation": event.correlation, "reason": reason}
        self._tell(event_type, 1, data | facts, event_id=event.id, traceparent=event.traceparent)

    def tell_target(self, post: Post, target: Target, event_type: str, previous: TargetState, **facts: Any) -> None:
        """Tell a transition of one account's row; its sequence is the post's."""
        now = self._next(post)
        subject = {"kind": "target", "id": f"{post.id}:{target.account}"}
        data = {
            "subject": subject,
            "previous": previous,
            "current": target.state,
            **post_facts(now),
            **target_facts(target),
        }
        about = {
            "platforms": (target.platform,) if target.platform else (),
            "accounts": (target.name or target.account,),
        }
        self._tell(event_type, now.sequence, data | facts, **_trail(post), **about)

    def tell_account(self, account: Account, event_type: str, previous: str | None, **facts: Any) -> None:
        """Tell a transition of an account."""
        now = self._next(account)
        data = {"subject": {"kind": "account", "id": account.key}, "previous": previous, "current": now.state}
        data |= {"account": self._facts(account)}
        data |= _common(account.partner)
        self._tell(event_type, now.sequence, data | facts, **self._about(account))

    def tell_key(self, key: Key, event_type: str, previous: str, current: str, **facts: Any) -> None:
        """Tell a transition of a key."""
        now = self._next(key)
        data = {"subject": {"kind": "partner", "id": key.name}, "previous": previous, "current": current}
        self._tell(event_type, now.sequence, data | _common(key.name) | facts)

    def tell_endpoint(self, endpoint: Endpoint, event_type: str, previous: str, current: str, **facts: Any) -> None:
        """Tell a transition of an endpoint."""
        now = self._next(endpoint)
        data = {"subject": {"kind": "endpoint", "id": endpoint.name}, "previous": previous, "current": current}
        self._tell(event_type, now.sequence, data | _common("") | facts, endpoint=endpoint.name)

    def want_reply(self, message: Message) -> None:
        """Ask that a message in a chat be brought up to date, though nothing was told of what it follows."""
        now = self._next(message)
        data = {"subject": {"kind": "message", "id": message.id}, "previous": None, "current": None}
        data |= _common("") | {"source": message.source, "event_id": message.event_id}
        about = {"event_id": message.event_id, "endpoint": destination_of(message.source)}
        self._tell(WANTED, now.sequence, data, **about)

    def open_cause(self, cause_id: str, partner: str, reason: FailureReason, detail: str, **facts: Any) -> None:
        """Open a cause and tell it once; nothing when it is open already. `facts` say what waits.

        Nor is there one of an account that is retired.
        """
        known = self.world.causes.get(cause_id)
        kind, _, about = cause_id.partition(":")
        if (known is not None and self.see(known).open) or (kind == "account" and about in self.world.retired):
            return
        opened = {"reason": reason, "detail": detail, "opened_at": self.now, "closed_at": None}
        if known is None:
            cause = Cause(cause_id, kind, partner, reason, detail, self.now)
            if (Cause, cause_id) in self._rows:
                return
            self.add(cause)
        else:
            cause = self.edit(known, **opened)
        waits = facts.get("waits", [])
        facts = {"waits": waits, "waiting": len(waits), "what_to_do": remedy(kind, reason, cause_id)} | facts
        self._opened[cause_id] = len(self._events), facts
        self._tell_cause(cause, "attention.opened", "closed", "open", **facts)

    @property
    def opened(self) -> list[tuple[Cause, list[str]]]:
        """The causes that this step opens, each with the posts that are known to wait for it."""
        return [(self._rows[Cause, cause_id], list(facts["waits"])) for cause_id, (_, facts) in self._opened.items()]

    def explain(self, cause_id: str, **facts: Any) -> None:
        """Add facts, such as what else waits, to what is told of a cause that this step opens."""
        place, _ = self._opened[cause_id]
        event = self._events[place]
        data = orjson.loads(event.body)["data"] | wire(facts)
        self._events[place] = replace(event, body=body_of(event.type, data, event.created_at))

    def close_cause(self, cause_id: str, how: str) -> None:
        """Close a cause and tell it once; nothing when it is not open."""
        known = self.world.causes.get(cause_id)
        if known is not None and self.see(known).open:
            cause = self.edit(known, closed_at=self.now)
            self._tell_cause(cause, "attention.closed", "open", "closed", how=how)

    def _tell_cause(self, cause: Cause, event_type: str, previous: str, current: str, **facts: Any) -> None:
        now = self._next(cause)
        data: dict[str, Any] = {"subject": {"kind": "cause", "id": cause.id}, "previous": previous, "current": current}
        data |= _common(cause.partner) | {"reason": cause.reason, "detail": cause.detail, "opened_at": cause.opened_at}
        account = self.world.accounts.get(cause.id.removeprefix("account:"))
        data["account"] = self._facts(account) if account is not None else None
        self._tell(event_type, now.sequence, data | facts, **(self._about(account) if account else {}))

    def _facts(self, account: Account) -> dict[str, Any]:
        return account_facts(account, self.world.name_of(account.partner, account.id))

    def _about(self, account: Account) -> dict[str, Any]:
        """Return what filters see of an account."""
        name = self.world.name_of(account.partner, account.id)
        return {"platforms": (account.platform,), "accounts": (name or account.id,)}

    def _next(self, row: Row) -> Row:
        """Count the row's sequence up and return the row."""
        return self.edit(row, sequence=self.see(row).sequence + 1)  # type: ignore[attr-defined]  # Commands tell nothing.

    def _tell(self, event_type: str, sequence: int, data: dict[str, Any], **about: Any) -> None:
        data = {**data, "sequence": sequence, "changed_at": self.now}
        filters = {"partner": data["partner"] or "", "source": data["source"] or "", **about}
        filters["reason"] = str(data.get("reason") or "")
        self._events.append(outbound(self.moment.new_id("msg"), event_type, data, filters=filters, at=self.now))

    def write(self) -> Write:
        """Return everything gathered, versions set."""
        rows: dict[type, list[Any]] = {}
        for place, row in self._rows.items():
            version = self._base[place] + 1
            rows.setdefault(place[0], []).append(row if row.version == version else replace(row, version=version))
        return Write(
            **{_FIELDS[kind]: tuple(found) for kind, found in rows.items()},
            attempts=tuple(self._attempts),
            events=tuple(self._events),
            kill_deliveries_of=tuple(self._killed),
            drop_endpoints=tuple(self._dropped),
        )

    def __bool__(self) -> bool:
        return bool(self._rows or self._attempts or self._events or self._dropped)


_NAMED = (Account, Key, Cause, Endpoint)
"""Rows whose ids are not made here, so that another of the same id may have been told of."""

_FIELDS: Mapping[type, str] = {
    Post: "posts",
    Command: "commands",
    Account: "accounts",
    Key: "keys",
    Cause: "causes",
    Endpoint: "endpoints",
    SourceObject: "objects",
    Lookup: "lookups",
    FeedState: "feeds",
    Replay: "replays",
    Message: "messages",
}
"""The field of a `Write` that takes rows of a type."""


def _row_id(row: Any) -> str:
    match row:
        case Account() | SourceObject():
            return row.key
        case Key() | Endpoint():
            return row.name
        case FeedState():
            return row.source
    return row.id  # type: ignore[no-any-return]  # Every other row has one.


def _common(partner: str) -> dict[str, Any]:
    return dict.fromkeys(("source", "event_id", "external_id", "correlation")) | {"partner": partner}


def _trail(post: Post) -> dict[str, str | None]:
    """Return what leads from an outbound event back to its post."""
    return {"post_id": post.id, "event_id": post.event_id, "traceparent": post.traceparent}


def post_facts(post: Post) -> dict[str, Any]:
    """Return what every event about a post says of it."""
    return {
        "partner": post.partner,
        "source": post.source,
        "event_id": post.event_id,
        "external_id": post.caller_id,
        "correlation": post.correlation,
        "post": {"id": post.id, "partner_id": post.partner_id, "state": post.state, "scheduled_at": post.scheduled_at},
    }


def account_facts(account: Account, name: str = "") -> dict[str, Any]:
    """Return what is told of an account; `name` is ours, left out where there is none."""
    facts = {"id": account.id, "platform": account.platform, "username": account.username}
    return facts | ({"name": name} if name else {})


def target_facts(target: Target) -> dict[str, Any]:
    """Return what is told of one account's row."""
    return {
        "account": {"id": target.account, "name": target.name, "platform": target.platform},
        "state": target.state,
        "url": target.url,
        "published_at": target.published_at,
        "reason": target.reason,
        "error": target.error,
    }
