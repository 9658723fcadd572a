"""What is done to a copy of a database before anybody works on it: `core.restoring` decides, here it is written.

A copy says of itself that it is one: a row of `restores` that was never reconciled. `bridge backup` writes it into each
copy, so that one that is put in place by hand is known, too; `bridge restore` writes it where other tools did that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Table, bindparam, case, delete, func, insert, literal, null, select, update

from bridge.core.errors import FailureReason
from bridge.core.model import Command, CommandKind, PostState, WorkState
from bridge.core.restoring import Restore, doubt, floor_of
from bridge.store import _tables as tables
from bridge.store._people import sessions
from bridge.store._rows import COMMANDS
from bridge.store._tables import commands, in_state, posts, restores

log = structlog.get_logger("bridge")

_COUNTED: tuple[Table, ...] = (
    posts, tables.accounts, tables.keys, tables.causes, tables.endpoints, tables.messages,
)  # fmt: skip
"""The tables whose rows count what was told of them."""
_LEASED: tuple[Table, ...] = (commands, tables.deliveries, tables.lookups, tables.messages)
_TIMES = (
    tables.events.c.received_at, tables.attempts.c.started_at, tables.outbound_events.c.created_at,
)  # fmt: skip
"""What is written all the time, each with an index: the latest of these is when a copy was made, or shortly before."""
_DOUBTED = (
    "state", "due_at", "attempts", "body", "sent_at", "cause", "reason", "detail", "parked_at", "progress",
    "lease_until", "version",
)  # fmt: skip
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was found in a copy: when it was made, and how much of it was not finished."""

    restore: Restore
    publishes: int
    changes: int

    def tell(self) -> None:
        """Say in the log that the database was put back."""
        log.warning(
            "store.restored",
            taken_at=self.restore.taken_at,
            to_look_for=self.publishes,
            to_read_first=self.changes,
            warning="what came after the copy was made is not known here; unfinished posts are looked for first",
        )


def mark(connection: Connection, taken_at: datetime | None = None) -> Restore:
    """Say of a database that it is a copy; without `taken_at` the copy was made when the last thing in it was written.

    One that says so already stays as it is.
    """
    if (known := pending(connection)) is not None:
        return Restore(known)
    at = taken_at or _latest(connection)
    while connection.scalar(select(restores.c.taken_at).where(restores.c.taken_at == at)) is not None:
        at += timedelta(microseconds=1)  # The same copy was put back before.
    connection.execute(insert(restores).values(taken_at=at))
    return Restore(at)


def count_unfinished(connection: Connection) -> int:
    """Return how many commands were not finished."""
    unsettled = in_state(commands.c.state, WorkState.DUE, WorkState.PARKED)
    return int(connection.scalar(select(func.count()).select_from(commands).where(unsettled)) or 0)


def last(connection: Connection) -> Restore | None:
    """Return when the database was put back the last time, and before."""
    done = select(restores).where(restores.c.reconciled_at.is_not(None))
    rows = connection.execute(done.order_by(restores.c.reconciled_at.desc(), restores.c.taken_at))
    found = [Restore(min(row.taken_at, row.reconciled_at), row.reconciled_at, row.floor or 0) for row in rows]
    return replace(found[0], earlier=tuple(found[1:])) if found else None


