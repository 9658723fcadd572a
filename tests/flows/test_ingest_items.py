"""What a source says, item by item: several in a request, intents that make no post, what is fetched, the brake."""

import orjson
import pytest

from bridge.core.errors import FailureReason, Problem, StoreBusy
from bridge.core.hook_rules import HookRules
from bridge.core.model import Intent, Item, Lookup, PostState, WorkState
from bridge.core.rules import Limits
from bridge.core.step import Moment, Step
from bridge.ports import Find, Write
from tests.flows.town import NOON, THINGS, VIDEO

pytestmark = pytest.mark.anyio

SECRET = "the-secret-of-the-blog"
BRAKE = "source:cms"


def a_cms(**rules) -> dict:
    given = {
        "secret": (SECRET,),
        "accounts": ("brand-tiktok",),
        "caption": "{{ title }}",
        "content": {"media": {"type": "video", "url": VIDEO}},
    }
    return {"cms": (THINGS, HookRules(**given | rules))}


@pytest.fixture
async def cms(build_town):
    return await build_town(hooks=a_cms())


async def send(town, *things):
    body = list(things) if len(things) != 1 else things[0]
    raw = town.hook(orjson.dumps(body), authorization=f"Bearer {SECRET}")
    return (await town.ingest.receive("cms", raw)).results


def thing(title="Drops", **fields) -> dict:
    return {"intent": "publish", "title": title} | fields


async def all_posts(town):
    return await town.store.find_posts(Find(limit=100))


async def test_each_item_is_an_event_of_its_own_in_order(cms):
    results = await send(cms, thing("One"), thing("Two"))

    assert [post.content["caption"] for result in results for post in result.posts] == ["One", "Two"]
    assert len({result.accepted.event_id for result in results}) == 2


async def test_each_event_keeps_its_own_part_of_the_request(cms):
    things = [thing("One"), thing("Two"), thing("Three")]

    results = await send(cms, *things)

    kept = [(await cms.store.event(result.accepted.event_id))[0] for result in results]
    assert [orjson.loads(event.body) for event in kept] == things
    assert [event.content_type for event in kept] == ["application/json"] * 3


async def test_a_request_that_is_cut_off_half_way_finds_its_first_half(cms):
    items = [thing("One"), thing("Two", id="2", rev="1"), thing("Three")]
    cms.store.lose["accept"] = [None, StoreBusy()]
    with pytest.raises(Problem) as caught:
        await send(cms, *items)
    assert (caught.value.status, len(await all_posts(cms))) == (503, 1)

    again = await send(cms, *items)
    assert [result.outcome for result in again] == ["duplicate", "accepted", "accepted"]
    assert len(await all_posts(cms)) == 3


async def test_a_request_without_an_item_is_fine(metrics, cms):
    raw = cms.hook(b"[]", authorization=f"Bearer {SECRET}")
    assert (await cms.ingest.receive("cms", raw)).results == ()
    assert await cms.store.find_events(Find()) == []
    assert cms.metric("bridge_events_total", source="other", outcome="ignored") == 1


@pytest.mark.parametrize(
    ("intent", "outcome"),
    [
        ("test", "tested"),
        ("handshake", "tested"),
        ("ignore", "ignored"),
        ("needs_fetch", "needs_fetch"),
        ("needs_mapping", "needs_mapping"),
        ("unpublish", "ignored"),
    ],
)
async def test_what_makes_no_post_is_kept_counted_and_says_why(metrics, cms, intent, outcome):
    [result] = await send(cms, thing(intent=intent, note="Put a step in between."))

    event, posts = await cms.store.event(result.accepted.event_id)
    assert (event.intent, event.reason, posts) == (Intent(intent), "Put a step in between.", [])
    assert (result.outcome, result.note, result.reason) == (outcome, "Put a step in between.", None)
    assert cms.metric("bridge_events_total", source="other", outcome=outcome) == 1


async def test_the_senders_key_goes_before_everything_else(cms):
    [first] = await send(cms, thing(key="k1", id="7"))
    [again] = await send(cms, thing("Another", key="k1", id="7", rev="9"))

    assert (again.outcome, again.accepted.event_id) == ("duplicate", first.accepted.event_id)


async def test_without_a_key_the_bytes_tell_repetitions_for_a_while(cms):
    await send(cms, thing())
    assert (await send(cms, thing()))[0].outcome == "duplicate"
    cms.clock.move(hours=72)
    assert (await send(cms, thing()))[0].outcome == "accepted"


async def test_the_same_version_with_another_intent_is_another_event(cms):
    await send(cms, thing(id="7", rev="1"))
    [result] = await send(cms, thing(id="7", rev="1", intent="unpublish"))

    assert result.outcome == "changed"


async def test_what_is_mapped_keeps_its_request_and_its_warnings(cms):
    [result] = await send(cms, thing(id="7", rev="1", url="/relative"))

    event, _ = await cms.store.event(result.accepted.event_id)
    assert event.request["title"] == "Drops"
    assert [one["code"] for one in event.warnings] == ["RELATIVE"]


async def test_a_time_that_cannot_be_read_is_kept_with_what_is_wrong(cms):
    [result] = await send(cms, thing(intent="schedule", at="soon", id="7", rev="1"))

    assert result.outcome == "invalid"
    assert "scheduled_at" in result.reason
    assert (await send(cms, thing(intent="schedule", at="soon", id="7", rev="1")))[0].outcome == "duplicate"


# What has to be fetched.


