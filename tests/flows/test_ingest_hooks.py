"""Sources that read no answer: their events are kept, refusals are told as events, hints are followed."""

import asyncio
import hmac
from datetime import timedelta

import orjson
import pytest

from bridge.core.errors import FailureReason, Problem
from bridge.core.hook_rules import HookRules
from bridge.core.model import Intent, PostState
from bridge.ports import Find, Hint
from bridge.simulator.genviral import INSTAGRAM, TIKTOK
from bridge.sources.posteverywhere import PostEverywhereHooks
from bridge.tracing import current, enter
from tests.flows.town import NOON, OWN, VIDEO

pytestmark = pytest.mark.anyio

SECRET = "the-secret-of-the-blog"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
GIVEN = {"title": "Holiday drops", "media": VIDEO}


def a_blog(**rules) -> dict:
    given = {"secret": (SECRET,), "accounts": ("brand-*",), "caption": "{{ title }}"}
    return {"blog": (OWN, HookRules(**given | rules))}


async def send(town, **fields):
    return await town.receive("blog", town.hook(fields, authorization=f"Bearer {SECRET}"))


async def stored(town, answer):
    return (await town.store.event(answer.accepted.event_id))[0]


async def test_a_source_goes_by_its_own_rules(build_town):
    town = await build_town(hooks=a_blog(timezone="Europe/Berlin"))
    answer = await send(town, **GIVEN, scheduled_at="2026-01-01T14:00")

    [post] = answer.posts
    assert {target.account for target in post.targets} == {TIKTOK, INSTAGRAM}
    assert (post.content["caption"], post.source, post.scheduled_at) == ("Holiday drops", "blog", NOON.replace(hour=13))
    event = await stored(town, answer)
    assert (event.scope, event.source) == ("source:blog", "blog")


async def test_what_is_certain_to_fail_is_kept_and_told(build_town):
    town = await build_town(hooks=a_blog(captions={"instagram": "{{ excerpt }}"}))
    answer = await send(town, **GIVEN, excerpt="x" * 2300)

    states = {post.targets[0].account: (post.state, post.reason) for post in answer.posts}
    assert states == {TIKTOK: (PostState.ACCEPTED, None), INSTAGRAM: (PostState.REJECTED, FailureReason.INVALID)}
    refused = next(post for post in answer.posts if post.state is PostState.REJECTED)
    assert await town.events(refused.id) == ["post.rejected"]
    told = await town.data(refused.id, "post.rejected")
    assert (told["reason"], [fault["limit"] for fault in told["errors"]]) == ("invalid", [2200])
    assert await town.commands(refused.id) == []


async def test_warned_of_it_goes_out(build_town):
    town = await build_town(hooks=a_blog(preflight="warn"))
    answer = await send(town, **GIVEN | {"title": "x" * 900, "caption": "x" * 2300})

    assert [post.state for post in answer.posts] == [PostState.ACCEPTED]
    assert {one["code"] for one in answer.warnings} == {"PREFLIGHT"}


async def test_without_a_caption_the_posts_are_rejected_with_what_to_do(build_town):
    town = await build_town(hooks=a_blog(caption=None, preflight="off"))
    answer = await send(town, media=VIDEO)

    assert [post.state for post in answer.posts] == [PostState.REJECTED]
    assert "sources.blog.caption" in answer.note


@pytest.mark.parametrize("accounts", [(), ("nobody",)])
async def test_without_an_account_the_event_says_why(build_town, accounts):
    town = await build_town(hooks=a_blog(accounts=accounts))
    answer = await send(town, **GIVEN)

    event = await stored(town, answer)
    assert (answer.posts, event.reason) == ((), answer.reason)
    assert ("no account that we know" if accounts else "accounts is missing") in event.reason


async def test_an_account_that_is_no_more_does_not_stop_the_others(build_town):
    town = await build_town(hooks=a_blog(accounts=("brand-tiktok", "nobody")))
    answer = await send(town, **GIVEN)

    assert [target.account for post in answer.posts for target in post.targets] == [TIKTOK]
    assert [(one["field"], one["code"]) for one in answer.warnings] == [("accounts[1]", "ACCOUNT")]


async def test_fields_that_cannot_be_read_are_kept_with_what_is_wrong(metrics, build_town):
    town = await build_town(hooks=a_blog())
    answer = await send(town, **GIVEN, captoin="x", url="nowhere")

    event = await stored(town, answer)
    assert [one["field"] for one in event.warnings] == ["captoin", "url"]
    assert "captoin is not a known field" in event.reason
    assert town.metric("bridge_events_total", source="blog", outcome="invalid") == 1


async def test_the_same_again_is_a_repetition(build_town):
    town = await build_town(hooks=a_blog())
    await send(town, **GIVEN)

    assert (await send(town, **GIVEN)).accepted.duplicate


