"""The state of the simulated PostEverywhere: keys, accounts, posts, media, outcomes, and what really got published.

Nothing here reads a clock or draws chance of its own: both are given. Everything runs on one thread, so each call is
atomic.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID

from bridge.simulator.instants import stamp
from bridge.simulator.posteverywhere import shapes
from bridge.simulator.posteverywhere.model import (
    Account,
    Destination,
    Json,
    Key,
    Media,
    Organization,
    Outcome,
    Post,
    Publication,
    read_time,
)
from bridge.simulator.posteverywhere.options import Options
from bridge.simulator.posteverywhere.outbox import Outbox

Clock = Callable[[], datetime]
PUBLICATIONS_KEPT = 1_000_000
TOKEN_LIFE = timedelta(days=60)
_SEED_WORDS = {"scheduled": "queued", "publishing": "publishing", "partially_failed": "failed", "draft": "queued"}


class World:
    """Everything the simulated partner remembers."""

    def __init__(
        self,
        now: Clock,
        chance: Random,
        *,
        options: Options,
        organizations: Iterable[Organization],
        keys: Iterable[Key],
        accounts: Iterable[Account],
    ) -> None:
        self.clock, self.chance, self.options = now, chance, options
        self.organizations = {one.id: one for one in organizations}
        self.keys = {str(one.token): one for one in keys}
        self.accounts = {one.id: one for one in accounts}
        self.posts: dict[str, Post] = {}
        self.moving: dict[str, Post] = {}
        self.media: dict[str, Media] = {}
        self.bad_media: set[str] = set()
        self.links: dict[str, tuple[int | None, datetime]] = {}
        self.outcomes: dict[int, deque[Outcome]] = {}
        self.publications: deque[Publication] = deque(maxlen=PUBLICATIONS_KEPT)
        self.failures: Counter[tuple[str, int]] = Counter()
        self.outbox = Outbox(options, chance)
        self.offset = timedelta(0)
        self.ticks = 0

    def now(self) -> datetime:
        """Give the time in UTC, cut to the milliseconds the API shows: `updated_after` must find its own edge."""
        at = self.clock().astimezone(UTC) + self.offset
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def new_uuid(self) -> str:
        """Draw a uuid from the seeded chance."""
        return str(UUID(int=self.chance.getrandbits(128), version=4))

    def new_hex(self, digits: int) -> str:
        """Draw so many hex digits from the seeded chance."""
        return f"{self.chance.getrandbits(4 * digits):0{digits}x}"

    def key_by_prefix(self, prefix: str) -> Key | None:
        """Find a key by the part that may be shown."""
        return next((key for key in self.keys.values() if key.prefix == prefix), None)

    # Events.

    def emit(self, organization_id: str, event: str, data: Json) -> None:
        """Tell the subscribers of an organisation."""
        payload = {
            "event": event,
            "event_id": f"evt_{self.new_hex(24)}",
            "created_at": stamp(self.now()),
            "organization_id": organization_id,
            "data": data,
        }
        self.outbox.put(organization_id, payload)

    def emit_post(self, post: Post, event: str, row: Destination | None = None) -> None:
        """Tell something of a post, or of one of its destinations."""
        data: Json = {"post_id": post.id, "status": post.status}
        if row:
            data |= {"account_id": row.account_id, "platform": row.platform, "status": row.status}
            data |= {"platform_post_id": row.platform_post_id, "platform_post_url": row.platform_post_url}
            data |= {"published_at": stamp(row.published_at), "error": row.error, "attempts": row.attempts}
        self.emit(post.organization_id, event, data)

    # Accounts.

    def accounts_of(self, organization_id: str) -> list[Account]:
        """Give the accounts of an organisation; broken ones stay listed."""
        return [one for one in self.accounts.values() if one.organization_id == organization_id]

    def tell_account(self, account: Account, event: str) -> Account:
        """Tell the subscribers of an account's fate."""
        data = {"account_id": account.id, "platform": account.platform, "account_name": account.name}
        self.emit(account.organization_id, event, data)
        return account

    def reconnect(self, account_id: int) -> Account:
        """Repair an account in place, as a person does who follows the authorisation URL."""
        account, now = self.accounts[account_id], self.now()
        account.is_active, account.needs_reconnection_since = True, None
        account.token_expires_at, account.last_refresh, account.failures = now + TOKEN_LIFE, now, []
        return self.tell_account(account, "account.connected")

    # Posts.

    def find(self, post_id: str, organization_id: str) -> Post | None:
        """Find a post of an organisation."""
        post = self.posts.get(post_id)
        return post if post is not None and post.organization_id == organization_id else None

    def store(self, post: Post) -> Post:
        """Keep a post, and watch it if the worker can still move it."""
        self.posts[post.id] = post
        return self.touch(post)

    def touch(self, post: Post) -> Post:
        """Say that a post or a destination of it changed."""
        post.updated_at = self.now()
        self.watch(post)
        return post

    def watch(self, post: Post) -> None:
        """Put the post on the worker's list, or take it off if nothing in it can move."""
        if any(row.moving for row in post.destinations):
            self.moving[post.id] = post
        else:
            self.moving.pop(post.id, None)

    def forget(self, post: Post) -> None:
        """Delete a post: GET answers 404 from now on."""
        self.posts.pop(post.id, None)
        self.moving.pop(post.id, None)

    def destination(self, account_id: int, at: datetime | None) -> Destination:
        """Make the destination of one account."""
        account = self.accounts.get(account_id)
        name, platform = (account.name, account.platform) if account else ("removed", "x")
        return Destination(self.new_uuid(), account_id, name, platform, scheduled_for=at)

    def show(self, post: Post) -> Json:
        """Write a post as GET /posts/{id} does."""
        return shapes.post(post, self.media.get, self.options)

    def seed(self, given: Json) -> Post:
        """Store a post that was not created through the API.

        Args:
            given: `status`, and any of `id`, `content`, `account_ids` or `destinations` (`{account_id, …}`, fields of
                `Destination`; times as text), `scheduled_for`, `created_at`, `updated_at`, `media_ids`, `timezone`,
                `platform_content`, `campaign_id`, `organization_id`.
        """
        now, status = self.now(), given["status"]
        rows = given.get("destinations") or [{"account_id": one} for one in given.get("account_ids", [])]
        common = {"status": _SEED_WORDS.get(status, status), "scheduled_for": given.get("scheduled_for")}
        made = [self._row(common | row) for row in rows]
        rest = {
            name: given[name] for name in ("media_ids", "timezone", "platform_content", "campaign_id") if name in given
        }
        post = Post(
            given.get("id") or self.new_uuid(),
            self.new_uuid(),
            given.get("organization_id") or next(iter(self.organizations)),
            content=given.get("content", "Seeded"),
            status=status,
            created_at=read_time(given.get("created_at")) or now,
            updated_at=read_time(given.get("updated_at")) or now,
            account_ids=given.get("account_ids") or [row.account_id for row in made],
            scheduled_for=read_time(given.get("scheduled_for")),
            destinations=[] if status == "draft" else made,
            **rest,
        )
        self.posts[post.id] = post
        self.watch(post)
        return post

    def _row(self, given: Json) -> Destination:
        row = self.destination(given["account_id"], None)
        names: dict[str, Any] = {"account_name": "name"}
        known = {one.name for one in fields(Destination)}
        for key, value in given.items():
            name = names.get(key, key)
            timed = name in ("scheduled_for", "published_at", "next_retry_at", "failed_at")
            if name in known:
                setattr(row, name, read_time(value) if timed else value)
        return row

    # Media.

    def is_bad(self, text: str) -> bool:
        """Whether the file of this name or URL is scripted to fail."""
        return any(one in text for one in self.bad_media)

    def tell_media(self, media: Media, event: str) -> None:
        """Tell the subscribers of a file."""
        self.emit(media.organization_id, event, {"media_id": media.id, "type": media.type, "filename": media.filename})

    # The breaker.

    def breaker_name(self, content: str, account_id: int) -> tuple[str, int]:
        """Give the name under which failures of a content are counted."""
        return sha256(content.encode()).hexdigest(), 0 if self.options.breaker_scope == "content" else account_id

    def broken(self, content: str, account_ids: Iterable[int]) -> bool:
        """Whether identical content failed too often for one of the accounts."""
        limit = self.options.breaker_limit
        return limit > 0 and any(self.failures[self.breaker_name(content, one)] >= limit for one in account_ids)

    # Outcomes.

    def script(self, account_id: int, *outcomes: Outcome | str | Json) -> None:
        """Queue what becomes of the account's next attempts, in order; when none fits they succeed."""
        self.outcomes.setdefault(account_id, deque()).extend(Outcome.of(one) for one in outcomes)

    def next_outcome(self, post: Post, row: Destination) -> Outcome:
        """Take the first scripted outcome that fits the attempt that begins."""
        queue = self.outcomes.get(row.account_id, deque())
        for one in queue:
            if one.fits(post.content, row.attempts + 1):
                queue.remove(one)
                return one
        return Outcome()

    def published_twice(self) -> dict[tuple[str, int], int]:
        """Count publications by (content, account) and give those above one: the harm that must not happen."""
        counts = Counter((one.content, one.account_id) for one in self.publications)
        return {pair: count for pair, count in counts.items() if count > 1}
