"""The partner's calls on posts and accounts, as functions of world, key and body; refusals are raised.

Source: https://docs.genviral.io/api-reference (get-accounts, create-post, get-post, list-posts, update-post,
retry-posts, delete-post), captured by 2026-11.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import orjson

from bridge.simulator.genviral import files, rules, schema
from bridge.simulator.genviral.model import CONTENT, EDITABLE, Account, Contract, Json, Key, Post, Refusal, Row
from bridge.simulator.genviral.world import World
from bridge.simulator.instants import read_time

NOT_RETRYABLE = "Only failed or partial posts can be retried"
NOT_FOUND = "Post not found"
LIST_STATUSES = ("draft", "pending", "scheduled", "posted", "failed", "partial", "retry", "canceled")
LIST_DEFAULT = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: status, the envelope's message, and its data."""

    status: int
    message: str
    data: Json


def list_accounts(world: World, key: Key) -> Answer:
    """Answer GET /accounts: the active accounts of the scope; v3 also says the scope and the owner."""
    contract = world.options.contract
    data: Json = {"workspace_id": key.workspace_id}
    data["accounts"] = [account.render(contract) for account in world.listed_accounts(key)]
    if contract == Contract.V1:
        return Answer(200, "Workspace accounts retrieved", data)
    return Answer(200, "Accounts retrieved", {"scope": key.scope, "owner_user_id": key.owner_user_id} | data)


def create(world: World, key: Key, body: Json) -> Answer:
    """Answer POST /posts: 201 for a new post, under v3 200 with `duplicate` for a replay and 409 for a conflict."""
    contract = world.options.contract
    schema.check_create(body, contract)
    name, digest = _replay_name(key, body)
    if contract == Contract.V3 and world.options.replay_first and (replayed := _replay(world, name, digest)):
        return replayed
    accounts = world.resolve([one["id"] for one in body["accounts"]], key)
    rules.check_plan_for(accounts, key)
    content = {field: body[field] for field in CONTENT if field in body}
    status, at = rules.place(read_time(body.get("scheduled_at")), now=world.now(), contract=contract)
    warnings = _judged(world, content, accounts)
    if contract == Contract.V3 and (replayed := _replay(world, name, digest)):
        return replayed
    rows = [Row(account.id, status) for account in accounts]
    post = Post(
        world.new_post_id(),
        key.scope_id,
        content=content,
        status=status,
        created_at=world.now(),
        scheduled_at=at,
        rows=rows,
    )
    post.external_id, post.warnings, post.replay_name = body.get("external_id"), warnings, name
    world.replays[name] = (digest, post.id)
    return Answer(201, "Post scheduled", world.store(post).receipt())


def _judged(world: World, content: Json, accounts: list[Account]) -> list[Json]:
    return rules.check_content(
        content,
        accounts,
        contract=world.options.contract,
        unreachable=world.dead_addresses(),
        known=world.known_files(),
    )


def _replay_name(key: Key, body: Json) -> tuple[tuple[str, str], str]:
    # Not sorted: a body that was put together anew may differ, and only the body sent first is safe to send again.
    digest = sha256(orjson.dumps(body)).hexdigest()
    external_id = body.get("external_id")
    return (key.scope_id, f"id:{external_id}" if external_id else f"body:{digest}"), digest


def _replay(world: World, name: tuple[str, str], digest: str) -> Answer | None:
    known, post_id = world.replays.get(name, ("", ""))
    if not post_id:
        return None
    if known != digest:
        raise Refusal(409, "create_failed", "external_id was already used with a different payload")
    post = world.posts.get(post_id)
    data = (
        post.receipt(duplicate=True)
        if post
        else {"id": post_id, "status": "deleted", "scheduled_at": None, "duplicate": True}
    )
    return Answer(200, "Post scheduled", data)


def get(world: World, key: Key, post_id: str) -> Answer:
    """Answer GET /posts/{id}."""
    return Answer(200, "Post retrieved", _found(world, key, post_id).render(world.options.contract))


def _found(world: World, key: Key, post_id: str) -> Post:
    post = world.post_for(post_id, key)
    if post is None:
        raise Refusal(404, "not_found", NOT_FOUND)
    return post


def list_posts(world: World, key: Key, query: Mapping[str, str]) -> Answer:
    """Answer GET /posts: newest first, `limit` clamped to 1-100, an inclusive window over `created_at`, no cursor."""
    since, until = (_bound(query, name) for name in ("since", "until"))
    status, limit = query.get("status"), _limit(query.get("limit"))
    if status is not None and status not in LIST_STATUSES:
        raise Refusal(
            422, "invalid_payload", "Unknown status filter", issues=[{"path": "status", "message": "Unknown"}]
        )
    seen = [post for post in world.posts.values() if post.scope_id == key.scope_id]
    page = [
        post
        for post in seen
        if (status is None or post.status == status)
        and (since is None or post.created_at >= since)
        and (until is None or post.created_at <= until)
    ]
    page.sort(key=lambda post: post.created_at, reverse=True)
    posts = [post.render(world.options.contract) for post in page[:limit]]
    return Answer(200, "Posts retrieved", {"summary": _summary(seen), "posts": posts})


