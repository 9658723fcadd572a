"""Both partners through the same cases, by the whole service: one post an intent, and every state and event promised.

`tests/partners/test_contract*` ask the clients alone. Where a partner has no such case, its `Play` says what it has
instead.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from bridge.simulator.genviral import calls
from bridge.simulator.posteverywhere import retries
from tests.flows.both import PAIRS, Act, Play, Stage, judged, wish

pytestmark = pytest.mark.slow

Fault = Mapping[str, Any]
Stroke = Callable[[Stage, str], object]
"""Something that happens at a partner, at once."""

FAILS = {"kind": "fail", "text": "Something odd"}
FORBIDS = {"kind": "fail", "text": "This content violates our community guidelines"}
TOKEN = {"kind": "fail", "text": "Token expired. Please reconnect."}
HANGS = {"kind": "hang", "ticks": 4}
ODD = {"kind": "unknown", "word": "reconciling", "ticks": 4}

BLOCKED = "partner.blocked attention.opened partner.recovered attention.closed"
ASKED = "attention.opened attention.closed"
GONE_AND_BACK = "account.disconnected attention.opened account.reconnected attention.closed"
PARKED = ("parked begun posted",)
RETRIED = {"told": ("begun partial retrying posted",), "first_told": "failed retrying posted linked"}
SEEN_QUEUED = RETRIED | {"told": ("begun partial pending posted",)}
SEEN_POSTED = RETRIED | {"told": ("begun partial posted",)}
RESUMED = {"retries": 1, "told": ("begun partial parked retrying posted",), "first_told": "failed posted linked"}
LEFT = {"target": "failed", "states": ("partial",), "told": ("begun partial gave_up",)}


def both(**given: Any) -> dict[str, Play]:
    """The same at both partners."""
    return {"gv": Play(**given), "pe": Play(**given)}


def meets(kind: str, operation: str = "create", **given: Any) -> tuple[Fault, ...]:
    """One fault of a call."""
    return ({"kind": kind, "operation": operation, **given},)


def answer_lost(kind: str) -> dict[str, Play]:
    """A create was stored: Genviral answers the same bytes with what it has, PostEverywhere is looked into."""
    faults = meets(kind, after=True)
    return {
        "gv": Play(faults=faults, creates=2, duplicates=1, told=("posted",)),
        "pe": Play(faults=faults, told=("posted",)),
    }


def refused(kind: str, **given: Any) -> dict[str, Play]:
    """A create was refused and stored nothing: it is sent a second time."""
    return both(faults=meets(kind, **given), creates=2)


def key_refused(kind: str) -> Play:
    """The whole key is refused: its work waits until it is taken again."""
    return Play(faults=meets(kind), creates=2, told=PARKED, around=BLOCKED)


async def again(stage: Stage, key: str) -> None:
    """The sender repeats its request, twice, under the same key: it is one event."""
    assert await wish(stage, key) == await wish(stage, key)


async def disconnect(stage: Stage, key: str) -> None:
    stage.disconnect(PAIRS[key][0])


async def be_seen_disconnected(stage: Stage, key: str) -> None:
    await disconnect(stage, key)
    await stage.advance(300, 4)


async def reconnect(stage: Stage, key: str) -> None:
    stage.reconnect(PAIRS[key][0])


async def reconnect_late(stage: Stage, key: str) -> None:
    """Come back only after Genviral's listing has missed the account twice, which is when it counts as gone."""
    await stage.advance(300, 4)
    await reconnect(stage, key)


async def reword(stage: Stage, key: str) -> None:
    """The post has a new word while one account takes its time; the words of the accounts are known ones."""
    the_post(stage, key).status = "reconciling"


async def retry_in_bulk(stage: Stage, key: str) -> None:
    """Somebody has everything that failed tried again by one call, through the service's own client."""
    client: Any = stage.bridge.kit.partners[key]
    [receipt] = await client.retry_failed([the_post(stage, key).id])
    assert receipt.accepted


def at_retry(stroke: Stroke) -> Act:
    """Let something happen at the partner just before a retry of ours gets there."""

    async def prepare(stage: Stage, key: str) -> None:
        stage.before_retry = partial(stroke, stage, key)

    return prepare


