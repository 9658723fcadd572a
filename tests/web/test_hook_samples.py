"""Every captured or documented request of a sender, as it is sent: through the route, verified, stored, made a post."""

from typing import Any

import pytest

from tests.web.hooks import EVERY as ALL
from tests.web.hooks import Sample, add_source, events, post, widen

pytestmark = pytest.mark.anyio

SITE = "https://site.example.com"
EVERY = tuple(one for one in ALL if one.kind != "slack")
"""All but Slack's: what it is answered, and what becomes of it, is for people, and stands in tests of its own."""
KNOWN = (
    "airtable/ping.json", "auto_blogger/post_published.json", "buttondown/email_sent.json",
    "buttondown/subscriber_confirmed.json", "cloudevents/batch.json", "cloudevents/binary.json",
    "cloudevents/structured.json", "contentful/entry_publish_homepage.json", "contentstack/entry_update.json",
    "datocms/item_publish.json", "feed/simple.json", "feed/youtube_new_video.xml", "feeder/post.json",
    "ghost/post_deleted.json", "ghost/post_published.json", "github/ping.json", "github/release_released.json",
    "gitlab/release.json", "hubspot/workflow_contact.json", "hygraph/update_draft.json",
    "kontent/workflow_step_changed_signed.json", "notion/page_created.json", "notion/verification_handshake.json",
    "prismic/api_update.json", "prismic/test_trigger.json", "sanity/minimal_signed.json", "sanity/title_signed.json",
    "shopify/metaobjects_create_draft.json", "shopify/product_publications_create.json",
    "shopify/products_create.json", "standard_webhooks/full_contact_created.json",
    "standard_webhooks/signed_minimal.json", "storyblok/published.json", "storyblok/unpublished.json",
    "storyblok/workflow_stage_changed.json", "strapi/entry_publish.json", "strapi/media_create.json",
    "webflow/collection_item_changed_draft.json", "webflow/collection_item_published.json",
    "woocommerce/product_created.json", "wordpress_com/publish_post.form", "wordpress_rest/post.json",
    "wordpress_wp_webhooks/post_create.json", "zapier/docs_form.form", "zapier/docs_json.json",
    "zapier/docs_xml.xml", "zapier/typical_form.form",
)  # fmt: skip
"""The samples that were collected, each in its folder; one that is missing here or there is a mistake."""


