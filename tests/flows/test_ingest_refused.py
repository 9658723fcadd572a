"""What a hook sends and cannot be published: told as `post.rejected`, once, and tried again when a person says so."""

from dataclasses import replace
from datetime import timedelta

import httpx
import orjson
import pytest

from bridge.core.errors import FailureReason
from bridge.core.hook_rules import HookRules
from bridge.core.model import CommandKind, PostState, WorkState
from bridge.ports import Find
from bridge.simulator.genviral import TIKTOK
from bridge.simulator.posteverywhere import TIKTOK as PE_TIKTOK
from bridge.simulator.posteverywhere import PostEverywhereSimulator, app
from tests.flows.test_fetch import picture, serving
from tests.flows.town import OWN, VIDEO
from tests.partners.things import Observed, posteverywhere

pytestmark = pytest.mark.anyio

SECRET = "the-secret-of-the-blog"
GIVEN = {"title": "Holiday drops", "media": VIDEO}
TOO_LONG = {"caption": "x" * 5000, "media": VIDEO}
MINUTES = timedelta(minutes=10)


def a_blog(*accounts: str, **rules) -> dict:
    given = {"secret": (SECRET,), "accounts": accounts or ("brand-*",), "caption": "{{ title }}"}
    return {"blog": (OWN, HookRules(**given | rules))}


async def send(town, key=None, **fields):
    headers = {"authorization": f"Bearer {SECRET}"} | ({"idempotency_key": key} if key else {})
    return await town.receive("blog", town.hook(fields, **headers))


async def alerts(town) -> list[dict]:
    """The data of every `post.rejected` whose subject is an event, oldest first."""
    found = await town.store.find_deliveries(Find(type="post.rejected", limit=200))
    told = {one.outbound_id: one for one in found if one.subject.startswith("event:")}
    events = [await town.store.delivery(one.id) for one in sorted(told.values(), key=lambda one: one.outbound_id)]
    return [orjson.loads(event.body)["data"] for _, event, _ in events]


async def test_accounts_that_nobody_knows_are_told_of(build_town):
    town = await build_town(hooks=a_blog("brand-tiktok", "nobody", "gv:99"))
    answer = await send(town, **GIVEN, external_id="a-1", correlation="c")

    [told] = await alerts(town)
    event_id = answer.accepted.event_id
    assert [target.account for post in answer.posts for target in post.targets] == [TIKTOK]
    assert (told["subject"], told["sequence"]) == ({"kind": "event", "id": event_id}, 1)
    assert (told["reason"], told["accounts"]) == ("unknown_accounts", ["nobody", "gv:99"])
    assert [fault["field"] for fault in told["errors"]] == ["accounts[1]", "accounts[2]"]
    known = [told[name] for name in ("event_id", "source", "external_id", "correlation")]
    assert known == [event_id, "blog", "a-1", "c"]


async def test_a_request_that_cannot_be_read_is_told_of(metrics, build_town):
    town = await build_town(hooks=a_blog())
    answer = await send(town, **GIVEN, captoin="x")

    [told] = await alerts(town)
    assert (answer.posts, told["reason"], told["accounts"]) == ((), "invalid", [])
    assert [fault["field"] for fault in told["errors"]] == ["captoin"]
    assert town.metric("bridge_transitions_total", type="post.rejected") == 1


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("sent", [{**GIVEN, "accounts": ["nobody"]}, {**GIVEN, "media": 5}])
async def test_the_same_again_tells_nothing_for_a_while(build_town, key, sent):
    town = await build_town(hooks=a_blog())
    first, again = await send(town, key, **sent), await send(town, key, **sent)

    assert (again.accepted.duplicate, again.accepted.event_id) == (True, first.accepted.event_id)
    assert len(await alerts(town)) == 1
    town.clock.at += MINUTES
    assert not (await send(town, key, **sent)).accepted.duplicate


