"""The source `notion`: the handshake, which page a webhook names, and what its fetched page says."""

from dataclasses import replace

import orjson
import pytest

from bridge.core.errors import Problem
from bridge.core.model import Intent, Item
from bridge.core.signing import Check, Unverified
from bridge.ports import Call
from bridge.sources import KINDS, build
from bridge.sources.notion import NotionRules, Properties
from tests.sources.thin import a_request, answer, items, looked_up, mac, sent

SECRET = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"
HANDSHAKE = sent("notion/verification_handshake.json")
PAGE, AT = "0ef104cd-477e-80e1-8571-cfd10e92339a", "2026-06-30T14:02:11.000Z"
WANTED = {"id": PAGE, "at": AT, "event": "page.created"}
SOURCE = build("cms", "notion", NotionRules(secret=(SECRET,), token="ntn_token"))
# Computed from the documented scheme; the vendor publishes no vector.
VECTOR = b'{"id":"1","type":"page.created"}'
SIGNATURE = "sha256=198a8abdd6b07d0f07c5bbf83c4cdce57ba678bc6546213a265bee89b59df0c9"


def signed(body: bytes):
    return a_request(body, x_notion_signature=f"sha256={mac(SECRET, body)}")


def read(**changes) -> Item:
    [item] = items(SOURCE, signed(orjson.dumps(orjson.loads(sent("notion/page_created.json")) | changes)))
    return item


def fetched(rules: NotionRules | None = None, properties=None, blocks=None, **changes) -> Item:
    source = SOURCE if rules is None else build("cms", "notion", rules)
    page = orjson.loads(answer("notion/page.json"))
    page = page | {"properties": page["properties"] | (properties or {})} | changes
    found = source.lookup(WANTED, (orjson.dumps(page),))
    if isinstance(found, Call):
        found = source.lookup(WANTED, (orjson.dumps(page), blocks or answer("notion/blocks.json")))
    assert isinstance(found, Item)
    return found


def refused(source, request) -> Check:
    with pytest.raises(Unverified) as caught:
        source.verify(request)
    return caught.value.check


def status(word: str):
    return {"Status": {"type": "select", "select": {"name": word}}}


def test_the_body_is_signed_with_the_verification_token():
    source = build("cms", "notion", NotionRules(secret=("another", "secret_abc")))

    source.verify(a_request(VECTOR, x_notion_signature=SIGNATURE))
    assert refused(source, a_request(VECTOR + b" ", x_notion_signature=SIGNATURE)) is Check.FORGED
    assert refused(source, a_request(VECTOR, x_notion_signature=SIGNATURE[7:])) is Check.MALFORMED
    assert refused(source, a_request(VECTOR)) is Check.UNSIGNED


def test_without_a_secret_only_the_handshake_is_taken():
    source = build("cms", "notion", NotionRules())
    [item] = items(source, a_request(HANDSHAKE))

    assert KINDS["notion"].faults(NotionRules()) == []
    assert (item.intent, item.event, item.raw) == (Intent.HANDSHAKE, "verification", {})
    assert "/v1/events" in item.note
    assert SECRET not in repr(item)
    assert refused(source, a_request(VECTOR)) is Check.UNSIGNED
    assert refused(source, a_request(VECTOR, x_notion_signature=SIGNATURE)) is Check.FORGED


def test_with_a_secret_only_the_handshake_that_brings_it_is_taken():
    [item] = items(SOURCE, a_request(HANDSHAKE))
    other = build("cms", "notion", NotionRules(secret=("another",)))

    assert (item.intent, "configured" in item.note) == (Intent.HANDSHAKE, True)
    assert refused(other, a_request(HANDSHAKE)) is Check.FORGED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"verification_token": ""}',
        b'{"verification_token": ["x"]}',
        HANDSHAKE + b" " * 5000,
        b'{"verification_token": "x", "a": 1}',
        b'[{"verification_token": "x"}]',
        b'{"verification_token": "%s"}' % (b"x" * 201),
    ],
)
def test_nothing_else_is_a_handshake(body):
    assert refused(build("cms", "notion", NotionRules()), a_request(body)) is Check.UNSIGNED


def test_a_source_that_is_verified_otherwise_has_no_handshake():
    source = build("cms", "notion", NotionRules(secret=("x" * 20,), auth="bearer"))

    assert refused(source, a_request(HANDSHAKE)) is Check.UNSIGNED


@pytest.mark.parametrize(
    ("word", "intent"),
    [
        ("page.created", Intent.NEEDS_FETCH),
        ("page.properties_updated", Intent.NEEDS_FETCH),
        ("page.content_updated", Intent.NEEDS_FETCH),
        ("page.undeleted", Intent.NEEDS_FETCH),
        ("page.deleted", Intent.DELETE),
        ("page.locked", Intent.IGNORE),
        ("data_source.content_updated", Intent.IGNORE),
        ("page.invented_later", Intent.IGNORE),
    ],
)
def test_an_event_tells_what_is_wanted(word, intent):
    item = read(type=word)

    assert (item.intent, item.event, item.object_id) == (intent, word, PAGE)
    assert item.wanted == (WANTED | {"event": word} if intent is Intent.NEEDS_FETCH else None)


def test_another_attempt_is_the_same_event():
    assert read(attempt_number=1).key == read(attempt_number=2).key == "6b6f6b8a-8e0d-4f2a-9f3d-2a6b1c4e7d9f"


