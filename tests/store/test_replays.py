"""Replay jobs: what they find, that they go on where they stood, and that nothing is sent twice by one job."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.core import formats
from bridge.core.errors import FailureReason
from bridge.core.model import Delivery, Lane, OutboundEvent, Replay, WorkState, Write
from bridge.ports import Due, Find, Settled
from bridge.store import _replays
from bridge.store._store import SqlStore
from tests.store.made import NOW, claim_any, endpoint, new_id, next_of, settlement, told, told_in_full

pytestmark = pytest.mark.anyio

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
LATER = NOW + HOUR


def job(missed: bool = False, until: Any = LATER, **find: Any) -> Replay:
    find = {name: value.isoformat() if name in ("since", "until") else value for name, value in find.items()}
    return Replay(new_id("rpl"), find, NOW, until, missed=missed)


async def start(store: SqlStore, made: Replay) -> Replay:
    made = replace(made, total=await store.count_replay(made))
    assert await store.record([Write(replays=(made,))]) == [True]
    return made


async def run(store: SqlStore, made: Replay, limit: int = 100) -> Replay:
    """Run a job to its end; its total must be what it sent."""
    made = await start(store, made)
    for _ in range(20):
        after = await store.replay_some(made, LATER, limit)
        assert after is not None
        assert await store.replays(Find(key=made.id)) == [after]
        made = after
        if made.state is WorkState.DONE:
            assert (made.sent, made.settled_at) == (made.total, LATER)
            return made
    raise AssertionError("the job does not end")


async def given_settled(store: SqlStore, *events: OutboundEvent, dead: tuple[int, ...] = ()) -> list[Delivery]:
    """Deliveries to `ops` of these events, the oldest first, all settled."""
    await store.record([Write(endpoints=(endpoint(),)), Write(events=events)])
    claimed = await claim_any(store, LATER, 1_000)
    exhausted = {"state": WorkState.DEAD, "reason": FailureReason.EXHAUSTED}
    claimed.sort(key=lambda one: one.delivery.id)
    ended = [settlement(one, **exhausted if place in dead else {}) for place, one in enumerate(claimed)]
    await store.settle(ended)
    return [one.delivery for one in ended]


def events(number: int, **given: Any) -> list[OutboundEvent]:
    return [told(created_at=NOW + place * SECOND, **given) for place in range(number)]


async def due(store: SqlStore) -> list[str]:
    """The ids of due deliveries, the oldest first; all of them stand in the second lane."""
    found = await store.find_deliveries(Find(state="due", limit=1000))
    assert {one.lane for one in found} <= {Lane.AGAIN}
    return [one.id for one in reversed(found)]


async def test_a_job_sends_what_its_filter_finds_a_few_at_a_time(store: SqlStore) -> None:
    made = await given_settled(store, *events(5), dead=(1, 2, 4))
    woken: list[Due] = []
    store.on_commit(woken.append)
    first = await store.replay_some(await start(store, job(state="dead")), LATER, 2)
    assert first is not None
    assert (first.total, first.sent, first.state, first.cursor) == (3, 2, WorkState.DUE, made[2].id)
    assert (await due(store), woken) == ([made[1].id, made[2].id], [Due.DELIVERIES])
    second = await store.replay_some(first, LATER, 2)
    assert second is not None
    assert (second.sent, second.state, second.settled_at) == (3, WorkState.DONE, LATER)


@pytest.mark.parametrize(
    ("find", "places"),
    [
        ({}, [0, 1, 2, 3]),
        ({"destination": "ops"}, [0, 1, 2, 3]),
        ({"destination": "other"}, []),
        ({"state": "done"}, [0, 3]),
        ({"type": "post.failed"}, [3]),
        ({"partner": "p1"}, [3]),
        ({"source": "blog"}, [3]),
        ({"reason": "exhausted"}, [1, 2]),
        ({"since": NOW + SECOND}, [1, 2, 3]),
        ({"until": NOW + SECOND}, [0]),
        ({"since": NOW + SECOND, "until": NOW + 3 * SECOND, "state": "dead"}, [1, 2]),
    ],
)
async def test_every_filter_counts(store: SqlStore, find: dict[str, Any], places: list[int]) -> None:
    last = told("post.failed", created_at=NOW + 3 * SECOND, partner="p1", source="blog")
    made = await given_settled(store, *events(3), last, dead=(1, 2))
    await store.record([Write(endpoints=(endpoint("other", "none.*"),))])
    await run(store, job(**find), limit=2)
    assert await due(store) == [made[place].id for place in places]


async def test_a_job_looks_at_nothing_younger_than_itself(store: SqlStore) -> None:
    made = await given_settled(store, *events(3))
    await run(store, job(until=NOW + 2 * SECOND))
    assert await due(store) == [made[0].id, made[1].id]


async def test_what_a_job_sent_and_was_settled_since_is_not_sent_by_it_again(store: SqlStore) -> None:
    await given_settled(store, *events(4))
    now = await store.replay_some(await start(store, job()), LATER, 2)
    await store.settle([settlement(one) for one in await claim_any(store, LATER)])
    assert now is not None
    now = await store.replay_some(now, LATER, 9)
    assert now is not None
    assert (now.sent, now.state, len(await due(store))) == (4, WorkState.DONE, 2)


async def test_a_job_that_was_stopped_or_is_elsewhere_sends_nothing(store: SqlStore) -> None:
    await given_settled(store, *events(2))
    made = await start(store, job())
    await store.record([Write(replays=(next_of(made, state=WorkState.DEAD, settled_at=NOW),))])
    assert await store.replay_some(made, LATER, 9) is None
    assert await store.replay_some(job(), LATER, 9) is None
    assert await due(store) == []


@pytest.mark.parametrize("missed", [True, False])
@pytest.mark.parametrize("gone", [True, False])
async def test_nothing_is_sent_to_an_endpoint_that_takes_nothing(store: SqlStore, missed: bool, gone: bool) -> None:
    await given_settled(store, *events(2), dead=(0, 1))
    named = await start(store, job(missed, destination="ops", since=NOW - HOUR))
    off = Write(drop_endpoints=("ops",)) if gone else Write(endpoints=(next_of(endpoint(), enabled=False),))
    await store.record([off])
    assert await store.replay_some(named, LATER, 9) is None
    assert (await run(store, job())).total == 0


async def test_what_an_endpoint_missed_is_what_it_wants_and_never_got(store: SqlStore) -> None:
    told_before, dead, done = events(3)
    await store.record([Write(events=(told_before,))])
    made = await given_settled(store, dead, done, dead=(0,))
    own, unwanted = told(endpoint="ops"), told("webhook.test", endpoint="other")
    await store.record([Write(events=(own, unwanted))])
    await run(store, job(True, destination="ops", since=NOW - HOUR), limit=1)
    claimed = {one.delivery.outbound_id: one for one in await claim_any(store, LATER)}
    assert set(claimed) == {told_before.id, dead.id}
    anew = claimed[told_before.id]
    assert (anew.body, anew.delivery.due_at, anew.delivery.created_at) == (told_before.body, LATER, LATER)
    assert claimed[dead.id].delivery.id == made[0].id
    assert {one.delivery.lane for one in claimed.values()} == {Lane.AGAIN}


async def test_what_was_missed_before_or_after_the_window_stays_so(store: SqlStore) -> None:
    made = [told(created_at=NOW + place * SECOND) for place in range(4)]
    await store.record([Write(events=tuple(made)), Write(endpoints=(endpoint(),))])
    await run(store, job(True, destination="ops", since=NOW + SECOND, until=NOW + 3 * SECOND))
    assert {one.delivery.outbound_id for one in await claim_any(store, LATER)} == {made[1].id, made[2].id}


async def test_what_was_missed_is_gone_through_in_pages(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of one instant stand on both sides of a page's end, and looks that find nothing go on where they were."""
    monkeypatch.setitem(_replays.__dict__, "_PAGE", 3)
    monkeypatch.setitem(_replays.__dict__, "_MOST_PAGES", 1)
    made = [told("post.posted" if place % 5 == 4 else "post.failed") for place in range(20)]
    await store.record([Write(events=tuple(made)), Write(endpoints=(endpoint("ops", "post.posted"),))])
    await run(store, job(True, destination="ops", since=NOW), limit=2)
    assert {one.delivery.outbound_id for one in await claim_any(store, LATER)} == {one.id for one in made[4::5]}


