"""The worker that moves what is due: queued, publishing, then published or failed; and the vendor's own next tries.

A destination moves at most one step a tick. Pages say that a failed destination with `next_retry_at` is tried again by
the vendor; how often, after how long and for which errors is not said (`Options` and `is_transient` guess).
"""

import re
from datetime import datetime, timedelta
from typing import assert_never

from bridge.simulator.posteverywhere import health
from bridge.simulator.posteverywhere.model import Account, Destination, Outcome, OutcomeKind, Post, Publication
from bridge.simulator.posteverywhere.world import World

NAMES = {"x": "X", "linkedin": "LinkedIn", "tiktok": "TikTok", "youtube": "YouTube"}
GONE_TEXT = "Account is no longer connected."
_TRANSIENT = re.compile(r"rate|timed? ?out|temporar|\b5\d\d\b|try again", re.IGNORECASE)


def token_text(platform: str) -> str:
    """Give the error of a dead token, as in the docs' example."""
    return f"Token expired. Please reconnect your {NAMES.get(platform, platform.capitalize())} account."


def is_transient(text: str) -> bool:
    """Whether the vendor would try again by itself after this error."""
    return bool(_TRANSIENT.search(text))


def tick(world: World, now: datetime | None = None) -> int:
    """Run the worker once at `now` (default: the world's clock).

    Returns:
        How many posts changed.
    """
    at = now or world.now()
    world.ticks += 1
    changed = 0
    for post in list(world.moving.values()):
        moved = [row for row in post.destinations if _step(world, post, row, at)]
        if moved:
            _conclude(world, post)
            post.updated_at = at
            changed += 1
            _tell_rows(world, post, moved)
        world.watch(post)
    _process_media(world)
    return changed


def _step(world: World, post: Post, row: Destination, at: datetime) -> bool:
    if row.late is not None:
        return _count_url_down(row)
    if row.hold:
        row.hold -= row.hold > 0
        return False if row.hold else _settle(world, post, row, at)
    if row.next_retry_at is not None and row.next_retry_at <= at:
        row.requeue()
        return True
    if row.status == "publishing":
        return _settle(world, post, row, at)
    if row.status != "queued" or (row.scheduled_for is not None and row.scheduled_for > at):
        return False
    account = world.accounts.get(row.account_id)
    if account is None or not health.can_post(account, at):
        return _fail(world, post, row, at=at, outcome=Outcome(OutcomeKind.FAIL, _dead_text(account, row), retries=0))
    row.status = "publishing"
    return True


def _dead_text(account: Account | None, row: Destination) -> str:
    return token_text(row.platform) if account else GONE_TEXT


def _count_url_down(row: Destination) -> bool:
    row.url_ticks -= 1
    if row.url_ticks > 0 or row.late is None:
        return False
    (row.platform_post_id, row.platform_post_url), row.late = row.late, None
    return True


def _settle(world: World, post: Post, row: Destination, at: datetime) -> bool:
    outcome = world.next_outcome(post, row)
    match outcome.kind:
        case OutcomeKind.OK | OutcomeKind.LATE_URL:
            _publish(world, post, row, at=at, outcome=outcome)
        case OutcomeKind.FAIL:
            _fail(world, post, row, at=at, outcome=outcome)
        case OutcomeKind.HANG | OutcomeKind.UNKNOWN:
            row.status = "publishing" if outcome.kind is OutcomeKind.HANG else outcome.word
            row.hold = outcome.ticks or -1
        case _:
            assert_never(outcome.kind)
    return True


def _publish(world: World, post: Post, row: Destination, *, at: datetime, outcome: Outcome) -> None:
    row.status, row.published_at, row.error, row.attempts = "published", at, None, row.attempts + 1
    made = _record(world, post, row, at)
    if outcome.kind is OutcomeKind.LATE_URL:
        row.late, row.url_ticks = made, max(outcome.ticks, 1)
    else:
        row.platform_post_id, row.platform_post_url = made
    if account := world.accounts.get(row.account_id):
        account.last_published_at = at
    world.failures.pop(world.breaker_name(post.content, row.account_id), None)


def _fail(world: World, post: Post, row: Destination, *, at: datetime, outcome: Outcome) -> bool:
    left = _tries_left(world, row, outcome)
    row.status, row.error, row.failed_at, row.attempts = "failed", outcome.text, at, row.attempts + 1
    row.next_retry_at = at + timedelta(seconds=world.options.auto_retry_delay_s) if left else None
    row.auto_left = left - 1 if left else None
    if account := world.accounts.get(row.account_id):
        account.failures.append((at, row.next_retry_at is None))
    world.failures[world.breaker_name(post.content, row.account_id)] += 1
    if outcome.live:
        _record(world, post, row, at)
    return True


def _tries_left(world: World, row: Destination, outcome: Outcome) -> int:
    if outcome.retries == 0 or (outcome.retries is None and not is_transient(outcome.text)):
        return 0
    if row.auto_left is not None:
        return row.auto_left
    return world.options.auto_retries if outcome.retries is None else outcome.retries


def _conclude(world: World, post: Post) -> None:
    before = post.status
    post.status = roll_up(post, retrying_is_publishing=world.options.retrying_is_publishing)
    if post.status != before and post.status in ("publishing", "partially_failed"):
        world.emit_post(post, f"post.{post.status}")


def _tell_rows(world: World, post: Post, moved: list[Destination]) -> None:
    for row in moved:
        if row.status == "published" and row.url_ticks == 0:
            world.emit_post(post, "post.published", row)
        elif row.status == "failed" and row.next_retry_at is None:
            world.emit_post(post, "post.failed", row)


def roll_up(post: Post, *, retrying_is_publishing: bool = False) -> str:
    """Give a post's word from its destinations; one that has not begun stays as it is."""
    words = [row.status for row in post.destinations]
    begun = any(row.attempts or row.status != "queued" for row in post.destinations)
    if not words or (post.status == "scheduled" and not begun):
        return post.status
    waiting = retrying_is_publishing and any(row.next_retry_at for row in post.destinations)
    if waiting or not set(words) <= {"published", "failed"}:
        return "publishing"
    if "failed" not in words:
        return "published"
    return "partially_failed" if "published" in words else "failed"


def _record(world: World, post: Post, row: Destination, at: datetime) -> tuple[str, str]:
    number = str(world.chance.randrange(10**18, 10**19))
    url = _url(row.platform, number)
    content = post.content_for(row.platform)
    world.publications.append(Publication(post.id, row.account_id, row.platform, content, at, url))
    return number, url


def _url(platform: str, number: str) -> str:
    match platform:
        case "x":
            return f"https://x.com/mybrand/status/{number}"
        case "instagram":
            return f"https://www.instagram.com/p/{int(number):x}/"
        case "tiktok":
            return f"https://www.tiktok.com/@mybrand/video/{number}"
        case other:
            return f"https://www.{other}.com/mybrand/posts/{number}"


def _process_media(world: World) -> None:
    for media in world.media.values():
        if not media.ticks_left:
            continue
        media.ticks_left -= 1
        if media.ticks_left:
            continue
        media.status = "failed" if media.error else "ready"
        if media.status == "ready":
            world.tell_media(media, "media.uploaded")