def the_post(stage: Stage, key: str) -> Any:
    """The one post at the partner, as its simulator has it."""
    [found] = stage.simulators[key].world.posts.values()
    return found


def retry_by_hand(stage: Stage, key: str) -> None:
    """Somebody presses the button in the partner's own pages, so that nothing is failed when ours comes."""
    world, post = stage.simulators[key].world, the_post(stage, key)
    owner = next(iter(world.keys.values()))
    if key == "gv":
        calls.retry(world, owner, {"post_ids": [post.id]})
    else:
        retries.retry(world, owner, post.id, {})


def refuse_the_id(stage: Stage, key: str, *, times: int = 1) -> None:
    """The call is well, its one post is not: Genviral says so beside the id, PostEverywhere with 409."""
    post_id, text = the_post(stage, key).id, "Nothing to retry."
    data = {"retried": 0, "ids": [], "failed": [post_id], "errors": {post_id: text}}
    status, body = {
        "gv": (200, {"ok": True, "code": 200, "message": "Posts queued for retry", "data": data}),
        "pe": (409, {"data": None, "error": {"code": "no_failed_destinations", "message": text, "retryable": False}}),
    }[key]
    stage.simulators[key].fault("answer", "retry", times, status=status, body=orjson.dumps(body).decode())


def open_breaker(stage: Stage, key: str) -> None:
    """This content has failed too often at PostEverywhere."""
    world, post = stage.simulators[key].world, the_post(stage, key)
    for row in post.destinations:
        world.failures[world.breaker_name(post.content, row.account_id)] = world.options.breaker_limit


def take_away(stage: Stage, key: str) -> None:
    """Somebody deletes the post at the partner."""
    stage.simulators[key].world.forget(the_post(stage, key))


