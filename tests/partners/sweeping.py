"""Posts at the simulator of PostEverywhere, as they are there and as we hold them, and what reading them cost."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bridge.core.model import Post, Snapshot, Target
from bridge.partners.posteverywhere import PostEverywhere
from bridge.ports import Known, Reading
from bridge.simulator.posteverywhere import PostEverywhereSimulator, X
from tests.partners.things import NOW, nobody, post

LATER = NOW + timedelta(days=1)


def seed(sim: PostEverywhereSimulator, name: str, status: str = "scheduled", **given: Any) -> Post:
    """Store a post at the partner, and give it as we track it before its first read."""
    given = {"account_ids": [X], "content": name} | given
    if status == "scheduled":
        given = {"scheduled_for": LATER.isoformat()} | given
    sim.seed_post(status, id=name, **given)
    targets = tuple(Target(str(one)) for one in given["account_ids"])
    return replace(post(partner_id=name), targets=targets)


def held(made: Post, shown: Snapshot) -> Post:
    """Give a post as we hold it after a read."""
    rows = tuple(
        Target(row.account, state=row.state, raw_status=row.raw_status, url=row.url, attempts=row.attempts or 0)
        for row in shown.targets
    )
    at = shown.scheduled_at
    return replace(made, targets=rows, raw_status=shown.raw_status, scheduled_at=at, read_at=shown.read_at)


def knows(*posts: Post) -> Known:
    async def known(partner_ids: Collection[str]) -> Mapping[str, Post]:
        return {one.partner_id: one for one in posts if one.partner_id and one.partner_id in partner_ids}

    return known


def calls(sim: PostEverywhereSimulator) -> list[str]:
    """Give the calls since this was asked last."""
    found = [entry.operation for entry in sim.journal]
    sim.journal.clear()
    return found


async def first_read(partner: PostEverywhere, *posts: Post) -> tuple[list[Post], str]:
    """Read posts for the first time; give them as held, and the cursor."""
    reading = await partner.read(posts, None, 20, known=nobody)
    shown = {one.partner_id: one for one in reading.snapshots}
    return [held(one, shown[one.partner_id or ""]) for one in posts], reading.cursor or ""


def ids(reading: Reading) -> list[str]:
    return [one.partner_id for one in reading.snapshots]