async def test_what_has_to_be_fetched_is_stored_with_its_event(build_town):
    town = await build_town(hooks=a_cms(site="https://cms.example.com"))
    [result] = await send(town, thing(intent="needs_fetch", wanted={"story": 7}))

    [lookup] = await town.store.due_lookups(NOON, 10)
    assert lookup == Lookup(result.accepted.event_id, "cms", {"story": 7}, NOON, NOON)
    assert result.outcome == "accepted"


async def test_a_repetition_is_not_fetched_again(build_town):
    town = await build_town(hooks=a_cms(site="https://cms.example.com"))
    for _ in range(2):
        await send(town, thing(intent="needs_fetch", wanted={"story": 7}))

    assert len(await town.store.due_lookups(NOON, 10)) == 1


async def test_an_event_whose_lookup_cannot_be_stored_is_not_stored_either(build_town):
    town = await build_town(hooks=a_cms(site="https://cms.example.com"))
    town.store.lose["accept"] = [StoreBusy()]
    with pytest.raises(Problem):
        await send(town, thing(intent="needs_fetch", wanted={"story": 7}))

    assert (await town.store.find_events(Find()), await town.store.due_lookups(NOON, 10)) == ([], [])


async def test_without_a_way_to_fetch_the_event_is_only_kept(cms):
    [result] = await send(cms, thing(intent="needs_fetch", wanted={"story": 7}))

    assert (result.outcome, await cms.store.due_lookups(NOON, 10)) == ("needs_fetch", [])


# What we fetched ourselves.

ITEM = Item(intent=Intent.PUBLISH, title="Drops", object_id="7", revision="1")


async def take(town, *items, **given):
    return await town.ingest.take("cms", items, body=b"<item/>", content_type="application/rss+xml", **given)


def ended(lookup: Lookup) -> Write:
    step = Step(Moment(NOON, lambda prefix: prefix, lambda: 0.0))
    step.edit(lookup, state=WorkState.DONE, settled_at=NOON)
    return step.write()


@pytest.fixture
async def lookup(build_town):
    """A town, and what it has yet to fetch."""
    town = await build_town(hooks=a_cms(site="https://cms.example.com"))
    await send(town, thing(intent="needs_fetch", wanted={"story": 7}))
    [found] = await town.store.due_lookups(NOON, 10)
    return town, found


async def test_what_we_fetch_goes_by_the_rules_of_its_source(cms):
    [result] = await take(cms, ITEM)

    event, [post] = await cms.store.event(result.accepted.event_id)
    assert (event.source, event.scope, event.body) == ("cms", "source:cms", b"<item/>")
    assert (event.content_type, post.content["caption"]) == ("application/rss+xml", "Drops")
    assert (await send(cms, thing(id="7", rev="1")))[0].outcome == "duplicate"


@pytest.mark.parametrize("known", [False, True])
async def test_what_is_written_with_it_is_written_once_also_when_it_is_known(lookup, known):
    cms, wanted = lookup
    if known:
        await take(cms, ITEM)
    await take(cms, ITEM, write=ended(wanted))

    assert await cms.store.due_lookups(NOON, 10) == []
    assert len(await all_posts(cms)) == 1


async def test_what_is_written_without_an_item_is_written(lookup):
    cms, wanted = lookup
    assert await take(cms, write=ended(wanted)) == ()
    assert await cms.store.due_lookups(NOON, 10) == []


@pytest.mark.parametrize("items", [(ITEM,), (Item(intent=Intent.TEST),), ()])
async def test_nothing_is_kept_when_what_is_written_with_it_was_changed_by_another(lookup, items):
    cms, wanted = lookup
    await cms.store.record([ended(wanted)])
    with pytest.raises(Problem) as caught:
        await take(cms, *items, write=ended(wanted))

    assert (caught.value.status, len(await cms.store.find_events(Find()))) == (503, 1)


async def test_a_full_queue_stops_what_we_fetch_too(build_town):
    town = await build_town(hooks=a_cms(), limits=Limits(queue=1))
    town.ingest.load.queue = 1
    with pytest.raises(Problem) as caught:
        await take(town, ITEM)

    assert caught.value.status == 429


async def test_braked_posts_wait_for_their_cause_and_go_when_it_closes(cms):
    world = await cms.kit.world()
    step = Step(cms.kit.moment(), world)
    step.open_cause(BRAKE, "", FailureReason.BRAKE, "more than 10 an hour", what_to_do="Look.")
    await cms.store.record([step.write()])
    [result] = await take(cms, ITEM, park_for=BRAKE)
    [command] = await cms.commands(result.posts[0].id)

    assert (result.posts[0].state, result.posts[0].reason) == (PostState.PARKED, FailureReason.BRAKE)
    assert (command.state, command.cause) == (WorkState.PARKED, BRAKE)
    await cms.tick()
    assert cms.wire.creates == []
    step = Step(cms.kit.moment(), await cms.kit.world())
    step.close_cause(BRAKE, "a person let it go")
    await cms.store.record([step.write()])
    await cms.tick()
    assert len(cms.wire.creates) == 1


async def test_the_answer_never_waits_for_a_partner(cms):
    """The partner would block for ever: nothing asks it."""
    cms.wire.handle_async_request = None
    [result] = await send(cms, thing(id="7", rev="1"))
    [changed] = await send(cms, thing("Mended", id="7", rev="2", intent="update"))

    assert (result.outcome, changed.outcome) == ("accepted", "changed")
