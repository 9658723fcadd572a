"""The source `feed`: what is read of RSS, Atom and JSON feeds, whole or broken, and of documents that a hub posts."""

import hmac
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import Problem
from bridge.core.model import Intent
from bridge.core.signing import Check, Unverified
from bridge.sources.feed import MOST_ENTRIES, parse
from tests.core.builders import NOW, problem_of
from tests.sources.reading import SAMPLES, a_request, a_source, assert_sample, entries, items

SPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
)
URL = "https://blog.example/feed/"
SHOWN = "<description>&lt;img src='https://x/1.gif'&gt;</description>"
THUMBNAIL = "<media:thumbnail url='https://x/t'/>"


def rss(*entries):
    inner = "".join(f"<item>{entry}</item>" for entry in entries)
    return f'<?xml version="1.0"?><rss version="2.0" {SPACES}><channel>{inner}</channel></rss>'.encode()


def atom(*entries):
    inner = "".join(f"<entry>{entry}</entry>" for entry in entries)
    return f'<feed xmlns="http://www.w3.org/2005/Atom">{inner}</feed>'.encode()


def json_feed(*entries):
    return orjson.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": entries})


def one(body, base=""):
    [item] = parse(body, "", base).items
    return item


@pytest.mark.parametrize("entry", entries("feed"))
def test_a_sample_says_what_its_sender_meant(entry):
    assert_sample(entry)


def test_the_example_of_json_feed_is_read():
    second, first = parse((SAMPLES / "feed" / "simple.json").read_bytes(), "application/feed+json").items

    assert (second.intent, second.event, second.object_id) == (Intent.PUBLISH, "feed_item", "2")
    assert (second.title, second.body, second.url) == ("", "This is a second item.", "https://example.org/second-item")
    assert (second.images, second.tags, second.published_at, second.raw["id"]) == ((), (), "", "2")
    assert (first.object_id, first.body) == ("1", "<p>Hello, world!</p>")


def test_an_entry_of_rss_is_read_whole():
    item = one(
        rss(
            "<title>A &amp;amp; B</title><link>https://blog.example/a/</link><guid isPermaLink='false'>5f12</guid>"
            "<pubDate>Tue, 06 Jan 2026 10:00:00 +0100</pubDate><category>News</category><category>Cats</category>"
            "<description>Short.</description>"
            "<content:encoded><![CDATA[<p>The long text.</p><script>x</script>]]></content:encoded>"
        )
    )

    assert (item.object_id, item.url, item.revision) == ("5f12", "https://blog.example/a/", None)
    assert (item.title, item.body, item.excerpt) == ("A &amp; B", "<p>The long text.</p>", "Short.")
    assert (item.tags, item.published_at) == (("News", "Cats"), "2026-01-06T09:00:00+00:00")
    assert (orjson.loads(orjson.dumps(item.raw)), item.raw["summary"]) == (item.raw, "Short.")


def test_what_comes_before_and_after_the_content_is_the_excerpt_all_the_same():
    item = one(rss("<guid>1</guid><content:encoded>The long text.</content:encoded><description>Short.</description>"))

    assert (item.body, item.excerpt) == ("The long text.", "Short.")


@pytest.mark.parametrize(
    ("texts", "body", "excerpt"),
    [
        ("<summary>Short.</summary>", "Short.", "Short."),
        ("<content>Long.</content>", "Long.", ""),
        ("<summary>S.</summary><content>Long.</content>", "Long.", "S."),
        ("", "", ""),
    ],
)
def test_an_entry_of_atom_has_a_summary_or_a_content_or_both(texts, body, excerpt):
    item = one(atom(f"<id>urn:1</id><title>t</title>{texts}"))

    assert (item.body, item.excerpt) == (body, excerpt)


def test_an_entry_of_a_json_feed_is_read_whole():
    entry = {
        "id": 7, "url": "https://x/7", "title": "T", "content_html": "<p>H</p>", "content_text": "H", "summary": "S",
        "image": "https://x/i.jpg", "banner_image": "https://x/b.jpg", "date_published": "2026-01-06T10:00:00+01:00",
        "date_modified": "2026-01-07T10:00:00Z", "tags": ["a", "b", 3, "a"],
        "attachments": [{"url": "https://x/p.png", "mime_type": "image/png"}, {"url": "https://x/a.mp3"}, 4],
    }  # fmt: skip
    item = one(json_feed(entry))

    assert (item.object_id, item.url, item.title, item.body, item.excerpt) == ("7", "https://x/7", "T", "<p>H</p>", "S")
    assert item.images == ("https://x/i.jpg", "https://x/b.jpg", "https://x/p.png")
    assert (item.tags, item.raw) == (("a", "b"), entry)
    assert (item.published_at, item.revision) == ("2026-01-06T10:00:00+01:00", "2026-01-07T10:00:00Z")


