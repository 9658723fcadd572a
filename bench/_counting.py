"""How many statements and commits PostgreSQL makes of an accepted event, and of a delivery.

Statements are the calls that `pg_stat_statements` counts, BEGIN and COMMIT included; commits are `xact_commit`, those
of reading transactions included. Both are read over another database, so what asks does not count itself.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from sqlalchemy import make_url

from bench._engines import Engine
from bench._outbound import Given, halt, record, serve, timed, told, turns
from bench._run import service

EVENTS = 4_000
WARM_UP = 500
SETTLED_S = 11.0
"""A server process that has nothing to do reports its transactions after ten seconds at the latest."""

_ASKED = """
select coalesce(sum(s.calls), 0)::bigint, d.xact_commit
from pg_stat_database d left join pg_stat_statements s on s.dbid = d.datid where d.datname = %s group by d.xact_commit
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in a database until now."""

    statements: int
    commits: int


def counts(url: str) -> Counts:
    """Read what was counted in the database of a URL."""
    parsed = make_url(url)
    beside = parsed.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(beside) as connection:
        found = connection.execute(_ASKED, [parsed.database]).fetchone()
    assert found is not None
    return Counts(*found)


def of_accepts(engine: Engine, load: Callable[[str, int, int], float]) -> dict[str, float]:
    """Count those of a service while `load` (tag, port, count) sends it events.

    What it did in the eleven seconds that its counts need to settle is taken off, as much as it does in eleven more.
    """
    url = engine.database()
    with service(url) as (port, _):
        load("warm", port, WARM_UP)
        time.sleep(SETTLED_S)
        before = counts(url)
        load("counted", port, EVENTS)
        at_once = counts(url)
        time.sleep(SETTLED_S)
        settled = counts(url)
        time.sleep(SETTLED_S)
        later = counts(url)
    commits = (settled.commits - before.commits) - (later.commits - settled.commits)
    return _per("event", EVENTS, at_once.statements - before.statements, commits)


def of_deliveries(engine: Engine) -> dict[str, float]:
    """Count those of a process that does nothing but deliver; all are reported once it has ended."""
    url = engine.database()
    [[statements, commits]] = turns("bench._counting", engine, 1, databases=[url])
    after = counts(url)
    return _per("delivery", EVENTS, after.statements - statements, after.commits - commits)


def _per(what: str, many: int, statements: float, commits: float) -> dict[str, float]:
    return {f"statements/{what}": statements / many, f"commits/{what}": commits / many}


async def child(given: Given) -> Sequence[Sequence[float]]:
    """Deliver, once what was counted of the preparations is known: that is the answer."""
    bridge, url = given.bridge, given.url
    await halt(bridge)
    await bridge.schedule.stop()
    await record(bridge, WARM_UP)
    await timed(bridge, told(bridge, url, WARM_UP))
    await record(bridge, EVENTS)
    time.sleep(SETTLED_S)  # noqa: ASYNC251  # Nothing else is to be done meanwhile, either.
    before = counts(bridge.settings.database.url)
    await timed(bridge, told(bridge, url, EVENTS))
    return [(before.statements, before.commits)]


if __name__ == "__main__":
    serve(child, sys.argv)
