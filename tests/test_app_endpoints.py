"""What a start makes of the endpoints in a real database: of the configuration and of the API."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bridge.app import running
from bridge.core.endpoint_fields import columns
from bridge.core.errors import SettingsError
from bridge.core.model import Endpoint, Write
from bridge.core.sealing import Sealer, Secret, Secrets
from bridge.core.signing import secret_key
from bridge.settings import Database, EndpointEntry, Server, Settings, Token
from bridge.store import open_store
from tests.core.builders import NOW

pytestmark = pytest.mark.anyio

OLD, NEW = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w=", "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU="
SECRET = "whsec_" + "A" * 32
ENTRY = EndpointEntry(
    url="https://ops.example/hook", secret=(SECRET,), where={"reason": ("token",)}, headers={"X-Team": "a"}, rate=2
)
MADE = Endpoint(
    "made",
    "https://made.example/[redacted]",
    configured=False,
    owner="team",
    sealed=Sealer([OLD]).seal(Secrets((Secret(SECRET),), url="https://made.example/hook")),
)
TEAM = Token(name="team", token=("secret-of-the-team",), scopes=("admin",))


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a process over one database, with keys and configured endpoints."""

    def start(*keys: str, tokens=(TEAM,), **endpoints: EndpointEntry):
        database = Database(url=f"sqlite:///{tmp_path / 'bridge.db'}")
        settings = Settings(database=database, server=Server(secret_key=keys), tokens=tokens, endpoints=endpoints)
        return running(settings, clock=lambda: NOW)

    return start


@pytest.fixture
async def made(tmp_path) -> None:
    """Put an endpoint of the API into the database."""
    store = await open_store(f"sqlite:///{tmp_path / 'bridge.db'}")
    await store.record([Write(endpoints=(MADE,))])
    await store.close()


async def test_a_configured_endpoint_is_kept_and_sent_to_as_it_is_configured(start):
    async with start(ops=ENTRY) as bridge:
        first = (await bridge.kit.store.endpoints())["ops"]
        sending = bridge.endpoints.sending(first, NOW)
    async with start(ops=ENTRY) as bridge:
        again = (await bridge.kit.store.endpoints())["ops"]
    async with start(ops=replace(ENTRY, rate=None)) as bridge:
        changed = (await bridge.kit.store.endpoints())["ops"]

    assert {name: getattr(first, name) for name in columns(ENTRY)} == columns(ENTRY)
    assert (sending.keys, sending.headers) == ((secret_key(SECRET),), {"X-Team": "a"})
    assert (first.url, sending.url) == ("https://ops.example/[redacted]", "https://ops.example/hook")
    assert again == first
    assert (changed.rate, changed.version) == (None, first.version + 1)


async def test_a_key_is_retired_in_two_starts(start, made):
    with capture_logs() as lines:
        async with start(NEW, OLD):
            pass
        async with start(NEW) as bridge:
            endpoint = (await bridge.kit.store.endpoints())["made"]
            assert bridge.endpoints.sending(endpoint, NOW).keys == (secret_key(SECRET),)

    assert not [line for line in lines if line["event"] == "config.warned"]


@pytest.mark.parametrize("keys", [(), (NEW,)], ids=["no key", "another key"])
async def test_endpoints_that_no_key_opens_are_named_and_nothing_dies(start, made, keys):
    with capture_logs() as lines:
        async with start(*keys) as bridge:
            kept = (await bridge.kit.store.endpoints())["made"]
            metrics = bridge.kit.metrics.render().decode()

    [line] = [line for line in lines if line["event"] == "config.warned"]
    assert line["endpoints"] == ["made"]
    assert line["warning"].startswith("server.secret_key: no key opens the secrets of 1 endpoint")
    assert "bridge_config_warnings 1.0" in metrics
    assert kept == MADE


async def test_the_name_of_an_endpoint_of_the_api_cannot_be_configured(start, made):
    with pytest.raises(SettingsError, match=r"^endpoints\.made: is the name of an endpoint that was made over the API"):
        async with start(OLD, made=ENTRY):
            pass
    async with start(OLD, ops=ENTRY) as bridge:
        endpoints = await bridge.kit.store.endpoints()

    assert endpoints["made"] == MADE
    assert endpoints.keys() == {"made", "ops"}


async def test_what_a_token_made_goes_with_it_and_sees_what_it_sees(start, made):
    with capture_logs() as lines:
        async with start(OLD, tokens=()) as bridge:
            gone = (await bridge.kit.store.endpoints())["made"]
            assert "bridge_config_warnings 1.0" in bridge.kit.metrics.render().decode()
        async with start(OLD, tokens=(replace(TEAM, accounts=("brand-*",)),)) as bridge:
            back = (await bridge.kit.store.endpoints())["made"]

    assert (gone.enabled, gone.reason) == (False, "owner_gone")
    assert (back.enabled, back.reason, back.allowed) == (True, None, ("brand-*",))
    [line] = [line for line in lines if line["event"] == "config.warned"]
    assert line["endpoints"] == ["made"]
    [line] = [line for line in lines if line["event"] == "endpoint.changed"]
    assert (line["endpoints"], line["fields"]) == (["made"], ["accounts"])