async def test_a_job_for_what_was_missed_goes_on_when_the_event_it_stood_at_is_gone(store: SqlStore) -> None:
    first, second = told(created_at=NOW), told(created_at=NOW + SECOND)
    await store.record([Write(events=(first, second)), Write(endpoints=(endpoint(),))])
    made = await store.replay_some(await start(store, job(True, destination="ops", since=NOW)), LATER, 1)
    assert made is not None
    now = await store.replay_some(replace(made, cursor="msg_gone"), LATER, 9)
    assert now is not None
    assert (now.sent, now.state) == (2, WorkState.DONE)


async def test_what_was_missed_has_the_body_of_the_endpoints_format(store: SqlStore) -> None:
    event, unsaid = told_in_full("attention.opened"), told_in_full("post.retrying")
    await store.record([Write(events=(event, unsaid)), Write(endpoints=(endpoint("chat", format="slack"),))])
    assert (await run(store, job(True, destination="chat", since=NOW))).sent == 1
    [claimed] = await claim_any(store, LATER)
    assert (claimed.delivery.format, claimed.body) == ("slack", formats.body("slack", event))


async def test_jobs_are_listed_newest_first(store: SqlStore) -> None:
    made = [job(), job(), job()]
    await store.record([Write(replays=tuple(made)), Write(replays=(next_of(made[1], state=WorkState.DONE),))])
    ids = [one.id for one in await store.replays(Find())]
    assert ids == [one.id for one in reversed(made)]
    assert [one.id for one in await store.replays(Find(state="due"))] == [made[2].id, made[0].id]
    assert [one.id for one in await store.replays(Find(before=made[2].id, limit=1))] == [made[1].id]
    assert await store.replays(Find(key="rpl_none")) == []


