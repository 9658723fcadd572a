"""What is refused: every fault at once, with its path and a remedy, and without a secret."""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.core.errors import SettingsError
from bridge.settings import Kinds, load

GOOD = "partners: {plain: {token: {env: KEY}}}\n"
ONE_FAULT = {
    "unknown section": ("servr: {}", "servr", "not a section"),
    "unknown key": ("server: {prot: 1}", "server.prot", "not a key"),
    "unknown nested key": ("server: {admin: {port: 1, hots: a}}", "server.admin.hots", "not a key"),
    "unknown key of a kind": ("partners: {plain: {token: {env: KEY}, tokn: a}}", "partners.plain.tokn", "not a key"),
    "unknown kind": ("partners: {a: {kind: plane}}", "partners.a.kind", "unknown; got 'plane'"),
    "no kind": ("partners: {a: {token: {env: KEY}}}", "partners.a.kind", "missing"),
    "kind of no text": ("partners: {a: {kind: [a]}}", "partners.a.kind", "unknown"),
    "section of no mapping": ("server: 8080", "server", "must be a mapping; got 8080"),
    "names of no mapping": ("partners: [a]", "partners", "must be a mapping of names; got a list"),
    "list of no list": ("tokens: {a: b}", "tokens", "must be a list; got a mapping"),
    "entry of no mapping": ("partners: {plain: x}", "partners.plain", "must be a mapping"),
    "missing key": ("tokens: [{token: {env: KEY}}]", "tokens[0].name", "is missing"),
    "missing secret": ("partners: {plain: {}}", "partners.plain.token", "is missing"),
    "half an endpoint": ("endpoints: {ops: {url: 'https://ops.example'}}", "endpoints.ops.secret", "is missing"),
    "variable not set": ("partners: {plain: {token: {env: NONE}}}", "partners.plain.token", "variable NONE is not set"),
    "variable empty": ("partners: {plain: {token: {env: EMPTY}}}", "partners.plain.token", "variable EMPTY is empty"),
    "value for a variable": ("partners: {plain: {token: {env: a.b}}}", "partners.plain.token", "not name a variable"),
    "file not there": ("partners: {plain: {token: {file: none}}}", "partners.plain.token", "file none cannot be read"),
    "both": ("partners: {plain: {token: {file: a, env: KEY}}}", "partners.plain.token", "names both"),
    "refused by the kind": ("partners: {plain: {token: {env: SPACED}}}", "partners.plain.token", "one word; got '***'"),
    "no number": (
        "server: {port: x}",
        "server.port",
        "must be a valid integer, unable to parse string as an integer; got 'x'",
    ),
    "out of bounds": ("server: {port: 70000}", "server.port", "must be less than or equal to 65535; got 70000"),
    "no duration": ("publish: {max_late: 5}", "publish.max_late", "must be a duration with a unit"),
    "no time at all": ("watch: {tick: 0s}", "watch.tick", "must be more than 0s; got '0s'"),
    "no size": ("limits: {free_disk: 5}", "limits.free_disk", "must be a size with a unit"),
    "not quoted": ("accounts: {a: {partner: plain, id: 5}}\n" + GOOD, "accounts.a.id", "must be a valid string; got 5"),
    "no choice": ("retry: {ambiguous: maybe}", "retry.ambiguous", "must be 'park' or 'retry'; got 'maybe'"),
    "no network": ("network: {allow: [10.0.0.1/8]}", "network.allow[0]", "must be a network"),
    "empty schedule": ("deliver: {schedule: []}", "deliver.schedule", "at least 1 item"),
    "account without partner": (
        "accounts: {a: {partner: plan, id: b}}\n" + GOOD,
        "accounts.a.partner",
        "'plan' is not",
    ),
    "account twice told": (
        "accounts: {a: {partner: plain, id: b, platform: x}}\n" + GOOD,
        "accounts.a.id",
        "and platform or username too",
    ),
    "half an account": ("accounts: {a: {partner: plain, platform: x}}\n" + GOOD, "accounts.a", "does not say which"),
    "no name": (
        GOOD.replace("{plain:", "{Plain: {kind: plain, token: {env: CALLER}}, plain:"),
        "partners.Plain",
        "not a name",
    ),
    "no token name": ("tokens: [{name: A b, token: {env: KEY}}]", "tokens[0].name", "not a name"),
    "reserved name": ("sources: {api: {kind: blog, secret: {env: KEY}}}", "sources.api", "built-in"),
    "same token name": (
        "tokens: [{name: a, token: {env: KEY}}, {name: a, token: {env: CALLER}}]",
        "tokens[1].name",
        "tokens[0]",
    ),
    "same token": (
        "tokens: [{name: a, token: {env: KEY}}, {name: b, token: {env: KEY}}]",
        "tokens[1].token",
        "tokens[0]",
    ),
    "same partner key": (
        "partners: {plain: {token: {env: KEY}}, b: {kind: plain, token: {env: KEY}}}",
        "partners.b.token",
        "plain",
    ),
    "poll too long": ("watch: {first_poll: 10m}", "watch.first_poll", "longer than watch.max_poll"),
    "back-off too long": ("publish: {backoff_first: 10m}", "publish.backoff_first", "longer than publish.backoff_max"),
    "caption": ("publish: {caption: '{{ title'}", "publish.caption", "template"),
    "caption of unknown": ("publish: {caption: '{{ titel }}'}", "publish.caption", "titel"),
    "public address": ("server: {public_url: b.example}", "server.public_url", "not an http(s) address"),
    "same port": ("server: {admin: {port: 8080}}", "server.admin.port", "the server itself"),
    "database": ("database: {url: mysql://db/bridge}", "database.url", "not a database"),
    "database in memory": ("database: {url: 'sqlite:///:memory:'}", "database.url", "does not name a file"),
    "database password": (
        "database: {url: 'postgresql://me:hush@db/x'}",
        "database.url",
        "has its password in the file",
    ),
    "nobody to notify": ("database: {notify: false}", "database.notify", "is for PostgreSQL"),
    "not YAML": ("server: [", "bridge.yaml line 1", "is not YAML"),
    "not a mapping": ("- a", "bridge.yaml", "must be a mapping"),
    "twice": ("server: {port: 1}\nlog: {}\nserver: {}", "bridge.yaml line 3", "server is there already, on line 1"),
    "twice within": ("server:\n  port: 1\n  port: 2", "bridge.yaml line 3", "port is there already, on line 2"),
}