def _bound(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    moment = read_time(query[name])
    if moment is None:
        raise Refusal(400, f"invalid_{name}", f"{name} must be an ISO 8601 datetime with offset")
    return moment


def _limit(text: str | None) -> int:
    try:
        return min(max(int(text), 1), 100) if text is not None else LIST_DEFAULT
    except ValueError:
        issue = {"path": "limit", "message": "Expected integer"}
        raise Refusal(422, "invalid_payload", "limit must be an integer", issues=[issue]) from None


def _summary(posts: list[Post]) -> Json:
    by_status = Counter(post.status for post in posts)
    pending, published = by_status["pending"] + by_status["scheduled"], by_status["posted"] + by_status["partial"]
    return {"total": len(posts), "pending": pending, "published": published, "by_status": dict(by_status)}


def update(world: World, key: Key, post_id: str, body: Json) -> Answer:
    """Answer PATCH /posts/{id}: the whole post must keep the rules as it will be, not only what was sent."""
    contract = world.options.contract
    post = _found(world, key, post_id)
    schema.check_update(body, contract)
    if contract == Contract.V3 and body.get("external_id", post.external_id) != post.external_id:
        raise Refusal(409, "external_id_immutable", "external_id cannot be changed after creation")
    if post.status not in EDITABLE:
        raise rules.invalid(f"Posts in status {post.status} cannot be edited")
    accounts = _targets(world, key, post, body)
    rules.check_plan_for(accounts, key)
    content = post.content | {field: body[field] for field in CONTENT if field in body}
    content["settings"] = _merged(post.content.get("settings") or {}, body.get("settings") or {})
    warnings = _judged(world, content, accounts)
    placed = (
        rules.move(read_time(body["scheduled_at"]), now=world.now(), contract=contract)
        if "scheduled_at" in body
        else None
    )
    post.content, post.warnings = content, warnings
    post.external_id = body.get("external_id", post.external_id)
    _retarget(post, accounts)
    if placed:
        _reschedule(post, *placed)
    world.watch(post)
    return Answer(200, "Post updated", post.receipt())


def _targets(world: World, key: Key, post: Post, body: Json) -> list[Account]:
    if "accounts" in body:
        return world.resolve([one["id"] for one in body["accounts"]], key)
    return [world.accounts[row.account_id] for row in post.rows if row.account_id in world.accounts]


def _merged(stored: Json, given: Json) -> Json:
    return stored | {provider: stored.get(provider, {}) | block for provider, block in given.items()}


def _retarget(post: Post, accounts: list[Account]) -> None:
    kept = {row.account_id: row for row in post.rows}
    fresh = "pending" if post.status == "failed" else post.status
    post.rows = [kept.get(account.id) or Row(account.id, fresh) for account in accounts]


def _reschedule(post: Post, status: str, at: datetime | None) -> None:
    post.status, post.scheduled_at = status, at
    for row in post.rows:
        if row.status in EDITABLE:
            row.status, row.error_message, row.hold = status, None, 0


def retry(world: World, key: Key, body: Json, *, first: int | None = None) -> Answer:
    """Answer POST /posts/retry: each id for itself, always 200. With `first`, only so many ids are worked off."""
    ids, only = schema.check_ids(body, names=("post_ids",), maximum=20), schema.check_account_filter(body)
    errors: dict[str, str] = {}
    for post_id in ids[:first]:
        complaint = _retry_one(world, world.post_for(post_id, key), only)
        if complaint:
            errors[post_id] = complaint
    taken = [post_id for post_id in ids[:first] if post_id not in errors]
    data: Json = {"retried": len(taken), "ids": taken, "failed": list(errors)}
    return Answer(200, "Posts queued for retry", data | ({"errors": errors} if errors else {}))


def _retry_one(world: World, post: Post | None, only: list[str] | None) -> str | None:
    if post is None:
        return NOT_FOUND
    rows = [row for row in post.rows if row.status == "failed" and (only is None or row.account_id in only)]
    if post.status not in ("failed", "partial"):
        return NOT_RETRYABLE
    if not rows:
        return "No failed accounts matched the filter"
    for row in rows:
        row.status, row.error_message = world.options.retry_word, None
    post.status = world.options.retry_word
    world.watch(post)
    return None


def delete(world: World, key: Key, body: Json, *, first: int | None = None) -> Answer:
    """Answer POST /posts/delete: camelCase throughout. With `first`, only so many ids are worked off."""
    ids = schema.check_ids(body, names=("postIds", "post_ids"), maximum=None)
    if len(ids) > 50:
        raise Refusal(400, "too_many_post_ids", "At most 50 posts can be deleted at once")
    data: Json = {"deletedIds": [], "blockedStatuses": [], "skipped": [], "errors": {}}
    for post_id in ids[:first]:
        post = world.post_for(post_id, key)
        if post is None:
            data["skipped"].append(post_id)
            data["errors"][post_id] = NOT_FOUND
        elif post.status not in EDITABLE:
            data["blockedStatuses"].append({"id": post_id, "status": post.status})
        else:
            world.forget(post)
            data["deletedIds"].append(post_id)
    return Answer(200, "Posts deleted", data)


def host(world: World, body: Json, origin: str) -> Answer:
    """Answer POST /files: where the bytes go, and the address that a post may name once they are there."""
    file = files.announce(body, origin, file_id=world.new_uuid(), signature=world.new_uuid(), now=world.now())
    world.files[file.id] = file
    return Answer(201, "File created", files.place(file, origin))


def subscription(key: Key) -> Answer:
    """Answer GET /subscription: the plan, also while a lapsed plan makes every other call a 402."""
    live = key.plan != "lapsed"
    plan: Json = {
        "status": "active" if live else "canceled",
        "tier": "scheduler" if key.plan == "scheduler" else "professional",
        "billing_interval": "month",
        "is_paused": False,
        "paused_until": None,
        "credits": {"limit": 1000, "used_this_period": 0, "remaining": 1000, "reset_at": None},
    }
    return Answer(200, "Subscription retrieved", {"subscription": plan})
