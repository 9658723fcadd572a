"""A configuration with chats runs whole: endpoint rows, flows, connections. Without a chat none of that is loaded."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.app import KINDS, running, serving
from bridge.core.errors import Problem
from bridge.core.model import RawRequest
from bridge.settings import Settings, load
from tests.slack.sockets import SocketMode
from tests.slack.standin import APP_TOKEN, BOT_TOKEN, Slack

pytestmark = pytest.mark.slow

CONFIG = """
database: {{url: "sqlite:///{folder}/bridge.db"}}
network: {{allow: [127.0.0.0/8], allow_http: true, ports: []}}
sources:
  team: {{kind: slack, mode: socket, app_token: {{env: APP}}, bot_token: {{env: BOT}}, api_url: "{base}/api/"}}
  blog: {{kind: generic, secret: {{env: BLOG}}, accounts: [a], hold: 10m, card: "#social"}}
"""
ENVIRON = {"APP": APP_TOKEN, "BOT": BOT_TOKEN, "BLOG": "a-long-secret-of-the-blog"}


def settings(folder: Path, base: str) -> Settings:
    path = folder / "bridge.yaml"
    path.write_text(CONFIG.format(folder=folder, base=base))
    return load(path, ENVIRON, KINDS)


@pytest.mark.anyio
async def test_a_chat_has_its_row_its_connection_and_ends_with_the_process(tmp_path):
    mode = SocketMode(Slack())
    async with mode.slack.serving() as base:
        async with running(settings(tmp_path, base)) as bridge:
            await mode.connected()
            row = (await bridge.kit.store.endpoints())["reply:team"]
            metrics = bridge.kit.metrics.render().decode()

            assert (row.kind, row.enabled, row.configured, row.events) == ("reply", True, True, ())
            assert bridge.live()
            assert await bridge.ready() == {}
            assert 'bridge_socket_connected{socket="team"} 1.0' in metrics
            assert 'bridge_deliveries_total{endpoint="reply:team",outcome="done"} 0.0' in metrics
        assert mode.open == []


@pytest.mark.anyio
async def test_what_comes_over_the_line_is_stored_and_acknowledged(tmp_path):
    mode = SocketMode(Slack())
    mode.slack.add_user("U1")
    command = {
        "command": "/publish",
        "text": "Hello | https://example.com/a",
        "user_id": "U1",
        "user_name": "ann",
        "channel_id": "C1",
        "team_id": "T1",
        "trigger_id": "1.2.secret",
        "response_url": "https://hooks.slack.com/commands/secret",
    }
    async with mode.slack.serving() as base, running(settings(tmp_path, base)) as bridge:
        await mode.connected()
        envelope = await mode.send("slash_commands", command, takes_answer=True)
        await asyncio.wait_for(envelope.acknowledged.wait(), 10)

        assert envelope.answer["response_type"] == "ephemeral"
        assert bridge.live()


@pytest.mark.anyio
async def test_with_socket_mode_nobody_gets_in_over_http(tmp_path):
    async with running(settings(tmp_path, "http://127.0.0.1:9")) as bridge:
        headers = (("content-type", "application/json"),)
        raw = RawRequest(
            "POST", "/hooks/team", "", "", headers, b'{"command":"/publish","text":"a"}', bridge.kit.clock()
        )
        with pytest.raises(Problem) as caught:
            await bridge.ingest.receive("team", raw)

    assert caught.value.status == 401


@pytest.mark.anyio
async def test_a_slack_that_cannot_be_reached_keeps_nobody_waiting(tmp_path):
    async with running(settings(tmp_path, "http://127.0.0.1:9")) as bridge:
        assert await bridge.ready() == {}
        assert bridge.live()


def test_without_a_chat_nothing_of_it_is_imported(tmp_path):
    (tmp_path / "bridge.yaml").write_text(f"database: {{url: 'sqlite:///{tmp_path}/bridge.db'}}\n")
    code = f"""
import asyncio, pathlib, sys
from bridge.app import KINDS, running, serving
from bridge.settings import load

async def main():
    async with running(load(pathlib.Path({str(tmp_path / "bridge.yaml")!r}), {{}}, KINDS)):
        names = ("slack_sdk", "emoji", "bridge.sockets", "bridge.flows.converse", "bridge.flows.reply")
        sys.exit(", ".join(name for name in names if name in sys.modules) or 0)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-500:]


@pytest.mark.anyio
async def test_a_new_configuration_has_its_connection_before_the_old_one_hangs_up(tmp_path):
    mode = SocketMode(Slack())
    async with mode.slack.serving() as base:
        first = settings(tmp_path, base)
        async with serving(first) as service:
            await mode.connected()
            [line] = mode.open
            await service.change(replace(first, watch=replace(first.watch, misses_before_disconnected=3)))
            await mode.connected(2)
            assert line in mode.open
            async with asyncio.timeout(10):
                while line in mode.open:
                    assert len(mode.open) == 2
                    await asyncio.sleep(0.01)

            assert len(mode.open) == 1
            assert 'bridge_socket_connected{socket="team"} 1.0' in service.metrics.render().decode()
        assert mode.open == []
