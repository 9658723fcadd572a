"""The source `wordpress`: four shapes, of which only public posts of the wanted types are published."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sources.reading import a_request, a_source, item

PLUGIN = Path(__file__).parents[2] / "docs" / "sources" / "wordpress-mu-plugin.php"
KIND = Path(__file__).parents[2] / "bridge" / "sources" / "wordpress.py"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def a_post(status="publish", before=None, **more):
    post = {"ID": 1, "post_title": "T", "post_status": status, "post_type": "post", **more}
    return {"post_id": 1, "post": post, **({"previous": {"post_status": before}} if before is not None else {})}


@pytest.mark.parametrize(
    ("status", "before", "intent"),
    [
        ("publish", None, "publish"),
        ("publish", "", "publish"),
        ("publish", "draft", "publish"),
        ("publish", "future", "publish"),
        ("publish", "publish", "update"),
        ("future", "draft", "schedule"),
        ("future", "future", "update"),
        ("draft", None, "unpublish"),
        ("pending", None, "unpublish"),
        ("draft", "", "ignore"),
        ("pending", "draft", "ignore"),
        ("auto-draft", None, "ignore"),
        ("draft", "publish", "unpublish"),
        ("pending", "future", "unpublish"),
        ("auto-draft", "", "ignore"),
        ("private", None, "unpublish"),
        ("trash", "publish", "unpublish"),
        ("of-next-year", None, "unpublish"),
        ("", None, "ignore"),
    ],
)
def test_what_happened_follows_from_the_status_before_and_after(status, before, intent):
    found = item("wordpress", a_post(status, before))

    assert (found.intent, found.status, found.previous) == (intent, status, before or "")
    assert bool(found.note) is (intent == "ignore")


def test_the_plugin_says_what_was_before_in_its_own_way():
    assert item("wordpress", {**a_post(), "post_before": {"post_status": "publish"}}).intent == "update"


def test_a_draft_that_is_made_takes_nothing_back():
    assert item("wordpress", a_post("draft"), {"X-WP-Webhook-Name": "post_create"}).intent == "ignore"


@pytest.mark.parametrize("event", ["post_delete", "before_delete_post"])
def test_what_is_deleted_is_deleted_whatever_its_status(event):
    assert item("wordpress", a_post("trash"), {"X-WP-Webhook-Name": event}).intent == "delete"


@pytest.mark.parametrize(
    ("body", "config", "intent"),
    [
        (a_post(post_type="page"), {}, "ignore"),
        (a_post(post_type="page"), {"post_types": ("post", "page")}, "publish"),
        (a_post(post_type="revision"), {}, "ignore"),
        (a_post(post_password="x"), {}, "unpublish"),
        (a_post("future", "future", post_password="x"), {}, "unpublish"),
        ({"id": 1, "status": "publish", "content": {"protected": True}}, {}, "unpublish"),
        ({"id": 1, "status": "future", "content": {"protected": True}}, {}, "unpublish"),
        ({"id": 1, "status": "future", "password": "x"}, {}, "unpublish"),
        ({"id": 1, "status": "future", "date_gmt": "2031-01-01T09:00:00", "title": "T"}, {}, "schedule"),
        ({"id": 1, "status": "draft"}, {}, "unpublish"),
        ({"id": 1, "status": "private"}, {}, "unpublish"),
        ({"user_id": 5}, {}, "ignore"),
        ([], {}, "ignore"),
    ],
)
def test_other_types_are_ignored_and_what_has_a_password_is_taken_back(body, config, intent):
    assert item("wordpress", body, **config).intent == intent


def test_what_is_out_with_a_password_is_left_to_no_feed():
    assert item("wordpress", a_post(post_password="x")).withheld
    assert not item("wordpress", a_post()).withheld
    assert not item("wordpress", a_post("draft")).withheld


@pytest.mark.parametrize(
    ("body", "intent"),
    [
        (b"hook=publish_post&ID=1&post_title=T", "publish"),
        (b"hook=publish_page&ID=1&post_title=T", "ignore"),
        (b"hook=comment_post&comment_ID=1", "ignore"),
        (b"hook=save_post&ID=1&post_title=T", "ignore"),
        (b"post_id=1&post[post_title]=T&post[post_status]=publish&taxonomies[category][a][name]=A", "publish"),
    ],
)
def test_forms_are_read_as_php_writes_them(body, intent):
    found = item("wordpress", body, FORM)

    assert found.intent == intent
    assert found.tags == (("A",) if b"taxonomies" in body else ())


@pytest.mark.parametrize(
    ("thumbnail", "images"), [(False, ()), ("", ()), ("/a.jpg", ("/a.jpg",)), ("https://a/b.jpg", ("https://a/b.jpg",))]
)
def test_a_post_may_lack_a_picture(thumbnail, images):
    assert item("wordpress", {**a_post(), "post_thumbnail": thumbnail}).images == images


def test_an_embedded_rest_object_has_its_picture_and_terms():
    embedded = {
        "wp:featuredmedia": [{"source_url": "https://a/b.jpg"}],
        "wp:term": [[{"name": "News"}], [{"id": 5}, 7]],
    }
    body = {"id": 3, "status": "future", "date_gmt": "2031-01-01T09:00:00", "title": {"rendered": "A &amp; B"},
            "link": "https://a/b/", "_embedded": embedded}  # fmt: skip

    found = item("wordpress", body)
    assert (found.intent, found.title, found.url) == ("schedule", "A &amp; B", "https://a/b/")
    assert (found.images, found.tags, found.scheduled_at) == (("https://a/b.jpg",), ("News",), "2031-01-01T09:00:00Z")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("0000-00-00 00:00:00", None),
        ("", None),
        ("2026-03-01 12:00:00", "2026-03-01T12:00:00Z"),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
        ("2026-03-01T12:00:00+00:00", "2026-03-01T12:00:00+00:00"),
    ],
)
def test_times_are_those_in_utc(written, told):
    assert item("wordpress", a_post(post_modified_gmt=written)).revision == told


def test_a_site_without_a_signature_may_name_a_secret_in_its_address():
    source = a_source("wordpress", secret="s3cret", auth="query:token")
    raw = replace(a_request(b"hook=publish_post", FORM), query="token=s3cret")

    assert source.verify(raw).how == "the secret in the query parameter token"


def test_our_plugin_sends_the_fields_that_the_kind_reads():
    """Each field of its body is read here by that very name, but for the author's own id."""
    sent = set(re.findall(r"^\t+'([A-Za-z_]+)' +=>", PLUGIN.read_text(), re.MULTILINE))
    body = sent - {"body", "blocking", "timeout", "redirection", "headers"}
    read = set(re.findall(r"[A-Za-z_]+", KIND.read_text()))

    assert {"post_id", "post_title", "previous", "post_permalink", "post_thumbnail", "taxonomies"} < body
    assert body <= read