@pytest.mark.parametrize(
    ("media", "images"),
    [
        ("<enclosure url='https://x/e.png' type='image/png' length='1'/>", ("https://x/e.png",)),
        ("<enclosure url='https://x/e.JPG?w=1'/>", ("https://x/e.JPG?w=1",)),
        ("<enclosure url='https://x/e.mp3' type='audio/mpeg'/>", ()),
        ("<media:content url='https://x/m.jpg' medium='image'/>", ("https://x/m.jpg",)),
        ("<media:content url='https://x/m' type='image/jpeg'/>", ("https://x/m",)),
        ("<media:content url='https://x/m.mp4' medium='video'/>", ()),
        ("<media:thumbnail url='https://x/t'/>", ("https://x/t",)),
        ("<itunes:image href='https://x/cover.jpg'/>", ("https://x/cover.jpg",)),
        ("<description>&lt;img src='https://x/1.gif'&gt;&lt;img src='2.gif'&gt;</description>", ("https://x/1.gif",)),
        ("<description>&lt;img src='data:image/gif;base64,R0'&gt; &lt;img&gt;</description>", ()),
        (f"{SHOWN}{THUMBNAIL}<enclosure url='https://x/e.png' type='image/png'/>", ("https://x/e.png", "https://x/t")),
        (f"{THUMBNAIL}<media:content url='https://x/t'/>", ("https://x/t",)),
    ],
)
def test_images_are_found_where_feeds_have_them(media, images):
    assert one(rss(f"<guid>1</guid>{media}")).images == images


def test_addresses_begin_with_that_of_the_feed():
    item = one(rss("<guid>abc</guid><link>/a</link><enclosure url='e.png' type='image/png'/>"), "https://x/feed/")

    assert (item.object_id, item.url, item.images) == ("abc", "https://x/a", ("https://x/feed/e.png",))
    assert one(json_feed({"id": "1", "url": "//[/"}), "https://x/").url == "//[/"


@pytest.mark.parametrize(
    ("times", "published", "updated"),
    [
        ("<published>2026-01-06T10:00:00Z</published>", "2026-01-06T10:00:00Z", None),
        ("<updated>2026-01-06T10:00:00Z</updated>", "2026-01-06T10:00:00Z", "2026-01-06T10:00:00Z"),
        ("<published>2026-01-06</published>", "2026-01-06T00:00:00+00:00", None),
        ("<published>2026-01-06T10:00:00</published>", "2026-01-06T10:00:00+00:00", None),
        ("<published>soon</published>", "", None),
    ],
)
def test_times_are_those_that_are_said(times, published, updated):
    item = one(atom(f"<id>1</id>{times}"))

    assert (item.published_at, item.revision) == (published, updated)


def test_entries_that_cannot_be_told_apart_are_counted():
    found = parse(rss("<title>no id</title>", "<link>https://x/1</link>", "<guid>2</guid>", "<guid>2</guid>"))

    assert ([item.object_id for item in found.items], found.skipped) == (["https://x/1", "2"], 1)
    assert parse(json_feed("text", {}, {"id": "1"})).skipped == 2


def test_a_link_that_many_entries_share_is_none_of_theirs():
    link = "<link>https://x/</link>"
    found = parse(rss(f"<guid>1</guid>{link}", f"<guid>2</guid>{link}", "<guid>3</guid><link>https://x/3</link>"))

    assert [item.url for item in found.items] == ["", "", "https://x/3"]


def test_an_id_that_is_too_long_for_a_key_is_hashed():
    item = one(json_feed({"id": "x" * 256}))

    assert item.object_id is not None
    assert item.object_id.startswith("sha256:")
    assert one(json_feed({"id": "a\0b"})).object_id == "ab"


def test_of_a_large_feed_the_newest_entries_are_read():
    days = [f"2026-{month:02}-{day:02}T00:00:00Z" for month in range(1, 13) for day in range(1, 28)]
    found = parse(json_feed(*({"id": at, "date_published": at} for at in days), {"id": "undated"})).items

    assert len(found) == MOST_ENTRIES
    assert [found[0].object_id, found[1].object_id] == ["undated", days[-1]]


