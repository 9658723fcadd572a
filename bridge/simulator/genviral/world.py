"""The state of the simulated Genviral: keys, accounts, stored posts, scripted outcomes, and what really got published.

Nothing here reads a clock or draws chance of its own: both are given. Everything runs on one thread, so each call is
atomic.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from uuid import UUID

from bridge.simulator.genviral import files
from bridge.simulator.genviral.model import (
    CONTENT,
    EDITABLE,
    IN_FLIGHT,
    Account,
    Contract,
    Json,
    Key,
    Outcome,
    OutcomeKind,
    Post,
    Publication,
    Refusal,
    Row,
)
from bridge.simulator.instants import read_time

Clock = Callable[[], datetime]
PUBLICATIONS_KEPT = 1_000_000


@dataclass(slots=True)
class Options:
    """What the vendor does not say, or says differently by generation.

    Args:
        contract: the generation played.
        retry_word: the status after an accepted retry: `retry` (then `pending`, then the outcome) or `pending`.
        replay_first: whether a replayed create is recognised before accounts, content and schedule are judged again.
        deleted_frees_key: whether deleting a post frees its `external_id` and its body fingerprint.
    """

    contract: Contract = Contract.V3
    retry_word: str = "retry"
    replay_first: bool = True
    deleted_frees_key: bool = True

    def __post_init__(self) -> None:
        self.contract = Contract(self.contract)


class World:
    """Everything the simulated partner remembers."""

    def __init__(
        self, now: Clock, chance: Random, *, options: Options, keys: Iterable[Key], accounts: Iterable[Account]
    ) -> None:
        self.clock, self.chance, self.options = now, chance, options
        self.keys: dict[str, Key] = {}
        self.accounts: dict[str, Account] = {account.id: account for account in accounts}
        self.posts: dict[str, Post] = {}
        self.moving: dict[str, Post] = {}
        self.replays: dict[tuple[str, str], tuple[str, str]] = {}
        self.outcomes: dict[str, deque[Outcome]] = {}
        self.publications: deque[Publication] = deque(maxlen=PUBLICATIONS_KEPT)
        self.unreachable: set[str] = set()
        self.declared: dict[str, tuple[str, int]] = {}
        self.files: dict[str, files.StoredFile] = {}
        self.ticks = 0
        self._post_number = 788
        for key in keys:
            self.add_key(key)

    def now(self) -> datetime:
        """Give the time in UTC, cut to the milliseconds the API shows: an inclusive window must find its own edge."""
        moment = self.clock().astimezone(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def new_uuid(self) -> str:
        """Draw a uuid from the seeded chance."""
        return str(UUID(int=self.chance.getrandbits(128), version=4))

    def new_post_id(self) -> str:
        """Give the next post id: `post_789` and on under v1, a uuid under v3."""
        self._post_number += 1
        return f"post_{self._post_number}" if self.options.contract == Contract.V1 else self.new_uuid()

    # Keys.

    def add_key(self, key: Key) -> None:
        """Let a token in, or replace what is known of it."""
        self.keys[str(key.token)] = key

    def key_by_public_id(self, public_id: str) -> Key | None:
        """Find a key by the part that may be shown."""
        return next((key for key in self.keys.values() if key.public_id == public_id), None)

    # Accounts.

    def listed_accounts(self, key: Key) -> list[Account]:
        """Give the active accounts in the key's scope: all that GET /accounts shows."""
        return [one for one in self.accounts.values() if one.scope_id == key.scope_id and one.status == "active"]

    def resolve(self, ids: Iterable[str], key: Key) -> list[Account]:
        """Look up targets; blank ids and repeats fall away. One outside the scope or not active refuses all.

        Raises:
            Refusal: 422 for an id that is no uuid (v3), 400 `unknown_accounts`, 400 `missing_accounts` if nothing is
            left.
        """
        found: dict[str, Account] = {}
        for one in filter(None, ids):
            account = self.accounts.get(one)
            if account is None and self.options.contract == Contract.V3 and not _is_uuid(one):
                issue = {"path": "accounts", "message": "Invalid uuid"}
                raise Refusal(422, "invalid_payload", "Request body failed validation", issues=[issue])
            if account is None or account.scope_id != key.scope_id or account.status != "active":
                raise Refusal(400, "unknown_accounts", "One or more accounts are unknown or inactive")
            found[one] = account
        if not found:
            raise Refusal(400, "missing_accounts", "No accounts left after validation")
        return list(found.values())

    def set_account_status(self, account_id: str, status: str) -> Account:
        """Pause, revoke or revive an account; its queued rows fail at the next tick if it is not active by then."""
        account = self.accounts[account_id]
        account.status = status
        return account

    def reconnect(self, account_id: str, *, new_id: str | None = None) -> Account:
        """Bring an account back under its own id, or as another account (same platform and name) under `new_id`."""
        if new_id is None or new_id == account_id:
            return self.set_account_status(account_id, "active")
        self.set_account_status(account_id, "revoked")
        self.accounts[new_id] = replace(self.accounts[account_id], id=new_id, status="active")
        return self.accounts[new_id]

    # Posts.

    def post_for(self, post_id: str, key: Key) -> Post | None:
        """Find a post in the key's scope."""
        post = self.posts.get(post_id)
        return post if post is not None and post.scope_id == key.scope_id else None

    def store(self, post: Post) -> Post:
        """Keep a post, and watch it if the worker can still move it."""
        self.posts[post.id] = post
        self.watch(post)
        return post

    def watch(self, post: Post) -> None:
        """Put the post on the worker's list, or take it off if nothing in it can move."""
        if any(row.moving for row in post.rows) and post.status not in ("draft", "canceled"):
            self.moving[post.id] = post
        else:
            self.moving.pop(post.id, None)

    def forget(self, post: Post) -> None:
        """Delete a post: GET answers 404 from now on."""
        self.posts.pop(post.id, None)
        self.moving.pop(post.id, None)
        if self.options.deleted_frees_key and post.replay_name is not None:
            self.replays.pop(post.replay_name, None)

    def seed(self, given: Json) -> Post:
        """Store a post that was not created through the API.

        Args:
            given: `status`, and any of `id`, `caption`, `accounts` (ids) or `rows` (`{account_id, status, …}`),
                `scheduled_at`, `created_at`, `external_id`, `media` and its like, `scope_id` (default: the
                first key's).
        """
        status = given["status"]
        made = given.get("rows") or [{"account_id": one, "status": status} for one in given.get("accounts", [])]
        content = {"caption": "Seeded"} | {field: given[field] for field in CONTENT if field in given}
        post = Post(
            id=given.get("id") or self.new_post_id(),
            scope_id=given.get("scope_id") or next(iter(self.keys.values())).scope_id,
            content=content,
            status=status,
            created_at=read_time(given.get("created_at")) or self.now(),
            scheduled_at=read_time(given.get("scheduled_at")),
            external_id=given.get("external_id"),
            rows=[row_from(row) for row in made],
        )
        return self.store(post)

    def set_post_status(self, post_id: str, status: str, *, rows: dict[str, str] | None = None) -> Post:
        """Set a post's word as dashboard or provider do, and its rows' (`rows`: by account id; else the same)."""
        post = self.posts[post_id]
        post.status = status
        for row in post.rows:
            row.status = (rows or {}).get(row.account_id, row.status if rows else status)
            row.hold, row.late_url = 0, None
        self.watch(post)
        return post

    def dead_addresses(self) -> set[str]:
        """Give the addresses of media that the reachability check finds dead."""
        return self.unreachable | {file.url for file in self.files.values() if file.content is None}

    def known_files(self) -> dict[str, tuple[str, int]]:
        """Give content type and bytes of media by address: of files that are stored here, and of declared ones."""
        here = {one.url: (one.content_type, len(one.content)) for one in self.files.values() if one.content is not None}
        return here | self.declared

    # Outcomes.

    def script(self, account_id: str, *outcomes: Outcome | str | Json) -> None:
        """Queue what becomes of the account's next due rows, in order; when the queue is empty rows are posted."""
        self.outcomes.setdefault(account_id, deque()).extend(Outcome.of(one) for one in outcomes)

    def next_outcome(self, post: Post, account_id: str) -> Outcome:
        """Take the next scripted outcome; without one, `MEDIA_UPLOAD` becomes a draft and all else is posted."""
        queue = self.outcomes.get(account_id)
        if queue:
            return queue.popleft()
        upload = (post.content.get("tiktok") or {}).get("post_mode") == "MEDIA_UPLOAD"
        return Outcome(OutcomeKind.DRAFT if upload else OutcomeKind.OK)

    def posted_twice(self) -> dict[tuple[str, str], int]:
        """Count publications by (post, account) and give those above one: the harm that must not happen."""
        counts: dict[tuple[str, str], int] = {}
        for one in self.publications:
            counts[one.post_id, one.account_id] = counts.get((one.post_id, one.account_id), 0) + 1
        return {pair: count for pair, count in counts.items() if count > 1}


def row_from(given: Json) -> Row:
    """Read a row from `{account_id, status, published_at?, error_message?, last_attempted_at?, published_url?}`."""
    times = {name: read_time(given.get(name)) for name in ("published_at", "last_attempted_at")}
    rest = {name: given.get(name) for name in ("error_message", "published_url")}
    return Row(account_id=given["account_id"], status=given["status"], **times, **rest)  # type: ignore[arg-type]  # Checked by use.


def roll_up(rows: list[Row]) -> str:
    """Give a post's status from its rows (a guess): in flight first, then unknown words, then the end."""
    words = [row.status for row in rows]
    in_flight = next((word for word in (*IN_FLIGHT, "draft") if word in words), None)
    known = (*EDITABLE, "posted", "deleted", "void", "canceled")
    unknown = next((word for word in words if word not in known), None)
    if in_flight or unknown:
        return in_flight or unknown or ""
    if "posted" in words:
        return "posted" if set(words) == {"posted"} else "partial"
    return next((word for word in ("failed", "deleted", "void") if word in words), "canceled")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
