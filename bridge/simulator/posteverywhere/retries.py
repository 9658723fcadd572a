"""Retrying what failed: one post, or all that a filter finds. Attempts are never set back.

Source: https://developers.posteverywhere.ai/api/retry-post, /bulk-operations, captured by 2026-11.
"""

from datetime import datetime

from bridge.simulator.posteverywhere import schema, shapes
from bridge.simulator.posteverywhere.model import Destination, Json, Key, Post, Refusal, invalid, read_time
from bridge.simulator.posteverywhere.posts import BREAKER, NOTHING, Answer, found
from bridge.simulator.posteverywhere.world import World

FILTERS = ("post_ids", "account_id", "platform", "failed_after", "failed_before")


def retry(world: World, key: Key, post_id: str, body: Json) -> Answer:
    """Answer POST /posts/{id}/retry: the failed destinations, or those of the accounts named, are queued again."""
    post = found(world, key, post_id)
    only = schema.account_ids(body)
    rows = [row for row in post.destinations if row.status == "failed" and (not only or row.account_id in only)]
    if not rows:
        raise Refusal(409, "no_failed_destinations", NOTHING)
    if world.broken(post.content, [row.account_id for row in rows]):
        raise Refusal(422, BREAKER, "This post has failed too many times with identical content.")
    _requeue(world, post, rows)
    return Answer(200, shapes.retried(post, rows, world.options))


def _requeue(world: World, post: Post, rows: list[Destination]) -> None:
    for row in rows:
        row.requeue()
        row.auto_left = None
    post.status = "publishing"
    world.touch(post)


def retry_failed(world: World, key: Key, body: Json) -> Answer:
    """Answer POST /posts/retry-failed; destinations behind the breaker are passed over (a guess)."""
    _check(body)
    after, before = (read_time(body.get(name)) for name in ("failed_after", "failed_before"))
    moved: list[Json] = []
    for post in [one for one in world.posts.values() if one.organization_id == key.organization_id]:
        rows = [row for row in post.destinations if _wanted(post, row, body) and _between(row, after, before)]
        rows = [row for row in rows if not world.broken(post.content, [row.account_id])]
        if rows:
            _requeue(world, post, rows)
        moved += [
            {"destination_id": row.id, "post_id": post.id, "platform": row.platform, "new_status": row.status}
            for row in rows
        ]
    noun = "destination" if len(moved) == 1 else "destinations"
    return Answer(200, {"retried_count": len(moved), "destinations": moved, "message": f"{len(moved)} {noun} queued"})


def _check(body: Json) -> None:
    if not any(body.get(name) for name in FILTERS):
        raise invalid(f"At least one filter is required: {', '.join(FILTERS)}")
    ids, most = body.get("post_ids", []), body.get("max_attempts", 10)
    if not isinstance(ids, list) or len(ids) > 200:
        raise invalid("post_ids must be an array of at most 200 ids", details={"field": "post_ids"})
    if type(most) is not int or not 1 <= most <= 10:
        raise invalid("max_attempts must be an integer from 1 to 10", details={"field": "max_attempts"})


def _wanted(post: Post, row: Destination, body: Json) -> bool:
    asked = {"post_ids": post.id in body.get("post_ids", [])}
    asked |= {"account_id": row.account_id == body.get("account_id"), "platform": row.platform == body.get("platform")}
    tried_out = "max_attempts" in body and row.attempts >= body["max_attempts"]
    return row.status == "failed" and not tried_out and all(asked[name] for name in asked if body.get(name))


def _between(row: Destination, after: datetime | None, before: datetime | None) -> bool:
    failed = row.failed_at
    if failed is None:
        return after is None and before is None
    return (after is None or failed >= after) and (before is None or failed <= before)
