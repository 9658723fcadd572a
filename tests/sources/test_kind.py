"""What every kind has: its ways of proof, and faults of a configuration that its type cannot see."""

from dataclasses import replace

import pytest

from bridge.core.errors import Problem
from bridge.core.hook_rules import HookRules
from bridge.core.paths import without
from bridge.sources import KINDS, build
from bridge.sources._kind import Payload
from tests.sources.reading import a_request, item, items


@pytest.mark.parametrize("name", ["ghost", "wordpress", "cloudevents", "strapi"])
@pytest.mark.parametrize(
    ("auth", "secret", "keys"),
    [
        (None, ("s",), []),
        (None, None, ["secret"]),
        ("none", None, []),
        ("none", ("s",), ["secret"]),
        ("query:token", ("s",), []),
        ("basic", None, ["secret"]),
    ],
)
def test_a_secret_and_its_use_belong_together(name, auth, secret, keys):
    config = KINDS[name].config_type(auth=auth, secret=secret)

    assert [key for key, _, _ in KINDS[name].faults(config)] == keys


@pytest.mark.parametrize("name", ["strapi", "cloudevents"])
def test_who_signs_nothing_cannot_be_asked_to(name):
    assert KINDS[name].faults(KINDS[name].config_type(auth="signature", secret=("s",)))[0][0] == "auth"


@pytest.mark.parametrize(
    ("query", "told"),
    [("a=1&event=x&event=y", "x"), ("", ""), ("event=", ""), ("&" * 100 + "event=x", ""), ("event=%ff", "\ufffd")],
)
def test_parameters_of_the_address_are_read_within_reason(query, told):
    assert Payload(replace(a_request(b"{}"), query=query), {}).query("event") == told


def test_most_kinds_have_nothing_to_look_up():
    source = build("blog", "ghost", HookRules(secret=("s",)))

    assert source.fetches is False
    with pytest.raises(Problem, match="no_lookup"):
        source.lookup({}, ())


MANY = {
    "generic": [{}] * 201,
    "hubspot": [{}] * 201,
    "kontent": {"notifications": [{}] * 201},
    "webflow": {"triggerType": "x", "payload": {"items": [{}] * 201}},
    "directus": {"event": "posts.items.delete", "collection": "posts", "keys": [1] * 201},
    "cloudevents": [{}] * 201,
}


@pytest.mark.parametrize("name", MANY)
def test_too_many_things_are_counted_before_they_are_looked_at(name):
    """The events of the batch are none at all, and that is not what is told."""
    headers = {"content-type": "application/cloudevents-batch+json"} if name == "cloudevents" else {}
    with pytest.raises(Problem, match="too_many"):
        items(name, MANY[name], headers)


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({"k": "s", "title": "x"}, {"title": "x"}),
        ({"a": {"k": "s", "b": 1}}, {"a": {"k": "s", "b": 1}}),
        ([{"k": "s", "title": "x"}], {"title": "x"}),
    ],
)
def test_the_field_of_a_secret_is_not_read(body, left):
    assert item("generic", body, auth="body:k", secret="s").raw == left


@pytest.mark.parametrize(
    ("data", "path", "left"),
    [
        ({"a": {"k": 1, "b": 2}}, "a.k", {"a": {"b": 2}}),
        ({"a.k": 1, "a": 2}, "a.k", {"a": 2}),
        ([{"a": 1}, {"a": 2}], "1.a", [{"a": 1}, {}]),
        ({"a": [1, 2]}, "a.0", {"a": [2]}),
        ([[{"a": 1}]], "a", [[{}]]),
        ({"a": "text"}, "a.b.c", {"a": "text"}),
        ("text", "a", "text"),
    ],
)
def test_a_path_is_taken_out_of_a_copy(data, path, left):
    before = repr(data)

    assert without(data, path) == left
    assert repr(data) == before