@pytest.mark.parametrize("name", ONE_FAULT)
def test_a_fault_is_told_once_with_its_path(refused, name):
    text, path, problem = ONE_FAULT[name]
    faults = refused(text, EMPTY=" ")
    assert list(faults) == [path]
    assert problem in faults[path]


ENDPOINTS = {
    "no address": ("ops.example", "not an http(s) address"),
    "another scheme": ("ftp://ops.example", "not an http(s) address"),
    "a bad port": ("https://ops.example:x/", "not an http(s) address"),
    "a user": ("https://me:hush@ops.example/", "user or password"),
    "plain http": ("http://ops.example/", "plain http"),
    "a private address": ("https://10.1.2.3/", "private address 10.1.2.3"),
    "this machine": ("https://localhost/", "private address 127.0.0.1"),
    "this machine in IPv6": ("https://[::1]/", "private address ::1"),
}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_that_could_never_be_reached_is_a_fault(refused, name):
    url, problem = ENDPOINTS[name]
    faults = refused(f"endpoints: {{ops: {{url: '{url}', secret: {{env: OPS}}}}}}")
    assert problem in faults["endpoints.ops.url"]


def test_an_endpoint_wants_types_that_there_are_and_a_secret_that_can_sign(refused):
    text = "endpoints: {ops: {url: 'https://ops.example', secret: {env: BAD}, events: [post.failed, post.fialed]}}"
    faults = refused(text, BAD="whsec_!")
    assert "matches no event type" in faults["endpoints.ops.events[1]"]
    assert "base64" in faults["endpoints.ops.secret"]


