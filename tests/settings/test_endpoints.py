"""Endpoints in a configuration, the key that seals those of the API, and the ports that addresses may name."""

from datetime import timedelta

import pytest

from bridge.core.redact import Redactor
from bridge.core.targets import WEB_PORTS
from tests.settings.test_faults import GOOD

OPS = "endpoints: {{ops: {{url: 'https://ops.example', secret: {{env: OPS}}, {0}}}}}"
KEY, OTHER = "a" * 43 + "=", "b" * 42 + "A="
SLACK = "https://hooks.slack.com/services/T0/B0/sesame"


def test_every_field_is_read(read):
    text = OPS.format(
        "description: Team, events: [post.*], where: {account: [brand-*], reason: token}, format: cloudevents, "
        "headers: {X-Team: a, Authorization: {env: CALLER}}, rate: 0.5, ordering: subject, timeout: 30s, "
        "schedule: [0s, 1m], allow_http: true"
    )

    ops = read(text).endpoints["ops"]

    assert (ops.description, ops.events, ops.format, ops.rate) == ("Team", ("post.*",), "cloudevents", 0.5)
    assert ops.where == {"account": ("brand-*",), "reason": ("token",)}
    assert ops.headers == {"X-Team": "a", "Authorization": "a-long-caller-token"}
    assert (ops.ordering, ops.timeout, ops.allow_http) == ("subject", timedelta(seconds=30), True)
    assert ops.schedule == (timedelta(), timedelta(minutes=1))


def test_a_header_from_elsewhere_is_a_secret_and_one_in_the_file_is_not(read):
    settings = read(OPS.format("headers: {X-Team: brand-team, X-Pass: {env: CALLER}}"))

    assert Redactor(settings.secrets).text("brand-team a-long-caller-token") == "brand-team [redacted]"
    assert "a-long-caller-token" not in repr(settings.endpoints)


def test_slack_needs_no_secret_and_its_address_may_be_one(read):
    settings = read("endpoints: {people: {url: {env: SLACK}, format: slack}}", SLACK=SLACK)

    assert settings.endpoints["people"].secret == ()
    assert SLACK in settings.secrets
    assert SLACK not in repr(settings)


FAULTS = {
    "no such partner": ("where: {partner: plan}", "where.partner", "'plan' is no partner"),
    "no such source": ("where: {source: [blog]}", "where.source", "'blog' is no source"),
    "no such platform": ("where: {platform: myspace}", "where.platform", "'myspace' is no platform"),
    "no such reason": ("where: {reason: tokn}", "where.reason", "'tokn' is no reason"),
    "no such condition": ("where: {weather: fair}", "where.weather", "is not a condition"),
    "no such format": ("format: xml", "format", "must be 'standard', 'cloudevents'"),
    "no such ordering": ("ordering: time", "ordering", "must be 'none' or 'subject'"),
    "no rate": ("rate: 0", "rate", "must be greater than or equal to 0.001"),
    "rate with a unit": ("rate: 30/min", "rate", "must be a valid number"),
    "too long": ("timeout: 5m", "timeout", "must be at most 2m"),
    "no pause": ("schedule: []", "schedule", "must have at least 1 item"),
    "group of single things": ("group: 30s", "group", "the format standard cannot say several things"),
    "our header": ("headers: {webhook-id: a}", "headers.webhook-id", "is a header that bridge sets itself"),
    "header of two lines": ('headers: {X-A: "a\\nb"}', "headers.X-A", "is not the value of a header"),
    "number for a header": ("headers: {X-A: 5}", "headers.X-A", "must be a valid string"),
    "secret header": ("headers: {X-Api-Key: sesame}", "headers.X-Api-Key", "stands in the file itself; got '***'"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_field_that_cannot_be_right_is_refused(refused, name):
    field, path, problem = FAULTS[name]

    [(found, told)] = refused(GOOD + OPS.format(field)).items()

    assert found == f"endpoints.ops.{path}"
    assert problem in told
    assert "sesame" not in told


def test_all_that_is_wrong_with_an_endpoint_is_told_at_once(refused):
    text = (
        "endpoints: {ops: {url: 'http://me:pw@127.0.0.1:9', headers: {host: a, X-Á: b}, where: {reason: [nay, nope]}}}"
    )

    found = refused(text)

    assert found == {
        "endpoints.ops.secret": "is missing",
        "endpoints.ops.headers.host": "is a header that bridge sets itself",
        "endpoints.ops.headers.X-Á": "is not the name of a header",
        "endpoints.ops.where.reason": (
            "'nay' is no reason that is known here, and 'nope' is no reason that is known here"
        ),
        "endpoints.ops.url": (
            "has a user or password in it, and is plain http, and names the port 9, "
            "and is the private address 127.0.0.1"
        ),
    }


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (OPS.format("allow_http: true"), "endpoints.ops.allow_http: is true, though its address is https."),
        (
            "endpoints: {ops: {url: 'http://ops.example', secret: {env: OPS}, allow_http: true}}",
            "endpoints.ops.url: is plain http, so events travel in the clear.",
        ),
        (
            GOOD + "accounts: {brand: {partner: plain, id: x}}\n" + OPS.format("where: {account: brnd}"),
            "endpoints.ops.where.account: 'brnd' is not under accounts. Write brand.",
        ),
        ("network: {ports: []}", "network.ports: is empty, so outbound requests may go to any port."),
    ],
)
def test_what_opens_up_or_is_not_meant_is_a_warning(read, text, warning):
    assert warning in read(text).warnings


