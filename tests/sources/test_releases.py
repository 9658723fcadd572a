"""The sources `github` and `gitlab`: releases, once each."""

import pytest

from tests.sources.reading import item

RELEASE = {"id": 7, "name": "", "tag_name": "v1", "html_url": "https://g/v1", "body": "*New*", "draft": False,
           "prerelease": False, "published_at": "2026-03-01T12:00:00Z"}  # fmt: skip
FORM = {"content-type": "application/x-www-form-urlencoded"}


def github(action, event="release", config=None, **release):
    headers = {"x-github-event": event, "x-github-delivery": "d1"}
    return item("github", {"action": action, "release": {**RELEASE, **release}}, headers, **(config or {}))


@pytest.mark.parametrize(
    ("action", "release", "config", "intent"),
    [
        ("published", {}, {}, "publish"),
        ("released", {}, {}, "publish"),
        ("created", {}, {}, "ignore"),
        ("edited", {}, {}, "update"),
        ("unpublished", {"draft": True}, {}, "unpublish"),
        ("deleted", {"prerelease": True}, {}, "delete"),
        ("published", {"draft": True}, {}, "ignore"),
        ("published", {"prerelease": True}, {}, "ignore"),
        ("edited", {"prerelease": True}, {}, "unpublish"),
        ("edited", {"draft": True}, {}, "unpublish"),
        ("published", {"prerelease": True}, {"prereleases": True}, "publish"),
        ("prereleased", {"prerelease": True}, {"prereleases": True}, "publish"),
    ],
)
def test_a_release_on_github_is_published_when_it_is_out(action, release, config, intent):
    found = github(action, config=config, **release)

    assert (found.intent, found.event, found.object_id, found.key) == (intent, f"release.{action}", "7", "d1")
    assert (found.title, found.body) == ("v1", "*New*")


@pytest.mark.parametrize(("event", "intent"), [("ping", "test"), ("push", "ignore"), ("", "ignore")])
def test_other_events_of_github_are_ignored(event, intent):
    assert github("published", event).intent == intent


def test_a_release_without_itself_says_nothing():
    assert item("github", {"action": "published"}, {"x-github-event": "release"}).intent == "ignore"


def test_github_may_send_a_form():
    body = b"payload=%7B%22action%22%3A%22published%22%2C%22release%22%3A%7B%22id%22%3A7%2C%22name%22%3A%22One%22%7D%7D"

    found = item("github", body, {**FORM, "x-github-event": "release"})
    assert (found.intent, found.title) == ("publish", "One")


@pytest.mark.parametrize(
    ("data", "intent", "published_at", "scheduled_at"),
    [
        ({"action": "create", "released_at": "2026-01-01 10:00:00 UTC"}, "publish", "2026-01-01T10:00:00Z", ""),
        ({"action": "create", "released_at": "2031-01-01T10:00:00Z"}, "schedule", "", "2031-01-01T10:00:00Z"),
        ({"action": "create", "released_at": "2031-01-01 10:00:00"}, "schedule", "", "2031-01-01T10:00:00Z"),
        ({"action": "create", "released_at": "soon"}, "publish", "soon", ""),
        ({"action": "create"}, "publish", "", ""),
        ({"action": "update"}, "update", "", ""),
        ({"action": "delete"}, "delete", "", ""),
        ({"action": "approve"}, "ignore", "", ""),
        ({"action": "create", "object_kind": "issue"}, "ignore", "", ""),
        ({"action": "", "object_kind": None}, "ignore", "", ""),
    ],
)
def test_a_release_on_gitlab_may_be_one_to_come(data, intent, published_at, scheduled_at):
    found = item("gitlab", {"object_kind": "release", "id": 5, "tag": "v1", **data})

    assert (found.intent, found.published_at, found.scheduled_at) == (intent, published_at, scheduled_at)


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"idempotency-key": "i", "x-gitlab-event-uuid": "u"}, "i"),
        ({"x-gitlab-event-uuid": "u"}, "u:release.create:5"),
        ({}, None),
    ],
)
def test_gitlab_tells_a_repetition_by_its_newest_header(headers, key):
    assert item("gitlab", {"object_kind": "release", "action": "create", "id": 5}, headers).key == key


@pytest.mark.parametrize(
    ("action", "release", "withheld"),
    [
        ("published", {"prerelease": True}, True),
        ("published", {"draft": True}, False),
        ("created", {"prerelease": True}, False),
        ("published", {}, False),
    ],
)
def test_a_prerelease_that_is_left_out_is_left_out_of_a_feed_too(action, release, withheld):
    assert github(action, **release).withheld is withheld