def test_unknown_words_are_answered_with_the_nearest(read):
    with pytest.raises(SettingsError) as caught:
        read("server: {prot: 1}\npartners: {a: {kind: plian}}\nwatcj: {}")
    assert {fault.field: fault.remedy for fault in caught.value.faults} == {
        "watcj": "Write watch.",
        "server.prot": "Write port.",
        "partners.a.kind": "Write plain.",
    }


WORDS = st.sampled_from(
    ["server", "tokens", "partners", "accounts", "endpoints", "plain", "kind", "token", "url", "port"]
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), WORDS, st.just({"env": "KEY"}))
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tree=st.dictionaries(WORDS, TREES, max_size=4))
def test_whatever_is_written_is_read_or_refused_and_no_secret_is_told(read, environ, tree):
    try:
        told = repr(read(json.dumps(tree)))
    except SettingsError as error:
        told = f"{error} {error.faults}"
    assert environ["KEY"] not in told


def test_a_secret_in_the_file_itself_is_refused_and_not_shown(read):
    text = """
tokens: [{name: a, token: sesame-1}]
partners: {plain: {token: sesame-2}}
endpoints: {ops: {url: "https://ops.example", secret: [sesame-3]}}
sources: {site: {kind: blog, secret: sesame-4}}
"""
    with pytest.raises(SettingsError) as caught:
        read(text)
    assert [fault.field for fault in caught.value.faults] == [
        "endpoints.ops.secret[0]",
        "tokens[0].token",
        "partners.plain.token",
        "sources.site.secret",
    ]
    assert "sesame" not in f"{caught.value} {[fault.wire() for fault in caught.value.faults]}"
    assert "PLAIN_TOKEN" in caught.value.faults[2].remedy


def test_all_faults_are_told_at_once(refused):
    assert set(
        refused("""
server: {port: x, hots: a}
tokens: [{name: a, token: {env: NONE}, scopes: [pulbish]}]
partners: {plain: {token: {env: SPACED}, pause: 3}}
accounts: {a: {partner: b, id: c}}
watch: {first_poll: 10m}
""")
    ) == {
        "server.port",
        "server.hots",
        "tokens[0].token",
        "tokens[0].scopes[0]",
        "partners.plain.token",
        "partners.plain.pause",
        "accounts.a.partner",
        "watch.first_poll",
    }


MANY_FAULTS = """
server: {port: x, hots: a, public_url: nowhere, admin: {host: 5, port: 70000}}
database: {url: mysql://db/bridge, pool: 3}
tokens:
  - {name: a, token: {env: KEY}}
  - {name: a, token: {env: NONE}}
  - {name: B b, token: [{env: NONE}, {env: KEY}, 5], scopes: [pulbish]}
partners:
  plain: {token: {env: CALLER}, pause: 3}
  other: {kind: plain, token: {env: CALLER}, tokn: a}
  third: {kind: plain, token: {env: SPACED}, pause: 3}
accounts:
  a: {partner: plian, id: 5}
  b: {partner: plain, platform: x, colour: red}
endpoints:
  ops: {url: "https://me:hush@ops.example/", events: [5, "foo.*"]}
  two: {url: "ftp://ops.example/", secret: [{env: NONE}, {env: BAD}], evnts: []}
publish: {caption: "{{ title", max_late: 5, backoff_first: 10m}
watch: {tick: 0s, first_poll: 10m}
"""


