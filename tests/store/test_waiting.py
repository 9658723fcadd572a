"""What waits for a cause, and what may have reached a partner without anybody knowing."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import Cause, CommandKind, Post, PostState, Target, WorkState, Write
from bridge.store._store import SqlStore
from tests.store.made import NOW, command, next_of, post

pytestmark = pytest.mark.anyio
P = PostState
ON_A, ON_B = (Target("12"),), (Target("123"),)


def cause(cause_id: str) -> Cause:
    return Cause(cause_id, cause_id.split(":", 1)[0], "genviral", FailureReason.TOKEN, "", NOW)


async def stored(store: SqlStore, *made: Post, **commands: Any) -> list[str]:
    """Store posts, each with a command like this one when there are words for it."""
    work = tuple(command(one, **commands) for one in made) if commands else ()
    assert await store.record([Write(posts=made, commands=work)]) == [True]
    return [one.id for one in made]


@pytest.mark.parametrize("state", list(PostState))
async def test_an_account_keeps_what_has_yet_to_go_out_on_it(store: SqlStore, state: PostState) -> None:
    [mine] = await stored(store, post(state=state, targets=ON_A))
    kept = state in (P.ACCEPTED, P.PARKED, P.SCHEDULED, P.PENDING)
    assert await store.waiting(cause("account:genviral:12"), "12") == ([mine] if kept else [])


async def test_an_id_inside_another_is_another_account_and_another_key_has_other_posts(store: SqlStore) -> None:
    await stored(store, post(targets=ON_B), post(targets=ON_A, partner="two"))
    assert await store.waiting(cause("account:genviral:12"), "12") == []


async def test_what_is_parked_for_it_waits_whatever_its_post_is_oldest_first(store: SqlStore) -> None:
    parked = {"state": WorkState.PARKED, "cause": "account:genviral:12", "kind": CommandKind.RETRY}
    failed = await stored(store, post(state=P.FAILED), post(state=P.PARTIAL), **parked)
    later = await stored(store, post(targets=ON_A))
    await stored(store, post(state=P.FAILED), **{**parked, "state": WorkState.DONE})
    await stored(store, post(state=P.FAILED), **{**parked, "cause": "key:genviral"})
    assert await store.waiting(cause("account:genviral:12"), "12") == failed + later


async def test_a_key_keeps_what_has_yet_to_be_sent_and_a_plan_what_is_parked_for_it(store: SqlStore) -> None:
    unsent = await stored(store, post(), post(state=P.PARKED))
    await stored(store, post(state=P.SCHEDULED, partner_id="p"))
    planned = await stored(store, post(state=P.PARKED), state=WorkState.PARKED, cause="plan:genviral")
    assert await store.waiting(cause("key:genviral"), None) == unsent + planned
    assert await store.waiting(cause("plan:genviral"), None) == planned


@pytest.mark.parametrize(
    ("fields", "work", "unsure"),
    [
        ({}, {"body": b"{}"}, True),
        ({"state": P.PARKED}, {"body": b"{}", "state": WorkState.PARKED}, True),
        ({"state": P.UNKNOWN}, {"body": b"{}", "state": WorkState.DEAD}, True),
        ({}, {"body": None}, False),
        ({"partner_id": "p"}, {"body": b"{}"}, False),
        ({"state": P.REJECTED}, {"body": b"{}"}, False),
        ({}, {"body": b"{}", "kind": CommandKind.FETCH}, False),
        ({"partner": "two"}, {"body": b"{}"}, False),
    ],
)
async def test_a_create_is_unsure_while_its_bytes_went_out_and_nobody_knows_its_id(
    store: SqlStore, fields: dict[str, Any], work: dict[str, Any], unsure: bool
) -> None:
    mine = post(**fields)
    await stored(store, mine, **work)
    assert [item.post for item in await store.unsure("genviral")] == ([mine] if unsure else [])


async def test_a_place_at_the_partner_goes_from_one_post_to_another_in_one_write(store: SqlStore) -> None:
    held, mine = post(partner_id="p"), post()
    await stored(store, mine, held)
    gone = next_of(held, partner_id=None, changed_at=NOW + timedelta(minutes=1))
    assert await store.record([Write(posts=(gone, next_of(mine, partner_id="p")))]) == [True]
    assert await store.post_ids("genviral", ["p"]) == {"p": mine.id}


async def test_a_place_that_is_held_is_not_given_away(store: SqlStore) -> None:
    held, mine = post(partner_id="p"), post()
    await stored(store, mine, held)
    assert await store.record([Write(posts=(next_of(mine, partner_id="p"),))]) == [False]
