"""A town to crash in: a simulated partner, a webhook receiver, and the real service as a process over one database."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import yaml

from bridge.simulator import DEMO_TOKEN, GenviralSimulator, genviral, running
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, YOUTUBE
from bridge.simulator.receiver import Receiver
from tests.crash.audit import query
from tests.e2e.process import clean_environ
from tests.slack.standin import BOT_TOKEN

ROOT = Path(__file__).parents[2]
ACCOUNTS = (TIKTOK, INSTAGRAM, YOUTUBE)
SECRETS = {
    "TOWN_TOKEN": "town-token-0123456789",
    "TOWN_PARTNER": DEMO_TOKEN,
    "TOWN_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "TOWN_HOOK": "hook-secret-0123456789",
    "TOWN_BOT": BOT_TOKEN,
}
WORKER_S = 0.15
PATIENCE_S = 30.0


async def until(what: str, holds: Callable[[], Any], limit_s: float = PATIENCE_S) -> Any:
    """Wait until something holds, in this process or another, and return it."""
    deadline = time.monotonic() + limit_s
    while not (held := holds()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {limit_s:.0f} s")
        await asyncio.sleep(0.02)
    return held


@dataclass
class Wish:
    """Something a sender wants published, once; `event_id` is there when bridge has answered with a success."""

    number: int
    event_id: str | None = None
    statuses: list[int] = field(default_factory=list)

    @property
    def caption(self) -> str:
        return f"Wish {self.number:04}"

    @property
    def accounts(self) -> list[str]:
        return list(ACCOUNTS[: 1 + self.number % len(ACCOUNTS)])

    @property
    def body(self) -> Mapping[str, Any]:
        return {"caption": self.caption, "media": "https://cdn.example.com/v.mp4", "accounts": self.accounts}


class Starter:
    """The process that others are forked from; see `tests.crash.service`."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.crash.service"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, cwd=ROOT, env=clean_environ() | SECRETS, **pipes)

    def start(self, *arguments: str) -> int:
        """Make a process and return its id."""
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(arguments) + b"\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> int:
        """Wait for a line: how the last process ended."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it; the processes it made have ended."""
        self._process.communicate()


