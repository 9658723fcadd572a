"""The source `prismic`: which documents a webhook names, where they are asked for, and what they say."""

import orjson
import pytest

from bridge.core.errors import Problem
from bridge.core.model import Intent, Item
from bridge.core.signing import Unverified
from bridge.ports import Call
from bridge.sources import build
from bridge.sources.prismic import PrismicRules
from tests.sources.thin import a_request, answer, items, looked_up, sent

DOCUMENT, REF = "X6LUfBEAACIAnkzc", "X6qn-RIAACMAVge1"
WANTED = {"id": DOCUMENT, "ref": REF, "repository": "my-repo"}
SOURCE = build("cms", "prismic", PrismicRules(secret=("my-secret",)))
API = "https://my-repo.cdn.prismic.io/api/v2"
SEARCH = f"{API}/documents/search?ref={REF}&q=%5B%5Bat%28document.id%2C%22{DOCUMENT}%22%29%5D%5D&lang=%2A&pageSize=1"


def read(source=SOURCE, **changes) -> tuple[Item, ...]:
    body = orjson.loads(sent("prismic/api_update.json")) | changes
    return items(source, a_request(orjson.dumps(body)))


def fetched(**changes) -> Item:
    document = orjson.loads(answer("prismic/document.json"))["results"][0] | changes
    _, item = looked_up(SOURCE, WANTED, orjson.dumps({"results": [document]}))
    assert isinstance(item, Item)
    return item


def test_the_secret_stands_in_the_body_and_is_not_shown():
    [item] = items(SOURCE, a_request(sent("prismic/api_update.json")))
    with pytest.raises(Unverified):
        read(secret="another")

    assert (item.intent, item.event, item.object_id) == (Intent.NEEDS_FETCH, "api-update", DOCUMENT)
    assert (item.key, item.wanted) == (f"{REF}:{DOCUMENT}", WANTED)
    assert "secret" not in item.raw


def test_it_is_answered_exactly_200():
    assert (SOURCE.reply.status, SOURCE.reply.content_type) == (200, "application/json")


def test_each_document_is_an_event_of_its_own():
    assert [item.object_id for item in read(documents=["a", "b", "a"])] == ["a", "b"]


def test_a_migration_is_cut_short_and_says_so():
    *some, last = read(documents=[f"id{number}" for number in range(250)])

    assert (len(some), last.intent) == (100, Intent.IGNORE)
    assert "250 documents" in last.note


def test_a_test_is_a_test():
    [item] = items(SOURCE, a_request(sent("prismic/test_trigger.json")))

    assert item.intent is Intent.TEST


@pytest.mark.parametrize("changes", [{"documents": []}, {"documents": None}, {"type": "other"}, {"documents": ['"']}])
def test_what_names_no_document_is_ignored(changes):
    assert [item.intent for item in read(**changes)] == [Intent.IGNORE]


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://my-repo.prismic.io/api", "my-repo"),
        ("https://my-repo.cdn.prismic.io/api/v2", "my-repo"),
        ("https://My-Repo.prismic.io:8443/x", "my-repo"),
        ("http://my-repo.prismic.io/api", ""),
        ("https://prismic.io.evil.example/api", ""),
        ("https://my-repo.prismic.io@evil.example/api", ""),
        ("https://evil.example/my-repo.prismic.io", ""),
        ("https://a.b.prismic.io/api", ""),
        ("https://[::1", ""),
        ("", ""),
    ],
)
def test_only_hosts_of_the_vendor_name_a_repository(url, repository):
    assert [item.wanted["repository"] for item in read(apiUrl=url)] == [repository]


def test_the_configured_repository_goes_before_the_one_that_is_named():
    source = build("cms", "prismic", PrismicRules(secret=("my-secret",), repository="ours", token="t"))
    [item] = read(source, apiUrl="https://theirs.prismic.io/api")

    call = source.lookup(item.wanted, ())
    assert isinstance(call, Call)
    assert call.url.startswith("https://ours.cdn.prismic.io/api/v2/documents/search?")
    assert call.url.endswith("&access_token=t")