async def make_anew(store: SqlStore, at: Any) -> None:
    """Let `ops` go, and another endpoint take its name."""
    await store.record([Write(drop_endpoints=("ops",))])
    assert await store.record([Write(endpoints=(endpoint(created_at=at),))]) == [True]


async def test_what_the_former_endpoint_of_a_name_was_told_is_not_sent_to_the_new_one(store: SqlStore) -> None:
    dead, done = await given_settled(store, *events(2), dead=(0,))
    await make_anew(store, NOW + 5 * SECOND)
    assert await store.replay([dead.id, done.id], LATER) == 0
    for find in ({"destination": "ops"}, {}, {"state": "dead"}):
        assert (await run(store, replace(job(**find), created_at=LATER))).total == 0
    assert await due(store) == []


async def test_what_only_the_former_endpoint_of_a_name_got_was_missed_by_the_new_one(store: SqlStore) -> None:
    await given_settled(store, *events(2), dead=(0,))
    await make_anew(store, NOW + 5 * SECOND)
    missed = replace(job(True, destination="ops", since=NOW - HOUR), created_at=LATER)
    assert (await run(store, missed)).total == 2
    assert (await run(store, replace(missed, id=new_id("rpl")))).total == 0


@pytest.mark.parametrize("missed", [True, False])
async def test_a_job_for_the_former_endpoint_of_a_name_sends_nothing_to_the_new_one(
    store: SqlStore, missed: bool
) -> None:
    await given_settled(store, *events(2), dead=(0, 1))
    named = await start(store, job(missed, destination="ops", since=NOW - HOUR))
    await make_anew(store, NOW + SECOND)
    assert await store.replay_some(named, LATER, 9) is None


async def test_what_is_on_its_way_to_an_endpoint_that_goes_is_not_tried_again_at_the_next_of_its_name(
    store: SqlStore,
) -> None:
    await store.record([Write(endpoints=(endpoint(),)), Write(events=tuple(events(2)))])
    [first] = await claim_any(store, LATER, 1)
    await make_anew(store, NOW)
    again = {"state": WorkState.DUE, "lane": Lane.AGAIN, "settled_at": None}
    assert await store.settle([settlement(first, **again)]) == [Settled.NOT_OURS]
    found = await store.find_deliveries(Find())
    assert {(one.state, one.reason) for one in found} == {(WorkState.DEAD, FailureReason.ENDPOINT_DISABLED)}


async def test_whether_an_endpoint_may_be_told_is_asked_anew(store: SqlStore) -> None:
    ours, theirs = ({"accounts": (name,)} for name in ("brand-a", "other-a"))
    made = await given_settled(store, *events(1, **ours), *events(1, **theirs), *events(1), dead=(0, 1, 2))
    await store.record([Write(endpoints=(next_of(endpoint(), allowed=("brand-*",)),))])
    after = await store.replay_some(await start(store, job()), LATER, 9)
    assert after is not None
    assert (after.total, after.sent, after.skipped, after.state) == (3, 1, 2, WorkState.DONE)
    [sent] = await store.find_deliveries(Find(state="due"))
    assert await store.replay([one.id for one in made], LATER) == 0
    found = await store.delivery(sent.id)
    assert found is not None
    assert found[1].accounts == ("brand-a",)


async def test_an_endpoint_that_is_narrowed_between_look_and_write_is_asked_anew(store: SqlStore) -> None:
    await store.record([Write(events=tuple(events(2, accounts=("other-a",)))), Write(endpoints=(endpoint(),))])
    made = await start(store, job(True, destination="ops", since=NOW - HOUR))
    found = await store._read(store._replays.find, made, 9)
    await store.record([Write(endpoints=(next_of(endpoint(), allowed=("brand-*",)),))])
    [after] = await store._group.submit(store._replay_some, [(found, LATER)])
    assert after is not None
    assert (after.total, after.sent, after.skipped, await due(store)) == (2, 0, 2, [])


async def test_a_test_of_a_bound_endpoint_may_be_sent_again(store: SqlStore) -> None:
    bound = endpoint(allowed=("brand-*",))
    await store.record([Write(endpoints=(bound,)), Write(events=(told("webhook.test", endpoint="ops"),))])
    [claimed] = await claim_any(store, LATER)
    await store.settle([settlement(claimed)])
    assert await store.replay([claimed.delivery.id], LATER) == 1