def reconcile(connection: Connection, now: datetime | None = None) -> Reconciled | None:
    """Bring a copy into the state that work may begin with, in one transaction; None where it is none.

    Sequences go on after a floor, so that what is told from now on is later than anything that was told; what is
    unfinished is in doubt; nobody has a lease, and nobody is signed in.
    """
    taken_at = pending(connection)
    if taken_at is None:
        return None
    now = now or datetime.now(UTC)
    before = last(connection)
    earlier = (before, *before.earlier) if before is not None else ()
    restore = Restore(min(taken_at, now), now, floor_of(now, _highest(connection)), earlier)
    for table in _COUNTED:
        connection.execute(update(table).values(sequence=restore.floor))
    for table in _LEASED:
        connection.execute(update(table).where(table.c.lease_until.is_not(None)).values(lease_until=null()))
    # Who signed out after the copy was made must not be signed in again.
    for table in (tables.leases, tables.meters, sessions):
        connection.execute(delete(table))
    _read_first(connection, restore, now)
    publishes, changes = _doubt(connection, restore, now)
    unworked = update(restores).where(restores.c.reconciled_at.is_(None))
    connection.execute(unworked.values(reconciled_at=now, floor=restore.floor))
    return Reconciled(restore, publishes, changes)


def pending(connection: Connection) -> datetime | None:
    """Return when a copy was made that nobody has worked on; the earliest, of a copy of a copy."""
    found = select(func.min(restores.c.taken_at)).where(restores.c.reconciled_at.is_(None))
    taken_at: datetime | None = connection.scalar(found)
    return taken_at


def _highest(connection: Connection) -> int:
    counts = [restores.c.floor, *(table.c.sequence for table in _COUNTED)]
    return max(connection.scalar(select(func.max(count))) or 0 for count in counts)


def _latest(connection: Connection) -> datetime:
    now = datetime.now(UTC)
    found = [connection.scalar(select(func.max(column))) for column in _TIMES]
    return min(max((at for at in found if at is not None), default=now), now)


def _read_first(connection: Connection, restore: Restore, now: datetime) -> None:
    """Let the posts be read at once that something is to be changed of; older reads do not count any more.

    What was to be canceled and turns out to be gone was canceled.
    """
    unsettled = in_state(commands.c.state, WorkState.DUE, WorkState.PARKED)
    changes = in_state(commands.c.kind, CommandKind.UPDATE, CommandKind.RETRY, CommandKind.CANCEL)
    changed = select(commands.c.post_id).where(unsettled, changes)
    leaving = changed.where(in_state(commands.c.kind, CommandKind.CANCEL))
    at_partner = posts.c.id.in_(changed), posts.c.partner_id.is_not(None)
    may_go = posts.c.id.in_(leaving) & ~in_state(posts.c.state, PostState.FAILED, PostState.PARTIAL)
    reason = case((may_go, literal(FailureReason.CANCELED.value)), else_=posts.c.reason)
    connection.execute(update(posts).where(*at_partner).values(poll_at=restore.taken_at, settled_at=now, reason=reason))


def _doubt(connection: Connection, restore: Restore, now: datetime) -> tuple[int, int]:
    """Put every unfinished command in doubt; return how many publishes and how many changes there are."""
    writes = update(commands).where(commands.c.id == bindparam("named"))
    writes = writes.values({name: bindparam(f"new_{name}", type_=commands.c[name].type) for name in _DOUBTED})
    publishes = changes = 0
    for page in _unfinished(connection):
        doubted = [doubt(command, restore, now) for command in page]
        connection.execute(writes, [_written(command) for command in doubted])
        publishes += sum(command.kind is CommandKind.PUBLISH for command in doubted)
        changes += sum(command.kind not in (CommandKind.PUBLISH, CommandKind.FETCH) for command in doubted)
    return publishes, changes


def _unfinished(connection: Connection) -> Iterator[list[Command]]:
    unsettled = in_state(commands.c.state, WorkState.DUE, WorkState.PARKED)
    names, after = [column.name for column in COMMANDS.columns], ""
    while True:
        found = select(*COMMANDS.columns).where(unsettled, commands.c.id > after).order_by(commands.c.id).limit(_PAGE)
        page = [Command(**dict(zip(names, row, strict=True))) for row in connection.execute(found)]
        if not page:
            return
        yield page
        after = page[-1].id


def _written(command: Command) -> dict[str, Any]:
    return {"named": command.id} | {f"new_{name}": getattr(command, name) for name in _DOUBTED}