def test_each_field_is_checked_whatever_else_is_wrong_with_its_entry(refused):
    assert set(refused(MANY_FAULTS, BAD="whsec_!")) == {
        *("server.port", "server.hots", "server.public_url", "server.admin.host", "server.admin.port"),
        *("database.url", "database.pool", "tokens[1].name", "tokens[1].token"),
        *("tokens[2].name", "tokens[2].token[0]", "tokens[2].token[2]", "tokens[2].token", "tokens[2].scopes[0]"),
        *("partners.plain.pause", "partners.other.token", "partners.other.tokn"),
        *("partners.third.token", "partners.third.pause"),
        *("accounts.a.partner", "accounts.a.id", "accounts.b", "accounts.b.colour"),
        *("endpoints.ops.url", "endpoints.ops.secret", "endpoints.ops.events[0]", "endpoints.ops.events[1]"),
        *("endpoints.two.url", "endpoints.two.secret[0]", "endpoints.two.secret", "endpoints.two.evnts"),
        *("publish.caption", "publish.max_late", "publish.backoff_first", "watch.tick", "watch.first_poll"),
    }


UNREADABLE = {
    "port": "server: {port: x, admin: {port: 8080}}",
    "networks": "network: {allow: [x]}\nendpoints: {ops: {url: 'http://10.0.0.1/', secret: {env: OPS}}}",
    "poll": "watch: {first_poll: 10m, max_poll: 20}",
    "token": "tokens: [{name: a, token: 5}, {name: b, token: 5}]",
    "partner": "accounts: {a: {partner: [a], id: b}}",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_nothing_is_held_against_what_cannot_be_read(refused, name):
    assert all("must be" in problem or "stands in" in problem for problem in refused(UNREADABLE[name]).values())


def test_an_address_is_told_all_that_is_wrong_with_it(refused):
    problem = refused("endpoints: {ops: {url: 'http://a@10.0.0.1/', secret: {env: OPS}}}")["endpoints.ops.url"]
    assert problem == "has a user or password in it, and is plain http, and is the private address 10.0.0.1"


def test_a_kind_that_is_no_configuration_type_is_a_mistake_of_ours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match="neither a dataclass nor a pydantic model"):
        load(None, {"BRIDGE_PARTNERS__ODD__TOKEN": "x"}, Kinds(partners={"odd": int}))


def test_a_partner_with_a_fault_is_still_known_to_its_accounts(refused):
    faults = refused("partners: {plain: {token: {env: NONE}}}\naccounts: {a: {partner: plain, id: b}}")
    assert list(faults) == ["partners.plain.token"]


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "is empty"), (b"\xff", "is not text"), (b"a" * 70_000, "is too large")]
)
def test_a_secret_file_must_hold_a_secret(refused, tmp_path, content, problem):
    (tmp_path / "key").write_bytes(content)
    assert problem in refused("partners: {plain: {token: {file: key}}}")["partners.plain.token"]


def test_a_configuration_that_cannot_be_read_is_a_fault(tmp_path, kinds):
    with pytest.raises(SettingsError, match=r"none\.yaml: cannot be read"):
        load(tmp_path / "none.yaml", {}, kinds)
    (tmp_path / "latin.yaml").write_bytes(b"\xe4: \xff")
    with pytest.raises(SettingsError, match="not text in UTF-8"):
        load(tmp_path / "latin.yaml", {}, kinds)


def test_an_anchor_may_be_used_twice(read):
    settings = read("publish: &rules {max_late: 1h}\nretention: {}\nlog: {}\n" + "accounts: {}\n")
    assert settings.publish.max_late == timedelta(hours=1)
    merged = "x: &x {kind: plain, token: {env: KEY}}"
    assert read(f"partners:\n  {merged}\n  y: {{<<: *x, token: {{env: CALLER}}}}").partners["y"].kind == "plain"


def test_an_endpoint_without_its_secret_is_told_all_that_is_wrong_with_it(refused):
    faults = refused("endpoints: {ops: {url: 'http://10.0.0.1/hook', secret: {env: NONE}, events: ['pots.*']}}")
    assert set(faults) == {"endpoints.ops.secret", "endpoints.ops.url", "endpoints.ops.events[0]"}
