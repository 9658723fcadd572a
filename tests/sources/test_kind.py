"""What every kind has: its ways of proof, and faults of a configuration that its type cannot see."""

from dataclasses import replace

import pytest

from bridge.core.errors import Problem
from bridge.core.hook_rules import HookRules
from bridge.core.paths import without
from bridge.core.verifying import KeyForm
from bridge.sources import KINDS, build
from bridge.sources._kind import Payload
from bridge.sources.generic import SignedBy
from tests.sources.reading import a_request, item, items


def test_a_header_that_proves_who_sends_is_not_passed_on_whatever_it_is_called():
    config = KINDS["generic"].config_type(auth="header:X-Site-Id", secret=("s3cret",))
    raw = replace(a_request(b"{}"), headers=(("x-site-id", "s3cret"), ("x-event", "published")))

    assert build("cms", "generic", config).verify(raw).raw.headers == (("x-event", "published"),)


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
    ("name", "key", "secrets", "told"),
    [
        ("standard_webhooks", None, ("whsec_hunter2!",), "holds no key: it is not whsec_ and base64 after it"),
        ("standard_webhooks", None, (" whsec_AAEC ", "whsec_"), "number 2 holds no key"),
        ("standard_webhooks", None, ("whsec_AAEC", "plain text"), None),
        ("generic", "base64", ("hunter2!",), "it is not base64"),
        ("generic", "base64", ("AAEC",), None),
        ("generic", "hex", ("abc",), "it is not hexadecimal digits, an even number of them"),
        ("generic", "hex", ("ab0C",), None),
        ("generic", "text", (" ",), "it is not some text"),
        ("wordpress", None, ("whsec_hunter2!",), None),
    ],
)
def test_a_secret_that_holds_no_key_is_a_fault(name, key, secrets, told):
    """WordPress may sign with the secret as text, too."""
    declared = {"signature": SignedBy(header="X-Sig", key=KeyForm(key))} if key else {}
    config = KINDS[name].config_type(auth="signature", secret=secrets, **declared)
    faults = KINDS[name].faults(config)

    assert [field for field, _, _ in faults] == ["secret"] * bool(told)
    assert told is None or told in faults[0][1]
    assert "hunter2" not in str(faults)


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
