"""The vendor's calls on posts, as functions of world, key and body; refusals are raised. Nothing is idempotent.

Sources: https://developers.posteverywhere.ai/api (create-post, get-post, get-post-results, retry-post, bulk), tool
texts of @posteverywhere/mcp 1.7.0, captured by 2026-11.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.simulator.posteverywhere import rules, schema, shapes
from bridge.simulator.posteverywhere.model import Json, Key, Post, Refusal, invalid
from bridge.simulator.posteverywhere.world import World

EDITABLE = ("draft", "scheduled")
SHORTEST_LEAD = timedelta(minutes=1)
NOTHING = "Nothing to retry — all destinations are currently queued, publishing, or published."
BREAKER = "permanent_failure_circuit_breaker"


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: status and data; `bare` data goes out without the envelope."""

    status: int
    data: Json
    bare: bool = False


def create(world: World, key: Key, body: Json) -> Answer:
    """Answer POST /posts: 201, however often the same is sent."""
    return Answer(201, shapes.receipt(make(world, key, body), world.options))


def make(world: World, key: Key, body: Json) -> Post:
    """Check and store one post: a draft, one for later, or one that goes out at the next ticks."""
    schema.check_post(body, create=True)
    now, draft = world.now(), bool(body.get("draft"))
    at = schema.time_of(body, now)
    ids = schema.account_ids(body) or []
    _check_targets(world, key, body, ids)
    post = Post(
        world.new_uuid(),
        world.new_uuid(),
        key.organization_id,
        content=body.get("content") or "",
        status="draft",
        created_at=now,
        updated_at=now,
        account_ids=ids,
        scheduled_for=at,
        timezone=body.get("timezone") or "UTC",
        media_ids=list(body.get("media_ids") or []),
        platform_content=body.get("platform_content") or {},
        campaign_id=body.get("campaign_id"),
    )
    if not draft:
        _send_off(world, post, at)
    return world.store(post)


def _check_targets(world: World, key: Key, body: Json, ids: list[int]) -> None:
    known = {one.id: one for one in world.accounts_of(key.organization_id)}
    missing = [one for one in ids if one not in known]
    if missing:
        message = "One or more account_ids do not exist in this organization"
        raise invalid(message, code="invalid_accounts", details={"invalid_account_ids": missing})
    _check_media(world, key, body.get("media_ids") or [])
    platforms = list(dict.fromkeys(known[one].platform for one in ids))
    rules.check_content(body, platforms, media_required=world.options.media_required and not body.get("draft"))
    _check_breaker(world, body.get("content") or "", ids)


def _check_media(world: World, key: Key, media_ids: list[str]) -> None:
    for one in media_ids:
        media = world.media.get(one)
        if media is None or media.organization_id != key.organization_id:
            raise invalid(f"Media {one} not found", details={"field": "media_ids", "media_id": one})
        if media.status != "ready":
            details = {"field": "media_ids", "media_id": one, "media_status": media.status}
            raise invalid(f"Media {one} is not ready (status: {media.status})", details=details)


def _check_breaker(world: World, content: str, ids: list[int]) -> None:
    if world.broken(content, ids):
        message = "This content has failed too many times. Change the content before trying again."
        raise Refusal(422, BREAKER, message)


def _send_off(world: World, post: Post, at: datetime | None) -> None:
    post.status, post.scheduled_for = "scheduled" if at else "publishing", at
    post.destinations = [world.destination(one, at) for one in post.account_ids]
    world.emit_post(post, f"post.{post.status}")


def create_bulk(world: World, key: Key, body: Json) -> Answer:
    """Answer POST /posts/bulk: each post for itself; 201, 207 or 422, and never an error of its own."""
    bodies = body.get("posts")
    if not isinstance(bodies, list) or not bodies:
        raise invalid("posts must be a non-empty array", details={"field": "posts"})
    if len(bodies) > 50:
        raise invalid("At most 50 posts can be created at once", code="bulk_limit_exceeded")
    results = [{"index": index} | _one(world, key, each) for index, each in enumerate(bodies)]
    good = sum(each["ok"] for each in results)
    summary = {"total": len(results), "succeeded": good, "failed": len(results) - good}
    status = 201 if good == len(results) else 207 if good else 422
    return Answer(status, {"summary": summary, "results": results})


def _one(world: World, key: Key, body: Any) -> Json:
    try:
        if not isinstance(body, dict):
            raise invalid("Each post must be an object")
        return {"ok": True, "post": shapes.receipt(make(world, key, body), world.options)}
    except Refusal as refusal:
        error: Json = {"code": refusal.code, "message": refusal.message}
        return {"ok": False, "error": error | ({"details": refusal.details} if refusal.details else {})}


