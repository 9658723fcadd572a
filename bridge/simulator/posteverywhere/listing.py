"""GET /posts: the filters, the order and the page.

Source: https://developers.posteverywhere.ai/api/list-posts, captured by 2026-11. Search is by words, all of which must
occur (a guess at "content text").
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bridge.simulator.posteverywhere.model import Json, Post, invalid, read_time
from bridge.simulator.posteverywhere.world import World

STATUSES = ("draft", "scheduled", "publishing", "published", "partially_failed", "failed")
SORTS = ("created_at", "scheduled_for", "published_at", "updated_at")
_SDK_STATUSES = {
    "queued": ("draft", "scheduled", "publishing"),
    "done": ("published",),
    "failed": ("failed", "partially_failed"),
}
Moments = Callable[[Post], list[datetime | None]]
_TIMES: dict[str, Moments] = {
    "created": lambda post: [post.created_at],
    "scheduled": lambda post: [post.scheduled_for],
    "published": lambda post: [row.published_at for row in post.destinations],
    "updated": lambda post: [post.updated_at],
}


def page(world: World, organization_id: str, query: Mapping[str, str]) -> Json:
    """Answer a listing.

    Raises:
        Refusal: 400 `validation_error` for a word, number or time that is none.
    """
    own = [post for post in world.posts.values() if post.organization_id == organization_id]
    found = [post for post in own if _fits(world, post, query)]
    sort, order = query.get("sort", "created_at"), query.get("order", "desc")
    if sort not in SORTS or order not in ("asc", "desc"):
        raise invalid(f"sort must be one of {', '.join(SORTS)}, order asc or desc")
    found.sort(key=lambda post: _moment(post, sort), reverse=order == "desc")
    limit, offset = min(max(_number(query, "limit", 20), 1), 100), max(_number(query, "offset", 0), 0)
    shown: Json = {"posts": [world.show(post) for post in found[offset : offset + limit]]}
    counted: Json = {"limit": limit, "offset": offset}
    match world.options.pagination:
        case "sdk":
            return shown | {"total": len(found)} | counted
        case "full":
            counted |= {"total": len(found), "has_more": offset + limit < len(found)}
    return shown | {"pagination": counted}


def _fits(world: World, post: Post, query: Mapping[str, str]) -> bool:
    if not _worded(world, post, query) or not _targeted(post, query):
        return False
    words = query.get("search", "").lower().split()
    if not all(word in post.content.lower() for word in words):
        return False
    return all(_within(world, post, query, name) for name in _TIMES)


def _worded(world: World, post: Post, query: Mapping[str, str]) -> bool:
    if not query.get("status"):
        return True
    wanted: set[str] = set()
    for word in query["status"].split(","):
        sdk = _SDK_STATUSES.get(word.strip()) if world.options.shapes == "sdk" else None
        if not sdk and word.strip() not in STATUSES:
            raise invalid(f"Unknown status: {word}", details={"field": "status"})
        wanted.update(sdk or (word.strip(),))
    return post.status in wanted


def _targeted(post: Post, query: Mapping[str, str]) -> bool:
    if query.get("account_id") and _number(query, "account_id", 0) not in post.account_ids:
        return False
    if query.get("campaign_id") and _number(query, "campaign_id", 0) != post.campaign_id:
        return False
    wanted = {"x" if one.strip() == "twitter" else one.strip() for one in query.get("platform", "").split(",")}
    return wanted == {""} or any(row.platform in wanted for row in post.destinations)


def _within(world: World, post: Post, query: Mapping[str, str], name: str) -> bool:
    after, before = _bound(query, f"{name}_after"), _bound(query, f"{name}_before")
    if name == "updated" and world.options.ignore_updated_after:
        after = None
    if after is None and before is None:
        return True
    known = [one for one in _TIMES[name](post) if one is not None]
    return any((after is None or one >= after) and (before is None or one <= before) for one in known)


def _bound(query: Mapping[str, str], name: str) -> datetime | None:
    if not query.get(name):
        return None
    moment = read_time(query[name])
    if moment is None:
        raise invalid(f"{name} must be an ISO 8601 datetime", details={"field": name})
    return moment


def _moment(post: Post, sort: str) -> tuple[bool, Any]:
    times = _TIMES[sort.partition("_")[0]](post)
    known = [one for one in times if one is not None]
    # Posts without the time come first ascending, last descending, as NULLs of a database do.
    return bool(known), max(known) if known else post.created_at


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise invalid(f"{name} must be an integer", details={"field": name}) from None