def test_a_token_needs_a_repository():
    with pytest.raises(ValueError, match=r"^repository: is missing"):
        PrismicRules(secret=("my-secret",), token="t")


def test_a_webhook_without_a_repository_cannot_be_followed():
    with pytest.raises(Problem, match="repository"):
        SOURCE.lookup(WANTED | {"repository": ""}, ())


def test_documents_are_fetched_unless_that_is_off():
    assert SOURCE.fetches
    assert not build("cms", "prismic", PrismicRules(secret=("my-secret",), fetch=False)).fetches


def test_a_document_is_asked_for_in_the_version_of_the_webhook_and_in_every_language():
    asked, item = looked_up(SOURCE, WANTED, answer("prismic/document.json"))

    assert asked == [SEARCH]
    assert isinstance(item, Item)


def test_once_that_version_is_gone_the_current_one_is_asked_for():
    asked, item = looked_up(
        SOURCE,
        WANTED,
        answer("prismic/stale_ref.json"),
        answer("prismic/repository.json"),
        answer("prismic/document.json"),
    )

    assert asked == [SEARCH, API, SEARCH.replace(REF, "YnewMasterRef")]
    assert isinstance(item, Item)
    assert SOURCE.lookup(WANTED, ()).answers == (404, 410)


def test_a_webhook_without_a_version_is_of_the_current_one():
    [item] = read(masterRef=None)
    asked, _ = looked_up(SOURCE, item.wanted, answer("prismic/repository.json"), answer("prismic/document.json"))

    assert asked == [API, SEARCH.replace(REF, "YnewMasterRef")]


def test_a_document_that_the_version_does_not_have_was_taken_back():
    _, item = looked_up(SOURCE, WANTED, answer("prismic/document.json", results=[]))

    assert isinstance(item, Item)
    assert (item.intent, item.object_id) == (Intent.UNPUBLISH, DOCUMENT)
    assert item.note


def test_a_document_is_read():
    item = fetched()

    assert (item.intent, item.object_id, item.revision) == (Intent.PUBLISH, DOCUMENT, "2017-02-21T16:05:19+0000")
    assert (item.title, item.url, item.tags) == ("Example Page", "example-page", ("Tag 1", "Tag 2"))
    assert item.body == "Bold and plain.\nOne"
    assert item.excerpt == "A page for example."
    assert item.images == ("https://images.prismic.io/my-repo/box.jpg?auto=compress,format",)


@pytest.mark.parametrize(
    ("data", "title"),
    [
        ({"title": "Plain"}, "Plain"),
        ({"title": [{"type": "heading1", "text": "Rich", "spans": []}]}, "Rich"),
        ({"title": "  ", "copy": [{"type": "paragraph", "text": "no", "spans": []}]}, "example-page"),
        ([], "example-page"),
    ],
)
def test_the_title_is_its_field_or_the_first_heading_or_the_uid(data, title):
    assert fetched(data=data).title == title


def test_what_a_document_lacks_is_left_out():
    item = fetched(data=None, uid=None, tags=None, url="https://a.example/b")

    assert (item.title, item.body, item.url, item.images, item.tags) == ("", "", "https://a.example/b", (), ())
    assert fetched(data=None, uid=None).url == ""


@pytest.mark.parametrize(
    "answers",
    [
        (b"<html>",),
        (b"{}", b"{}"),
        (b"{}", b'{"refs": []}'),
        (b"{}", b'{"refs": [{"ref": "x"}]}'),
        (b"{}", b'{"refs": [{"ref": "x", "isMasterRef": true}]}', b"{}"),
    ],
)
def test_an_answer_that_is_none_is_a_problem(answers):
    with pytest.raises(Problem):
        looked_up(SOURCE, WANTED, *answers)