def test_a_feed_in_another_encoding_is_read():
    text = '<?xml version="1.0" encoding="windows-1252"?><rss version="2.0"><channel><item><guid>1</guid>'
    body = f"{text}<title>Caf\u00e9</title></item></channel></rss>".encode("cp1252")

    assert parse(body, "application/rss+xml").items[0].title == "Caf\u00e9"
    assert parse(b"\xef\xbb\xbf " + json_feed({"id": "1"})).items[0].object_id == "1"


def test_what_is_not_well_formed_is_read_as_far_as_it_goes():
    body = rss("<guid>1</guid><title>Q &nbsp; & A</title>", "<guid>2</guid>").removesuffix(b"</channel></rss>")

    assert [item.title for item in parse(body).items] == ["Q \xa0 & A", ""]


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><rss version="2.0"/>'


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "neither RSS nor Atom"),
        (b"<html><body>Not found</body></html>", "neither RSS nor Atom"),
        (b"\0\0\xff\xfe", "neither RSS nor Atom"),
        (b"{", "not JSON: unexpected end of data at offset 1"),
        (b"{}", "no list `items`"),
        (b'{"items": {}}', "no list `items`"),
        (b"[]", "no list `items`"),
        (b"[" * 100_000, "not JSON"),
        (BOMB.encode(), "declares entities"),
        (b'<!DOCTYPE rss [<!ATTLIST link href CDATA "long">]><rss version="2.0"/>', "declares entities"),
        (f'<?xml version="1.0" encoding="utf-16"?>{BOMB}'.encode("utf-16"), "declares entities"),
        (f'<?xml version="1.0" encoding="utf-7"?>{BOMB.replace("<!", "+ADwAIQ-")}'.encode(), "declares entities"),
    ],
)
def test_what_is_no_feed_is_refused_with_a_reason(body, why):
    with pytest.raises(Problem) as caught:
        parse(body, "application/xml")

    assert (caught.value.status, caught.value.slug) == (400, "invalid_feed")
    assert why in caught.value.detail


@pytest.mark.slow
@pytest.mark.parametrize("part", [b"<b>", b"&a", b"<", b"<!--", b"<![CDATA[", b"&lt;a ", b"<item>"])
def test_what_is_malformed_on_purpose_ends(part):
    body = b"<rss version='2.0'><channel><item><guid>1</guid><description>" + part * 50_000

    assert len(parse(body).items) <= MOST_ENTRIES


@given(st.text(max_size=40) | st.sampled_from(["<item>", "</item>", "<guid>1", "<link>x</link>", "]]>", "&"]))
def test_nothing_that_is_posted_makes_it_fail(text):
    body = rss(text)

    assert problem_of(lambda: items("feed", body, {"content-type": "text/xml"}, feed=URL)) is None


# What a hub posts.


def pushed(body, kind="application/rss+xml"):
    return items("feed", body, {"content-type": kind}, feed=URL)


def test_a_posted_document_of_several_entries_is_taken_without_its_history():
    old, new = "2020-01-01T00:00:00Z", NOW.isoformat()
    found = pushed(
        atom(
            f"<id>2</id><title>new</title><published>{new}</published>",
            f"<id>1</id><title>old</title><published>{old}</published>",
        )
    )

    assert [(item.object_id, item.intent) for item in found] == [("1", Intent.IGNORE), ("2", Intent.PUBLISH)]
    assert found[0].note


@pytest.mark.parametrize(
    "kind",
    ["application/rss+xml", "application/atom+xml; charset=utf-8", "text/xml", "application/xml", "Application/XML"],
)
def test_a_posted_document_may_have_any_type_of_a_feed(kind):
    assert [item.title for item in pushed(rss("<guid>1</guid><title>t</title>"), kind)] == ["t"]


def test_a_posted_json_feed_is_taken():
    found = items("feed", json_feed({"id": "1", "title": "t"}), {"content-type": "application/feed+json"}, feed=URL)

    assert [item.title for item in found] == ["t"]


def test_other_types_are_refused():
    problem = problem_of(lambda: pushed(b"x", "text/plain"))

    assert (problem.status, "application/rss+xml" in problem.detail) == (415, True)


