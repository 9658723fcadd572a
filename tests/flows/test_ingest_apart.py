"""An account that cannot have what a hook sent does not keep the others from theirs; and what a preview shows of it."""

import httpx
import pytest

from bridge.core.hook_rules import HookRules
from bridge.core.model import PostState
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, X
from bridge.simulator.posteverywhere import INSTAGRAM as PE_INSTAGRAM
from bridge.simulator.posteverywhere import PostEverywhereSimulator, app
from bridge.simulator.posteverywhere import X as PE_X
from tests.flows.town import OWN, THINGS, VIDEO
from tests.partners.things import Observed, posteverywhere

pytestmark = pytest.mark.anyio

SECRET = "the-secret-of-the-blog"
JPG = "https://cdn.example.com/a.jpg"
PAIRS = {"gv": (X, INSTAGRAM), "two": (str(PE_X), str(PE_INSTAGRAM))}
REJECTED, ACCEPTED = PostState.REJECTED, PostState.ACCEPTED


@pytest.fixture
async def both(build_town):
    """Builds a town of both partners (PostEverywhere is `two`) whose blog posts to some accounts."""
    clients = []

    async def build(*accounts, kind=OWN, **rules):
        given = HookRules(secret=(SECRET,), accounts=accounts, **rules)
        town = await build_town(hooks={"blog": (kind, given)})
        sim = PostEverywhereSimulator(now=town.clock, general_per_minute=10_000, creates_per_minute=10_000)
        client = posteverywhere(httpx.ASGITransport(app=app(sim)), town.clock, Observed())
        client.name = "two"
        town.kit.partners["two"] = client
        clients.append(client)
        await town.watcher.add_keys()
        await town.watcher.accounts()
        return town

    yield build
    for client in clients:
        await client.close()


def said(town, **fields):
    return town.hook(fields, authorization=f"Bearer {SECRET}")


def shown(answer) -> list[tuple[str, list[str]]]:
    return [(post.state, [row.account for row in post.targets]) for post in answer.posts]


@pytest.mark.parametrize("key", PAIRS)
async def test_the_account_that_needs_media_is_rejected_alone(both, key):
    sound, needy = PAIRS[key]
    town = await both(sound, needy)
    answer = await town.receive("blog", said(town, caption="No picture"))

    assert shown(answer) == [(ACCEPTED, [sound]), (REJECTED, [needy])]
    told = await town.data(answer.posts[1].id, "post.rejected")
    assert [fault["field"] for fault in told["errors"]] == ["media"]
    assert [row["account"]["id"] for row in told["targets"]] == [needy]


async def test_with_both_partners_each_has_its_sound_ones(both):
    town = await both(*PAIRS["gv"], *PAIRS["two"])
    answer = await town.receive("blog", said(town, caption="No picture"))

    assert [state for state, _ in shown(answer)] == [ACCEPTED, REJECTED, ACCEPTED, REJECTED]
    assert len({post.external_id for post in answer.posts}) == 4


async def test_what_only_a_faulty_account_can_use_does_not_make_the_others_faulty(both):
    town = await both(X, TIKTOK)
    answer = await town.receive("blog", said(town, caption="No picture", tiktok={"post_mode": "MEDIA_UPLOAD"}))

    assert shown(answer) == [(ACCEPTED, [X]), (REJECTED, [TIKTOK])]
    assert "tiktok" not in answer.posts[0].content


@pytest.mark.parametrize(
    "fields", [{}, {"caption": "x" * 70_000}, {"caption": "Late", "scheduled_at": "2020-01-01T00:00:00Z"}]
)
async def test_what_is_wrong_for_all_makes_one_rejected_post(both, fields):
    town = await both(*PAIRS["gv"])
    answer = await town.receive("blog", said(town, external_id="a", media=JPG, **fields))

    assert shown(answer) == [(REJECTED, [*PAIRS["gv"]])]


async def test_nothing_is_parted_where_faults_are_only_warned_of(both):
    town = await both(*PAIRS["gv"], preflight="warn")
    answer = await town.receive("blog", said(town, caption="No picture"))

    assert shown(answer) == [(ACCEPTED, [*PAIRS["gv"]])]


async def test_a_caller_of_the_api_is_told_of_all_of_it(both):
    town = await both()
    problem = await town.refusal(accounts=[X, INSTAGRAM], media=...)

    assert (problem.status, [fault.field for fault in problem.errors]) == (422, ["media"])
    assert await town.told() == []


