"""What a post says, on each platform."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.captions import DEFAULT, content_for, fill_caption, is_uniform, not_targeted, render_caption
from bridge.core.hook_rules import HookRules, Override
from bridge.core.request import parse_request
from bridge.core.rules import SourceRules

RULES = SourceRules(caption="{{ title }}", captions={"x": "{{ title }} {{ url }}", "linkedin": "L: {{ title }}"})
GIVEN = {"title": "T", "url": "https://a.example/"}


@pytest.mark.parametrize(
    ("template", "caption"),
    [
        ("{{ title }}: {{ url }}", "T: https://a.example"),
        ("{{ excerpt }}{{ tags|join(' ') }}", ""),
        ("{{ 'one two three' | truncate_words(9) }}", "one two…"),
        ("{{ 'one two three' | truncate_words(10) }}", "one two…"),
        ("{{ 'one two' | truncate_words(7) }}", "one two"),
        ("{{ 'abcdefgh' | truncate_words(4) }}", "abc…"),
        ("{{ '          ' | truncate_words(3) }}|", "…|"),
        ("{{ 'abc' | truncate_words(0) }}{{ 'abc' | truncate_words(-1) }}", ""),
    ],
)
def test_a_template_makes_a_caption(template, caption):
    assert render_caption(template, {"title": "T", "url": "https://a.example"}) == (caption, [])


@pytest.mark.parametrize(
    "template",
    [
        *("{{ nothing }}", "{{ title", "{{ title / 0 }}", "{{ 1 / 0 }}", "{{ title | truncate_words('x') }}"),
        *("{{ tags[3] * 2 }}", "{{ title.__class__.__mro__ }}", "{{ '%(a)s' | format(b=1) }}"),
        *("{{ '{0}{1}'.format(1) }}", "{{ range(10**9) }}"),
    ],
)
def test_a_template_that_fails_is_a_fault_and_no_crash(template):
    caption, [fault] = render_caption(template, {"title": "T"})

    assert (caption, fault.field) == ("", "caption")


def test_a_caption_is_what_was_sent_else_what_the_template_gives_else_missing():
    assert fill_caption({"caption": "own"}, "{{ title }}") == ({"caption": "own"}, [])
    assert fill_caption({"title": "T"}, "{{ title }}!") == ({"title": "T", "caption": "T!"}, [])
    assert [fault.problem for fault in fill_caption({"title": "T"}, None)[1]] == ["is missing"]
    assert [fault.problem for fault in fill_caption({}, "{{ title }}")[1]] == ["is missing"]
    assert [fault.problem for fault in fill_caption({"url": "u"}, "{{ title }}")[1]] == [
        "is empty: its template gives nothing"
    ]


@pytest.mark.parametrize(
    ("fields", "platform", "caption"),
    [
        ({"caption": "all", "captions": {"x": "short"}}, "x", "short"),
        ({"caption": "all", "captions": {"x": "short"}}, "twitter", "short"),
        ({"caption": "all", "captions": {"Twitter ": "short"}}, "x", "short"),
        ({"caption": "all", "captions": {"x": "short"}}, "tiktok", "all"),
        ({"caption": "all", "captions": {"x": "short"}}, "", "all"),
        ({"captions": {"linkedin": "l", "linkedin-page": "p"}}, "linkedin-page", "p"),
        ({"captions": {"linkedin": "l"}}, "linkedin-page", "l"),
        (GIVEN, "x", "T https://a.example/"),
        (GIVEN, "linkedin-page", "L: T"),
        (GIVEN, "tiktok", "T"),
        (GIVEN | {"caption": "own"}, "x", "own"),
        (GIVEN | {"captions": {"tiktok": "own"}}, "x", "T https://a.example/"),
    ],
)
def test_the_request_goes_before_the_configuration_and_the_platform_before_all(fields, platform, caption):
    content, faults = content_for(platform, parse_request(fields), RULES)

    assert (content["caption"], faults) == (caption, [])
    assert "captions" not in content


def test_a_platform_without_any_caption_is_a_fault():
    request = parse_request({"captions": {"x": "short"}})

    assert [fault.field for fault in content_for("tiktok", request, SourceRules())[1]] == ["caption"]


@pytest.mark.parametrize(
    ("fields", "rules", "uniform"),
    [
        ({"caption": "a"}, RULES, True),
        (GIVEN, RULES, False),
        (GIVEN, SourceRules(caption="{{ title }}"), True),
        ({"caption": "a", "captions": {"x": "b"}}, SourceRules(), False),
        ({}, SourceRules(), True),
        (GIVEN, HookRules(content={"music_url": "https://a.example/"}), True),
        (GIVEN, SourceRules(caption="{{ tags | hashtags }}"), False),
        (GIVEN, SourceRules(caption="{% if platform == 'x' %}{{ title }}{% endif %}"), False),
        (GIVEN, SourceRules(caption="{{ tags |"), True),
        (GIVEN | {"caption": "a"}, SourceRules(caption="{{ tags | hashtags }}"), True),
        ({"caption": "a"}, HookRules(by_partner={"pe": Override()}), False),
    ],
)
def test_most_requests_say_the_same_everywhere(fields, rules, uniform):
    assert is_uniform(parse_request(fields), rules) is uniform


HOOK = HookRules(
    caption="all",
    captions={"x": "all on x"},
    content={"music_url": "https://a.example/1", "pinterest": {"board_id": "1"}},
    by_partner={
        "pe": Override(caption="pe", captions={"linkedin": "pe on linkedin"}),
        "two": Override(captions={"x": "two on x"}, content={"music_url": "https://a.example/2"}),
    },
)


@pytest.mark.parametrize(
    ("partner", "platform", "caption", "music"),
    [
        ("gv", "tiktok", "all", 1),
        ("gv", "x", "all on x", 1),
        ("pe", "x", "pe", 1),
        ("pe", "linkedin-page", "pe on linkedin", 1),
        ("two", "twitter", "two on x", 2),
        ("two", "tiktok", "all", 2),
    ],
)
def test_what_is_for_a_partner_goes_before_what_is_for_all(partner, platform, caption, music):
    content, _ = content_for(platform, parse_request(GIVEN), HOOK, partner)

    assert (content["caption"], content["music_url"]) == (caption, f"https://a.example/{music}")
    assert content["pinterest"] == {"board_id": "1"}


def test_the_senders_own_fields_go_before_the_configured_ones():
    own = parse_request({"caption": "own", "music_url": "https://b.example/", "captions": {"x": "own on x"}})

    assert content_for("x", own, HOOK, "two")[0]["caption"] == "own on x"
    assert content_for("tiktok", own, HOOK, "two")[0] == {
        "caption": "own",
        "music_url": "https://b.example/",
        "pinterest": {"board_id": "1"},
    }


@pytest.mark.parametrize(
    ("fields", "body", "caption"),
    [
        (GIVEN, "Text", "T\n\nhttps://a.example/"),
        ({"title": "T"}, "Text", "T"),
        ({"url": "https://a.example/"}, "Text", "Text\n\nhttps://a.example/"),
        ({"url": "https://a.example/"}, "See https://a.example/ now", "See https://a.example/ now"),
        ({"url": "https://a.example/"}, "", "https://a.example/"),
        ({}, "word " * 100, "word " * 39 + "word…"),
        ({"title": "word " * 100}, "Text", "word " * 39 + "word…"),
        ({"title": "T", "url": "https://a.example/" + "u" * 300}, "", "https://a.example/" + "u" * 300),
        ({"excerpt": "In short", "url": "https://a.example/"}, "", "In short\n\nhttps://a.example/"),
        (GIVEN, "", "T\n\nhttps://a.example/"),
        (
            {"title": "See https://a.example/long", "url": "https://a.example/"},
            "",
            "See https://a.example/long\n\nhttps://a.example/",
        ),
    ],
)
def test_a_hook_without_a_template_says_title_or_text_and_the_link(fields, body, caption):
    request = replace(parse_request(fields), context={"body": body})

    assert content_for("x", request, HookRules()) == ({**fields, "caption": caption}, [])
    assert content_for("x", request, SourceRules())[1][0].problem == "is missing"


@settings(max_examples=40)
@given(st.text(max_size=400), st.integers(0, 240))
def test_the_usual_caption_fits_everywhere(title, length):
    url = "https://a.example/" + "u" * length
    request = replace(parse_request({"title": title, "url": url}), context={"body": title * 2})
    caption = content_for("x", request, HookRules())[0]["caption"]

    assert len(caption) <= 280
    assert caption.endswith(url)


@pytest.mark.parametrize(
    ("template", "caption"),
    [
        ("{{ title }} \n{{ excerpt }}\n\n{{ url }}", "T\n\nhttps://a.example"),
        ("{{ title }}\n\n{{ url }}", "T\n\nhttps://a.example"),
        ("  {{ title }}\n  a", "T\n  a"),
    ],
)
def test_what_is_empty_leaves_no_gap(template, caption):
    assert render_caption(template, {"title": "T", "url": "https://a.example"}) == (caption, [])


@pytest.mark.parametrize("context", [{}, {"body": "", "raw": {"a": 1}}])
def test_a_hook_that_says_nothing_has_no_caption(context):
    request = replace(parse_request({}), context=context)

    assert [fault.problem for fault in content_for("x", request, HookRules())[1]] == ["is missing"]


def test_a_template_sees_what_came_and_the_platform():
    rules = HookRules(caption="{{ platform }} {{ raw.a.b }} {{ title }} {{ raw.c.d }}")
    request = replace(parse_request({"title": "own"}), context={"raw": {"a": {"b": 1}}, "title": "T"})

    assert content_for("linkedin-page", request, rules)[0]["caption"] == "linkedin 1 own"


def test_the_usual_template_does_not_depend_on_the_platform():
    assert is_uniform(parse_request({}), HookRules(caption=DEFAULT))


@pytest.mark.parametrize(
    ("platforms", "words"),
    [
        (["x", "linkedin-page"], ["mastodon"]),
        (["tiktok"], ["x", "linkedin", "mastodon"]),
        (["tiktok", ""], []),
        ([], []),
    ],
)
def test_a_caption_for_no_target_is_warned_of(platforms, words):
    found = not_targeted({"x": "a", "linkedin": "b", "mastodon": "c"}, platforms)

    assert [(one["field"], one["code"]) for one in found] == [(f"captions.{word}", "NOT_TARGETED") for word in words]
