"""Several processes of the real service over one PostgreSQL, between a simulated partner and a receiver."""

import asyncio
import contextlib
import itertools
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import httpx
import orjson
import psycopg
import yaml

from bridge.simulator import GenviralSimulator, genviral, running
from bridge.simulator.receiver import Receiver
from tests.crash.audit import query
from tests.crash.town import SECRETS, WORKER_S, Wish, until
from tests.e2e.process import Process

RATE = 15
"""Calls a second that the partner grants the key, whoever makes them."""

ACCOUNTS_EVERY_S = 1.0
ENDPOINTS: Mapping[str, tuple[str, ...]] = {"town": (), "posts": ("post.*",)}
"""Where events go, and which; none named are all."""

SENDER_S = 5.0
"""How long a sender waits for an answer before it sends the same again."""


def configuration(database: Mapping[str, Any], partner_url: str, receiver_url: str) -> dict[str, Any]:
    """The real thing, with the partner's and the receivers' time shortened."""
    partner = {"kind": "genviral", "token": {"env": "TOWN_PARTNER"}, "rate": RATE}
    hook = {"secret": {"env": "TOWN_SECRET"}}
    endpoints = {
        name: hook | {"url": f"{receiver_url}/hook/{name}"} | ({"events": list(events)} if events else {})
        for name, events in ENDPOINTS.items()
    }
    return {
        "server": {"host": "127.0.0.1", "port": 0},
        "database": database,
        "tokens": [{"name": "town", "token": {"env": "TOWN_TOKEN"}, "scopes": ["publish", "read"]}],
        "partners": {"genviral": partner | {"base_url": f"{partner_url}/api/partner/v1"}},
        "endpoints": endpoints,
        "publish": {"backoff_first": "100ms", "backoff_max": "1s", "resume_gap": "20ms"},
        "watch": {"tick": "500ms", "accounts_every": f"{ACCOUNTS_EVERY_S}s", "first_poll": "200ms", "max_poll": "1s"},
        "retry": {"delays": ["200ms"] * 20},
        "deliver": {"schedule": ["0s"] + ["200ms"] * 50, "timeout": "15s"},
        "network": {"allow": ["127.0.0.0/8"], "allow_http": True, "ports": []},
        "log": {"format": "json"},
    }


class Replica:
    """One of the processes: it is started again and again, and writes a log for each life."""

    def __init__(self, name: str, folder: Path, config: Path, module: str) -> None:
        self.name, self.url = name, ""
        self.logs: list[Path] = []
        self._folder, self._config, self._module = folder, config, module
        self._process: Process | None = None

    async def start(self) -> None:
        """Begin a life and wait until it takes requests."""
        log = self._folder / f"{self.name}-{len(self.logs):02}.log"
        self.logs.append(log)
        arguments = ("serve", "--config", str(self._config))
        self._process = Process(log, *arguments, environ=SECRETS, module=self._module)
        [self.url] = await asyncio.to_thread(self._process.addresses)

    def send(self, number: int) -> None:
        """Send a signal to the process, which runs."""
        assert self._process is not None
        self._process.send(number)

    async def stand_still(self) -> None:
        """Stop the process, whole, until it is sent SIGCONT."""
        assert self._process is not None
        await asyncio.to_thread(self._process.stand_still)

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; says how it ended."""
        self.url, process, self._process = "", self._process, None
        return await asyncio.to_thread(process.end, number) if process is not None else 0

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of its last life that tell of such an event."""
        lines = self.logs[-1].read_bytes().splitlines(keepends=True)
        told = [orjson.loads(line) for line in lines if line.endswith(b"}\n")]
        return [line for line in told if line["event"] == event]


