"""The database is killed, fails over, or does not answer any more: senders are told so, and work goes on by itself."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg.conninfo import conninfo_to_dict

from tests.crash.audit import broken, query
from tests.crash.replicas import Replicas, open_replicas
from tests.crash.town import until
from tests.postgres import BIN, UNPRIVILEGED, Cluster, free_port
from tests.system.forwarder import Forwarder

pytestmark = pytest.mark.anyio

BACK_S = 5.0
"""How soon work goes on when the database is back."""

AT_ONCE_S = 2.0
"""How soon a sender is answered while there is no server."""

SILENCE_S = 17.0
"""How soon a sender is answered while the server says nothing."""

SHORT = "tests.crash.short_leases"
"""What was under way when the database went is taken up when its lease ends, which need not be waited for here."""

EVERY_S = 0.2
"""How often a sender wants something."""

OURS = "select pid from pg_stat_activity where application_name = 'bridge'"
LISTENING = "select count(*) from pg_stat_activity where query like 'LISTEN%' and application_name = 'bridge'"


@dataclass(frozen=True)
class Asked:
    """One answer to a sender: when it was asked for, after how long it came, and which."""

    at: float
    took_s: float
    status: int | None

    @property
    def ended(self) -> float:
        return self.at + self.took_s


class Sender:
    """Wants one post after the other, without waiting for what was wanted before."""

    def __init__(self, town: Replicas) -> None:
        self.town = town
        self.asked: list[Asked] = []

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send while the block runs; in the end what was refused is sent once more and taken."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send(stop, tasks))
            try:
                yield
            finally:
                stop.set()
        for wish in self.town.wishes:
            await self.town.publish(wish)

    async def _send(self, stop: asyncio.Event, tasks: asyncio.TaskGroup) -> None:
        while not stop.is_set():
            tasks.create_task(self._ask())
            await asyncio.sleep(EVERY_S)

    async def _ask(self) -> None:
        [replica] = self.town.replicas
        at = time.monotonic()
        answer = await self.town.ask(self.town.wish(), replica.url)
        self.asked.append(Asked(at, time.monotonic() - at, answer.status_code if answer is not None else None))

    def first(self, status: int, after: float) -> Asked | None:
        """Return the first such answer to what was asked for after a moment."""
        return min((one for one in self.asked if one.status == status and one.at > after), key=ended, default=None)

    async def until(self, status: int) -> float:
        """Wait for such an answer to what is asked from now on, and return how long that took."""
        began = time.monotonic()
        found = await until(f"an answer {status}", lambda: self.first(status, began), 60)
        return float(found.ended - began)

    def report(self) -> str:
        """Say what was answered how often, and how long the longest took."""
        statuses = sorted({one.status or 0 for one in self.asked})
        longest = {status: max(one.took_s for one in self.asked if (one.status or 0) == status) for status in statuses}
        return ", ".join(
            f"{sum((one.status or 0) == status for one in self.asked)} x {status} (at most {longest[status]:.2f} s)"
            for status in statuses
        )


def ended(asked: Asked) -> float:
    return asked.ended


async def status(town: Replicas, path: str) -> int:
    """Ask a probe."""
    [replica] = town.replicas
    return (await town.http.get(f"{replica.url}{path}")).status_code


async def refusals(town: Replicas) -> dict[str, float]:
    """Return how many calls the database refused so far, by their kind."""
    [replica] = town.replicas
    families = text_string_to_metric_families((await town.http.get(f"{replica.url}/metrics")).text)
    samples = (sample for family in families for sample in family.samples)
    return {one.labels["kind"]: one.value for one in samples if one.name == "bridge_storage_errors_total"}


async def finish(town: Replicas, sender: Sender, slowest_s: float = AT_ONCE_S) -> None:
    """Wait for the end of all work, stop, and look at what was promised."""
    await town.rest(limit_s=90)
    assert await town.stop() == [0]
    print(f"  answers: {sender.report()}")
    assert {one.status for one in sender.asked} == {202, 503}
    assert max(one.took_s for one in sender.asked if one.status == 503) < slowest_s
    assert broken(town) == []


async def test_a_server_that_ended_is_answered_for_at_once_and_found_again_when_it_is_back(tmp_path: Path):
    with Cluster.made() as cluster:
        async with open_replicas(tmp_path, cluster.new(), count=1, module=SHORT) as town:
            await town.start()
            sender = Sender(town)
            async with sender.sending():
                for end in (cluster.stop, cluster.kill):
                    await sender.until(202)
                    await asyncio.sleep(1)
                    await asyncio.to_thread(end)
                    refused_s = await sender.until(503)
                    await asyncio.sleep(4)
                    probes = [await status(town, path) for path in ("/livez", "/readyz")]
                    counted = await refusals(town)
                    await asyncio.to_thread(cluster.start)
                    back_s, told_s = await resumed(town, sender)
                    print(
                        f"\n  refused after {refused_s:.2f} s, back after {back_s:.2f} s, telling after {told_s:.2f} s"
                    )
                    assert probes == [200, 503]
                    assert counted["away"] > 2
                    assert counted["busy"] == 0
                    assert max(back_s, told_s) < BACK_S
                # One of the server's processes dies, as of too little memory: it ends all others, and begins anew.
                [pid] = query(town.database, OURS)[0]
                os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(0.5)
                back_s, told_s = await resumed(town, sender)
                print(f"  back from a crash of its own after {back_s:.2f} s, telling after {told_s:.2f} s")
                assert max(back_s, told_s) < BACK_S
            assert await status(town, "/readyz") == 200
            await finish(town, sender)


async def resumed(town: Replicas, sender: Sender) -> tuple[float, float]:
    """Wait until events are taken again, and until one is told, and return how long it took; the process listens."""
    began, told = time.monotonic(), town.receiver.total
    back_s = await sender.until(202)
    await until("a webhook", lambda: town.receiver.total > told)
    told_s = time.monotonic() - began
    await until("the ear", lambda: query(town.database, LISTENING) == [(1,)], BACK_S)
    return back_s, told_s


def name_of(url: str) -> str:
    return str(conninfo_to_dict(url)["dbname"])


@contextmanager
def standby(primary: Cluster) -> "Iterator[Cluster]":
    """Make a copy that follows a server, which from then on acknowledges only what the copy has too."""
    folder = Path(tempfile.mkdtemp(prefix="bridge-pg-", dir="/tmp"))
    copy = Cluster(folder, free_port())
    folder.chmod(0o755)
    if UNPRIVILEGED:
        shutil.chown(folder, "nobody", "nogroup")
    command = [
        *UNPRIVILEGED,
        BIN / "pg_basebackup",
        "-D",
        copy.data,
        "-d",
        primary.dsn("postgres"),
        "-R",
        "-X",
        "stream",
    ]
    try:
        subprocess.run([*command, "--checkpoint=fast"], check=True, cwd=folder)
        copy.start()
        primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.run("SELECT pg_reload_conf()")
        yield copy
    finally:
        copy.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def test_a_failover_is_followed(tmp_path: Path):
    with Cluster.made() as primary:
        name = name_of(primary.new())
        with standby(primary) as copy:
            async with Forwarder.to(primary.port) as forwarder:
                through = {"url": f"postgresql://bridge@127.0.0.1:{forwarder.port}/{name}"}
                async with open_replicas(tmp_path, copy.dsn(name), count=1, module=SHORT, through=through) as town:
                    await town.start()
                    sender = Sender(town)
                    async with sender.sending():
                        await sender.until(202)
                        await asyncio.sleep(1)
                        primary.run("ALTER SYSTEM SET default_transaction_read_only = on")
                        primary.run("SELECT pg_reload_conf()")
                        demoted_s = await sender.until(503)
                        counted = await refusals(town)
                        primary.kill()
                        # The copy answers, and takes no writes yet.
                        await forwarder.lead(copy.port)
                        await sender.until(503)
                        began = time.monotonic()
                        await asyncio.to_thread(copy.run, "SELECT pg_promote()")
                        promoted_s = time.monotonic() - began
                        back_s = await sender.until(202)
                    print(f"\n  demoted: refused after {demoted_s:.2f} s; promoted in {promoted_s:.2f} s,", end=" ")
                    print(f"back after {back_s:.2f} s")
                    assert back_s < BACK_S
                    assert counted["away"] > 0
                    await finish(town, sender)


async def test_a_server_that_says_nothing_any_more_is_given_up(tmp_path: Path):
    with Cluster.made() as cluster:
        name = name_of(cluster.new())
        async with Forwarder.to(cluster.port) as forwarder:
            through = {"url": f"postgresql://bridge@127.0.0.1:{forwarder.port}/{name}"}
            async with open_replicas(tmp_path, cluster.dsn(name), count=1, through=through) as town:
                town.http.timeout = 2 * SILENCE_S
                await town.start()
                sender = Sender(town)
                async with sender.sending():
                    await sender.until(202)
                    forwarder.open.clear()
                    refused_s = await sender.until(503)
                    live, counted = await status(town, "/livez"), await refusals(town)
                    forwarder.open.set()
                    back_s = await sender.until(202)
                print(f"\n  refused after {refused_s:.2f} s, back after {back_s:.2f} s")
                assert live == 200
                assert counted["away"] > 0
                await finish(town, sender, SILENCE_S)