async def test_what_is_told_at_accept_is_counted(metrics, build_town):
    town = await build_town(hooks=a_blog(caption=None))
    await send(town, media=VIDEO)

    assert town.metric("bridge_transitions_total", type="post.rejected") == 1


async def test_a_stranger_is_refused(build_town):
    town = await build_town(hooks=a_blog())
    with pytest.raises(Problem) as caught:
        await town.receive("blog", town.hook(GIVEN, authorization="Bearer another"))

    assert (caught.value.status, caught.value.slug) == (401, "not_verified")
    assert await town.store.find_events(Find()) == []


# --- Hints -----------------------------------------------------------------------------------------------------------

PE = {"pe-hooks": ("posteverywhere", PostEverywhereHooks(secret=("whsec_pe",), partner="gv"))}


class Looks:
    """What was looked at; a look lasts until it is let go."""

    def __init__(self, error: Exception | None = None) -> None:
        self.hints: list[Hint] = []
        self.error, self.go = error, asyncio.Event()

    async def __call__(self, hint: Hint) -> None:
        await self.go.wait()
        self.hints.append(hint)
        if self.error is not None:
            raise self.error


@pytest.fixture
def looks() -> Looks:
    return Looks()


async def hint(town, event="post.published", *, event_id="e1", **data):
    body = orjson.dumps({"event": event, "event_id": event_id, "data": {"post_id": "p1"} | data})
    signature = "sha256=" + hmac.new(b"whsec_pe", body, "sha256").hexdigest()
    return await town.receive("pe-hooks", town.hook(body, x_posteverywhere_signature=signature))


async def settled(town) -> None:
    await town.ingest.hints._tasks.settled()


async def test_a_hint_is_kept_and_followed_after_the_answer(build_town, looks):
    town = await build_town(hooks=PE, look=looks)
    answer = await hint(town, account_id=7)

    assert looks.hints == []
    looks.go.set()
    await settled(town)
    event = await stored(town, answer)
    assert looks.hints == [Hint("gv", ("p1",), ("7",))]
    assert (event.intent, event.key, event.object_id) == (Intent.HINT, "key:e1", "p1")
    assert (answer.posts, answer.warnings, answer.reason) == ((), (), None)


async def test_a_look_after_a_hint_is_of_no_requests_trace(build_town):
    """A poll would read the same, and is of none either."""
    found = []

    async def look(hint: Hint) -> None:
        found.append(current())

    town = await build_town(hooks=PE, look=look)
    enter(TRACEPARENT)
    await hint(town)
    await settled(town)
    assert found == [None]


async def test_what_comes_without_a_trace_is_of_none_though_its_task_was(build_town):
    """The task of a request that was sent right behind another one begins as that one's."""
    town = await build_town(hooks=a_blog())
    enter(TRACEPARENT)
    event = await stored(town, await send(town, **GIVEN))
    assert event.traceparent is None


async def test_the_same_hint_again_makes_no_call(metrics, build_town, looks):
    looks.go.set()
    town = await build_town(hooks=PE, look=looks)
    first = await hint(town)
    again = await hint(town, event="post.failed")
    await settled(town)

    assert (again.accepted.duplicate, again.accepted.event_id) == (True, first.accepted.event_id)
    assert len(looks.hints) == 1
    assert town.metric("bridge_events_total", source="pe-hooks", outcome="duplicate") == 1


async def test_a_hint_is_new_after_the_window(build_town, looks):
    town = await build_town(hooks=PE)
    await hint(town)
    town.clock.move(hours=72)

    assert not (await hint(town)).accepted.duplicate


async def test_a_hint_without_an_id_is_known_by_its_bytes(build_town):
    town = await build_town(hooks=PE)

    known = [(await hint(town, event_id=None, n=number)).accepted.duplicate for number in (1, 1, 2)]
    assert known == [False, True, False]


async def test_a_test_is_kept_and_asks_nothing(build_town, looks):
    looks.go.set()
    town = await build_town(hooks=PE, look=looks)
    answer = await hint(town, "webhook.test")
    await settled(town)

    assert ((await stored(town, answer)).intent, looks.hints) == (Intent.TEST, [])


async def test_a_look_that_fails_is_only_logged(build_town):
    looks = Looks(RuntimeError("no"))
    looks.go.set()
    town = await build_town(hooks=PE, look=looks)
    await hint(town)
    await settled(town)

    assert len(looks.hints) == 1
    assert not (await hint(town, event_id="e2")).accepted.duplicate


async def test_only_so_many_hints_are_followed_at_once_and_stopping_ends_them(build_town, looks):
    town = await build_town(hooks=PE, look=looks)
    for number in range(102):
        town.ingest.hints.follow(Hint("gv", (f"p{number}",)))

    assert len(town.ingest.hints._tasks) == 100
    async with asyncio.timeout(timedelta(seconds=5).total_seconds()):
        await town.ingest.hints.stop()
    assert looks.hints == []
