"""The numbers of one endpoint."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import AttemptOutcome, Lane, WorkState, Write
from bridge.core.queries import EndpointStats
from bridge.store._stats import _shares
from bridge.store._store import SqlStore
from tests.store.made import NOW, claim_any, endpoint, settlement, told

pytestmark = pytest.mark.anyio

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


async def test_an_endpoint_without_deliveries_has_only_noughts(store: SqlStore) -> None:
    assert await store.endpoint_stats("none", NOW) == EndpointStats(
        dict.fromkeys(WorkState, 0), None, {}, {}, None, None, None
    )


async def test_what_is_due_and_how_attempts_ended_since_an_instant(store: SqlStore) -> None:
    rows = (endpoint("ops", "post.*"), endpoint("other", "account.*"))
    old = told(created_at=NOW - 2 * DAY)
    events = [told(created_at=NOW - place * SECOND) for place in (4, 3, 2, 1)]
    await store.record([Write(endpoints=rows, events=(old, *events, told("account.removed")))])
    for place, claimed in enumerate(await claim_any(store, most=4, other=0)):
        ended = settlement(claimed)
        took = timedelta(milliseconds=100 * (place + 1))
        attempt = replace(ended.attempt, finished_at=NOW + took)
        delivery = ended.delivery
        if place == 3:
            attempt = replace(attempt, outcome=AttemptOutcome.FAILED, reason=FailureReason.TIMEOUT)
            delivery = replace(delivery, state=WorkState.DUE, lane=Lane.AGAIN, due_at=NOW + DAY)
        await store.settle([replace(ended, delivery=delivery, attempt=attempt)])
    stats = await store.endpoint_stats("ops", NOW - DAY)
    assert stats.deliveries == {"due": 2, "parked": 0, "done": 2, "dead": 0}
    assert stats.oldest_due_at == NOW - SECOND
    assert stats.attempts == {"ok": 3, "failed": 1}
    assert stats.reasons == {"timeout": 1}
    assert stats.durations_s == (0.2, 0.4, 0.4)
    assert stats.last_success_at == NOW + timedelta(milliseconds=300)
    assert stats.last_failure_at == NOW + timedelta(milliseconds=400)


@pytest.mark.parametrize(
    ("durations", "shares"),
    [
        ([], None),
        ([3.0], (3.0, 3.0, 3.0)),
        ([2.0, 1.0], (1.0, 2.0, 2.0)),
        ([float(number) for number in range(100, 0, -1)], (50.0, 95.0, 100.0)),
    ],
)
def test_durations_are_given_by_nearest_rank(durations: list[float], shares: tuple[float, ...] | None) -> None:
    assert _shares(durations) == shares


async def test_what_the_former_endpoint_of_a_name_did_is_not_in_the_numbers_of_the_new_one(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint(),), events=(told(), told(created_at=NOW + SECOND)))])
    [claimed] = await claim_any(store, most=1)
    await store.settle([settlement(claimed)])
    await store.record([Write(drop_endpoints=("ops",))])
    await store.record([Write(endpoints=(endpoint(created_at=NOW + 2 * SECOND),))])
    assert await store.endpoint_stats("ops", NOW - DAY) == await store.endpoint_stats("none", NOW - DAY)
