"""Dead letters that nobody was told of yet: those of one endpoint since it was last told of some."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import WorkState, Write
from bridge.core.queries import Untold
from bridge.store._store import SqlStore
from tests.store.made import NOW, claim_any, endpoint, settlement, told

pytestmark = pytest.mark.anyio

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


ENDED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("post.posted", {"settled_at": NOW}),
    ("post.posted", {"settled_at": NOW + SECOND}),
    ("post.posted", {"settled_at": NOW + SECOND, "reason": FailureReason.GONE}),
    ("post.posted", {"settled_at": NOW + HOUR}),
    ("post.posted", {"settled_at": NOW + HOUR, "state": WorkState.DONE, "reason": None}),
    ("endpoint.failing", {"settled_at": NOW + HOUR}),
    ("delivery.exhausted", {"settled_at": NOW + HOUR}),
)
"""By type of event, how its delivery to each endpoint ended; of these the second and the fourth are to be told."""


async def test_what_was_exhausted_since_it_was_told_is_counted_by_endpoint(store: SqlStore) -> None:
    rows = endpoint(exhausted_at=NOW), endpoint("never-told"), endpoint("told-lately", exhausted_at=NOW + SECOND)
    await store.record([Write(endpoints=rows)])
    events = [told(kind, created_at=NOW + place * SECOND) for place, (kind, _) in enumerate(ENDED)]
    await store.record([Write(events=tuple(events))])
    places = {event.id: place for place, event in enumerate(events)}
    exhausted = {"state": WorkState.DEAD, "reason": FailureReason.EXHAUSTED}
    claimed = await claim_any(store, NOW + HOUR, 100)
    assert len(claimed) == len(rows) * len(ENDED)
    await store.settle([settlement(one, **exhausted | ENDED[places[one.delivery.outbound_id]][1]) for one in claimed])
    [newest] = [
        one.delivery.id for one in claimed if (one.delivery.destination, places[one.delivery.outbound_id]) == ("ops", 3)
    ]
    assert await store.untold(NOW - SECOND) == {}
    assert await store.untold(NOW) == {"ops": Untold(2, newest)}
