"""Request bodies for Genviral: the same bytes for the same arguments, because a repeated create must repeat its bytes.

Source: https://docs.genviral.io/api-reference (create-post, update-post, retry-posts, delete-post), read 2026-05.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never
from urllib.parse import quote

import orjson

from bridge.core.media import moved
from bridge.core.model import Command, CommandKind, Json, Post
from bridge.core.platforms import family
from bridge.ports import Later, Send

GOES_AT_ONCE = timedelta(seconds=20)
"""A time at most this far ahead is sent as "now": the vendor does so up to 30 s."""
SHORTEST_LEAD = timedelta(seconds=135)
"""A time at least this far ahead is sent as it is: the vendor refuses less than 2 min. Both keep some slack."""

_BEFORE_ACCOUNTS = ("caption", "media", "music_url")
_BLOCKS = ("tiktok", "pinterest")


def build(command: Command, post: Post, now: datetime) -> Send | Later:
    """Make the body of a command as of `now`, or say until when its schedule is inside the vendor's gap.

    Shape of a create: `caption`, `media`, `music_url`, `accounts`, `scheduled_at`, `external_id`, `tiktok`,
    `pinterest`, `settings`, in this order, each only if there is one; objects inside have sorted keys. An update has
    those that change, with null kept where something is cleared, and never `external_id`.
    """
    match command.kind:
        case CommandKind.PUBLISH:
            return _create(post, now)
        case CommandKind.UPDATE:
            return _update(command.payload.get("changes") or {}, post, now)
        case CommandKind.RETRY:
            only = list(command.payload.get("account_ids") or ())
            return _send({"post_ids": [post.partner_id]} | ({"account_ids": only} if only else {}))
        case CommandKind.CANCEL:
            return _send({"postIds": [post.partner_id]})
        case CommandKind.FETCH:
            raise ValueError("a fetch is not a partner's command")
        case _:
            assert_never(command.kind)


def line(command: Command, post: Post) -> str:
    """Return the method and path of a command's call; retries and deletes name the post in their body."""
    lines = {CommandKind.RETRY: "POST /posts/retry", CommandKind.CANCEL: "POST /posts/delete"}
    if command.kind is CommandKind.UPDATE:
        return f"PATCH /posts/{quote(post.partner_id or '', safe='')}"
    return lines.get(command.kind, "POST /posts")


def in_gap(at: datetime, now: datetime) -> bool:
    """Say whether a schedule is too near to be kept and too far to go at once."""
    return GOES_AT_ONCE < at - now < SHORTEST_LEAD


def wire_time(at: datetime) -> str:
    """Write an instant as the vendor's examples do: `2025-02-01T15:00:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _create(post: Post, now: datetime) -> Send | Later:
    at = post.scheduled_at
    if at is not None and in_gap(at, now):
        return Later(at - GOES_AT_ONCE)
    scheduled = at is not None and at - now > GOES_AT_ONCE
    content = _stored(_targeted(post.content, {family(target.platform) for target in post.targets}), post)
    body: dict[str, Any] = {name: content[name] for name in _BEFORE_ACCOUNTS if content.get(name) is not None}
    body["accounts"] = [{"id": target.account} for target in post.targets]
    if at is not None and scheduled:
        body["scheduled_at"] = wire_time(at)
    body["external_id"] = post.external_id
    return _send(body | {name: content[name] for name in (*_BLOCKS, "settings") if content.get(name)})


def _update(changes: Json, post: Post, now: datetime) -> Send | Later:
    # New accounts may be of platforms that the post does not know: then the partner is the judge of the blocks.
    platforms = None if changes.get("accounts") else {family(target.platform) for target in post.targets}
    content = _stored(_targeted(changes, platforms), post)
    body: dict[str, Any] = {name: content[name] for name in _BEFORE_ACCOUNTS if name in content}
    if changes.get("accounts"):
        body["accounts"] = [one if isinstance(one, Mapping) else {"id": one} for one in changes["accounts"]]
    if "scheduled_at" in changes:
        at = _instant(changes["scheduled_at"])
        if at is not None and in_gap(at, now):
            return Later(at - GOES_AT_ONCE)
        body["scheduled_at"] = wire_time(at) if at is not None and at - now > GOES_AT_ONCE else None
    body |= {name: content[name] for name in _BLOCKS if name in content}
    return _send(body | ({"settings": content["settings"]} if content.get("settings") else {}))


def _stored(content: Json, post: Post) -> Json:
    """Name media that Genviral has by the addresses that it gave them."""
    if not post.hosted or not isinstance(content.get("media"), Mapping):
        return content
    return {**content, "media": moved(content["media"], post.hosted)}


def _targeted(content: Json, platforms: set[str] | None) -> Json:
    """Leave out blocks, music and settings whose platform is no target; null, which clears, stays. None means "any"."""
    if platforms is None or "" in platforms:
        return content
    kept = dict(content)
    for name, platform in (("tiktok", "tiktok"), ("pinterest", "pinterest"), ("music_url", "tiktok")):
        # Genviral takes TikTok's things only where every target is TikTok's.
        fits = platforms == {platform} if platform == "tiktok" else platform in platforms
        if kept.get(name) is not None and not fits:
            del kept[name]
    if kept.get("settings"):
        kept["settings"] = {name: one for name, one in kept["settings"].items() if family(name) in platforms}
    return kept


def _instant(value: Any) -> datetime | None:
    """Read a time out of a stored payload; stored times always have an offset."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _send(body: Json) -> Send:
    return Send(orjson.dumps({name: _plain(value) for name, value in body.items()}))


def _plain(value: Any) -> Any:
    """Copy a value into plain JSON types with sorted keys: a store may give an object's keys back in another order."""
    if isinstance(value, Mapping):
        return {str(name): _plain(value[name]) for name in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
