"""The source `storyblok`: which story a webhook names, and what its fetched story says."""

from datetime import timedelta

import orjson
import pytest

from bridge.core.errors import Problem
from bridge.core.model import Intent, Item
from bridge.core.signing import Check, Unverified
from bridge.sources import build
from bridge.sources.storyblok import StoryblokRules
from tests.core.builders import NOW
from tests.sources.thin import a_request, answer, items, looked_up, mac, sent

SECRET = "storyblok-secret"
SOURCE = build("cms", "storyblok", StoryblokRules(secret=(SECRET,), token="to ken"))
WANTED = {"id": "123"}
API = "https://api.storyblok.com/v2/cdn"
# Computed from the documented scheme; the vendor publishes no vector.
VECTOR = b'{"post":{"current":{"title":"Hi"},"previous":{}}}'
SIGNATURE = "cbe16db93b60ff6541e886917e69081e2c818440"


def signed(body: bytes):
    return a_request(body, webhook_signature=mac(SECRET, body, "sha1"))


def read(**fields) -> Item:
    [item] = items(SOURCE, signed(orjson.dumps(fields)))
    return item


def fetched(source=SOURCE, **changes) -> Item:
    story = orjson.loads(answer("storyblok/story.json"))["story"] | changes
    _, item = looked_up(source, WANTED, answer("storyblok/space.json"), orjson.dumps({"story": story}))
    assert isinstance(item, Item)
    return item


def test_the_body_is_signed_with_sha1():
    SOURCE.verify(a_request(VECTOR, webhook_signature=SIGNATURE))
    for request, check in [
        (a_request(VECTOR + b" ", webhook_signature=SIGNATURE), Check.FORGED),
        (a_request(VECTOR), Check.UNSIGNED),
    ]:
        with pytest.raises(Unverified) as caught:
            SOURCE.verify(request)
        assert caught.value.check is check


@pytest.mark.parametrize(
    ("file", "intent", "event", "object_id"),
    [
        ("published", Intent.NEEDS_FETCH, "story.published", "123"),
        ("unpublished", Intent.UNPUBLISH, "story.unpublished", "123"),
        ("workflow_stage_changed", Intent.IGNORE, "workflow_stage_changed", "2270165"),
    ],
)
def test_an_action_tells_what_is_wanted(file, intent, event, object_id):
    [item] = items(SOURCE, signed(sent(f"storyblok/{file}.json")))

    assert (item.intent, item.event, item.object_id) == (intent, event, object_id)
    assert item.wanted == ({"id": object_id} if intent is Intent.NEEDS_FETCH else None)


def test_an_asset_that_is_deleted_is_no_story():
    assert read(action="deleted", asset_id=7, space_id=1).intent is Intent.IGNORE
    assert read(action="deleted", story_id=7, space_id=1).intent is Intent.DELETE


def test_the_same_story_published_again_is_another_event():
    body = sent("storyblok/published.json")
    first, again = signed(body), signed(body)
    object.__setattr__(again, "received_at", NOW + timedelta(hours=1))

    assert items(SOURCE, first)[0].key != items(SOURCE, again)[0].key


def test_without_a_token_nothing_is_fetched_and_the_event_says_why():
    source = build("cms", "storyblok", StoryblokRules(secret=(SECRET,)))
    [item] = items(source, signed(sent("storyblok/published.json")))

    assert not source.fetches
    assert "token" in item.note


@pytest.mark.parametrize("body", [b"[]", b"{}", b'[{"action":"published"}]', b'{"action":{},"story_id":[]}'])
def test_whatever_is_sent_is_read(body):
    assert [item.intent for item in items(SOURCE, signed(body))] == [Intent.IGNORE]


def test_the_newest_version_of_a_story_is_asked_for():
    asked, item = looked_up(SOURCE, WANTED, answer("storyblok/space.json"), answer("storyblok/story.json"))

    assert asked == [
        f"{API}/spaces/me?token=to+ken",
        f"{API}/stories/123?token=to+ken&version=published&cv=1735645795",
    ]
    assert isinstance(item, Item)


@pytest.mark.parametrize(
    ("rules", "api"),
    [
        ({"region": "us"}, "https://api-us.storyblok.com/v2/cdn"),
        ({"region": "cn"}, "https://app.storyblokchina.cn/v2/cdn"),
        ({"api": "http://127.0.0.1:9/cdn/"}, "http://127.0.0.1:9/cdn"),
    ],
)
def test_the_region_says_where_the_api_is(rules, api):
    source = build("cms", "storyblok", StoryblokRules(secret=(SECRET,), token="t", **rules))

    assert looked_up(source, WANTED, b"{}")[0] == [f"{api}/spaces/me?token=t"]


def test_an_id_stays_one_part_of_the_path():
    asked, _ = looked_up(SOURCE, {"id": "../spaces?x="}, b"{}", answer("storyblok/story.json"))

    assert asked[1].startswith(f"{API}/stories/..%2Fspaces%3Fx%3D?")


def test_a_story_is_read():
    item = fetched()

    assert (item.intent, item.object_id, item.revision) == (Intent.PUBLISH, "123", "2024-04-26T10:25:22.654Z")
    assert (item.title, item.url, item.tags) == ("Holiday drops & more", "blog/holiday-drops", ("news", "drops"))
    assert item.images == ("https://a.storyblok.com/f/123/1200x800/abc/box.jpg",)
    assert item.excerpt == "Three things to know."
    assert item.body == "First\nBold and plain.\nOne"
    assert item.raw["content"]["component"] == "article"


def test_what_a_story_lacks_is_left_out():
    item = fetched(content=None, tag_list="news", full_slug=None, name=None)

    assert (item.title, item.body, item.url, item.images, item.tags) == ("", "", "", (), ())


def test_a_text_that_is_no_rich_text_is_taken_as_it_is():
    assert fetched(content={"body": "# Markdown", "logo": {"filename": "//a.b/c.PNG"}}).body == "# Markdown"
    assert fetched(content={"logo": {"filename": "//a.b/c.PNG"}}).images == ("https://a.b/c.PNG",)


def test_a_story_nested_deeply_is_read_as_far_as_it_goes():
    content = b'{"content":[' * 400 + b'{"type":"text","text":"x"}' + b"]}" * 400
    _, item = looked_up(SOURCE, WANTED, b"{}", b'{"story":{"content":' + content + b"}}")

    assert isinstance(item, Item)
    assert item.body == ""


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"story": []}'])
def test_an_answer_that_is_none_is_a_problem(body):
    with pytest.raises(Problem) as caught:
        looked_up(SOURCE, WANTED, b"{}", body)

    assert "token" not in caught.value.detail
