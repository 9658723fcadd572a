"""What is read from where: the file, the variables over it, and the secrets that they refer to."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from bridge.core.directory import NamedAccount
from bridge.core.rules import PublishRules
from bridge.settings import Settings, load


def test_nothing_at_all_gives_the_defaults(tmp_path, monkeypatch, kinds):
    monkeypatch.chdir(tmp_path)
    settings = load(None, {}, kinds)
    assert (settings.server.host, settings.server.port, settings.server.admin) == ("127.0.0.1", 8080, None)
    assert settings.database.url == "sqlite:///bridge.db"
    assert settings.publish == PublishRules()
    assert settings.path is None


@pytest.mark.parametrize("section", ["publish", "watch", "retry", "deliver", "limits", "retention"])
def test_an_empty_section_gives_its_defaults(read, section):
    assert getattr(read(f"{section}:\n"), section) == getattr(Settings(), section)


def test_every_section_is_read(read, kinds, environ):
    settings = read("""
server: {host: 0.0.0.0, port: 9000, max_body: 1MiB, public_url: "https://b.example", admin: {port: 9001}}
tokens: [{name: zapier, token: {env: CALLER}, scopes: [publish], accounts: [brand-*]}]
partners: {main: {kind: plain, token: {env: KEY}, pause: 2s}}
accounts: {one: {partner: main, id: "1", retired: true}, two: {partner: main, platform: x, username: me}}
sources: {site: {kind: blog, secret: {env: OPS}, accounts: [one]}}
endpoints: {ops: {url: "https://ops.example/hook", secret: {env: OPS}, events: ["post.*"]}}
publish: {max_late: 1h30m}
network: {allow: [10.0.0.0/8, "fd00::/8"]}
""")
    assert settings.server.max_body == 2**20
    assert settings.server.admin.host == "0.0.0.0"
    assert settings.tokens[0].token == (environ["CALLER"],)
    assert settings.partners["main"].kind == "plain"
    assert settings.partners["main"].config == kinds.partners["plain"](token=environ["KEY"], pause=timedelta(seconds=2))
    assert settings.accounts == (
        NamedAccount("one", "main", "1", retired=True),
        NamedAccount("two", "main", None, "x", "me"),
    )
    assert settings.sources["site"].config.secret.get_secret_value() == environ["OPS"]
    assert settings.endpoints["ops"].secret == (environ["OPS"],)
    assert settings.publish.max_late == timedelta(minutes=90)
    assert settings.network.allow == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def test_a_private_endpoint_is_reached_where_its_network_is_allowed(read):
    url = "http://127.0.0.1:9000/hook"
    network = "network: {allow: [127.0.0.0/8], allow_http: true, ports: []}"
    text = f"{network}\nendpoints: {{a: {{url: '{url}', secret: {{env: OPS}}}}}}"
    assert read(text).endpoints["a"].url == url


def test_a_partner_named_like_its_kind_need_not_say_it(read):
    assert read("partners: {plain: {token: {env: KEY}}}").partners["plain"].kind == "plain"


def test_a_list_of_secrets_is_for_replacing_one(read, environ):
    settings = read("tokens: [{name: a, token: [{env: CALLER}, {env: KEY}]}]")
    assert settings.tokens[0].token == (environ["CALLER"], environ["KEY"])


def test_a_secret_file_counts_from_the_configuration_without_its_last_line_end(read, tmp_path):
    (tmp_path / "key").write_text("from-a-file\n")
    assert read("partners: {plain: {token: {file: key}}}").partners["plain"].config.token == "from-a-file"


def test_all_secret_values_are_known_for_redaction(read, environ):
    settings = read(
        """