class Replicas:
    """Everything a test plays with; made by `open_replicas`."""

    def __init__(
        self, database: str, simulator: GenviralSimulator, receiver: Receiver, http: httpx.AsyncClient, chance: Random
    ) -> None:
        self.database, self.simulator, self.receiver, self.http = database, simulator, receiver, http
        self.replicas: list[Replica] = []
        self.wishes: list[Wish] = []
        self.told: Counter[str] = Counter()
        self._chance = chance

    async def start(self) -> None:
        """Begin the first lives, all at once."""
        await asyncio.gather(*(replica.start() for replica in self.replicas))

    async def stop(self) -> list[int]:
        """Ask all to end, and say how they ended."""
        return list(await asyncio.gather(*(replica.end() for replica in self.replicas)))

    @property
    def urls(self) -> list[str]:
        """Where requests are taken now."""
        return [replica.url for replica in self.replicas if replica.url]

    async def ask(self, wish: Wish, url: str) -> httpx.Response | None:
        """Ask once, always under the same key; None when no answer came."""
        headers = {"Authorization": f"Bearer {SECRETS['TOWN_TOKEN']}", "Idempotency-Key": f"wish-{wish.number}"}
        try:
            answer = await self.http.post(f"{url}/v1/publish", json=wish.body, headers=headers)
        except httpx.TransportError:
            self.told["no answer"] += 1
            return None
        wish.statuses.append(answer.status_code)
        self.told[str(answer.status_code)] += 1
        if answer.is_success:
            event_id, known = answer.json()["event_id"], wish.event_id
            assert known in (None, event_id), "one key answered with two events"
            self.told["repeats answered"] += bool(answer.json().get("duplicate"))
            wish.event_id = event_id
        elif answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
        return answer

    async def publish(self, wish: Wish) -> None:
        """Ask any replica, and again the same or another, until one has taken it; now and then once more after that."""
        while wish.event_id is None:
            if not self.urls or not (answer := await self.ask(wish, self._chance.choice(self.urls))):
                await asyncio.sleep(0.2)
            elif not answer.is_success:
                assert answer.status_code == 503, answer.text
                await asyncio.sleep(0.3)  # Less than it asks for: what it can take is another's matter.
        if self._chance.random() < 0.1 and self.urls:
            await self.ask(wish, self._chance.choice(self.urls))

    def wish(self) -> Wish:
        """Want one more post."""
        self.wishes.append(Wish(len(self.wishes)))
        return self.wishes[-1]

    async def send(self, stop: asyncio.Event, pause_s: float) -> None:
        """Want one post after the other until told to stop."""
        while not stop.is_set():
            await self.publish(self.wish())
            await asyncio.sleep(self._chance.uniform(0.0, 2 * pause_s))

    async def rest(self, limit_s: float) -> None:
        """Wait until all is posted and told, and nothing is due any more."""
        moving = "select 1 from posts where state != 'posted'"
        due = "select 1 from commands where state != 'done' union select 1 from deliveries where state != 'done'"
        work = f"{moving} union {due} limit 1"
        await until("rest", lambda: not query(self.database, work), limit_s)

    def logged(self) -> Iterator[str]:
        """Return all lines of all lives."""
        return itertools.chain.from_iterable(
            log.read_text().splitlines() for replica in self.replicas for log in replica.logs
        )


@contextlib.asynccontextmanager
async def open_replicas(
    folder: Path,
    database: str,
    *,
    count: int,
    chance: Random | None = None,
    module: str = "bridge",
    through: Mapping[str, Any] | None = None,
) -> AsyncIterator[Replicas]:
    """Start partner and receiver; the replicas begin when the test says so, and are killed in the end.

    `module` is what they run instead of the command; `through` is how they reach the database where that is not by the
    URL by which the test does.
    """
    simulator, receiver = GenviralSimulator(), Receiver(dict.fromkeys(ENDPOINTS, SECRETS["TOWN_SECRET"]))
    async with contextlib.AsyncExitStack() as stack:
        partner_url = await stack.enter_async_context(running(genviral.app(simulator, tick_s=WORKER_S)))
        receiver_url = await stack.enter_async_context(running(receiver.app()))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=SENDER_S))
        config = folder / "bridge.yaml"
        config.write_text(yaml.safe_dump(configuration(through or {"url": database}, partner_url, receiver_url)))
        opened = Replicas(database, simulator, receiver, http, chance or Random())
        opened.replicas += [Replica(f"replica-{number}", folder, config, module) for number in range(count)]
        for replica in opened.replicas:
            stack.push_async_callback(replica.end, signal.SIGKILL)
        yield opened


def run(database: str, statement: str) -> None:
    """Run statements in the database, each committed with the others."""
    with psycopg.connect(database) as connection:
        connection.execute(statement.encode())
