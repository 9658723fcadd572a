"""The worker that runs about every five minutes and moves what is due to its outcome.

A row moves at most one step a tick: `retry` to `pending`, `pending` or a due `scheduled` to what the account's script
says. Whether a due post passes through `pending` is not documented; here it jumps.
"""

from datetime import datetime
from typing import assert_never

from bridge.simulator.genviral.model import IN_FLIGHT, Account, Outcome, OutcomeKind, Post, Publication, Row
from bridge.simulator.genviral.world import World, roll_up

TOKEN_TEXT = "Access token is invalid or expired. Please reconnect the account."


def tick(world: World, now: datetime | None = None) -> int:
    """Run the worker once at `now` (default: the world's clock).

    Returns:
        How many posts changed their status or a row.
    """
    at = now or world.now()
    world.ticks += 1
    changed = 0
    for post in list(world.moving.values()):
        moved = [_step(world, post, row, at) for row in post.rows]
        if any(moved):
            post.status = roll_up(post.rows)
            changed += 1
        world.watch(post)
    return changed


def _step(world: World, post: Post, row: Row, at: datetime) -> bool:
    if row.late_url is not None:
        return _count_url_down(row)
    if row.hold:
        row.hold -= row.hold > 0
        if row.hold:
            return False
    elif row.status == "retry":
        row.status = "pending"
        return True
    elif row.status not in IN_FLIGHT or (row.status == "scheduled" and post.scheduled_at and post.scheduled_at > at):
        return False
    _settle(world, post, row, at)
    return True


def _count_url_down(row: Row) -> bool:
    row.url_ticks -= 1
    if row.url_ticks > 0:
        return False
    row.published_url, row.late_url = row.late_url, None
    return True


def _settle(world: World, post: Post, row: Row, at: datetime) -> None:
    account = world.accounts.get(row.account_id)
    if account is None or account.status != "active":
        _fail(row, TOKEN_TEXT, at)
        return
    outcome = world.next_outcome(post, account.id)
    match outcome.kind:
        case OutcomeKind.OK | OutcomeKind.LATE_URL | OutcomeKind.DRAFT:
            _publish(world, post, row, account=account, at=at, outcome=outcome)
        case OutcomeKind.FAIL:
            _fail(row, outcome.text, at)
            if outcome.live:
                _record(world, post, account, at=at, url=_url(world, account))
        case OutcomeKind.DELETED | OutcomeKind.VOID:
            row.status, row.last_attempted_at = outcome.kind.value, at
        case OutcomeKind.HANG | OutcomeKind.UNKNOWN:
            row.status = "pending" if outcome.kind is OutcomeKind.HANG else outcome.word
            row.hold = outcome.ticks or -1
        case _:
            assert_never(outcome.kind)


def _publish(world: World, post: Post, row: Row, *, account: Account, at: datetime, outcome: Outcome) -> None:
    row.status, row.published_at, row.last_attempted_at, row.error_message = "posted", at, at, None
    url = None if outcome.kind is OutcomeKind.DRAFT else _url(world, account)
    if outcome.kind is OutcomeKind.LATE_URL:
        row.late_url, row.url_ticks = url, max(outcome.ticks, 1)
    else:
        row.published_url = url
    _record(world, post, account, at=at, url=url)


def _fail(row: Row, text: str, at: datetime) -> None:
    row.status, row.error_message, row.last_attempted_at = "failed", text, at


def _record(world: World, post: Post, account: Account, *, at: datetime, url: str | None) -> None:
    world.publications.append(
        Publication(
            post.id, account.id, account.platform, external_id=post.external_id, caption=post.caption, at=at, url=url
        )
    )


def _url(world: World, account: Account) -> str:
    number = world.chance.randrange(10**18, 10**19)
    match account.platform:
        case "tiktok":
            return f"https://www.tiktok.com/@{account.username}/video/{number}"
        case "instagram":
            return f"https://www.instagram.com/p/{number:x}/"
        case "youtube":
            return f"https://www.youtube.com/shorts/{number:x}"
        case "x" | "twitter":
            return f"https://x.com/{account.username}/status/{number}"
        case other:
            return f"https://www.{other}.com/{account.username}/posts/{number}"
