"""Endpoints that this process cannot send to now though another may, or this one again: what is due of them waits."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta

from bridge.core.delivering import Outcome
from bridge.core.endpoints import Sending
from bridge.core.errors import FailureReason
from bridge.core.model import Endpoint
from bridge.core.sealing import SealError, Unconfigured
from bridge.flows import NAMED, log

LEFT = Outcome(FailureReason.SEALED, detail="left to a process that can send it", wait=timedelta(seconds=1))
"""What becomes of a delivery that was claimed before it was known that it is another's."""

_ROLL_OUT = timedelta(hours=1)
_ALWAYS = datetime.max.replace(tzinfo=UTC)


class Elsewhere:
    """Leaves alone what this process lacks the configuration of, or the key to, and uses up no try of it.

    This is so while replicas are replaced one after the other, and just after a configuration has changed. It ends by
    itself: what no process has configured any more is disabled (`flows.configured`), and for a key that opens what was
    sealed nobody waits longer than an hour, or at all where there is no other process. Then every try fails, and says
    why.

    Args:
        sending: finds what an endpoint's requests carry at an instant; raises `SealError`.
        shared: whether there may be other processes.
    """

    def __init__(self, sending: Callable[[Endpoint, datetime], Sending], *, shared: bool) -> None:
        self._sending, self._shared = sending, shared
        self._until: dict[str, datetime] = {}

    def look(self, rows: Mapping[str, Endpoint], now: datetime) -> None:
        """Find out which of all endpoints these are."""
        limits = {name: self._limit(row, now) for name, row in rows.items() if row.enabled}
        shut = {name: limit for name, limit in limits.items() if limit is not None}
        if found := sorted(shut.keys() - self._until.keys()):
            log.warning("endpoint.elsewhere", endpoints=found[:NAMED])
        self._until = {name: self._until.get(name, limit) for name, limit in shut.items()}

    def names(self, now: datetime) -> Collection[str]:
        """Return whose deliveries are left to others."""
        return {name for name, until in self._until.items() if until > now}

    def _limit(self, endpoint: Endpoint, now: datetime) -> datetime | None:
        """Return until when an endpoint is left alone; None where it can be sent to, or nobody else could."""
        try:
            self._sending(endpoint, now)
        except Unconfigured:
            return _ALWAYS
        except SealError:
            return now + _ROLL_OUT if self._shared else None
        return None