def a_post(title: str, url: str = "", *images: str, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a post says that nobody wrote a template for: its title and its link."""
    found: dict[str, Any] = {"caption": "\n\n".join(filter(None, [title, url])), "title": title, "url": url}
    return found | {"tags": list(tags), "images": list(images)}


POSTED = {
    "auto_blogger/post_published.json": [
        a_post("How we grew organic traffic", "https://www.example.com/how-we-grew-organic-traffic")
    ],
    "cloudevents/binary.json": [a_post("Hello", "https://example.com/hello")],
    "contentful/entry_publish_homepage.json": [a_post("Adventure Trips")],
    "datocms/item_publish.json": [a_post("Hello", f"{SITE}/hello")],
    "feed/simple.json": [
        a_post("", "https://example.org/initial-post")
        | {"caption": "Hello, world!\n\nhttps://example.org/initial-post"},
        a_post("", "https://example.org/second-item")
        | {"caption": "This is a second item.\n\nhttps://example.org/second-item"},
    ],
    "feed/youtube_new_video.xml": [a_post("Video title", "http://www.youtube.com/watch?v=VIDEO_ID")],
    "feeder/post.json": [a_post("The title of the post", "https://example.com/p1", "https://example.com/p1.jpg")],
    "ghost/post_published.json": [
        a_post(
            "Welcome to Ghost",
            "http://ghost.blog/welcome/",
            "https://static.ghost.org/v2.0.0/images/welcome-to-ghost.jpg",
            tags=("Getting Started",),
        )
    ],
    "github/release_released.json": [
        a_post("demo-release", "https://github.com/hookdeckwrite/simple-app/releases/tag/demo")
    ],
    "gitlab/release.json": [a_post("os", "https://gitlab.com/hookdeckwrite/hookdeck-write/-/releases/observe")],
    "sanity/title_signed.json": [a_post("GROQ-Hooks are neat")],
    "shopify/products_create.json": [
        a_post("Example T-Shirt", f"{SITE}/products/example-t-shirt", tags=("example", "mens", "t-shirt"))
    ],
    "strapi/entry_publish.json": [a_post("Paris")],
    "webflow/collection_item_published.json": [
        a_post("hello world", f"{SITE}/hello-world", "https://uploads-ssl.webflow.com/hello.jpg")
    ],
    "woocommerce/product_created.json": [a_post("Perpemint", "http://localhost/wordpress/product/perpemint/")],
    "wordpress_com/publish_post.form": [
        a_post("Hello world!", "https://example.wordpress.com/2018/11/06/hello-world/")
    ],
    "wordpress_rest/post.json": [
        a_post(
            "Automator Incoming & Outgoing Webhook: The complete guidelines from Beginner to Advance",
            "https://autojoseph.uncannycloud.com/index.php/2026/01/20/automator-incoming-outgoing-webhook-"
            "the-complete-guidelines-from-beginner-to-advance/",
        )
    ],
    "wordpress_wp_webhooks/post_create.json": [
        a_post(
            "Hello world!",
            "https://mydomain.com/the-post/permalink",
            "https://mydomain.com/images/image.jpg",
            tags=("Uncategorized", "Second Cat"),
        )
    ],
}
"""What comes of the samples that publish, as it stands in the posts."""

TEXTS = {
    "auto_blogger/post_published.json": "Search visibility comes from consistent publishing…",
    "contentful/entry_publish_homepage.json": "We are a boutique tour operator focusing on a handpicked selection",
    "feed/simple.json": "Hello, world!",
    "feeder/post.json": "The content of the post",
    "ghost/post_published.json": "👋 Welcome, it's great to have you here.",
    "github/release_released.json": "See demo release",
    "gitlab/release.json": "Leta see",
    "shopify/products_create.json": "An example T-Shirt",
    "webflow/collection_item_published.json": "A first post",
    "woocommerce/product_created.json": "Very Usefull",
    "wordpress_com/publish_post.form": "Welcome to WordPress. This is your first post. Edit or delete it, then start",
    "wordpress_rest/post.json": "This guide covers everything you need to know about using webhooks in Uncanny Au",
    "wordpress_wp_webhooks/post_create.json": "Welcome to WordPress. This is your first post.",
}
"""How the text of a sample begins, as templates see it."""


def named(samples: Any) -> Any:
    return pytest.mark.parametrize("sample", samples, ids=[f"{one.file}-{place}" for place, one in enumerate(samples)])


def publishes(sample: Sample) -> bool:
    return sample.expected[0].get("intent") == "publish"


async def send(room: Any, sample: Sample, **config: Any) -> Any:
    """Send a sample to a source that is made for it, when it came."""
    widen(room)
    room.clock.at = sample.at
    add_source(room, "cms", sample.kind, **{"preflight": "off", "site": SITE, **sample.config, **config})
    return await post(room.public, sample.sent, sample.proof)


def test_every_sample_is_covered():
    files = {sample.file for sample in EVERY}

    assert [file for file in KNOWN if file not in files] == []
    mine = {sample.file for sample in EVERY if publishes(sample) and sample.file in KNOWN}
    assert mine == set(POSTED)
    assert set(TEXTS) <= set(POSTED)


@named(EVERY)
async def test_a_sample_is_taken_for_what_it_is(room, sample):
    answer = await send(room, sample)
    found = await events(room, "cms")

    if "refused" in sample.expected[0]:
        assert (answer.status_code, found) == (sample.expected[0]["refused"], [])
        return
    assert answer.status_code == (202 if sample.kind == "cloudevents" else 200), answer.text
    assert answer.headers["content-type"] == "application/json"
    for event, expected in zip(found, sample.expected, strict=True):
        known = {name: event[name] for name in ("intent", "object_id", "revision") if name in expected}
        assert known == {name: expected[name] for name in known}
        if expected.get("key"):
            assert event["key"] == f"key:{expected['key']}"
    await assert_known_again(room, sample)


async def assert_known_again(room: Any, sample: Sample) -> None:
    """Check that a repetition is told as one and stores nothing; those of Storyblok have nothing to be known by."""
    room.clock.advance(seconds=1)
    again = await post(room.public, sample.sent, sample.proof)
    told = again.json() if again.content else {}

    known = sample.kind != "storyblok"
    assert all(one["duplicate"] is known for one in told.get("events", [told] if told else []))
    assert len(await events(room, "cms")) == len(sample.expected) * (1 if known else 2)


@named([sample for sample in EVERY if sample.file in POSTED and publishes(sample)])
async def test_what_is_published_says_what_the_sender_said(room, sample):
    await send(room, sample)

    made = [one for event in await events(room, "cms") for one in event["posts"]]
    told = []
    for one in made:
        content, images = one["content"], one["content"].get("media", {}).get("urls", [])
        fields = {
            name: content.get(name) or ([] if name == "tags" else "") for name in ("caption", "title", "url", "tags")
        }
        told.append(fields | {"images": images})
    expected = POSTED[sample.file]
    if "caption" in sample.config:
        # Its title is nowhere but in the template.
        expected = [one | {"title": ""} for one in expected]
    assert told == expected
    assert {one["state"] for one in made} == {"accepted"}


@named([sample for sample in EVERY if sample.file in TEXTS and publishes(sample) and "caption" not in sample.config])
async def test_templates_see_the_text_without_its_marks(room, sample):
    await send(room, sample, caption="{{ body }}")

    first = (await events(room, "cms"))[0]["posts"][0]["content"]["caption"]
    assert first.startswith(TEXTS[sample.file])
    assert not any(mark in first for mark in ("<p>", "</", "&amp;", "&#"))


async def test_what_a_zap_schedules_waits_for_its_time(room):
    sample = next(sample for sample in EVERY if sample.file == "zapier/typical_form.form")
    await send(room, sample)

    [event] = await events(room, "cms")
    asked = event["request"]
    assert (asked["title"], asked["url"]) == ("New on the blog: Hello world", "https://example.com/hello")
    assert (asked["scheduled_at"], asked["tags"]) == ("2031-01-01T14:00:00+00:00", ["news", "launch"])
    assert "no account that we know" in event["reason"]