class Town:
    """Everything a test plays with; made by `open_town`."""

    def __init__(
        self, folder: Path, starter: Starter, simulator: GenviralSimulator, receiver: Receiver, http: httpx.AsyncClient
    ) -> None:
        self.folder, self.simulator, self.receiver, self.http = folder, simulator, receiver, http
        self._starter = starter
        self.config, self.database = folder / "bridge.yaml", folder / "bridge.db"
        self.wishes: list[Wish] = []
        self.lives = 0
        self.url = ""
        self._pid: int | None = None

    # The process.

    @property
    def log(self) -> Path:
        """What the present process says."""
        return self.folder / f"life-{self.lives:03}.log"

    async def spawn(self, kill: str = "") -> None:
        """Make a process of the service, to die as `kill` says."""
        self.lives += 1
        self.log.touch()
        self._pid = await asyncio.to_thread(self._starter.start, str(self.config), str(self.log), kill)
        self._ended = asyncio.ensure_future(asyncio.to_thread(self._starter.answer))

    async def listening(self) -> bool:
        """Wait until the service takes requests; False when it died before."""
        address = await until("the service's start", lambda: self._ended.done() or self._address())
        self.url = f"http://{address}"
        return address is not True

    async def start(self, kill: str = "") -> bool:
        """Make a process of the service and wait until it takes requests; False when it died before."""
        await self.spawn(kill)
        return await self.listening()

    def _address(self) -> str | None:
        for line in self.log.read_bytes().splitlines():
            if b'"service.started"' in line:
                return str(orjson.loads(line)["listening"][0])
        return None

    @property
    def alive(self) -> bool:
        return self._pid is not None and not self._ended.done()

    def signal(self, number: int) -> None:
        """Send the service a signal, if it still runs."""
        if self.alive:
            assert self._pid is not None
            os.kill(self._pid, number)

    async def ended(self, limit_s: float = PATIENCE_S) -> int:
        """Wait until the service has ended, and say how: exit status, or the negative number of the signal."""
        async with asyncio.timeout(limit_s):
            status = await asyncio.shield(self._ended)
        self._pid = None
        return status

    async def kill(self) -> None:
        """kill -9, now."""
        self.signal(signal.SIGKILL)
        await self.killed()

    async def killed(self) -> None:
        """Wait until the service was killed; it may not have ended otherwise."""
        status = await self.ended()
        assert status == -signal.SIGKILL, f"it ended by itself, with {status}:\n{self.log.read_text()[-2000:]}"

    async def stop(self) -> int:
        """SIGTERM, and how it ended."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def close(self) -> None:
        """End the service, if it still runs."""
        if self._pid is not None:
            self.signal(signal.SIGKILL)
            await self.ended()

    # The sender.

    def wish(self) -> Wish:
        """Want one more post."""
        self.wishes.append(Wish(len(self.wishes)))
        return self.wishes[-1]

    async def publish(self, wish: Wish, query: str = "") -> httpx.Response | None:
        """Ask for a post as a careful sender does, always under the same key; None when no answer came."""
        headers = {"Authorization": f"Bearer {SECRETS['TOWN_TOKEN']}", "Idempotency-Key": f"wish-{wish.number}"}
        try:
            answer = await self.http.post(f"{self.url}/v1/publish{query}", json=wish.body, headers=headers)
        except httpx.TransportError:
            return None
        wish.statuses.append(answer.status_code)
        if answer.is_success:
            event_id = answer.json()["event_id"]
            assert wish.event_id in (None, event_id), "one key answered with two events"
            wish.event_id = event_id
        return answer

    async def publish_while_alive(self, most: int = 40, pause_s: float = 0.04) -> None:
        """Send one wish after the other, so many at most, until the service is dead."""
        for _ in range(most):
            if not self.alive:
                return
            await self.publish(self.wish())
            await asyncio.sleep(pause_s)
        await until("the service's end", lambda: not self.alive)

    # The end.

    async def finish(self) -> None:
        """Start the service anew, repeat what was not answered, wait until nothing moves any more, and stop it."""
        self.simulator.faults.clear()
        await self.start()
        await until("the accounts", self._accounts_known)
        for wish in self.wishes:
            if wish.event_id is None:
                await self.publish(wish)
        # An endpoint that failed until the last death may be held for half of the usual patience.
        await until(f"rest in {self.folder}", self._at_rest, 3 * PATIENCE_S)
        assert await self.stop() == 0

    def _accounts_known(self) -> bool:
        return bool(query(self.database, "select 1 from accounts"))

    def _at_rest(self) -> bool:
        moving = "select 1 from posts where state != 'posted'"
        due = "select 1 from commands where state != 'done' union select 1 from deliveries where state != 'done'"
        return not query(self.database, f"{moving} union {due}")


@contextlib.asynccontextmanager
async def open_town(folder: Path, starter: Starter, contract: str = "v3", **changes: Any) -> AsyncIterator[Town]:
    """Start partner and receiver on free ports; on leaving, end the service. `changes` are of its configuration."""
    simulator, receiver = GenviralSimulator(contract=contract), Receiver({"town": SECRETS["TOWN_SECRET"]})
    async with contextlib.AsyncExitStack() as stack:
        partner_url = await stack.enter_async_context(running(genviral.app(simulator, tick_s=WORKER_S)))
        receiver_url = await stack.enter_async_context(running(receiver.app()))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=20))
        town = Town(folder, starter, simulator, receiver, http)
        tree = _config(town.database, partner_url, receiver_url, contract)
        town.config.write_text(yaml.safe_dump(tree | changes))
        stack.push_async_callback(town.close)
        yield town


def _config(database: Path, partner_url: str, receiver_url: str, contract: str) -> dict[str, Any]:
    """The real thing, with durations shortened."""
    partner = {"kind": "genviral", "token": {"env": "TOWN_PARTNER"}, "rate": 100, "contract": contract}
    return {
        "server": {"host": "127.0.0.1", "port": 0},
        "database": {"url": f"sqlite:///{database}"},
        "tokens": [{"name": "town", "token": {"env": "TOWN_TOKEN"}, "scopes": ["publish", "read"]}],
        "partners": {"genviral": partner | {"base_url": f"{partner_url}/api/partner/v1"}},
        "endpoints": {"town": {"url": f"{receiver_url}/hook/town", "secret": {"env": "TOWN_SECRET"}}},
        "publish": {"backoff_first": "50ms", "backoff_max": "300ms", "resume_gap": "20ms"},
        "watch": {"tick": "100ms", "accounts_every": "200ms", "first_poll": "100ms", "max_poll": "300ms"},
        "retry": {"delays": ["100ms"] * 20},
        "deliver": {"schedule": ["0s"] + ["100ms"] * 50, "timeout": "15s"},
        "network": {"allow": ["127.0.0.0/8"], "allow_http": True, "ports": []},
        "log": {"format": "json"},
    }
