"""Dead letters that nobody was told of yet."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.sql import ClauseElement

from bridge.core.errors import FailureReason
from bridge.core.events import NEVER_TOLD_OF
from bridge.core.model import WorkState
from bridge.core.queries import Untold
from bridge.store._sql import Sql
from bridge.store._tables import deliveries, endpoints, in_state, word
from bridge.store._types import to_micros


class DeadLetters:
    """Counts them."""

    def __init__(self, sql: Sql) -> None:
        self._untold = sql.one(_untold())

    def untold(self, connection: Connection, told_before: datetime) -> dict[str, Untold]:
        """Return what was exhausted since it was last told of an endpoint's, where that was at an instant or before."""
        rows = self._untold.rows(connection, told_before=to_micros(told_before))
        return {row[0]: Untold(row[1], row[2]) for row in rows}


def _untold() -> ClauseElement:
    own, told = deliveries.c, endpoints.c
    return (
        select(own.destination, func.count(), func.max(own.id))
        .join(endpoints, told.name == own.destination)
        .where(
            told.exhausted_at <= bindparam("told_before"),
            own.settled_at > told.exhausted_at,
            in_state(own.state, WorkState.DEAD),
            own.reason == word(FailureReason.EXHAUSTED),
            *(~own.type.startswith(kind, autoescape=True) for kind in NEVER_TOLD_OF),
        )
        .group_by(own.destination)
    )
