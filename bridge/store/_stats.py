"""What became of one endpoint's deliveries, in numbers."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.sql import ClauseElement

from bridge.core.model import AttemptOutcome, Lane, WorkState
from bridge.core.queries import EndpointStats
from bridge.store._plan import first_delivery_id
from bridge.store._sql import Sql
from bridge.store._tables import attempts, deliveries, endpoints, in_state
from bridge.store._types import from_micros, to_micros

_MOST_DURATIONS = 10_000


class Stats:
    """Reads the numbers of endpoints."""

    def __init__(self, sql: Sql) -> None:
        self._made = sql.one(select(endpoints.c.created_at).where(endpoints.c.name == bindparam("name")))
        self._due = sql.one(_due())
        self._settled = sql.one(_settled())
        self._ends = sql.one(_ends())
        self._durations = sql.one(_durations())

    def of(self, connection: Connection, name: str, since: datetime) -> EndpointStats:
        """Return the numbers of an endpoint: what is due, and of what was made or tried since an instant, its ends.

        An earlier endpoint of the same name is another one, whose numbers nobody asked for.
        """
        since = max([since, *(from_micros(row[0]) for row in self._made.rows(connection, name=name) if row[0])])
        [(due, oldest)] = self._due.rows(connection, name=name)
        settled = self._settled.rows(connection, name=name, first=first_delivery_id(since))
        ends = self._ends.rows(connection, name=name, since=to_micros(since))
        outcomes, reasons = Counter[str](), Counter[str]()
        for outcome, reason, number, _ in ends:
            outcomes[outcome] += number
            reasons.update({reason: number} if reason else {})
        durations = self._durations.rows(connection, name=name, since=to_micros(since), most=_MOST_DURATIONS)
        return EndpointStats(
            deliveries=dict.fromkeys(WorkState, 0) | {WorkState.DUE: due} | {row[0]: row[1] for row in settled},
            oldest_due_at=None if oldest is None else from_micros(oldest),
            attempts=dict(outcomes),
            reasons=dict(reasons),
            durations_s=_shares([row[0] / 1_000_000 for row in durations]),
            last_success_at=_last([row[3] for row in ends if row[0] == AttemptOutcome.OK]),
            last_failure_at=_last([row[3] for row in ends if row[0] == AttemptOutcome.FAILED]),
        )


def _shares(durations_s: list[float]) -> tuple[float, float, float] | None:
    """Return the median, the 95th percentile (nearest rank) and the greatest."""
    if not durations_s:
        return None
    rising = sorted(durations_s)
    ranks = (-(-len(rising) * percent // 100) for percent in (50, 95, 100))
    median, late, greatest = (rising[rank - 1] for rank in ranks)
    return median, late, greatest


def _last(instants: Sequence[int | None]) -> datetime | None:
    known = [one for one in instants if one is not None]
    return from_micros(max(known)) if known else None


def _due() -> ClauseElement:
    own = deliveries.c
    is_due = in_state(own.state, WorkState.DUE), in_state(own.lane, *Lane), own.destination == bindparam("name")
    return select(func.count(), func.min(own.due_at)).where(*is_due)


def _settled() -> ClauseElement:
    own = deliveries.c
    ended = in_state(own.state, WorkState.DONE, WorkState.DEAD)
    chosen = own.destination == bindparam("name"), own.id > bindparam("first"), ended
    return select(own.state, func.count()).where(*chosen).group_by(own.state)


def _ends() -> ClauseElement:
    own = attempts.c
    return (
        select(own.outcome, own.reason, func.count(), func.max(own.finished_at))
        .join(deliveries, deliveries.c.id == own.subject_id)
        .where(own.started_at >= bindparam("since"), deliveries.c.destination == bindparam("name"))
        .group_by(own.outcome, own.reason)
    )


def _durations() -> ClauseElement:
    """Select how long the newest attempts took."""
    own = attempts.c
    return (
        select(own.finished_at - own.started_at)
        .join(deliveries, deliveries.c.id == own.subject_id)
        .where(own.started_at >= bindparam("since"), deliveries.c.destination == bindparam("name"))
        .where(own.finished_at.is_not(None), in_state(own.outcome, AttemptOutcome.OK, AttemptOutcome.FAILED))
        .order_by(own.started_at.desc())
        .limit(bindparam("most"))
    )
