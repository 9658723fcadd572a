"""From what a sender says of a thing to a publish request."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.captions import content_for
from bridge.core.errors import Problem
from bridge.core.hook_rules import HookRules, Override
from bridge.core.mapping import MOST_IMAGES, NAMES, Mapped, map_item, page_of
from bridge.core.model import Intent, Item
from bridge.core.request import parse_request

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
JPG, PNG, MP4 = "https://a.example/1.jpg", "https://a.example/2.png?x=1", "https://a.example/3.mp4"
POST = Item(
    intent=Intent.PUBLISH,
    event="post.published",
    object_id="7",
    title="Tom &amp; <em>Jerry</em>",
    body="<p>One</p><p>Two</p>",
    excerpt="<p>In short &hellip;</p>",
    url="https://a.example/tom?a=1&#038;b=2",
    images=(JPG, PNG),
    tags=("News", "Caf&eacute;", "", "News"),
    published_at="2029-12-31T12:00:00Z",
    status="published",
    previous="draft",
    raw={"og": {"image": PNG, "video": MP4}, "social": "brand-x, brand-y", "gallery": [{"src": JPG}, {"url": PNG}]},
)


def mapped(item: Item = POST, **rules: object):
    return map_item(item, HookRules(**rules), NOW)


def images(*urls: str) -> dict[str, object]:
    return {"type": "slideshow", "urls": list(urls)}


def test_the_texts_of_a_page_become_plain():
    assert mapped().fields == {
        "title": "Tom & Jerry",
        "excerpt": "In short …",
        "url": "https://a.example/tom?a=1&b=2",
        "tags": ["News", "Café"],
        "media": images(JPG),
    }


def test_templates_see_the_names_that_are_promised():
    context = mapped().context

    assert context.keys() == NAMES.keys()
    assert (context["body"], context["html"]) == ("One\n\nTwo", "<p>One</p><p>Two</p>")
    assert (context["image"], context["images"]) == (JPG, [JPG, PNG])
    assert (context["intent"], context["event"], context["object_id"]) == ("publish", "post.published", "7")
    assert map_item(Item(intent=Intent.PUBLISH), HookRules(), NOW).context.keys() == NAMES.keys()


def test_what_says_nothing_gives_no_fields():
    assert mapped(Item(intent=Intent.PUBLISH)).fields == {}


LINK = "https://www.example.com/{{ raw.at }}"


@pytest.mark.parametrize("sent", ["", "https://cms.example.com/7", "/relative"])
@pytest.mark.parametrize("own", [{}, {"url": "https://own.example/7"}])
def test_a_link_goes_before_the_address_that_is_sent(sent, own):
    item = replace(POST, url=sent, own=own, raw={"at": "tom"})
    found = mapped(item, link=LINK, site="https://cms.example.com")

    assert (found.fields["url"], found.context["url"]) == ("https://www.example.com/tom",) * 2
    assert page_of(item, HookRules(link=LINK)) == "https://www.example.com/tom"
    assert found.warnings == ()


@pytest.mark.parametrize("at", [None, "", "  "])
def test_a_link_with_an_empty_part_is_none(at):
    found = mapped(replace(POST, raw={"at": at}), link=LINK)

    assert found.fields["url"] == "https://a.example/tom?a=1&b=2"
    assert found.warnings == (
        {"field": "url", "code": "LINK", "message": "`link` gives no address: a part of it is empty"},
    )


def test_a_link_sees_the_address_that_is_sent_and_may_be_relative():
    link = "/blog/{{ url.rpartition('/')[2] }}"

    assert mapped(replace(POST, url="/tom"), link=link, site="https://a.example").fields["url"] == (
        "https://a.example/blog/tom"
    )


def test_what_a_feed_shows_has_its_own_address():
    found = mapped(replace(POST, listed=True, raw={"at": "else"}), link=LINK, feed="https://a.example/rss")

    assert (found.fields["url"], found.warnings) == ("https://a.example/tom?a=1&b=2", ())
    assert page_of(replace(POST, listed=True), HookRules(link=LINK)) == found.fields["url"]


@pytest.mark.parametrize(("feed", "listed"), [(None, False), ("https://a.example/rss", True)])
def test_what_no_feed_could_tell_of_again_needs_no_address(feed, listed):
    assert mapped(replace(POST, url="", listed=listed), feed=feed).warnings == ()


def test_beside_a_feed_what_has_no_address_is_warned_of():
    [warning] = mapped(replace(POST, url=""), feed="https://a.example/rss").warnings

    assert (warning["field"], warning["code"]) == ("url", "NO_ADDRESS")


def test_the_senders_own_fields_go_before_everything():
    own = {
        "title": "Own",
        "url": "https://own.example/",
        "tags": "a, b",
        "text": "Says",
        "accounts": ["me"],
        "media": MP4,
        "external_id": "1",
        "excerpt": "",
        "tiktok": None,
        "captions": [],
    }
    found = mapped(replace(POST, own=own), accounts_from="raw.social", when=("caption == 'Says' and 'b' in tags",))

    assert found.fields == {
        **{name: value for name, value in own.items() if value},
        "excerpt": "In short …",
    }
    assert (found.skipped, found.context["title"], found.context["tags"]) == ("", "Own", ["a", "b"])


def test_long_texts_are_cut_to_what_a_request_may_hold():
    found = mapped(replace(POST, title="t" * 2000, excerpt="e" * 20_000))

    assert parse_request(found.fields).content["title"] == "t" * 1000
    assert len(found.fields["excerpt"]) == 10_000
    assert len(found.context["title"]) == 2000


@pytest.mark.parametrize(
    ("when", "skipped"),
    [
        ([], ""),
        (["'News' in tags", "raw.og"], ""),
        (["'News' in tags", "raw.nope.at.all"], "when[1] does not hold: raw.nope.at.all"),
        (["1 / 0"], "when[0] does not hold: 1 / 0 (division by zero)"),
        (["x" * 300], "when[0] does not hold: " + "x" * 100),
    ],
)
def test_all_conditions_must_hold(when, skipped):
    found = mapped(when=tuple(when)).skipped

    assert found == skipped or (len(when[0]) == 300 and found.startswith(skipped))
    assert len(found) < 250


@pytest.mark.parametrize(
    ("paths", "media"),
    [
        (["image"], images(JPG)),
        (["images"], images(JPG, PNG)),
        (["images.1"], images(PNG)),
        (["raw.none", "raw.og.image", "image"], images(PNG)),
        (["raw.gallery"], images(JPG, PNG)),
        (["raw.og.video"], {"type": "video", "url": MP4}),
        (["raw.og"], None),
        (["raw"], None),
        (["raw.social"], None),
        (["title"], None),
        ([], None),
    ],
)
def test_media_are_what_the_first_path_leads_to(paths, media):
    assert mapped(media=tuple(paths)).fields.get("media") == media


def test_of_a_list_that_begins_with_images_the_images_are_taken():
    item = replace(POST, raw={"files": [JPG, MP4, "https://a.example/asset/9", JPG, 5, {"id": "x"}]})

    assert mapped(item, media=("raw.files",)).fields["media"] == images(JPG, "https://a.example/asset/9")


def test_what_a_sender_calls_an_image_is_one_whatever_its_ending():
    item = replace(POST, images=("https://a.example/asset/9", MP4))

    assert mapped(item, media=("images",)).fields["media"] == images("https://a.example/asset/9", MP4)


def test_more_images_than_a_post_takes_are_left_out_with_a_warning():
    item = replace(POST, images=tuple(f"https://a.example/{number}.jpg" for number in range(40)))
    found = mapped(item, media=("images",))

    assert len(found.fields["media"]["urls"]) == MOST_IMAGES
    assert [one["code"] for one in found.warnings] == ["TOO_MANY"]


@pytest.mark.parametrize(
    ("address", "site", "full", "code"),
    [
        ("/a b.jpg", "https://a.example/blog/", "https://a.example/a%20b.jpg", None),
        ("a.jpg", "https://a.example/blog/", "https://a.example/blog/a.jpg", None),
        ("my-post", "https://a.example/blog", "https://a.example/blog/my-post", None),
        ("2026/my-post/", "https://a.example", "https://a.example/2026/my-post/", None),
        ("//cdn.example/a.jpg", None, "https://cdn.example/a.jpg", None),
        (f" {JPG} ", "https://b.example/", JPG, None),
        ("/a.jpg?token=hush", None, "", "RELATIVE"),
        ("data:image/png;base64,AAAA", None, "", "NOT_AN_ADDRESS"),
        ("http://[", "https://a.example/", "", "NOT_AN_ADDRESS"),
        ("ftp://a.example/a.jpg", None, "", "NOT_AN_ADDRESS"),
        ("", None, "", None),
    ],
)
def test_a_relative_address_is_completed_or_left_out_with_a_warning(address, site, full, code):
    found = mapped(replace(POST, url=address, images=(address, address)), site=site)

    assert found.fields.get("url", "") == full == found.context["image"]
    assert found.fields.get("media") == (images(full) if full else None)
    assert [(one["field"], one["code"]) for one in found.warnings] == ([("url", code), ("media", code)] if code else [])
    assert all("hush" not in one["message"] and len(one["message"]) < 250 for one in found.warnings)


def test_images_that_are_not_wanted_are_not_warned_of():
    assert mapped(replace(POST, images=("/a.jpg",)), media=("raw.og.image",)).warnings == ()


BY_TAG = {" NEWS ": ("a", "b"), "café": ("b", "c"), "*": ("d",)}


@pytest.mark.parametrize(
    ("tags", "rules", "accounts"),
    [
        (("News", "Café"), {"accounts_by_tag": BY_TAG}, ["a", "b", "c"]),
        (("Café", "News"), {"accounts_by_tag": BY_TAG}, ["b", "c", "a"]),
        (("Other",), {"accounts_by_tag": BY_TAG}, ["d"]),
        ((), {"accounts_by_tag": {"news": ("a",)}}, None),
        (("News",), {"accounts_by_tag": BY_TAG, "accounts_from": "raw.social"}, ["brand-x", "brand-y"]),
        (("News",), {"accounts_by_tag": BY_TAG, "accounts_from": "raw.nope"}, ["a", "b"]),
        (("News",), {"accounts_from": "raw.objects"}, ["1", "me", "me2", "5"]),
        (("News",), {"accounts_from": "raw.one"}, ["9"]),
        (("News",), {"accounts_from": "raw.one.name"}, None),
        (("News",), {"accounts": ("z",)}, None),
    ],
)
def test_accounts_come_from_a_field_else_from_the_tags_else_from_the_configuration(tags, rules, accounts):
    raw = {
        **POST.raw,
        "objects": [{"id": 1}, {"name": "me"}, {"id": "", "name": "me2"}, {}, 5, " ", [1], True, {"id": 1}],
        "one": {"id": "9"},
        "odd": [[["a"]], {}, None],
    }
    found = mapped(replace(POST, tags=tags, raw=raw), **rules)

    assert found.fields.get("accounts") == accounts


@pytest.mark.parametrize("path", ["raw.none", "raw.empty", "raw.odd", "raw.deep.none", "caption", "scheduled_at"])
def test_a_field_for_accounts_that_is_there_and_empty_means_none(path):
    raw = {"none": None, "empty": " ", "odd": [[["a"]], {}, None], "deep": {"none": []}}
    found = mapped(replace(POST, raw=raw), accounts_from=path, accounts_by_tag=BY_TAG)

    assert "accounts" not in found.fields
    assert found.skipped == f"accounts_from: {path} is there and names no account"


def test_a_path_to_accounts_that_begins_with_no_name_never_means_all():
    found = mapped(accounts_from="social", accounts_by_tag=BY_TAG)

    assert "accounts" not in found.fields
    assert found.skipped.startswith("accounts_from: social begins with no known name")
    assert [(one["field"], one["code"]) for one in found.warnings] == [("accounts", "UNKNOWN_PATH")]


def test_a_sender_that_names_its_accounts_needs_no_path_to_them():
    found = mapped(replace(POST, own={"accounts": ["me"]}), accounts_from="social")

    assert (found.fields["accounts"], found.skipped) == (["me"], "")


OWN_TEXTS = {
    "title": "A &amp; <b>B</b>",
    "excerpt": "<p>C &lt; D</p>",
    "url": "https://a.example/?a=1&amp;b=2",
    "tags": ["R&amp;D", "<i>x</i>"],
    "caption": "E &amp; F",
}


def test_texts_under_our_names_are_as_plain_as_others_and_captions_stay_to_the_letter():
    found = mapped(replace(POST, own=OWN_TEXTS))

    assert {name: found.fields[name] for name in OWN_TEXTS} == {
        "title": "A & B",
        "excerpt": "C < D",
        "url": "https://a.example/?a=1&b=2",
        "tags": ["R&D", "x"],
        "caption": "E &amp; F",
    }
    assert (found.context["title"], found.context["tags"]) == ("A & B", ["R&D", "x"])


def test_what_is_configured_goes_before_what_was_derived_and_the_senders_own_before_both():
    constants = {"media": images("https://c.example/c.jpg"), "title": "Configured"}
    rules = HookRules(
        content=constants,
        by_partner={"pe": Override(content={"title": "Of a partner"})},
        caption="{{ title }}",
        media=("image",),
    )
    derived, own = map_item(POST, rules, NOW), map_item(replace(POST, own={"title": "Own", "media": JPG}), rules, NOW)

    assert said(derived, rules, "gv") == ("Configured", "https://c.example/c.jpg")
    assert said(derived, rules, "pe") == ("Of a partner", "https://c.example/c.jpg")
    assert said(own, rules, "pe") == ("Own", JPG)


def said(found: Mapped, rules: HookRules, partner: str) -> tuple[str, str]:
    request = replace(parse_request(found.fields), context=found.context, derived=found.derived)
    content, _ = content_for("x", request, rules, partner)
    return content["caption"], content["media"]["urls"][0]


SCHEDULED = replace(POST, intent=Intent.SCHEDULE, scheduled_at="2030-02-01 09:00", published_at="")
UPDATED = replace(POST, intent=Intent.UPDATE)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("item", "schedule", "scheduled_at", "waits"),
    [
        (POST, "cms", None, False),
        (SCHEDULED, "cms", "2030-02-01T09:00:00", False),
        (replace(SCHEDULED, scheduled_at="03/04/2030 9:00"), "cms", "03/04/2030 9:00", False),
        (replace(SCHEDULED, scheduled_at=""), "cms", None, True),
        (replace(UPDATED, scheduled_at="2030-02-01T09:00Z"), "cms", "2030-02-01T09:00:00+00:00", False),
        (UPDATED, "cms", None, False),
        (replace(POST, scheduled_at="2030-02-01T09:00Z"), "cms", None, False),
        (POST, "now", None, False),
        (SCHEDULED, "now", None, True),
        (POST, HOUR, None, False),
        (POST, timedelta(days=2), "2030-01-02T12:00:00+00:00", False),
        (replace(POST, published_at=""), HOUR, "2030-01-01T13:00:00+00:00", False),
        (replace(POST, published_at="2030-01-01"), HOUR, "2030-01-01T13:00:00+00:00", False),
        (replace(POST, published_at="2030-01-01 12:30"), HOUR, "2030-01-01T12:30:00+00:00", False),
        (replace(POST, published_at="9999-12-31T00:00Z"), timedelta(days=9), "9999-12-31T00:00Z", False),
        (SCHEDULED, HOUR, "2030-02-01T09:00:00+00:00", False),
        (replace(SCHEDULED, scheduled_at="soon"), HOUR, "soon", False),
        (replace(SCHEDULED, scheduled_at=""), HOUR, None, True),
        (replace(UPDATED, published_at=""), HOUR, None, False),
        (replace(UPDATED, published_at="2030-01-01T11:30Z"), HOUR, "2030-01-01T12:30:00+00:00", False),
    ],
)
def test_when_it_goes_out_is_as_configured(item, schedule, scheduled_at, waits):
    """The zone of the source is an hour ahead of UTC in winter."""
    found = mapped(item, schedule=schedule, timezone="Europe/Berlin")

    assert found.fields.get("scheduled_at") == scheduled_at
    assert ("its publish event is waited for" in found.skipped) is waits


@pytest.mark.parametrize(
    ("own", "scheduled_at"),
    [
        ("January 5, 2031 9:00 AM", "2031-01-05T09:00:00"),
        (1924938000, "2030-12-31T09:00:00+00:00"),
        ("03/04/2031 9:00", "03/04/2031 9:00"),
        (["x"], ["x"]),
        (True, True),
    ],
)
@pytest.mark.parametrize("schedule", ["cms", "now", HOUR])
def test_the_senders_own_time_goes_before_everything_and_may_be_written_loosely(own, scheduled_at, schedule):
    found = mapped(replace(SCHEDULED, own={"scheduled_at": own}), schedule=schedule)

    assert (found.fields["scheduled_at"], found.skipped) == (scheduled_at, "")


def test_a_time_that_cannot_be_read_is_a_fault_of_the_request():
    with pytest.raises(Problem) as caught:
        parse_request(mapped(replace(SCHEDULED, scheduled_at="03/04/2030 9:00")).fields, timezone="UTC")

    [fault] = caught.value.errors
    assert (fault.field, fault.problem) == ("scheduled_at", "'03/04/2030 9:00' may mean two dates")


def test_a_whole_page_becomes_a_caption():
    rules = HookRules(caption="{{ title }} {{ raw.og.title }}\n{{ body }}\n{{ tags | hashtags }} {{ url }}")
    found = map_item(POST, rules, NOW)
    content, faults = content_for("x", replace(parse_request(found.fields), context=found.context), rules)

    assert not faults
    assert content["caption"] == "Tom & Jerry\nOne\n\nTwo\n#News #Café https://a.example/tom?a=1&b=2"


WORDS = st.sampled_from(["https://a.example/a.jpg", "/a", "http://[", "2030-01-01 09:00", "title", "url", "id", "name"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | WORDS, inner, max_size=3),
    max_leaves=8,
)
OWN = st.dictionaries(st.sampled_from(["title", "url", "tags", "media", "accounts", "scheduled_at", "text", "x"]), JSON)
ITEMS = st.builds(
    Item,
    intent=st.sampled_from([Intent.PUBLISH, Intent.SCHEDULE, Intent.UPDATE]),
    **{one.name: st.text(max_size=20) | WORDS for one in fields(Item) if one.type is str and one.name != "note"},
    images=st.lists(st.text(max_size=9) | WORDS, max_size=3).map(tuple),
    tags=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    own=OWN,
    raw=st.dictionaries(st.sampled_from(["a", "b"]), JSON),
)
RULES = st.builds(
    HookRules,
    when=st.sampled_from([(), ("raw.a",), ("raw.a > 3", "title"), ("raw.b.a.url or tags",)]),
    media=st.sampled_from([("image",), ("raw.a", "images"), ("raw.b.*",), ("raw",)]),
    site=st.sampled_from([None, "https://a.example/"]),
    accounts_from=st.sampled_from([None, "raw.a", "raw.b", "tags"]),
    accounts_by_tag=st.sampled_from([{}, {"*": ("a",)}]),
    schedule=st.sampled_from(["cms", "now", timedelta(days=36_000)]),
    timezone=st.sampled_from([None, "Europe/Berlin"]),
)


@given(ITEMS, RULES)
def test_whatever_comes_is_mapped_and_read_or_refused_with_what_is_wrong(item, rules):
    found = map_item(item, rules, NOW)

    assert found.context.keys() == NAMES.keys()
    try:
        parse_request(found.fields, timezone=rules.timezone)
    except Problem as problem:
        faulty = {fault.field.partition("[")[0].partition(".")[0] for fault in problem.errors}
    else:
        faulty = set()
    assert faulty <= {"scheduled_at", "timezone"} | item.own.keys()
