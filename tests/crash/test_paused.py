"""A process that stands still past its leases, as in a suspended machine, and then goes on as if nothing had been."""

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bridge.simulator.receiver import HookAnswer
from tests.crash.audit import broken, query
from tests.crash.replicas import Replica, Replicas, open_replicas
from tests.crash.short_leases import LEASE_S
from tests.crash.town import until
from tests.postgres import Cluster

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

DAWDLE_S = 3 * LEASE_S
"""How long partner and endpoint think about what the process asks that is stopped meanwhile."""

SETTLED = """
    select 'command', id, version, row(c.*)::text from commands c
    union all select 'delivery', id, version, row(d.*)::text from deliveries d
    union all select 'attempt', subject_id, number, row(a.*)::text from attempts a
    order by 1, 2, 3
"""
UNDER_WAY = "select 1 from attempts where outcome = 'started'"
UNDONE = "select 1 from commands where state != 'done' union all select 1 from deliveries where state != 'done'"

HOLDER = "select holder from leases where name = 'tick:posts'"

IDLE_S = 1
"""How long a transaction may stand still; as a rule it is ten times that."""

STANDING = "select 1 from pg_stat_activity where state = 'idle in transaction' and application_name = 'bridge'"
WAITING = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'bridge'"


async def test_a_process_stopped_past_its_leases_changes_nothing_that_another_has_taken(tmp_path: Path):
    with Cluster.made() as cluster:
        async with open_replicas(tmp_path, cluster.new(), count=2, module="tests.crash.short_leases") as town:
            stopped, other = town.replicas
            await stopped.start()
            town.receiver.script("posts", HookAnswer(delay_s=DAWDLE_S))
            await town.ask(town.wish(), stopped.url)
            await until("a delivery under way", lambda: town.receiver.of("posts"))
            held = town.receiver.of("posts")[0].webhook_id
            wish = town.wish()
            town.simulator.fault("slow", "create", match=wish.caption, delay_s=DAWDLE_S)
            await town.ask(wish, stopped.url)
            await until("a call under way", lambda: wish.caption in callings(town))
            await stopped.stand_still()
            holder = query(town.database, HOLDER)

            await other.start()
            await until("the end of the work", lambda: not query(town.database, f"{UNDONE} union all {UNDER_WAY}"))
            await until("the ticks' new place", lambda: query(town.database, HOLDER) != holder)
            settled = set(query(town.database, SETTLED))
            stopped.send(signal.SIGCONT)
            await until("the late settlement of a call", lambda: stopped.said("command.not_settled"))
            await until("the late settlement of a delivery", lambda: stale(stopped))
            await town.rest(limit_s=60)
            assert await town.stop() == [0, 0]

            # What came later is of other work: the posts were published, and that was told.
            assert settled <= set(query(town.database, SETTLED))
            assert [line["webhook_id"] for line in stale(stopped)] == [held]
            assert callings(town) == {"Wish 0000": 1, wish.caption: 2}
            assert town.receiver.unique("posts")[held] == 2
            assert broken(town) == []


def callings(town: Replicas) -> Counter[str]:
    """Count the creates that the partner was asked for, by caption; the same one twice is one post there."""
    return Counter(call.caption for call in town.simulator.journal.of("create") if call.caption)


def stale(replica: Replica) -> list[dict[str, Any]]:
    """Return the attempts of which a process says that they were not its own any more."""
    return [line for line in replica.said("delivery.attempted") if line["outcome"] == "stale"]


async def test_a_process_stopped_within_a_transaction_keeps_nobody_waiting(tmp_path: Path):
    with Cluster.made() as cluster:
        limit = f"&options=-c%20idle_in_transaction_session_timeout%3D{IDLE_S}s"
        async with open_replicas(tmp_path, cluster.new() + limit, count=2) as town:
            await town.start()
            stopped, other = town.replicas
            wish = town.wish()
            with psycopg.connect(town.database) as connection:
                # The event's row is written, with its key; its command cannot be.
                connection.execute("lock table commands in share mode")
                first = asyncio.create_task(town.ask(wish, stopped.url))
                await until("a transaction that waits", lambda: query(cluster.dsn("postgres"), WAITING))
                await stopped.stand_still()
            await until("a transaction that stands still", lambda: query(cluster.dsn("postgres"), STANDING))

            began = time.monotonic()
            answer = await town.ask(wish, other.url)
            took_s = time.monotonic() - began

            stopped.send(signal.SIGCONT)
            assert answer is not None
            assert (answer.status_code, answer.json()["duplicate"]) == (202, False)
            assert took_s < IDLE_S + 3
            # The transaction that the server ended was run again, and met what the other had written. After a stop of
            # ten seconds or more the server counts as silent, and the sender is asked to send it once more.
            late = await first
            if late is not None and late.status_code == 503:
                late = await town.ask(wish, stopped.url)
            assert late is not None
            assert (late.status_code, late.json()["duplicate"]) == (200, True)
            await town.rest(limit_s=60)
            assert await town.stop() == [0, 0]
            assert broken(town) == []