def found(world: World, key: Key, post_id: str) -> Post:
    """Find a post, or refuse with 404."""
    post = world.find(post_id, key.organization_id)
    if post is None:
        raise Refusal(404, "not_found", "Post not found.")
    return post


def get(world: World, key: Key, post_id: str) -> Answer:
    """Answer GET /posts/{id}."""
    return Answer(200, world.show(found(world, key, post_id)))


def results(world: World, key: Key, post_id: str) -> Answer:
    """Answer GET /posts/{id}/results."""
    return Answer(200, shapes.results(found(world, key, post_id), world.options))


def update(world: World, key: Key, post_id: str, body: Json) -> Answer:
    """Answer PATCH /posts/{id}: drafts and scheduled posts only; settings merge, the rest is replaced."""
    post = found(world, key, post_id)
    schema.check_post(body, create=False)
    if post.status not in EDITABLE:
        # The code is a guess; the page with the edit's errors could not be read.
        raise Refusal(409, "post_not_editable", "Only scheduled or draft posts can be edited.")
    timed = "scheduled_for" in body or "scheduled_at" in body
    at = schema.time_of(body, world.now()) if timed else post.scheduled_for
    ids = schema.account_ids(body)
    merged = _merged(post, body)
    _check_targets(world, key, merged, post.account_ids if ids is None else ids)
    post.content, post.media_ids = merged["content"], list(merged["media_ids"])
    post.platform_content, post.timezone = merged["platform_content"], body.get("timezone") or post.timezone
    post.account_ids = post.account_ids if ids is None else ids
    if post.status == "scheduled":
        _retarget(world, post, at, timed=timed)
    post.scheduled_for = at
    world.emit_post(world.touch(post), "post.updated")
    return Answer(200, world.show(post))


def _merged(post: Post, body: Json) -> Json:
    own = dict(post.platform_content)
    for platform, given in (body.get("platform_content") or {}).items():
        before = own.get(platform, {})
        settings = (before.get("settings") or {}) | (given.get("settings") or {})
        own[platform] = before | given | ({"settings": settings} if settings else {})
    content = body["content"] if body.get("content") is not None else post.content
    media_ids = body["media_ids"] if body.get("media_ids") is not None else post.media_ids
    return {"content": content, "media_ids": media_ids, "platform_content": own, "draft": post.status == "draft"}


def _retarget(world: World, post: Post, at: datetime | None, *, timed: bool) -> None:
    kept = {row.account_id: row for row in post.destinations}
    post.destinations = [kept.get(one) or world.destination(one, at) for one in post.account_ids]
    for row in post.destinations if timed and world.options.patch_propagates else []:
        row.scheduled_for = at


def delete(world: World, key: Key, post_id: str, *, on_platforms: str | None = None) -> Answer:
    """Answer DELETE /posts/{id}; what is published stays, unless the platforms are named on which to delete it too."""
    post = found(world, key, post_id)
    if post.status in ("published", "partially_failed") and not on_platforms:
        raise Refusal(409, "post_already_published", "Published posts cannot be deleted.")
    if post.status == "publishing":
        raise Refusal(409, "conflict", "The post is being published.")  # The code is a guess.
    world.forget(post)
    world.emit_post(post, "post.deleted")
    if world.options.shapes == "sdk":
        return Answer(200, {"message": "Post deleted successfully"})
    name = "id" if world.options.shapes == "old" else "post_id"
    return Answer(200, {name: post.id, "deleted": True})


def schedule(world: World, key: Key, post_id: str, body: Json) -> Answer:
    """Answer POST /posts/{id}/schedule: a draft goes out now (`publish_now`) or at least a minute from now."""
    post = found(world, key, post_id)
    schema.check_post(body, create=False)
    if post.status != "draft":
        raise Refusal(409, "not_a_draft", "Only drafts can be scheduled.")  # The code is a guess.
    at = None if body.get("publish_now") else schema.time_of(body, world.now(), lead=SHORTEST_LEAD)
    if at is None and not body.get("publish_now"):
        raise invalid("Provide scheduled_for or publish_now", details={"field": "scheduled_for"})
    ids = schema.account_ids(body) or post.account_ids
    if not ids:
        raise invalid("account_ids is required and must contain at least one account", details={"field": "account_ids"})
    content = {"content": post.content, "media_ids": post.media_ids, "platform_content": post.platform_content}
    _check_targets(world, key, content, ids)
    post.account_ids, post.timezone = ids, body.get("timezone") or post.timezone
    _send_off(world, post, at)
    return Answer(200, shapes.receipt(world.touch(post), world.options))
