"""What people call their fields, and what rich text says."""

import pytest

from bridge.core.rules import SourceRules
from bridge.sources._fields import FieldRules, as_object, describe, images_in, own_fields, prose, words


@pytest.mark.parametrize(
    ("data", "role", "value"),
    [
        ({"Main Image": "https://a.example/a.jpg"}, "images", ("https://a.example/a.jpg",)),
        ({"main-image": {"url": "//cdn.example/a.jpg"}}, "images", ("https://cdn.example/a.jpg",)),
        ({"cover": {"asset": {"url": "/a.jpg"}}, "gallery": ["/b.jpg", "/a.jpg"]}, "images", ("/a.jpg", "/b.jpg")),
        ({"image": "0f4f54d4-8cce", "thumbnail": 5}, "images", ()),
        ({"display_name": "A", "title": " "}, "title", "A"),
        ({"title": "A", "TITLE": "B"}, "title", "A"),
        ({"title": True, "name": 2026}, "title", "2026"),
        ({"summary": "Short"}, "body", "Short"),
        ({"slug": "a/b"}, "url", "a/b"),
        ({"url": "https://a.example", "slug": "b"}, "url", "https://a.example"),
        ({"url": "not an address", "slug": {"current": "b"}}, "url", "b"),
        ({"link": None}, "url", ""),
        ({"tags": [], "category": {"name": "News"}}, "tags", ("News",)),
        ({"publishedAt": 5, "publish_date": "2026-03-01"}, "published_at", "2026-03-01"),
    ],
)
def test_a_field_is_known_by_its_usual_names(data, role, value):
    assert describe(data, {})[role] == value


def test_what_is_told_goes_before_what_is_known():
    data = {"title": "A", "seo": {"line": "B"}, "body": "C"}

    said = describe(data, {"title": "seo.line", "body": "missing"})

    assert (said["title"], said["body"]) == ("B", "")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a, b ,a,", ("a", "b")),
        (["a", {"name": "b"}, {"title": "c"}, {"id": 4}, None], ("a", "b", "c")),
        (None, ()),
        (5, ()),
    ],
)
def test_words_come_in_many_shapes(value, found):
    assert words(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("  a  b ", "a  b"),
        (5, "5"),
        (None, ""),
        ({}, ""),
        ({"image": {"url": "x"}}, ""),
        (["One", "", "Two"], "One\n\nTwo"),
        ({"nodeType": "text", "value": ""}, ""),
        ({"type": "code", "value": "x"}, ""),
        ([{"text": "One "}, {"type": "link", "children": [{"text": "two"}]}, {"text": "."}], "One two."),
        ([{"children": [{"text": "One"}]}, {"_type": "image"}, {"children": [{"text": "Two"}]}], "One\n\nTwo"),
    ],
)
def test_rich_text_is_read_as_prose(value, found):
    assert prose(value) == found


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"children": inner}])
def test_what_is_nested_too_deep_is_left_out(wrap):
    value = images = "/deep"
    for _ in range(200):
        value, images = wrap(value), [images]

    assert prose(value) == ""
    assert list(images_in(images)) == []


@pytest.mark.parametrize(
    ("data", "own"),
    [
        (
            {"caption": "C", "accounts": ["a"], "text": "T", "title": "A", "media": None, "tiktok": {}},
            {"caption": "C", "accounts": ["a"], "tiktok": {}},
        ),
        ({"caption": "C", "accounts": "a"}, {"caption": "C", "accounts": "a"}),
        ({"caption": "Photo: AFP", "media": ["a"], "settings": {}}, {}),
        ({"caption": "C", "accounts": []}, {}),
        ({"caption": "C", "accounts": 5}, {}),
        ({"accounts": "a", "settings": {"x": 1}}, {}),
        ({"captions": {"x": "C"}}, {"captions": {"x": "C"}}),
        ({"media": ["a"], "settings": {}, "caption": [{"_type": "block"}]}, {}),
        ({"caption": " "}, {}),
    ],
)
def test_only_a_body_that_was_written_for_us_has_fields_of_ours(data, own):
    assert own_fields(data) == own


def test_every_kind_with_fields_takes_the_rules_of_all_sources():
    assert issubclass(FieldRules, SourceRules)
    assert as_object([]) == {}
