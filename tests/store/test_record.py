"""Writing: whole or not at all, fenced by versions, without harm to neighbours."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.errors import FailureReason, StoreError
from bridge.core.model import (
    Account,
    AccountState,
    Attempt,
    AttemptOutcome,
    Cause,
    Key,
    PostState,
    Write,
)
from bridge.ports import Due
from bridge.store._plan import VERSIONED, Plan, Rows
from bridge.store._store import SqlStore
from tests.store.made import NOW, acceptance, command, endpoint, next_of, post, told

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(minutes=1)
ACCOUNT = Account("genviral", "acc-1", "tiktok", "brand", NOW, NOW, capabilities={"video": True}, misses=1)
KEY = Key("genviral", "genviral", scope="ws", blocked=FailureReason.UNAUTHORIZED, held_until=LATER, cursor="c")
CAUSE = Cause("account:genviral:acc-1", "account", "genviral", FailureReason.TOKEN, "reconnect it", NOW)


async def test_accounts_keys_causes_and_endpoints_come_back_as_they_were(store: SqlStore) -> None:
    ops = endpoint("ops", "attention.*", "post.failed", enabled=False, reason="gone", created_at=NOW)
    write = Write(accounts=(ACCOUNT,), keys=(KEY,), causes=(CAUSE,), endpoints=(ops,))
    assert await store.record([write]) == [True]
    assert await store.accounts() == [ACCOUNT]
    assert (await store.keys(), await store.causes()) == ({"genviral": KEY}, {CAUSE.id: CAUSE})
    assert await store.endpoints() == {"ops": ops}


@pytest.mark.parametrize(
    ("field", "row", "changes"),
    [
        ("posts", post(), {"state": PostState.PENDING, "targets": ()}),
        ("accounts", ACCOUNT, {"state": AccountState.DISCONNECTED}),
        ("keys", KEY, {"held_until": None}),
        ("causes", CAUSE, {"closed_at": LATER}),
        ("endpoints", endpoint(), {"events": ("post.*",)}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_only_the_next_version_replaces_a_row(store: SqlStore, field: str, row: Any, changes: Any) -> None:
    newer = next_of(row, **changes)
    for version, fits in [(row, True), (row, False), (next_of(newer), False), (newer, True), (newer, False)]:
        assert await store.record([Write(**{field: (version,)})]) == [fits]
    found = await (store.posts([row.id]) if field == "posts" else getattr(store, field)())
    assert list(found.values() if isinstance(found, dict) else found) == [newer]


async def test_a_write_that_does_not_fit_leaves_nothing(store: SqlStore) -> None:
    stored, fresh = post(), post()
    await store.record([Write(posts=(stored,), endpoints=(endpoint(),))])
    outdated = Write(
        posts=(fresh, next_of(next_of(stored))),
        commands=(command(fresh),),
        attempts=(Attempt("cmd_x", 1, stored.id, NOW),),
        events=(told(post_id=stored.id),),
    )
    assert await store.record([outdated]) == [False]
    timeline = await store.timeline(stored.id)
    assert timeline is not None
    assert (timeline.attempts, timeline.events, timeline.deliveries) == ((), (), ())
    assert await store.posts([fresh.id]) == {}


async def test_later_writes_of_a_list_see_the_earlier_ones(store: SqlStore) -> None:
    first = post()
    second, rival = next_of(first, raw_status="second"), next_of(first, raw_status="rival")
    third = next_of(second, raw_status="third")
    writes = [Write(posts=(row,)) for row in (first, second, rival, third)]
    assert await store.record(writes) == [True, True, False, True]
    assert await store.posts([first.id]) == {first.id: third}


async def test_of_many_writers_of_one_version_one_wins(store: SqlStore) -> None:
    stored = post()
    await store.record([Write(posts=(stored,))])
    rivals = [next_of(stored, raw_status=str(number)) for number in range(20)]
    answers = await asyncio.gather(*(store.record([Write(posts=(rival,))]) for rival in rivals))
    assert sorted(answers) == [[False]] * 19 + [[True]]
    assert (await store.posts([stored.id]))[stored.id] == rivals[answers.index([True])]


async def test_attempts_are_replaced_by_number(store: SqlStore) -> None:
    parent = post()
    one = command(parent)
    begun = Attempt(one.id, 1, parent.id, NOW)
    ended = replace(begun, outcome=AttemptOutcome.FAILED, finished_at=LATER, status=422, reason=FailureReason.INVALID,
                    detail="d", answer={"code": "c"})  # fmt: skip
    await store.record(
        [Write(posts=(parent,), commands=(one,), attempts=(begun, Attempt(one.id, 2, parent.id, LATER)))]
    )
    await store.record([Write(attempts=(ended,))])
    timeline = await store.timeline(parent.id)
    assert timeline is not None
    assert timeline.attempts == (ended, Attempt(one.id, 2, parent.id, LATER))


@pytest.mark.parametrize("together", [True, False])
async def test_a_taken_sequence_or_event_id_refuses_that_write_alone(store: SqlStore, together: bool) -> None:
    first = told(subject="post:a", sequence=1)
    writes = [
        Write(events=(first,)),
        Write(events=(told(subject="post:a", sequence=1),)),
        Write(events=(replace(first, subject="post:b"),)),
        Write(events=(told(subject="post:a", sequence=2),)),
    ]
    if together:
        answers = await store.record(writes)
    else:
        answers = [(await store.record([write]))[0] for write in writes]
    assert answers == [True, False, False, True]


async def test_a_taken_partner_id_or_number_refuses_that_write_alone(store: SqlStore) -> None:
    parent, other = post(partner_id="p-1"), post()
    await store.record([Write(posts=(parent, other), commands=(command(parent),))])
    writes = [
        Write(posts=(post(),)),
        Write(posts=(next_of(other, partner_id="p-1"),)),
        Write(commands=(command(parent, number=1),)),
        Write(posts=(post(partner_id="p-1", partner="other"),)),
    ]
    answers = await asyncio.gather(*(store.record([write]) for write in writes))
    assert answers == [[True], [False], [False], [True]]
    assert await store.post_id("genviral", "p-1") == parent.id


async def test_a_bad_item_does_not_harm_its_neighbours(store: SqlStore) -> None:
    good = [post() for _ in range(3)]
    unwritable, too_large = post(content={"caption": object()}), post(sequence=2**70)
    calls = [[good[0]], [post(), unwritable], [good[1]], [too_large], [good[2]]]
    writes = ([Write(posts=(row,)) for row in call] for call in calls)
    answers = await asyncio.gather(*(store.record(list(call)) for call in writes), return_exceptions=True)
    assert [type(answer) for answer in answers] == [list, StoreError, list, StoreError, list]
    assert len(await store.posts([row.id for call in calls for row in call])) == 3


async def test_an_error_never_shows_the_values_of_a_row(store: SqlStore) -> None:
    secret = "s3cret-value"
    with pytest.raises(StoreError) as caught:
        await store.record([Write(commands=(command(post(), detail=secret),))])
    assert secret not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"


async def test_on_commit_is_called_when_something_became_due(store: SqlStore) -> None:
    woken: list[Due] = []
    store.on_commit(woken.append)
    parent = post()
    held = command(parent, lease_until=LATER)
    await store.record([Write(posts=(parent,), commands=(held,), events=(told(),))])
    assert woken == []
    await store.record([Write(commands=(next_of(held, lease_until=None),))])
    await store.record([Write(endpoints=(endpoint(),))])
    await store.record([Write(events=(told(),))])
    await store.accept([acceptance()], NOW)
    assert woken == [Due.COMMANDS, Due.DELIVERIES, Due.COMMANDS]


rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), max_size=3)


@given(st.lists(rows, max_size=8), st.dictionaries(st.sampled_from("abc"), st.integers(1, 3)))
@settings(max_examples=100, deadline=None)
async def test_a_plan_does_what_writing_one_by_one_would(writes: list[Any], stored: dict[str, int]) -> None:
    plan = Plan({name: Rows(dict(stored) if name == "posts" else {}) for name in VERSIONED}, {})
    expected = dict(stored)
    for write in writes:
        tried = dict(expected)
        fits = True
        for name, version in write:
            fits = fits and tried.get(name, 0) == version - 1
            tried[name] = version
        expected = tried if fits else expected
        assert plan.add(Write(posts=tuple(post(id=name, version=version) for name, version in write))) == fits
    planned = plan.rows["posts"]
    assert planned.versions == expected
    assert {name: row.version for name, row in {**planned.inserted, **planned.replaced}.items()} == {
        name: version for name, version in expected.items() if version != stored.get(name)
    }
    assert not set(planned.inserted) & set(stored)