@pytest.mark.parametrize("changes", [{"entity": None}, {"type": 7}, {"id": {}, "entity": {"id": []}}])
def test_whatever_is_sent_is_read(changes):
    assert read(**changes).intent is Intent.IGNORE


def test_without_a_token_nothing_is_fetched_and_the_event_says_why():
    source = build("cms", "notion", NotionRules(secret=(SECRET,)))
    [item] = items(source, signed(sent("notion/page_created.json")))

    assert not source.fetches
    assert "token" in item.note


def test_the_page_is_asked_for_and_then_its_text():
    asked, item = looked_up(SOURCE, WANTED, answer("notion/page.json"), answer("notion/blocks.json"))
    call = SOURCE.lookup(WANTED, ())

    assert asked == [
        f"https://api.notion.com/v1/pages/{PAGE}",
        f"https://api.notion.com/v1/blocks/{PAGE}/children?page_size=100",
    ]
    assert call.headers == {"Authorization": "Bearer ntn_token", "Notion-Version": "2026-03-11"}
    assert "ntn_token" not in repr(call)
    assert isinstance(item, Item)


def test_a_page_is_read():
    item = fetched()

    assert (item.intent, item.object_id, item.revision, item.event) == (Intent.PUBLISH, PAGE, AT, "page.created")
    assert (item.title, item.url) == ("Holiday drops", "https://brand.example.com/holiday-drops")
    assert (item.tags, item.excerpt, item.status) == (("news", "drops"), "Three things to know.", "Published")
    assert item.body == "First\nBold and plain."
    assert item.images == (
        "https://files.example.com/box.jpg?signature=x",
        "https://images.example.com/cover.jpg",
        "https://images.example.com/inside.jpg",
    )


def test_properties_can_be_named():
    names = Properties(title="Slug", url="", tags="Status", status="Ready", image="", date="Go out")
    item = fetched(NotionRules(token="t", properties=names, published=("true",)))

    assert (item.intent, item.scheduled_at) == (Intent.SCHEDULE, "2026-07-02T09:00:00.000+02:00")
    assert (item.title, item.tags, item.status) == ("holiday-drops", ("Published",), "true")
    assert item.url == "https://brand.notion.site/Holiday-drops-0ef104cd477e80e18571cfd10e92339a"
    assert item.images[0] == "https://images.example.com/cover.jpg"


def test_the_private_address_of_a_page_is_never_its_link():
    assert fetched(properties={"URL": None}, public_url=None).url == ""


@pytest.mark.parametrize("word", ["published", "LIVE"])
def test_words_of_the_status_count_in_any_case(word):
    assert fetched(properties=status(word)).intent is Intent.PUBLISH


@pytest.mark.parametrize("properties", [status("Draft"), {"Status": {"type": "status", "status": None}}])
def test_a_page_that_is_not_published_is_held_back(properties):
    item = fetched(properties=properties)

    assert (item.intent, item.title) == (Intent.UNPUBLISH, "")
    assert "not published" in item.note


def test_a_page_without_a_status_is_ignored_and_says_what_to_do():
    item = fetched(NotionRules(token="t", properties=Properties(status="Stage")))

    assert item.intent is Intent.IGNORE
    assert "properties.status" in item.note


def test_an_empty_name_asks_for_no_status():
    assert fetched(NotionRules(token="t", properties=Properties(status=""))).intent is Intent.PUBLISH


@pytest.mark.parametrize("field", ["in_trash", "archived"])
def test_a_page_in_the_trash_is_deleted(field):
    assert fetched(**{field: True}).intent is Intent.DELETE


ODD = [
    None,
    7,
    "text",
    [],
    {},
    {"type": 7},
    {"type": "x", "x": {"type": "x", "x": {}}},
    {"type": "number", "number": 3},
]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_properties_of_any_shape_are_read(odd):
    names = ("Tags", "URL", "Excerpt", "Image", "Name")
    item = fetched(properties=dict.fromkeys(names, odd), cover=odd, blocks=orjson.dumps({"results": [odd, [odd]]}))

    assert item.intent is Intent.PUBLISH
    assert item.excerpt == ("3" if isinstance(odd, dict) and "number" in odd else "")


@pytest.mark.parametrize("properties", [None, [], "x"])
def test_a_page_without_properties_is_ignored(properties):
    found = SOURCE.lookup(WANTED, (answer("notion/page.json", properties=properties),))

    assert isinstance(found, Item)
    assert found.intent is Intent.IGNORE


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]"])
def test_an_answer_that_is_none_is_a_problem(body):
    with pytest.raises(Problem):
        looked_up(SOURCE, WANTED, body)


@pytest.mark.parametrize("kind", ["", "text/plain", 'application/json; a="' + ";" * 100_000])
def test_a_handshake_comes_as_json_and_as_nothing_else(kind):
    raw = replace(a_request(HANDSHAKE), headers=(("content-type", kind),))

    assert refused(build("cms", "notion", NotionRules()), raw) is Check.UNSIGNED


def test_a_token_makes_one_event_however_often_it_comes():
    """It may come from anybody, so the note says what proves it."""
    source = build("cms", "notion", NotionRules())
    [one], [again], [other] = (
        items(source, a_request(body)) for body in (HANDSHAKE, HANDSHAKE + b" ", b'{"verification_token": "other"}')
    )

    assert one.key == again.key != other.key
    assert "Anybody may send one" in one.note
    assert len(one.note) < 250
