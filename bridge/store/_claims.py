"""Taking commands that are due, under a lease; what it needs is shared with `_lanes`, which takes deliveries.

A claim raises the row's version, so every later write of an older claimant is refused. Lease time is the store's clock;
what is due is said by the caller's `now`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, Update, and_, bindparam, exists, literal_column, or_, select, update
from sqlalchemy.sql import ClauseElement, FromClause
from sqlalchemy.sql.elements import ColumnElement

from bridge.core.errors import FailureReason
from bridge.core.model import AttemptOutcome, CommandKind, WorkState
from bridge.ports import ClaimedCommand, Clock
from bridge.store._rows import COMMANDS, POSTS, Codec, Row
from bridge.store._sql import LONGEST_LEASE, Sql, Unit
from bridge.store._statements import Among
from bridge.store._tables import attempts, commands, in_state, keys, posts, word
from bridge.store._types import to_micros


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claimant of commands asks for."""

    now: datetime
    limit: int
    lease: timedelta
    partners: Collection[str]


_other = commands.alias("other")
_earlier = commands.alias("earlier")


def is_free(table: FromClause) -> ColumnElement[bool]:
    """Compare a lease with the store's clock, given as `clock`: it is over, or further ahead than any can be."""
    return or_(table.c.lease_until.is_(None), ~_is_leased(table))


def _is_leased(table: FromClause) -> ColumnElement[bool]:
    until = table.c.lease_until
    return and_(until > bindparam("clock"), until - literal_column(str(LONGEST_LEASE)) <= bindparam("clock"))


def is_held() -> ColumnElement[bool]:
    """Say that a hold of a key counts: a blocked key gives its commands, so that they can be parked."""
    return and_(keys.c.held_until.is_not(None), keys.c.blocked.is_(None))


def leased_beside() -> ColumnElement[bool]:
    """Say that another command of the same post is under a lease."""
    return exists().where(
        _other.c.post_id == commands.c.post_id,
        in_state(_other.c.state, WorkState.DUE),
        _is_leased(_other),
    )


def _due_before() -> ColumnElement[bool]:
    """Say that a command of the same post with a lower number goes first: it is due, too, or both are updates.

    Of two updates the later must win, so it waits for the earlier one, whatever that one waits for.
    """
    due = and_(in_state(_earlier.c.state, WorkState.DUE), _earlier.c.due_at <= bindparam("now"))
    updates = and_(*(in_state(table.c.kind, CommandKind.UPDATE) for table in (_earlier, commands)))
    return exists().where(
        _earlier.c.post_id == commands.c.post_id,
        _earlier.c.number < commands.c.number,
        or_(due, and_(updates, in_state(_earlier.c.state, WorkState.DUE, WorkState.PARKED))),
    )


def due_commands() -> ClauseElement:
    """Select what one key may do now, with its posts."""
    return (
        select(*COMMANDS.columns, *POSTS.columns)
        .join(posts, posts.c.id == commands.c.post_id)
        .where(
            in_state(commands.c.state, WorkState.DUE),
            commands.c.partner == bindparam("partner"),
            commands.c.due_at <= bindparam("now"),
            is_free(commands),
            ~leased_beside(),
            ~_due_before(),
        )
        .order_by(commands.c.due_at)
        .limit(bindparam("most"))
        # The post's row stands for all its commands: of these only one process takes any at a time.
        .with_for_update(skip_locked=True, of=[commands, posts], key_share=True)
    )


def take(table: Table, **changes: Any) -> Callable[[Among], Update]:
    taken = update(table).values(version=table.c.version + 1, lease_until=bindparam("until"), **changes)
    return lambda ids: taken.where(ids(table.c.id))


def renew(table: Table) -> Callable[[Among], ClauseElement]:
    """Let leases last longer, whoever has them, and bring none back that was given up."""
    own = table.c.lease_until
    renewed = update(table).values(lease_until=bindparam("until"))
    may_go = or_(own < bindparam("until"), own - literal_column(str(LONGEST_LEASE)) > bindparam("until"))
    return lambda ids: renewed.where(ids(table.c.id), may_go)


def _taken_beside(ids: Among) -> ClauseElement:
    return select(commands.c.id).where(ids(commands.c.id), leased_beside())


def mark_lost(subjects: Among) -> ClauseElement:
    """End attempts that were begun and never ended: whoever made them is gone."""
    return (
        update(attempts)
        .values(outcome=word(AttemptOutcome.LOST), reason=word(FailureReason.LOST), finished_at=bindparam("ended"))
        .where(subjects(attempts.c.subject_id), in_state(attempts.c.outcome, AttemptOutcome.STARTED))
    )


class Taken:
    """Turns a selected row into the noun as the claim leaves it."""

    def __init__(self, codec: Codec[Any], *raised: str) -> None:
        self._raised = [codec.place(name) for name in ("version", *raised)]
        self._lease = codec.place("lease_until")
        self._width = len(codec.columns)
        self._decode = codec.decode

    def __call__(self, row: Row, until: int) -> Any:
        values = list(row[: self._width])
        for place in self._raised:
            values[place] += 1
        values[self._lease] = until
        return self._decode(values)


class Claims:
    """Claims due commands."""

    def __init__(self, sql: Sql, clock: Clock) -> None:
        self._clock = clock
        self._held = sql.one(select(keys.c.name).where(is_held(), keys.c.held_until > bindparam("now")))
        self._due = sql.one(due_commands())
        self._beside = sql.listed(_taken_beside)
        self._take = sql.listed(take(commands))
        self._mark_lost = sql.listed(mark_lost)
        self._taken = Taken(COMMANDS)

    def claim(self, unit: Unit, claims: Sequence[Claim]) -> list[list[ClaimedCommand]]:
        """Take commands for one claimant after the other."""
        return [self._claim(unit, claim) for claim in claims]

    def _claim(self, unit: Unit, claim: Claim) -> list[ClaimedCommand]:
        now, clock = to_micros(claim.now), self._clock()
        held = {row[0] for row in self._held.rows(unit.connection, now=now)}
        due_at = COMMANDS.place("due_at")
        rows: list[Row] = []
        for partner in sorted(set(claim.partners) - held):
            rows += self._due.rows(unit.connection, partner=partner, now=now, clock=to_micros(clock), most=claim.limit)
        rows = sorted(rows, key=lambda row: row[due_at])[: claim.limit]
        if not rows:
            return []
        # Asked again now that their posts are ours: another process may have taken one of these before it let go.
        others = {
            row[0] for row in self._beside.rows(unit.connection, [row[0] for row in rows], clock=to_micros(clock))
        }
        rows = [row for row in rows if row[0] not in others]
        until = to_micros(clock + claim.lease)
        ids = [row[0] for row in rows]
        self._take.run(unit.connection, ids, until=until)
        self._mark_lost.run(unit.connection, ids, ended=now)
        width = len(COMMANDS.columns)
        return [ClaimedCommand(self._taken(row, until), POSTS.decode(row[width:])) for row in rows]