def test_ports_are_those_of_the_web_unless_others_are_named(read, refused):
    url = "endpoints: {{ops: {{url: 'https://ops.example:{0}', secret: {{env: OPS}}}}}}"

    assert read().network.ports == WEB_PORTS
    assert read(url.format(8443)).warnings == read(OPS.format("description: a")).warnings
    assert refused(url.format(9000)) == {"endpoints.ops.url": "names the port 9000"}
    assert read("network: {ports: [9000]}\n" + url.format(9000)).network.ports == (9000,)
    assert refused("network: {ports: [0]}\n" + url.format(9000)).keys() == {"network.ports[0]"}


def test_the_sealing_key_comes_from_its_variable_or_from_a_file(read, tmp_path):
    (tmp_path / "key").write_text(f"{OTHER}\n{KEY}\n")

    assert read().server.secret_key == ()
    assert read(BRIDGE_SECRET_KEY="").server.secret_key == ()
    settings = read("server: {port: 9}", BRIDGE_SECRET_KEY=f"{KEY}, {OTHER}")
    assert (settings.server.secret_key, settings.server.port) == ((KEY, OTHER), 9)
    assert {KEY, OTHER} <= set(settings.secrets)
    assert KEY not in repr(settings)
    assert read(BRIDGE_SECRET_KEY_FILE="key").server.secret_key == (OTHER, KEY)
    assert read(BRIDGE_SERVER__SECRET_KEY=KEY).server.secret_key == (KEY,)


def test_the_file_goes_before_the_variable(read):
    text = "server: {secret_key: [{env: OWN}, {env: OLD}]}"

    assert read(text, OWN=OTHER, OLD=KEY, BRIDGE_SECRET_KEY=KEY).server.secret_key == (OTHER, KEY)


_NO_FILE = "the file none cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"BRIDGE_SECRET_KEY": "sesame"}, {"server.secret_key": "is not 32 bytes in URL-safe base64"}),
        ({"BRIDGE_SECRET_KEY": f"{KEY},sesame"}, {"server.secret_key": "key 2 is not 32 bytes in URL-safe base64"}),
        ({"BRIDGE_SERVER__SIGNING_KEY": "whsk_sesame"}, {"server.signing_key": "is not whsk_ and base64"}),
        ({"BRIDGE_SECRET_KEY_FILE": "none"}, {"server.secret_key": _NO_FILE}),
        (
            {"BRIDGE_SECRET_KEY": KEY, "BRIDGE_SECRET_KEY_FILE": "none"},
            {"BRIDGE_SECRET_KEY_FILE": "is set, and so is BRIDGE_SECRET_KEY"},
        ),
    ],
)  # fmt: skip
def test_a_key_that_is_none_is_refused(refused, variables, found):
    assert refused(**variables) == found


def test_a_key_in_the_file_itself_is_refused(refused):
    assert refused(f"server: {{secret_key: {KEY}}}").keys() == {"server.secret_key"}