@pytest.mark.parametrize("refused", [{**GIVEN, "accounts": ["nobody"]}, {**GIVEN, "media": 5}, TOO_LONG])
async def test_another_request_may_use_the_key_of_one_that_made_nothing(build_town, refused):
    town = await build_town(hooks=a_blog())
    await send(town, "k", **refused)
    answer = await send(town, "k", **GIVEN)

    assert (answer.accepted.duplicate, answer.posts[0].state) == (False, PostState.ACCEPTED)


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_rejected_post_is_told_once_in_the_dedupe_window(build_town, key):
    town = await build_town(hooks=a_blog())
    [post] = (await send(town, key, **TOO_LONG)).posts
    again = await send(town, key, **TOO_LONG)

    assert (again.accepted.duplicate, [one.id for one in again.posts]) == (True, [post.id])
    assert await town.told("post.rejected") == ["post.rejected"]
    town.clock.move(hours=72)
    assert not (await send(town, key, **TOO_LONG)).accepted.duplicate


async def test_a_key_that_was_used_is_told_of_and_answered_as_taken(metrics, build_town):
    town = await build_town(hooks=a_blog())
    first = await send(town, "k", **GIVEN)
    answer, again = await send(town, "k", **VIDEO_B), await send(town, "k", **VIDEO_B)

    [told] = await alerts(town)
    event, posts = await town.store.event(answer.accepted.event_id)
    assert (answer.posts, posts, event.reason, told["reason"]) == ((), [], "key_conflict", FailureReason.KEY_CONFLICT)
    assert first.accepted.event_id in event.warnings[0]["message"]
    assert again.accepted.duplicate
    assert town.metric("bridge_events_total", source="blog", outcome="conflict") == 1


VIDEO_B = {"title": "Another", "media": VIDEO}


# --- Again, by a person ----------------------------------------------------------------------------------------------


@pytest.fixture
async def pe_town(build_town):
    """A town whose blog posts through PostEverywhere, which keeps all media itself."""
    town = await build_town(hooks=a_blog(str(PE_TIKTOK)))
    sim = PostEverywhereSimulator(now=town.clock, general_per_minute=10_000, creates_per_minute=10_000)
    client = posteverywhere(httpx.ASGITransport(app=app(sim)), town.clock, Observed())
    client.name = "two"
    town.kit.partners["two"] = client
    await town.watcher.add_keys()
    await town.watcher.accounts()
    yield town
    await client.close()


async def retried(town, **sent):
    [post] = (await send(town, **sent)).posts
    assert post.state is PostState.REJECTED
    await town.actions.retry(post.id, ())
    await town.work()
    return await town.post(post.id)


LATE = {"title": "x", "scheduled_at": "2026-01-01T11:00:00Z"}


async def test_a_rejected_post_is_fetched_for_when_it_is_tried_again(pe_town):
    post = await retried(pe_town, **LATE, media="https://cdn.example.com/a.jpg")

    done = [(one.kind, one.state) for one in await pe_town.commands(post.id)]
    assert post.partner_id is not None
    assert done == [(CommandKind.FETCH, WorkState.DONE), (CommandKind.PUBLISH, WorkState.DONE)]


async def test_media_that_the_partner_does_not_take_are_converted_then_too(build_town):
    town = await build_town(hooks=a_blog("brand-tiktok"))
    async with serving() as files:
        post = await retried(town, **LATE, media=files.put("/a.webp", picture()))

    assert (post.partner_id is not None, len(post.hosted)) == (True, 1)


@pytest.mark.parametrize(
    ("sent", "made", "why"),
    [
        ({"caption": "x" * 5000}, picture(), FailureReason.CONTENT),
        (LATE, b"nothing", FailureReason.MEDIA_INVALID),
    ],
)
async def test_what_is_still_wrong_is_a_refusal_in_words(pe_town, sent, made, why):
    async with serving() as files:
        post = await retried(pe_town, **sent, media=files.put("/a.webp", made))

    assert (post.state, post.reason, post.partner_id) == (PostState.REJECTED, why, None)
    assert post.error


async def test_what_no_request_can_say_is_refused_without_one(pe_town):
    directory = pe_town.kit.book.directory
    odd = replace(directory.accounts[f"two:{PE_TIKTOK}"], id="odd")
    pe_town.kit.book.directory = replace(directory, accounts={**directory.accounts, "two:odd": odd})
    [post] = (await send(pe_town, caption="x" * 5000, accounts=["odd"])).posts
    await pe_town.actions.retry(post.id, ())
    await pe_town.work()

    post = await pe_town.post(post.id)
    assert (post.state, post.reason) == (PostState.REJECTED, FailureReason.INVALID)
    assert post.error == "'odd' is no id of an account of this partner"
