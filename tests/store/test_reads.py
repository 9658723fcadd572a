"""Reading: timelines, lists with filters and pages, numbers."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import (
    Account,
    AccountState,
    Attempt,
    Cause,
    Intent,
    PostState,
    Target,
    WorkState,
    Write,
)
from bridge.ports import Acceptance, Find
from bridge.store._store import SqlStore
from tests.store.made import (
    NOW,
    acceptance,
    claim_any,
    command,
    endpoint,
    event,
    lookup,
    next_of,
    post,
    settlement,
    told,
)

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


async def test_a_timeline_has_everything_of_a_post_oldest_first(store: SqlStore) -> None:
    item = acceptance()
    [mine] = item.write.posts
    update = command(mine, 2, due_at=NOW + HOUR)
    tries = tuple(Attempt(item.write.commands[0].id, number, mine.id, NOW + number * HOUR) for number in (2, 1))
    events = tuple(
        told(subject=f"post:{mine.id}", sequence=number, post_id=mine.id, created_at=NOW + number * HOUR)
        for number in (2, 1)
    )
    await store.record([Write(endpoints=(endpoint(),))])
    await store.accept([item, acceptance()], NOW)
    await store.record([Write(commands=(update,), attempts=tries, events=events), Write(events=(told(),))])
    claimed = await claim_any(store, NOW + HOUR, 1)
    claimed = [one for one in claimed if one.delivery.subject.endswith(mine.id)] or await claim_any(
        store, NOW + HOUR, 1
    )
    timeline = await store.timeline(mine.id)
    assert timeline is not None
    assert (timeline.post, timeline.event) == (mine, item.event)
    assert timeline.commands == (*item.write.commands, update)
    assert timeline.events == events[::-1]
    assert [one.outbound_id for one in timeline.deliveries] == [one.id for one in events[::-1]]
    assert [one.started_at for one in timeline.attempts] == [NOW + HOUR, NOW + HOUR, NOW + 2 * HOUR]
    assert claimed[0].delivery.id in {one.subject_id for one in timeline.attempts}


async def test_what_is_not_there_reads_as_none(store: SqlStore) -> None:
    assert await store.timeline("post_none") is None
    assert await store.event("evt_none") is None
    assert await store.post_id("genviral", "p") is None
    assert await store.posts([]) == {}
    assert await store.commands("post_none") == []


async def test_a_read_sees_every_write_that_returned_before(store: SqlStore) -> None:
    async def write_and_read() -> bool:
        item = acceptance()
        await store.accept([item], NOW)
        return len(await store.posts([item.write.posts[0].id])) == 1

    assert all(await asyncio.gather(*(write_and_read() for _ in range(50))))


async def test_many_posts_are_read_at_once(store: SqlStore) -> None:
    made = [post() for _ in range(1500)]
    await store.record([Write(posts=tuple(made))])
    assert await store.posts([one.id for one in made]) == {one.id: one for one in made}


async def test_tracked_posts_come_when_their_time_has_come_most_due_first(store: SqlStore) -> None:
    at = [NOW, NOW - HOUR, NOW + HOUR, None]
    made = [post(poll_at=when) for when in at] + [post(poll_at=NOW, partner="other")]
    await store.record([Write(posts=tuple(made))])
    assert await store.tracked("genviral", NOW, 10) == [made[1], made[0]]
    assert await store.tracked("genviral", NOW, 1) == [made[1]]


POSTS = {
    "plain": post(),
    "other": post(partner="other", source="blog", state=PostState.POSTED, event_id="evt_x", created_at=NOW + HOUR),
    "ids": post(external_id="ext-1", caller_id="theirs"),
    "account": post(targets=(Target("acc-9", "brand_x"), Target("acc-2"))),
    "text": post(content={"caption": 'Say "Hello" to 100% of Zürich_', "title": "News", "url": "https://e.example/a"}),
    "decoy": post(content={"caption": "100 percent", "media": [{"url": "hello-zürich"}]}, error='"acc-9"'),
}


@pytest.mark.parametrize(
    ("find", "names"),
    [
        (Find(), list(POSTS)),
        (Find(partner="other"), ["other"]),
        (Find(source="blog"), ["other"]),
        (Find(state="posted"), ["other"]),
        (Find(event_id="evt_x"), ["other"]),
        (Find(external_id="ext-1"), ["ids"]),
        (Find(external_id="theirs"), ["ids"]),
        (Find(account="acc-9"), ["account"]),
        (Find(account="brand_x"), ["account"]),
        (Find(account="brandax"), []),
        (Find(text='"hello"'), ["text"]),
        (Find(text="Zürich_"), ["text"]),
        (Find(text="100%"), ["text"]),
        (Find(text="news"), ["text"]),
        (Find(text="E.EXAMPLE"), ["text"]),
        (Find(text="caption"), []),
        (Find(since=NOW + HOUR), ["other"]),
        (Find(until=NOW + HOUR, state="accepted", limit=2), ["text", "decoy"]),
        (Find(before=POSTS["account"].id, partner="genviral"), ["plain", "ids"]),
    ],
    ids=str,
)
async def test_posts_are_found_by_every_filter_newest_first(store: SqlStore, find: Find, names: list[str]) -> None:
    await store.record([Write(posts=tuple(POSTS.values()))])
    assert await store.find_posts(find) == [POSTS[name] for name in reversed(names)]


async def test_pages_of_posts_join_without_gap_even_when_python_has_the_last_word(store: SqlStore) -> None:
    decoy = {"caption": "", "media": ["needle"]}
    made = [post(content={"caption": "needle"} if place % 100 == 0 else decoy) for place in range(700)]
    await store.record([Write(posts=tuple(made))])
    pages: list[str] = []
    while page := await store.find_posts(Find(limit=3, text="needle", before=pages[-1] if pages else None)):
        pages += [one.id for one in page]
    assert pages == [one.id for one in reversed(made[::100])]


async def test_events_are_found_by_their_own_fields_and_those_of_their_posts(store: SqlStore) -> None:
    plain = acceptance()
    other = event(source="blog", external_id="x", intent=Intent.DELETE, received_at=NOW + HOUR, reason="no_route")
    failed = event()
    write = Write(posts=(post(failed.id, partner="p2", state=PostState.FAILED, targets=(Target("acc-7"),)),))
    await store.accept([plain, Acceptance(other, Write()), Acceptance(failed, write)], NOW)
    finds: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [failed, other, plain.event]),
        ({"source": "blog"}, [other]),
        ({"external_id": "x"}, [other]),
        ({"type": "delete"}, [other]),
        ({"since": NOW + HOUR}, [other]),
        ({"event_id": failed.id}, [failed]),
        ({"partner": "p2", "state": "failed", "account": "acc-7"}, [failed]),
        ({"partner": "p2", "state": "posted"}, []),
        ({"before": failed.id, "limit": 1}, [other]),
    ]
    for find, expected in finds:
        assert await store.find_events(Find(**find)) == expected, find


async def test_deliveries_are_found_by_every_filter_newest_first(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint("ops"), endpoint("crm", "post.failed")))])
    early = told("post.posted", partner="p1", accounts=("a1", "b"), source="api", event_id="evt_1")
    late = told("post.failed", created_at=NOW + HOUR)
    await store.record([Write(events=(early, late))])
    every = await store.find_deliveries(Find())
    assert [one.type for one in every] == ["post.failed", "post.failed", "post.posted"]
    finds: tuple[dict[str, Any], ...] = (
        {"partner": "p1"},
        {"account": "a1"},
        {"source": "api"},
        {"event_id": "evt_1"},
        {"subject": early.subject},
        {"until": NOW + HOUR},
    )
    for find in finds:
        assert await store.find_deliveries(Find(**find)) == every[2:], find
    for none in ({"account": "a"}, {"account": "A1"}, {"reason": "timeout"}, {"subject": "post:other"}):
        assert await store.find_deliveries(Find(**none)) == [], none
    assert [one.destination for one in await store.find_deliveries(Find(destination="crm"))] == ["crm"]
    assert await store.find_deliveries(Find(type="post.failed", before=every[0].id)) == every[1:2]
    assert await store.find_deliveries(Find(state="dead")) == []


async def test_counts_are_numbers_of_rows_by_label(store: SqlStore) -> None:
    first, second, third = post(), post(state=PostState.POSTED), post(state=PostState.POSTED)
    parked = replace(command(second), state=WorkState.PARKED, parked_at=NOW - HOUR)
    cause = Cause("key:genviral", "key", "genviral", FailureReason.UNAUTHORIZED, "", NOW)
    await store.record(
        [
            Write(
                posts=(first, second, third), commands=(command(first), command(first, 2, due_at=NOW + HOUR), parked)
            ),
            Write(accounts=(Account("genviral", "a", "x", "u", NOW, NOW, state=AccountState.DEGRADED),)),
            Write(causes=(cause, replace(cause, id="key:old", closed_at=NOW)), endpoints=(endpoint(),)),
            Write(events=(told(), told())),
        ]
    )
    [claimed] = await claim_any(store, NOW, 1)
    await store.settle([settlement(claimed, WorkState.DEAD)])
    for due_at in (NOW - HOUR, NOW + HOUR):
        thin = event()
        await store.accept([Acceptance(thin, Write(lookups=(lookup(thin, due_at=due_at),)))], NOW)
    counts = await store.counts(NOW, ["genviral"])
    assert counts.posts == {("genviral", "accepted"): 1, ("genviral", "posted"): 2}
    assert counts.causes == {"key": 1}
    assert counts.queue == {
        "commands": 1,
        "deliveries": 1,
        "commands_parked": 1,
        "commands_unconfigured": 0,
        "deliveries_dead": 1,
        "lookups": 1,
    }
    assert counts.oldest == {
        "commands": NOW,
        "deliveries": NOW,
        "commands_parked": NOW - HOUR,
        "deliveries_dead": NOW,
        "lookups": NOW - HOUR,
    }


async def test_work_and_causes_of_a_partner_that_is_not_configured_are_counted_apart(store: SqlStore) -> None:
    ours, due, parked = post(), post(partner="gone"), post(partner="gone")
    first = command(ours, due_at=NOW - timedelta(minutes=1))
    left = replace(command(parked), state=WorkState.PARKED, parked_at=NOW - HOUR)
    opened = ("key:gone", "key", "gone"), ("account:genviral:a", "account", "genviral"), ("source:blog", "source", "")
    causes = tuple(Cause(*words, FailureReason.UNAUTHORIZED, "", NOW) for words in opened)
    await store.record(
        [
            Write(posts=(ours, due, parked), causes=causes),
            Write(commands=(first, command(due, due_at=NOW - 2 * HOUR), left)),
        ]
    )
    counts = await store.counts(NOW, ["genviral", "other"])
    assert {name: number for name, number in counts.queue.items() if number} == {
        "commands": 1,
        "commands_unconfigured": 2,
    }
    assert counts.oldest == {"commands": NOW - timedelta(minutes=1), "commands_unconfigured": NOW - 2 * HOUR}
    assert counts.causes == {"account": 1, "source": 1}
    assert counts.posts == {("genviral", "accepted"): 1, ("gone", "accepted"): 2}


async def test_a_held_endpoint_does_not_age_what_waits_for_others(store: SqlStore) -> None:
    async def oldest(now: datetime) -> tuple[int, datetime | None]:
        counts = await store.counts(now, [])
        return counts.queue["deliveries"], counts.oldest.get("deliveries")

    held = endpoint("held", "post.failed", held_until=NOW + HOUR)
    await store.record([Write(endpoints=(held, endpoint("ops", "post.posted")))])
    await store.record([Write(events=(told("post.failed", created_at=NOW - HOUR), told()))])
    assert await oldest(NOW) == (2, NOW)
    assert await oldest(NOW + HOUR) == (2, NOW - HOUR)
    [row] = [one for name, one in (await store.endpoints()).items() if name == "ops"]
    await store.record([Write(endpoints=(next_of(row, held_until=NOW + HOUR),))])
    assert await oldest(NOW) == (2, None)
