"""What a configuration shows of itself: its warnings, and nowhere its secrets."""

import pytest

from bridge.core.errors import SettingsError

GOOD = "partners: {plain: {token: {env: KEY}}}\n"
FULL = """
database: {url: {env: DATABASE}}
tokens: [{name: zapier, token: {env: CALLER}}]
partners: {plain: {token: {env: KEY}}}
sources: {site: {kind: blog, secret: {env: OPS}}}
endpoints: {ops: {url: "https://ops.example/hook?key=hush", secret: {env: OPS}}}
"""


def test_no_secret_is_in_the_text_of_the_settings(read, environ):
    settings = read(FULL, DATABASE="postgresql://me:hush@db/bridge")
    text = f"{settings!r} {settings} {settings.tokens} {settings.partners} {settings.endpoints} {settings.warnings}"
    assert not [value for value in (*environ.values(), "hush") if value in text]


def test_no_secret_is_in_a_fault(read, environ):
    with pytest.raises(SettingsError) as caught:
        read(
            FULL + "server: {public_url: 'https://b.example/?key=hush-hush'}\nlog: {level: {env: KEY}}",
            DATABASE="mysql://me:hush@db/bridge",
            OPS="whsec_!!!!",
        )
    text = str([fault.wire() for fault in caught.value.faults])
    assert len(caught.value.faults) == 4
    assert not [value for value in (*environ.values(), "hush", "!!!!") if value in text]


def test_no_secret_is_in_a_fault_where_it_does_not_belong_either(read, environ):
    with pytest.raises(SettingsError) as caught:
        read("accounts: {a: {partner: {env: KEY}, id: b}}\nserver: {host: {env: CALLER}, port: {env: OPS}}")
    text = f"{caught.value} {[fault.wire() for fault in caught.value.faults]}"
    assert not [value for value in environ.values() if value in text]


WARNINGS = {
    "no tokens": (GOOD, "tokens: there is none"),
    "no partners": ("tokens: [{name: a, token: {env: CALLER}}]", "partners: there is none"),
    "short token": ("tokens: [{name: a, token: {env: SPACED}}]", "tokens[0].token: is shorter than 16"),
    "private network": ("network: {allow: [10.0.0.0/8]}", "network.allow: outbound requests may reach 10.0.0.0/8"),
    "plain http": ("network: {allow_http: true}", "network.allow_http"),
    "plain endpoint": (
        "network: {allow_http: true}\nendpoints: {ops: {url: 'http://ops.example', secret: {env: OPS}}}",
        "endpoints.ops.url: is plain http",
    ),
    "short endpoint secret": (
        "endpoints: {ops: {url: 'https://ops.example', secret: {env: SPACED}}}",
        "endpoints.ops.secret: is shorter",
    ),
    "plain partner": (
        "partners: {plain: {token: {env: KEY}, base_url: 'http://sim.example'}}",
        "partners.plain.base_url: is plain http",
    ),
    "open server": ("server: {host: 0.0.0.0}", "server.host: 0.0.0.0 speaks plain http"),
    "open metrics": ("server: {host: 0.0.0.0, public_url: 'https://b.example'}", "server.host: 0.0.0.0 shows /metrics"),
    "plain public address": ("server: {public_url: 'http://b.example'}", "server.public_url: is plain http"),
    "same account, retired": (
        GOOD + "accounts: {a: {partner: plain, id: x}, b: {partner: plain, id: x, retired: true}}",
        "accounts.b: is the same account as a",
    ),
    "same account": (
        GOOD + "accounts: {a: {partner: plain, id: x}, b: {partner: plain, id: x}}",
        "accounts.b: is the same account as a",
    ),
    "doubles": ("retry: {ambiguous: retry}", "retry.ambiguous: retry may publish a post twice"),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_whatever_opens_up_is_a_warning(read, name):
    text, expected = WARNINGS[name]
    assert any(warning.startswith(expected) for warning in read(text).warnings)


def test_a_careful_configuration_has_no_warning(read):
    text = GOOD + "tokens: [{name: a, token: {env: CALLER}}]\nserver: {host: 0.0.0.0, admin: {port: 1}, "
    assert read(text + "public_url: 'https://b.example'}").warnings == ()