def signed(secret, body=b"<rss/>", algorithm="sha1", **headers):
    digest = hmac.new(secret.encode(), body, algorithm).hexdigest()
    return a_request(body, {"x-hub-signature": f"{algorithm}={digest}", **headers})


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_a_hub_signs_with_the_hash_that_it_names(algorithm):
    source = a_source("feed", feed=URL, secret=("old", "new "))

    assert source.verify(signed("new", algorithm=algorithm)).scope == "source:cms"
    for raw in (signed("other", algorithm=algorithm), replace(signed("new", algorithm=algorithm), body=b"<rss />")):
        assert isinstance(problem_of(lambda raw=raw: source.verify(raw)), Unverified)


@pytest.mark.parametrize("value", [None, "", "sha1", "sha1=", "sha1=zz", "md5=00", "=", "sha256=00"])
def test_a_malformed_signature_lets_nobody_in(value):
    raw = a_request(b"<rss/>", {"x-hub-signature": value} if value is not None else {})

    assert isinstance(problem_of(lambda: a_source("feed", feed=URL, secret="s").verify(raw)), Unverified)


def test_without_a_secret_nothing_is_let_in():
    source = a_source("feed", feed=URL)

    for raw in (signed(""), signed("x"), a_request(b"<rss/>"), a_request(b"", {"authorization": "Bearer "})):
        problem = problem_of(lambda raw=raw: source.verify(raw))
        assert isinstance(problem, Unverified)
        assert problem.check is not Check.GENUINE


def test_another_way_to_prove_oneself_may_be_asked_for():
    source = a_source("feed", feed=URL, secret="s", auth="bearer")

    assert source.verify(a_request(b"", {"authorization": "Bearer s"})).scope == "source:cms"
    assert isinstance(problem_of(lambda: source.verify(signed("s"))), Unverified)


@pytest.mark.parametrize(
    ("query", "method", "answer"),
    [
        (f"hub.mode=subscribe&hub.topic={URL}&hub.challenge=abc", "GET", b"abc"),
        (f"hub.mode=subscribe&hub.topic={URL}&hub.challenge=abc", "POST", None),
        (f"hub.mode=unsubscribe&hub.topic={URL}&hub.challenge=abc", "GET", None),
        ("hub.mode=subscribe&hub.topic=https://other/&hub.challenge=abc", "GET", None),
        (f"hub.mode=subscribe&hub.topic={URL}", "GET", None),
        (f"hub.mode=subscribe&hub.topic={URL}&hub.challenge=abc" + "&x" * 100, "GET", None),
        ("", "GET", None),
    ],
)
def test_a_hub_is_confirmed_what_is_wanted_and_nothing_else(query, method, answer):
    raw = replace(a_request(b""), method=method, query=query)
    reply = a_source("feed", feed=URL, secret="s").probe(raw)

    assert (reply.body if reply else None) == answer
    assert a_source("feed", feed=URL).probe(raw) is None


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "expanded">',
        '<!ENTITY a "b"><!ATTLIST enclosure url CDATA "http://a.b/expanded.png">',
        '<!ENTITY % p ""><!ENTITY a "expanded">',
    ],
)
@pytest.mark.parametrize(
    "before", ["<!-- <a -->", "<?x <a ?>", "<!DOCTYPE x>\n<!-- <a -->", "<!--\n<!DOCTYPE a --><a>-->"]
)
@pytest.mark.parametrize("coding", ["utf-8", "utf-16", "utf-7"])
def test_no_comment_hides_what_would_expand(declared, before, coding):
    feed = rss('<guid>1</guid><title>is &a;</title><enclosure type="image/png"/>').decode().partition("?>")[2]
    text = f'<?xml version="1.0" encoding="{coding}"?>{before}<!DOCTYPE rss [{declared}]>{feed}'
    try:
        found = parse(text.encode(coding), "application/xml")
    except Problem:
        return
    assert "expanded" not in repr(found)


def test_a_text_may_tell_of_entities():
    body = rss(
        '<guid>1</guid><title>x</title><description><![CDATA[<p>Write <code><!ENTITY a "b"></code></p>]]></description>'
    )

    assert [item.title for item in parse(body).items] == ["x"]


def test_a_long_content_type_of_a_feed_is_not_parsed():
    found = parse(rss("<guid>1</guid>"), 'application/xml; a="' + ";" * 100_000)

    assert [item.object_id for item in found.items] == ["1"]
    with pytest.raises(Problem) as caught:
        items(
            "feed",
            rss("<guid>1</guid>"),
            {"content-type": 'application/xml; a="' + ";" * 100_000},
            feed="https://a.b/f",
        )
    assert caught.value.status == 415
