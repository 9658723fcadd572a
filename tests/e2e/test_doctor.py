"""`bridge doctor` and `bridge send` beside a real service, a partner, a receiver and a Slack."""

import asyncio
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import orjson
import pytest

from bridge.core.model import AccountState
from bridge.simulator.genviral import TIKTOK, YOUTUBE
from tests.crash.town import SECRETS, Starter, Town, open_town
from tests.e2e.process import ROOT, run
from tests.slack.standin import Slack

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

GHOST = ROOT / "tests" / "samples" / "inbound" / "ghost" / "post_published.json"
ACCOUNTS = {"tt": {"partner": "genviral", "id": TIKTOK}, "yt": {"partner": "genviral", "id": YOUTUBE}}


class Operator:
    """Somebody at a terminal beside the service."""

    def __init__(self, town: Town) -> None:
        self._town = town

    async def call(self, *words: str, **environ: str) -> CompletedProcess[str]:
        given = SECRETS | {"COLUMNS": "80"} | environ
        done = await asyncio.to_thread(run, *words, "-c", str(self._town.config), environ=given)
        assert not [one for one in SECRETS.values() if one in done.stdout + done.stderr]
        return done

    async def doctor(self, *words: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        """Return how it ends, and its findings by what they are about."""
        done = await self.call("doctor", "--json", "--url", self._town.url, *words)
        found: dict[str, list[dict[str, Any]]] = {}
        for one in orjson.loads(done.stdout)["findings"]:
            found.setdefault(one["about"], []).append(one)
        return done.returncode, found


def sources(slack: str) -> dict[str, Any]:
    team = {
        "kind": "slack",
        "secret": {"env": "TOWN_HOOK"},
        "bot_token": {"env": "TOWN_BOT"},
        "api_url": f"{slack}/api/",
    }
    blog = {"kind": "ghost", "secret": {"env": "TOWN_HOOK"}, "accounts": ["yt"], "caption": "{{ title }}"}
    pull = {"kind": "feed", "feed": "https://blog.example/feed", "accounts": ["yt"]}
    return {"blog": blog, "team": team, "pull": pull}


async def test_an_operator_finds_out_what_is_wrong_and_tries_a_source(tmp_path: Path, starter: Starter):
    async with (
        Slack().serving() as slack,
        open_town(tmp_path, starter, accounts=ACCOUNTS, sources=sources(slack)) as town,
    ):
        operator = Operator(town)
        assert await town.start()
        await _all_is_well(operator, town)
        await _a_source_is_tried(operator, town)
        await _an_account_dies(operator, town)
        assert await town.stop() == 0
        await _nobody_answers(operator, town)


async def _all_is_well(operator: Operator, town: Town) -> None:
    status, found = await operator.doctor("--test-endpoints")

    bad = {about: each for about, each in found.items() if any(one["state"] == "problem" for one in each)}
    assert (status, bad) == (0, {})
    assert found["service"][0]["text"] == "is ready"
    assert "professional, active" in found["partner genviral"][0]["text"]
    assert found["endpoint town"][-1]["text"] == "takes the signed test (200)"
    assert [one.json["type"] for one in town.receiver.received if one.verified] == ["webhook.test"]
    assert found["slack team"][0]["text"].startswith("takes the bot token")
    assert {about for about in found if about.startswith("source ")} == {"source blog", "source team", "source api"}
    assert found["clock"][0]["text"] == "agrees with partner genviral"


async def _a_source_is_tried(operator: Operator, town: Town) -> None:
    sent = await operator.call("send", str(GHOST), "--source", "blog", BRIDGE_URL=town.url)
    other = await operator.call(
        "send", str(GHOST), "--source", "blog", "--url", town.url, TOWN_HOOK="another-secret-0123"
    )
    body = town.folder / "wish.json"
    body.write_bytes(orjson.dumps({"caption": "By hand", "accounts": ["tt"], "media": "https://cdn.example.com/v.mp4"}))
    direct = await operator.call("send", str(body), "--source", "api", "--url", town.url, "--json")

    assert (sent.returncode, sent.stderr) == (0, "")
    assert "answer     200 OK" in sent.stdout
    assert "post       post_" in sent.stdout
    assert other.returncode == 4
    assert "Does the service run by this configuration?" in other.stderr
    assert orjson.loads(direct.stdout)["status"] == 202


async def _an_account_dies(operator: Operator, town: Town) -> None:
    town.simulator.world.set_account_status(TIKTOK, "revoked")

    status, found = await operator.doctor()

    assert status == 1
    assert [one["text"] for one in found["partner genviral"] if one["state"] == "problem"] == [
        f"account tt ({TIKTOK}) is not listed: {AccountState.DISCONNECTED}, or never there"
    ]


async def _nobody_answers(operator: Operator, town: Town) -> None:
    done = await operator.call("doctor", "--url", town.url)

    assert done.returncode == 1
    assert "warning  service" in done.stdout
    assert "problem  source blog" in done.stdout
    assert "nothing takes the connection" in done.stdout
