"""The private Zapier app, run by Zapier's own platform against the real service, its partner simulated."""

import asyncio
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet

from tests.crash.audit import query
from tests.crash.town import SECRETS, Starter, open_town, until

HERE = Path(__file__).parent
SUBSCRIPTIONS = "select name from endpoints where kind = 'subscription'"


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Any]]:
    folder = tmp_path_factory.mktemp("zapier")
    with closing(Starter()) as starter:
        yield asyncio.run(_play(folder, starter))


async def _play(folder: Path, starter: Starter) -> Mapping[str, Any]:
    key = folder / "key"
    key.write_bytes(Fernet.generate_key())
    server = {"host": "127.0.0.1", "port": 0, "secret_key": {"file": str(key)}}
    async with open_town(folder, starter, server=server) as town:
        assert await town.start()
        await until("the accounts", lambda: query(town.database, "select 1 from accounts"))
        found = await asyncio.to_thread(_run, town.url, folder / "facts.json")
        await until("the end of what is gone", lambda: not query(town.database, SUBSCRIPTIONS))
        assert await town.stop() == 0
        return found


def _run(address: str, file: Path) -> Mapping[str, Any]:
    command = ["node", "zapier/run.cjs", address, SECRETS["TOWN_TOKEN"], str(file)]
    environ = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(command, cwd=HERE, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: Mapping[str, Any] = orjson.loads(file.read_bytes())
    return found


def test_the_platform_finds_no_fault_in_the_app(facts):
    definition = facts["definition"]

    assert (definition["faults"], definition["more"]) == ([], [])
    assert definition["creates"] == ["publish"]
    assert {"post_posted", "post_failed", "account_disconnected", "attention_opened"} < set(definition["triggers"])


def test_a_connection_is_tested_and_named(facts):
    assert facts["tested"]["accounts"] == len(facts["accounts"]) > 1
    assert facts["label"] == f"{facts['tested']['host']} ({facts['tested']['accounts']} accounts)"
    assert (facts["stranger"]["status"], facts["stranger"]["code"]) == (401, "unknown_token")
    assert "token" in facts["stranger"]["message"]


def test_a_post_is_published_once_and_told_as_flat_fields(facts):
    published, again = facts["published"], facts["again"]

    assert (published["taken"], published["duplicate"], again["duplicate"]) == (True, False, True)
    assert (published["id"], published["post_id"]) == (again["id"], published["posts"][0]["id"])
    assert published["accounts_text"] == facts["accounts"][0]["id"]


def test_a_request_that_is_wrong_shows_what_and_what_would_be_right(facts):
    refused, unknown = facts["refused"]["message"], facts["unknown"]["message"]

    assert "media is not an http(s) URL" in refused
    assert "scheduled_at 'soon' is not a date and time" in refused
    assert "accounts[0]" in unknown
    assert max(map(len, (refused, unknown))) < 250


def test_an_event_arrives_in_the_shape_that_was_promised(facts):
    [event] = facts["performed"]

    assert (event["type"], event["post_id"]) == ("post.posted", facts["published"]["post_id"])
    assert list(event) == list(facts["sample"])
    assert [one["id"] for one in facts["listed"]] == [event["id"]]
    assert facts["listed"] == [event]
    assert facts["listedAny"][0]["type"] == "attention.opened"


def test_a_subscription_ends_as_often_as_it_is_asked_for(facts):
    assert facts["unsubscribed"] == [{"id": facts["subscribed"]["id"]}] * 3


def test_a_wrong_address_is_told_as_one(facts):
    *others, schemeless = [error["message"] for error in facts["elsewhere"]]

    assert set(others) == {"There is no bridge at this address. Give the one that its /v1/accounts stands under."}
    assert "must begin with https://" in schemeless


def test_what_the_service_cannot_see_is_refused_by_the_app(facts):
    assert "Media has 2 addresses" in facts["videos"]["message"]
    assert "map a Key" in facts["keyless"]["message"]


def test_what_was_left_empty_is_not_sent_at_whatever_level(facts):
    assert facts["filled"] == {"f": ["g"], "h": False, "i": 0, "j": {"l": "m"}}


def test_each_account_is_one_choice(facts):
    ids = [account["id"] for account in facts["accounts"]]

    assert len(ids) == len(set(ids))
