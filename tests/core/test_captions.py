"""What a post says, on each platform."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.captions import content_for, fill_caption, is_uniform, not_targeted, render_caption
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
        *("{{ tags[3].x }}", "{{ title.__class__.__mro__ }}", "{{ '%(a)s' | format(b=1) }}"),
        *("{{ '{0}{1}'.format(1) }}", "{{ range(10**9) }}"),
    ],
)
def test_a_template_that_fails_is_a_fault_and_no_crash(template):
    caption, [fault] = render_caption(template, {"title": "T"})

    assert (caption, fault.field) == ("", "caption")


@given(st.text(), st.integers(-3, 50))
def test_a_cut_text_is_never_longer_than_asked(text, most):
    caption, faults = render_caption(f"{{{{ caption | truncate_words({most}) }}}}", {"caption": text})

    assert not faults
    assert len(caption) <= max(most, 0)


def test_a_caption_is_what_was_sent_else_what_the_template_gives_else_missing():
    assert fill_caption({"caption": "own"}, "{{ title }}") == ({"caption": "own"}, [])
    assert fill_caption({"title": "T"}, "{{ title }}!") == ({"title": "T", "caption": "T!"}, [])
    assert [fault.problem for fault in fill_caption({"title": "T"}, None)[1]] == ["is missing"]
    assert [fault.problem for fault in fill_caption({}, "{{ title }}")[1]] == ["is missing"]


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
    ],
)
def test_most_requests_say_the_same_everywhere(fields, rules, uniform):
    assert is_uniform(parse_request(fields), rules) is uniform


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
