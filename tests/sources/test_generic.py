"""The source `generic`: a shared secret or a signature, and our own fields under the names that people give them."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bridge.core.errors import Problem
from bridge.core.model import Intent, Item, RawRequest, Verified
from bridge.core.signing import Check, Unverified
from bridge.core.verifying import Signature
from bridge.sources import KINDS, build
from bridge.sources._kind import Payload
from bridge.sources._named import ALIASES, KNOWN
from bridge.sources._words import WORDS, meaning
from bridge.sources.generic import GenericConfig
from tests.core.builders import NOW
from tests.sources.reading import anything, assert_never_crashes, item, items

SECRETS = ("the-old-secret", "the-new-sécret")
BEARER = build("cms", "generic", GenericConfig(secret=SECRETS))
NAMED = build("cms", "generic", GenericConfig(secret=SECRETS, auth="header:X-Cms-Token"))
WIDE = build("cms", "generic", GenericConfig(secret=("秘密à",)))
STAMP, TIMED = "1772366400", "{timestamp}.{body}"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def as_read(text: str) -> str:
    """A header that was sent in UTF-8, as a server reads it."""
    return text.encode().decode("latin-1")


def a_request(body: bytes = b"{}", **headers: str) -> RawRequest:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return RawRequest("POST", "/hooks/cms", "", "https://b.example/hooks/cms", pairs, body, NOW)


def configured(**config: object) -> GenericConfig:
    return TypeAdapter(GenericConfig).validate_python(config)


def read(body: object, **config: object) -> Item:
    (found,) = KINDS["generic"].read(Payload(a_request(), body), configured(**config)).items
    return found


@pytest.mark.parametrize(
    ("source", "headers"),
    [
        (BEARER, {"authorization": "Bearer the-old-secret"}),
        (BEARER, {"authorization": "bearer  the-new-sécret "}),
        (NAMED, {"x_cms_token": "the-old-secret"}),
        (NAMED, {"x_cms_token": as_read("the-new-sécret")}),
        (WIDE, {"authorization": f"Bearer {as_read('秘密à')} "}),
    ],
)
def test_each_secret_lets_in_and_grants_no_more_than_the_source(source, headers):
    verified = source.verify(a_request(**headers))

    assert (verified.source, verified.scope, verified.accounts) == ("cms", "source:cms", ())


@pytest.mark.parametrize(
    ("source", "headers", "check"),
    [
        (BEARER, {}, Check.UNSIGNED),
        (BEARER, {"authorization": "Bearer"}, Check.UNSIGNED),
        (BEARER, {"authorization": "Basic the-old-secret"}, Check.UNSIGNED),
        (BEARER, {"authorization": "Bearer the-old-secre"}, Check.FORGED),
        (BEARER, {"authorization": "Bearer \udcff"}, Check.FORGED),
        (BEARER, {"x_cms_token": "the-old-secret"}, Check.UNSIGNED),
        (NAMED, {"authorization": "Bearer the-old-secret"}, Check.UNSIGNED),
        (NAMED, {"x_cms_token": "Bearer the-old-secret"}, Check.FORGED),
    ],
)
def test_nothing_else_does_and_the_answer_does_not_say_why(source, headers, check):
    with pytest.raises(Unverified) as caught:
        source.verify(a_request(**headers))

    assert (caught.value.status, caught.value.check) == (401, check)
    assert not {check, "secret"} & set(caught.value.slug.split("_"))


def test_a_body_is_what_the_api_takes():
    sent = {
        "caption": "Hi", "captions": {"x": "Short"}, "media": {"type": "video", "url": "https://a.example/v"},
        "accounts": ["a"], "timezone": "Europe/Berlin", "external_id": "x1", "title": "T", "excerpt": "E",
        "url": "https://a.example", "tags": ["one"], "tiktok": {"mode": "x"}, "dedupe": False,
    }  # fmt: skip

    found = item("generic", sent, {"idempotency-key": "k1"})
    assert (found.intent, found.own, found.key, found.note) == ("publish", sent, "k1", "")
    assert item("generic", b"caption=x", FORM).own == {"caption": "x"}
    with pytest.raises(Problem, match="invalid_json"):
        items("generic", b"{")


@pytest.mark.parametrize(
    "name", ["Scheduled At", "scheduledAt", "scheduled-at", "SCHEDULED_AT", " publishAt ", "post_at"]
)
def test_how_a_name_is_written_does_not_matter(name):
    found = read({"caption": "x", name: "2031-01-01 09:00"})

    assert (found.intent, found.own["scheduled_at"], found.note) == ("schedule", "2031-01-01 09:00", "")


@pytest.mark.parametrize("name", sorted({other for others in ALIASES.values() for other in others}))
def test_no_two_fields_share_a_name(name):
    assert sum(name in (first, *others) for first, others in ALIASES.items()) == 1
    assert name not in KNOWN


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"headline": "A &amp; B"}, {"title": "A &amp; B", "own": {}}),
        ({"title": "A"}, {"title": "A", "own": {"title": "A"}}),
        ({"Title": "A", "title": "B"}, {"title": "B"}),
        ({"message": "Hi"}, {"own": {"caption": "Hi"}}),
        ({"message": "Hi", "text": "Ho"}, {"own": {"text": "Ho"}}),
        ({"text": "Hi", "caption": "Ho"}, {"own": {"text": "Hi", "caption": "Ho"}}),
        ({"content": "<p>x</p>"}, {"body": "<p>x</p>", "own": {}}),
        ({"content": "x"}, {"body": "x", "own": {"caption": "x"}}),
        ({"content": "x", "headline": "T"}, {"body": "x", "own": {}}),
        ({"content": "x", "caption": "C"}, {"own": {"caption": "C"}}),
        ({"description": "x", "link": "https://a.example"}, {"excerpt": "x", "url": "https://a.example"}),
        ({"url": "/a"}, {"url": "/a", "own": {}}),
        ({"url": 5, "title": {"x": 1}}, {"title": "", "own": {"title": {"x": 1}}}),
        ({"title": ["x"], "headline": "y"}, {"title": "x", "own": {"title": "x"}}),
        ({"headline": ["x"], "link": ["/a"]}, {"title": "x", "url": "/a", "own": {}}),
        ({"caption": ["x"], "external_id": ["1"]}, {"own": {"caption": "x", "external_id": "1"}}),
        ({"text": "x", "scheduled_at": ["2031-01-01T00:00Z"]}, {"scheduled_at": "2031-01-01T00:00Z"}),
        ({"key": [1], "dedupe": [False]}, {"key": "1", "own": {"dedupe": False}}),
        ({"tags": ["a"], "accounts": ["b"]}, {"tags": ("a",), "own": {"tags": ["a"], "accounts": ["b"]}}),
        ({"title": ["x", "y"]}, {"title": "", "own": {"title": ["x", "y"]}}),
        ({"title": "None", "headline": "x", "link": " null "}, {"title": "x", "url": "", "own": {}}),
        ({"title": "null and void", "text": "undefined"}, {"own": {"title": "null and void"}}),
        ({"title": "x", "published": True}, {"published_at": ""}),
        ({"title": "x", "caption": "", "accounts": [], "url": None}, {"own": {"title": "x"}}),
        ({"title": 5}, {"title": "5", "own": {"title": 5}}),
        ({"tags": "a, #b,,a"}, {"tags": ("a", "b"), "own": {"tags": ["a", "b"]}}),
        ({"hashtags": "#one #two"}, {"tags": ("one", "two"), "own": {}}),
        ({"tags": '["a", {"name": "b"}, {"x": 1}, 3]'}, {"tags": ("a", "b", "3")}),
        ({"tags": "[a"}, {"tags": ("[a",)}),
        ({"tags": {"a": 1}}, {"tags": (), "own": {"tags": {"a": 1}}}),
        ({"image": "https://a.example/a"}, {"images": ("https://a.example/a",), "own": {}}),
        ({"images": "https://a/1.jpg, https://a/2.jpg"}, {"images": ("https://a/1.jpg", "https://a/2.jpg")}),
        ({"image_url": "https://a/1.jpg,https://a/2,b.jpg"}, {"images": ("https://a/1.jpg", "https://a/2,b.jpg")}),
        ({"images": [{"src": "/a.jpg"}, "b.jpg", {"alt": "x"}, 7]}, {"images": ("/a.jpg", "b.jpg")}),
        ({"media__content__url": "https://a/1.jpg"}, {"images": ("https://a/1.jpg",), "own": {}}),
        ({"media": "https://a/1.jpg, https://a/2.jpg"}, {"own": {"media": ["https://a/1.jpg", "https://a/2.jpg"]}}),
        ({"video_url": "https://a/1.mp4"}, {"own": {"media": "https://a/1.mp4"}}),
        ({"media": {"id": 5}}, {"own": {"media": {"id": 5}}}),
        ({"media__url": "a", "media__type": "video"}, {"own": {"media": {"url": "a", "type": "video"}}}),
        ({"media": "https://a/1.jpg", "media__x": "1"}, {"own": {"media": "https://a/1.jpg"}}),
        ({"a__b": 1, "a__b__c": 2, "__d": 3}, {"raw": {"a": {"b": 1}, "a__b__c": 2, "__d": 3}}),
        ({"a__b__c": 2, "a__b": 1}, {"raw": {"a": {"b": {"c": 2}}, "a__b": 1}}),
        ({"idempotency_key": 7, "object_id": 8}, {"key": "7", "object_id": "8"}),
        ({"revision": "2", "status": "live"}, {"revision": "2", "status": "live"}),
        ({"date": "2020-01-01T00:00Z"}, {"published_at": "2020-01-01T00:00Z", "scheduled_at": "", "intent": "publish"}),
        ({"date": "2031-01-01T00:00", "title": "x"}, {"scheduled_at": "2031-01-01T00:00", "intent": "schedule"}),
        ({"date": "next week", "title": "x"}, {"scheduled_at": "next week", "intent": "schedule"}),
    ],
)  # fmt: skip
def test_fields_are_known_by_the_names_that_people_give_them(data, told):
    found = read(data)

    assert {name: getattr(found, name) for name in told} == told


@pytest.mark.parametrize(
    ("data", "intent"),
    [
        ({}, "publish"),
        ({"event": "post.published"}, "publish"),
        ({"action": "Publish"}, "publish"),
        ({"event": "entry_deleted"}, "delete"),
        ({"event": "post.unpublished"}, "unpublish"),
        ({"event": "post/updated"}, "update"),
        ({"intent": "schedule"}, "schedule"),
        ({"event": "ping"}, "test"),
        ({"event": "Product launch"}, "ignore"),
        ({"event": "comment.created"}, "ignore"),
        ({"event": "page.viewed", "status": "published"}, "ignore"),
        ({"event": "post.created", "status": "Published"}, "publish"),
        ({"event": "New", "status": {"label": "future"}}, "schedule"),
        ({"status": "private"}, "ignore"),
        ({"status": "in review"}, "ignore"),
        ({"status": "not published"}, "ignore"),
        ({"status": "inactive"}, "ignore"),
        ({"status": False}, "ignore"),
        ({"status": 0}, "ignore"),
        ({"status": ["draft"]}, "ignore"),
        ({"status": {"name": "Draft"}}, "ignore"),
        ({"_status": "draft"}, "ignore"),
        ({"post_status": "publish"}, "publish"),
        ({"status": "Active"}, "publish"),
        ({"status": True}, "publish"),
        ({"status": "archived"}, "unpublish"),
        ({"draft": True}, "ignore"),
        ({"is_draft": "yes"}, "ignore"),
        ({"draft": False}, "publish"),
        ({"published": False}, "ignore"),
        ({"published": "0", "event": "publish"}, "ignore"),
        ({"published": "2020-01-01"}, "publish"),
        ({"event": "deleted", "draft": True}, "delete"),
        ({"event": "published", "status": "private"}, "ignore"),
        ({"status": "draft"}, "ignore"),
        ({"status": "published"}, "publish"),
        ({"event": "post.created", "status": "draft"}, "ignore"),
        ({"event": "updated", "status": "draft"}, "ignore"),
        ({"event": "updated", "status": "published"}, "update"),
        ({"event": "publish", "status": "draft"}, "ignore"),
        ({"dry_run": "true"}, "test"),
        ({"dry_run": ["true"]}, "test"),
        ({"dry_run": True}, "test"),
        ({"dry_run": "false"}, "publish"),
    ],
)
def test_what_happened_is_told_by_the_event_and_the_status(data, intent):
    assert read({"title": "x", **data}).intent == intent


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"status": "in review"}, "The status 'in review' does not say that it is published, as publish, published"),
        ({"status": "in review"}, 'intents: {publish: ["in review"]} and fields: {event: status}.'),
        ({"event": "page.viewed"}, 'intents: {publish: ["page.viewed"]}.'),
        ({"event": "e" * 999}, "The event"),
        ({"draft": "true"}, "draft is true"),
        ({"status": "archived"}, "'archived'"),
        ({"event": "archived"}, ""),
        ({"status": "published"}, ""),
    ],
)
def test_a_word_that_does_not_publish_is_told_with_what_would(data, told):
    note = read({"title": "x", **data}).note

    assert told in note
    assert bool(told) is bool(note)
    assert len(note) < 250


def test_what_a_note_says_works():
    """Without an event the words of `intents` are those of the status, also where it is named as the event."""
    intents = {"publish": ["in review"]}

    assert read({"title": "x", "status": "In review"}, intents=intents, fields={"event": "status"}).intent == "publish"
    assert read({"title": "x", "status": "In review"}, intents=intents).intent == "publish"
    ignored = read({"title": "x", "status": "draft"}, intents=intents)
    assert (ignored.intent, ignored.note) == ("ignore", "'draft' is in none of its intents.")


def test_each_word_means_one_thing():
    words = [word for group in WORDS.values() for word in group]

    assert len(words) == len(set(words))
    assert all(meaning(word.upper()) is intent for intent, group in WORDS.items() for word in group)


def test_a_list_is_several_things_and_a_list_of_one_is_one():
    several = items("generic", [{"title": "a"}, {"title": "b"}], {"idempotency-key": "k"})

    assert [(one.title, one.key) for one in several] == [("a", None), ("b", None)]
    assert item("generic", [{"title": "a"}], {"idempotency-key": "k"}).key == "k"
    assert items("generic", []) == ()
    with pytest.raises(Problem, match="Item 1"):
        items("generic", [{"title": "a"}, 5])
    with pytest.raises(Problem, match="too_many"):
        items("generic", [{"title": "a"}] * 201)


def test_names_that_nobody_knows_are_passed_over_and_told():
    found = read({"title": "x", "captoin": "y", **{f"n{place}" * 30: "z" for place in range(20)}})

    assert "captoin" in found.note
    assert "Did you mean 'caption'?" in found.note or len(found.note) == 240
    assert found.raw["captoin"] == "y"
    assert read({"title": "x", "qqqqq": 1}).note == "Passed over, but there for templates as raw.NAME: qqqqq."


def test_a_text_alone_is_the_caption_unless_there_is_a_template():
    assert read({"description": "x &amp; y"}).own == {"caption": "x & y"}
    assert read({"description": "x", "link": "https://a.example"}).own == {}
    assert read({"content": "x"}, caption="{{ body }} #ad").own == {}


@pytest.mark.parametrize("body", [b"title[]=Hello&url[]=https://a.example/", b"title[0]=Hello&url=https://a.example/"])
def test_a_form_may_write_a_text_as_a_list(body):
    assert item("generic", body, FORM).own == {"title": "Hello", "url": "https://a.example/"}


def test_what_says_nothing_needs_a_mapping():
    lost = item("generic", {"first_name": "Ann", "tags": "a", "accounts": "b"})

    assert (lost.intent, "sources.cms.caption" in lost.note) == ("needs_mapping", True)
    found = item("generic", {"first_name": "Ann", "accounts": "b"}, caption="{{ raw.first_name }}")
    assert (found.intent, found.own) == ("publish", {"accounts": "b"})
    assert item("generic", {"image": "https://a/b.jpg"}).intent == "publish"


def test_paths_say_where_the_sender_has_what():
    fields = {"title": "post.title", "Image": "post.cover.url", "key": "header:X-Id", "caption": "post.none"}
    found = item("generic", {"post": {"title": "A", "cover": {"url": "/a.jpg"}}, "caption": "c"}, {"X-Id": "7"},
                 **vars_of(configured(fields=fields)))  # fmt: skip

    assert (found.title, found.images, found.key, found.note) == ("A", ("/a.jpg",), "7", "")
    assert found.own == {"caption": "c"}
    with pytest.raises(ValidationError, match="must name fields that there are, not 'titel'"):
        configured(fields={"titel": "a"})


def vars_of(config: GenericConfig) -> dict[str, object]:
    return {name: getattr(config, name) for name in ("fields", "intents", "answer")}


@pytest.mark.parametrize(
    ("event", "intent"),
    [
        ("x.live", "publish"),
        ("X.LIVE.now", "publish"),
        ("x.gone", "delete"),
        ("published", "ignore"),
        ("", "needs_fetch"),
    ],
)
def test_words_of_events_can_be_named_and_then_others_are_ignored(event, intent):
    intents = {"publish": ["x.live", "x.live.*"], "delete": "x.gone", "needs_fetch": [""]}
    found = read({"title": "x", "event": event}, intents=intents)

    assert found.intent == intent
    assert ("Put a step in between" in found.note) is (intent == "needs_fetch")


def test_a_sender_that_wants_an_empty_answer_gets_one():
    source = build("cms", "generic", configured(answer="empty"))
    parsed = source.read(Verified(a_request(b'{"title": "x"}'), "cms", "source:cms"))

    assert (parsed.reply.status, parsed.reply.body) == (200, b"")


@pytest.mark.parametrize(
    ("signature", "headers", "signed"),
    [
        ({"header": "X-Sig"}, {}, b"{}"),
        ({"header": "X-Sig", "prefix": "sha1=", "algorithm": "sha1"}, {}, b"{}"),
        ({"header": "X-Sig", "timestamp": "X-Time", "template": TIMED}, {"x_time": STAMP}, b"1772366400.{}"),
        ({"header": "X-Sig", "timestamp": "field:t", "field": "v1", "separator": ",", "template": TIMED}, {},
         b"1772366400.{}"),
        ({"header": "X-Sig", "id_header": "X-Id", "template": "{id}.{body}"}, {"x_id": "7"}, b"7.{}"),
    ],
)  # fmt: skip
def test_a_way_of_signing_can_be_described(signature, headers, signed):
    source = build("cms", "generic", configured(secret="s3cret", signature=signature))
    written = (
        signature.get("prefix", "") + hmac.new(b"s3cret", signed, signature.get("algorithm", "sha256")).hexdigest()
    )
    if "field" in signature:
        written = f"t={STAMP},v1={written}"

    assert "HMAC" in source.verify(a_request(b"{}", x_sig=written, **headers)).how
    with pytest.raises(Unverified):
        source.verify(a_request(b"{} ", x_sig=written, **headers))
    with pytest.raises(Unverified):
        source.verify(a_request(b"{}", authorization="Bearer s3cret", **headers))


@pytest.mark.parametrize(
    "signature",
    [
        {"header": "X", "template": "{timestamp}{body}"},
        {"header": "X", "template": "{id}{body}"},
        {"header": "X", "template": "a"},
        {},
    ],
)
def test_half_a_signature_is_refused(signature):
    with pytest.raises(ValidationError):
        configured(signature=signature)


def test_a_secret_and_its_use_belong_together():
    kind = KINDS["generic"]
    signed = configured(secret="x", signature={"header": "X"})

    assert kind.faults(signed) == kind.faults(configured(secret="x")) == []
    assert kind.faults(configured(secret="x", auth="bearer", signature={"header": "X"}))[0][0] == "signature"
    assert "signature: {header" in kind.faults(configured(secret="x", auth="signature"))[0][2]
    assert isinstance(kind.schemes_of(signed)[0], Signature)


@given(
    anything("title", "event", "status", "media", "images", "tags", "scheduled_at", "date", "a__b", "url", "published")
)
def test_nothing_that_is_sent_crashes_it(data):
    assert_never_crashes("generic", data)


@given(st.binary(max_size=60), st.sampled_from(["application/json", FORM["content-type"], "text/plain"]))
def test_no_bytes_crash_it(body, content_type):
    assert_never_crashes("generic", body, {"content-type": content_type})


def test_ids_are_kept_short_and_clean():
    sent = {"title": "x", "object_id": "a\0b", "idempotency_key": "k" * 300, "event": "\0e" * 300, "link": "/a\0b"}
    found = item("generic", sent)

    assert (found.object_id, found.key.startswith("sha256:"), found.intent) == ("ab", True, Intent.IGNORE)
    assert (found.event, found.url) == ("e" * 255, "/ab")
