"""The source `ghost`: what happened follows from the status before and after, and what is not public stays so."""

from dataclasses import replace

import pytest

from bridge.core.model import Verified
from tests.sources.reading import a_request, a_source, item

POST = {
    "id": "p1", "title": "T", "slug": "hello", "html": "<p>all of it</p>", "plaintext": "all of it", "excerpt": "all",
    "custom_excerpt": None, "feature_image": "https://blog.example/a.jpg", "url": "https://blog.example/hello/",
    "status": "published", "visibility": "public", "updated_at": "2026-03-01T12:00:00.000Z",
    "published_at": "2026-03-01T11:00:00.000Z", "tags": [{"name": "News", "visibility": "public"}, {"name": "#hidden"},
    {"name": "quiet", "visibility": "internal"}, "odd", {"slug": "nameless"}],
}  # fmt: skip
EDIT = {"updated_at": "2026-03-01T11:00:00.000Z"}
PREVIEW = "https://blog.example/p/3ca06195-885a-45fd-bd2f-6ae3b32fb06a/"


def read(current, previous, query="", **config):
    raw = replace(a_request({"post": {"current": {**POST, **current}, "previous": previous}}), query=query)
    (found,) = a_source("ghost", **config).read(Verified(raw, "cms", "source:cms")).items
    return found


@pytest.mark.parametrize(
    ("status", "previous", "query", "intent", "event"),
    [
        ("published", {"status": "draft", **EDIT}, "", "publish", "post.published"),
        ("published", {"status": "scheduled", **EDIT}, "", "publish", "post.published"),
        ("published", {}, "", "publish", "post.published"),
        ("published", EDIT, "", "update", "post.published.edited"),
        ("published", EDIT, "event=post.published", "publish", "post.published"),
        ("published", {}, "event=post.published.edited", "update", "post.published.edited"),
        ("published", {"status": "published"}, "", "update", "post.published.edited"),
        ("sent", {"status": "draft", **EDIT}, "", "publish", "post.published"),
        ("scheduled", {"status": "draft", **EDIT}, "", "schedule", "post.scheduled"),
        ("scheduled", {}, "", "schedule", "post.scheduled"),
        ("scheduled", {"published_at": "x", **EDIT}, "", "update", "post.published.edited"),
        ("scheduled", EDIT, "event=post.scheduled", "schedule", "post.scheduled"),
        ("draft", {"status": "published", **EDIT}, "", "unpublish", "post.unpublished"),
        ("draft", {"status": "scheduled", **EDIT}, "event=post.unscheduled", "unpublish", "post.unscheduled"),
        ("draft", EDIT, "", "ignore", "post.edited"),
        ("draft", EDIT, "event=post.unscheduled", "unpublish", "post.unscheduled"),
        ("draft", EDIT, "event=post.published", "ignore", "post.published"),
    ],
)
def test_what_happened_follows_from_the_status_before_and_after(status, previous, query, intent, event):
    found = read({"status": status}, previous, query)

    assert (found.intent, found.event) == (intent, event)
    assert (found.object_id, found.revision, found.status) == ("p1", "2026-03-01T12:00:00.000Z", status)


def test_a_public_post_says_all_of_itself():
    found = read({}, {"status": "draft"})

    assert (found.title, found.body, found.excerpt) == ("T", "<p>all of it</p>", "all")
    assert (found.url, found.images) == ("https://blog.example/hello/", ("https://blog.example/a.jpg",))
    assert found.tags == ("News",)
    assert (found.published_at, found.scheduled_at) == ("2026-03-01T11:00:00.000Z", "")
    assert found.raw["post"]["current"]["html"]


@pytest.mark.parametrize(
    "closed",
    [
        {"visibility": "members"},
        {"visibility": "paid"},
        {"visibility": "tiers"},
        {"email_only": True},
        {"email_only": 1},
        {"status": "sent"},
    ],
)
def test_of_what_not_everybody_may_read_only_title_excerpt_and_link_come_in(closed):
    found = read(closed, {"status": "draft", "html": "<p>all of it, before</p>"})
    teased = read({**closed, "custom_excerpt": "Come in"}, {"status": "draft"})

    assert (found.intent, found.title, found.excerpt, found.body, found.images) == ("publish", "T", "", "", ())
    assert (teased.excerpt, teased.url) == ("Come in", "https://blog.example/hello/")
    assert "all of it" not in str(found)
    assert "all of it" not in str(teased)


@pytest.mark.parametrize(
    ("status", "before", "intent"),
    [
        ("published", "draft", "unpublish"),
        ("published", "published", "unpublish"),
        ("scheduled", "scheduled", "unpublish"),
        ("scheduled", None, "unpublish"),
        ("sent", "scheduled", "unpublish"),
        ("draft", "published", "unpublish"),
        ("draft", "draft", "ignore"),
    ],
)
def test_or_nothing_at_all(status, before, intent):
    found = read({"visibility": "paid", "status": status}, {"status": before, **EDIT}, non_public="ignore")

    assert (found.intent, found.object_id, found.title, found.raw) == (intent, "p1", "", {})
    assert "non_public" in found.note


@pytest.mark.parametrize(
    ("url", "slug", "told"),
    [
        (PREVIEW, "hello", "https://blog.example/hello/"),
        ("https://blog.example/sub/404/", "hello", "https://blog.example/sub/hello/"),
        (PREVIEW, None, ""),
        ("https://blog.example/p/other/", "hello", "https://blog.example/p/other/"),
    ],
)
def test_the_address_of_a_preview_is_never_posted(url, slug, told):
    found = read({"status": "scheduled", "url": url, "slug": slug}, {"status": "draft"})

    assert (found.url, found.scheduled_at) == (told, "2026-03-01T11:00:00.000Z")


def test_pages_are_posted_when_asked_for():
    body = {"page": {"current": POST, "previous": {"status": "draft"}}}

    assert item("ghost", body).intent == "ignore"
    found = item("ghost", body, pages=True)
    assert (found.intent, found.event, found.title) == ("publish", "page.published", "T")


@pytest.mark.parametrize("body", [{"member": {"current": {}}}, {"post": []}, [], {}, {"post": {"current": {}}}])
def test_members_tags_and_sites_are_ignored(body):
    assert item("ghost", body, pages=True).intent == "ignore"


def test_tags_may_be_missing():
    assert read({"tags": None}, {"status": "draft"}).tags == ()