CASES: Mapping[str, Mapping[str, Play]] = {
    "create": both(),
    "replay": both(later=again),
    "lost answer: cut": answer_lost("stored_then_dropped"),
    "lost answer: 500": answer_lost("server_error"),
    "lost answer: HTML 502": answer_lost("html_502"),
    "lost answer: empty": answer_lost("empty"),
    "lost answer, and the way to it": {
        "gv": Play(faults=meets("stored_then_dropped") + meets("dropped"), creates=3, duplicates=1, told=("posted",)),
        "pe": Play(faults=meets("stored_then_dropped") + meets("server_error", "list", times=3), told=("posted",)),
    },
    "never arrived": refused("dropped"),
    "429 with Retry-After": refused("rate_limited", retry_after=90),
    "429 with Retry-After as a date": refused("rate_limited", retry_after=90, as_date=True),
    "429 without Retry-After": refused("rate_limited"),
    "401": {"gv": key_refused("unauthorized"), "pe": key_refused("unauthorized")},
    "402": {"gv": key_refused("plan_lapsed"), "pe": key_refused("plan_lapsed")},
    "403 of the key": {"gv": key_refused("tier_not_allowed"), "pe": key_refused("forbidden")},
    # Genviral's is about one request (a plan for hosted accounts), PostEverywhere's about the organization's quota.
    "403 of the plan": {
        "gv": Play(faults=meets("hosted_subscription_required"), creates=2, told=PARKED, around=ASKED),
        "pe": key_refused("hosted_subscription_required"),
    },
    "HTML 502": refused("html_502"),
    "500": refused("server_error"),
    "empty body": refused("empty"),
    # The addresses are read while the words are unknown, so that no event of their own tells of them.
    "unknown words everywhere": both(
        faults=meets("unknown_status", "*", times=30),
        told=("unknown stuck posted",),
        first_told="posted",
        second_told="posted",
    ),
    "unknown word of the post": both(first=(HANGS,), later=reword, told=("begun unknown posted",)),
    # Genviral's post has the word of its rows; PostEverywhere's stays on its way.
    "unknown word of a target": {
        "gv": Play(first=(ODD,), told=("begun unknown posted",)),
        "pe": Play(first=(ODD,)),
    },
    "extra fields": both(faults=meets("extra_fields", "*", times=-1)),
    "partial failure": both(first=(FAILS,), retries=1, **RETRIED),
    "partial failure for good": both(first=(FORBIDS,), **LEFT, first_told="failed"),
    "retry answered with 500": both(first=(FAILS,), faults=meets("server_error", "retry"), retries=2, **RETRIED),
    "retry with its answer lost": {
        "gv": Play(
            first=(FAILS,),
            faults=meets("stored_then_dropped", "retry"),
            retries=1,
            **SEEN_QUEUED,
        ),
        # At PostEverywhere it is published by the time that we look.
        "pe": Play(
            first=(FAILS,),
            faults=meets("stored_then_dropped", "retry"),
            retries=1,
            **SEEN_POSTED,
        ),
    },
    # Genviral's retry takes many ids and may answer 500 with what became of each; PostEverywhere's bulk is a call.
    "retry in bulk": {
        "gv": Play(first=(FAILS,), faults=meets("partial", "retry", done=1), retries=1, **RETRIED),
        "pe": Play(
            first=(FAILS,),
            later=retry_in_bulk,
            **SEEN_POSTED,
        ),
    },
    "retry refused by id once": both(
        first=(FAILS,),
        amid=at_retry(refuse_the_id),
        retries=2,
        told=("begun partial retrying posted",),
        first_told="failed retrying retrying posted linked",
    ),
    "retry refused by id for ever": both(
        first=(FAILS,),
        amid=at_retry(partial(refuse_the_id, times=-1)),
        retries=3,
        **LEFT,
        first_told="failed retrying retrying retrying",
    ),
    # Genviral has no breaker: its refusal that no repetition mends is that of the content itself.
    "retry refused by the breaker": {
        "gv": Play(
            first=(FAILS, FORBIDS),
            retries=1,
            target="failed",
            states=("partial",),
            told=("begun partial retrying partial gave_up",),
            first_told="failed retrying failed",
        ),
        "pe": Play(first=(FAILS,), amid=at_retry(open_breaker), retries=1, **LEFT, first_told="failed retrying"),
    },
    "retry refused: somebody was quicker": {
        "gv": Play(
            first=(FAILS,),
            amid=at_retry(retry_by_hand),
            **SEEN_QUEUED,
        ),
        "pe": Play(
            first=(FAILS,),
            amid=at_retry(retry_by_hand),
            **SEEN_POSTED,
        ),
    },
    "retry refused: the post is gone": both(
        first=(FAILS,),
        amid=at_retry(take_away),
        taken=True,
        target="vanished",
        states=("vanished",),
        told=("begun partial vanished",),
        first_told="failed retrying",
    ),
    "account gone and back": both(
        before=be_seen_disconnected,
        later=reconnect,
        creates=2,
        states=("posted", "posted"),
        told=("begun posted", *PARKED),
        around=GONE_AND_BACK,
    ),
    # Genviral refuses the create; PostEverywhere takes it, and only its target fails.
    "account gone unseen and back": {
        "gv": Play(
            before=disconnect,
            later=reconnect,
            creates=3,
            states=("posted", "posted"),
            told=("begun posted", *PARKED),
            around=GONE_AND_BACK,
        ),
        "pe": Play(
            before=disconnect,
            later=reconnect,
            **RESUMED,
            around=GONE_AND_BACK,
        ),
    },
    # Genviral's list misses it only later: until then it is known by the text of the failure alone.
    "account gone on the way and back": {
        "gv": Play(
            amid=disconnect,
            later=reconnect_late,
            **RESUMED,
            around="account.degraded attention.opened account.disconnected account.reconnected attention.closed",
        ),
        "pe": Play(amid=disconnect, later=reconnect_late, **RESUMED, around=GONE_AND_BACK),
    },
    "token dead, and the account listed as well": both(
        first=(TOKEN,),
        target="failed",
        states=("partial",),
        told=("begun partial parked gave_up",),
        first_told="failed",
        around="account.degraded attention.opened",
    ),
}


@pytest.mark.parametrize("key", ["gv", "pe"])
@pytest.mark.parametrize("name", CASES)
def test_one_post_an_intent_and_its_states_and_events_are_as_promised(tmp_path: Path, name: str, key: str):
    assert asyncio.run(judged(tmp_path, key, CASES[name][key])) == {}