async def test_a_preview_shows_both_posts_and_why_one_is_rejected(both):
    town = await both(*PAIRS["two"])
    told = await town.ingest.preview("blog", said(town, caption="No picture"))

    sound, needy = told["items"][0]["posts"]
    assert (sound["asks"], sound["request"], sound["faults"]) == (
        "publish",
        {"account_ids": [PE_X], "content": "No picture"},
        [],
    )
    assert (needy["asks"], needy["request"], needy["state"]) == (None, None, REJECTED)
    [fault] = needy["faults"]
    assert fault["field"] == "media"
    assert fault["remedy"]


@pytest.mark.parametrize(
    ("account", "media", "of"),
    [
        (str(PE_X), JPG, lambda request: request["media_ids"]),
        (TIKTOK, f"{VIDEO}?Expires=1&Signature=a", lambda request: [request["media"]["url"]]),
    ],
)
async def test_a_preview_marks_the_files_that_are_stored_with_the_partner_first(both, account, media, of):
    town = await both(account)
    [item] = (await town.ingest.preview("blog", said(town, caption="A picture", media=media)))["items"]

    [post] = item["posts"]
    assert (post["fetches"], post["faults"]) == ([media], [])
    assert of(post["request"]) == [f"<stored: {media}>"]
    assert post["content"]["media"]


THING = {"id": "p1", "title": "First", "url": "https://blog.example.com/1", "intent": "publish", "rev": "1"}


@pytest.mark.parametrize("account", [str(PE_X), X])
async def test_a_preview_of_a_change_shows_what_the_post_says_then(both, account):
    town = await both(account, kind=THINGS, caption="{{ title }}")
    first = {**THING, "intent": "schedule", "at": "2026-01-02T12:00:00Z"}
    await town.receive("blog", said(town, **first))
    await town.work()
    changed = {**first, "title": "Second", "rev": "2", "at": "2026-01-03T12:00:00Z", "images": [JPG]}
    [item] = (await town.ingest.preview("blog", said(town, **changed)))["items"]

    [post] = item["posts"]
    assert (item["outcome"], post["asks"], post["faults"]) == ("changed", "update", [])
    assert (post["content"]["caption"], post["scheduled_at"][:10]) == ("Second", "2026-01-03")
    assert "Second" in post["request"].values()
    assert post["fetches"] == ([JPG] if account == str(PE_X) else [])


async def test_a_preview_of_a_cancel_asks_for_that_or_for_nothing(both):
    town = await both(X, kind=THINGS, caption="{{ title }}")
    first = {**THING, "intent": "schedule", "at": "2026-01-02T12:00:00Z"}
    await town.receive("blog", said(town, **first))
    before = await town.ingest.preview("blog", said(town, **{**THING, "intent": "delete", "rev": "2"}))
    await town.work()
    after = await town.ingest.preview("blog", said(town, **{**THING, "intent": "delete", "rev": "2"}))

    [unsent], [sent] = before["items"][0]["posts"], after["items"][0]["posts"]
    assert (unsent["state"], unsent["asks"], unsent["request"]) == (PostState.CANCELED, None, None)
    assert sent["asks"] == "cancel"


async def test_a_request_that_cannot_be_made_is_a_fault_of_the_preview(both):
    town = await both(str(PE_X), kind=THINGS, preflight="off")

    def broken(*_given):
        raise ValueError("something new")

    town.kit.partners["two"].build = broken
    [item] = (await town.ingest.preview("blog", said(town, **THING)))["items"]

    assert item["posts"][0]["request"] is None
    assert "ValueError" in item["posts"][0]["faults"][0]["problem"]


async def test_a_change_of_a_post_whose_partner_is_gone_is_shown_without_a_request(both):
    town = await both(str(PE_X), kind=THINGS)
    await town.receive("blog", said(town, **{**THING, "intent": "schedule", "at": "2026-01-02T12:00:00Z"}))
    await town.work()
    del town.kit.partners["two"]
    [item] = (await town.ingest.preview("blog", said(town, **{**THING, "intent": "delete", "rev": "2"})))["items"]

    [post] = item["posts"]
    assert (post["asks"], post["request"]) == ("cancel", None)
    assert "'two'" in post["faults"][0]["problem"]