database: {url: {env: DATABASE}}
tokens: [{name: zapier, token: {env: CALLER}}]
partners: {plain: {token: {env: KEY}}}
sources: {blog: {secret: {env: SPACED}}}
endpoints: {ops: {url: "https://ops.example", secret: [{env: OPS}]}}
""".replace("blog: {", "blog: {kind: blog, "),
        DATABASE="postgresql://me:hush@db/bridge",
    )
    assert set(settings.secrets) == {*environ.values(), "hush"}


def test_the_file_is_the_argument_else_bridge_config_else_bridge_yaml(tmp_path, monkeypatch, kinds):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("bridge.yaml", "named.yaml", "given.yaml"), start=1):
        Path(name).write_text(f"server: {{port: {number}}}")
    assert load(None, {}, kinds).server.port == 1
    assert load(None, {"BRIDGE_CONFIG": "named.yaml"}, kinds).server.port == 2
    assert load(Path("given.yaml"), {"BRIDGE_CONFIG": "named.yaml"}, kinds).server.port == 3


def test_variables_lie_over_the_file(read):
    settings = read(
        "server: {port: 1}\naccounts: {brand-x: {partner: plain, id: '1'}}\npartners: {plain: {token: {env: KEY}}}",
        BRIDGE_SERVER__PORT="9000",
        BRIDGE_PUBLISH__MAX_LATE="2h",
        BRIDGE_PUBLISH__ACCOUNTS="[brand-x, other]",
        BRIDGE_ACCOUNTS__BRAND_X__ID="42",
        BRIDGE_SERVER__ADMIN__PORT="9001",
        BRIDGE_NETWORK__ALLOW_HTTP="true",
    )
    assert (settings.server.port, settings.server.admin.port) == (9000, 9001)
    assert settings.publish.max_late == timedelta(hours=2)
    assert settings.publish.accounts == ("brand-x", "other")
    assert settings.accounts[0].id == "42"
    assert settings.network.allow_http is True


def test_variables_alone_make_a_configuration(tmp_path, monkeypatch, kinds):
    monkeypatch.chdir(tmp_path)
    variables = {
        "BRIDGE_TOKENS__0__NAME": "zapier",
        "BRIDGE_TOKENS__0__TOKEN": "0123456789",
        "BRIDGE_TOKENS__1__NAME": "other",
        "BRIDGE_TOKENS__1__TOKEN": "{env: OTHER}",
        "BRIDGE_PARTNERS__PLAIN__TOKEN": "12345",
        "OTHER": "other-token",
    }
    settings = load(None, variables, kinds)
    assert [(token.name, token.token) for token in settings.tokens] == [
        ("zapier", ("0123456789",)),
        ("other", ("other-token",)),
    ]
    assert settings.partners["plain"].config.token == "12345"


def test_a_variable_may_name_a_file(read, tmp_path):
    (tmp_path / "key").write_text("from-a-file\n")
    settings = read(BRIDGE_PARTNERS__PLAIN__TOKEN_FILE=str(tmp_path / "key"))
    assert settings.partners["plain"].config.token == "from-a-file"


def test_a_variable_and_its_file_together_are_refused(refused):
    faults = refused(BRIDGE_PARTNERS__PLAIN__TOKEN="a", BRIDGE_PARTNERS__PLAIN__TOKEN_FILE="b")
    assert "BRIDGE_PARTNERS__PLAIN__TOKEN" in faults["BRIDGE_PARTNERS__PLAIN__TOKEN_FILE"]


def test_variables_without_two_underscores_or_that_secrets_name_are_no_overrides(read):
    read("partners: {plain: {token: {env: BRIDGE_MY__KEY}}}", BRIDGE_MY__KEY="k", BRIDGE_TOKEN="t", BRIDGE_SERVER="s")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BRIDGE_SERVR__PORT", "1"),
        ("BRIDGE_SERVER__PORT__NUMBER", "1"),
        ("BRIDGE_TOKENS__7__NAME", "a"),
        ("BRIDGE_PUBLISH__ACCOUNTS", "[a"),
    ],
)
def test_a_variable_that_fits_nowhere_is_a_fault(refused, name, value):
    assert name in refused("server: {port: 1}\ntokens: []", **{name: value})
