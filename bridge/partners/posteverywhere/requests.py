"""Request bodies for PostEverywhere: the same bytes for the same arguments, keys sorted.

Sources, read 2026-11: https://developers.posteverywhere.ai/api (create-post, update-post, schedule-post, retry-post,
retry-failed), @posteverywhere/mcp 1.7.0 (update_post, schedule_post).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never
from urllib.parse import quote

import orjson

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Command, CommandKind, Json, Post, PostState
from bridge.core.platforms import family
from bridge.partners.posteverywhere.fields import TITLE_LIMITS, account_id, media_urls, platform_content, title
from bridge.ports import Later, Send

GOES_AT_ONCE = timedelta(seconds=10)
"""A time at most this far ahead is sent as "now": it may have passed when the vendor reads it, which is a 400."""
SHORTEST_LEAD = timedelta(seconds=75)
"""The least that a draft is scheduled, and a post moved, ahead: the vendor wants 1 min for a draft; some slack."""
MOST_RETRIED = 200
"""How many posts one POST /posts/retry-failed may name."""

_NOTHING = b""
_EVER = datetime.fromtimestamp(0, UTC)
_BLOCKS = ("tiktok", "pinterest", "settings")


def build(command: Command, post: Post, now: datetime) -> Send | Later:
    """Make the body of a command as of `now`.

    Shape of a create (POST /posts): `content`, `account_ids` (int), `scheduled_for`, `media_ids`, `platform_content`,
    each only if there is one. An update (PATCH /posts/ID) has those that change: media and accounts are replaced,
    settings are merged there, and those of a block that is cleared are sent as null. It cannot say "now": a post that
    is to go at once is moved `SHORTEST_LEAD` ahead. A draft that is only to be given a time is scheduled instead (POST
    /posts/ID/schedule, see `is_schedule`). A retry (POST /posts/ID/retry) names `account_ids`, or has no body at all
    and means every failed one. A cancel (DELETE /posts/ID) has no body.

    Raises:
        PartnerError: an account's id is no whole number.
        ValueError: media is not hosted, which may not get this far.
    """
    match command.kind:
        case CommandKind.PUBLISH:
            return _create(post, now)
        case CommandKind.UPDATE if is_schedule(command, post):
            return schedule(_instant(command.payload["changes"]["scheduled_at"]), now)
        case CommandKind.UPDATE:
            return _update(command.payload.get("changes") or {}, post, now)
        case CommandKind.RETRY:
            only = command.payload.get("account_ids") or ()
            return _send({"account_ids": _ids(only)}) if only else Send(_NOTHING)
        case CommandKind.CANCEL:
            return Send(_NOTHING)
        case CommandKind.FETCH:
            raise ValueError("a fetch is not a partner's command")
        case _:
            assert_never(command.kind)


def line(command: Command, post: Post) -> str:
    """Return the method and path of a command's call."""
    path = f"/posts/{quote(post.partner_id or '', safe='')}"
    lines = {CommandKind.RETRY: f"POST {path}/retry", CommandKind.CANCEL: f"DELETE {path}"}
    if command.kind is CommandKind.UPDATE:
        return f"POST {path}/schedule" if is_schedule(command, post) else f"PATCH {path}"
    return lines.get(command.kind, "POST /posts")


def planned(post: Post) -> bytes:
    """Make the body of a create as it would have been before the post's time, without media that are not hosted yet.

    Raises:
        PartnerError: an account's id is no whole number.
    """
    hosted = post.hosted or {}
    known = all(url in hosted for url in media_urls(post.content))
    content = post.content if known else {name: one for name, one in post.content.items() if name != "media"}
    return _create(replace(post, content=content), _EVER).body


def is_schedule(command: Command, post: Post) -> bool:
    """Say whether an update goes to POST /posts/ID/schedule: PATCH would only note a draft's time, not set it going."""
    is_update = command.kind is CommandKind.UPDATE and post.state is PostState.DRAFT
    return is_update and set(command.payload.get("changes") or ()) == {"scheduled_at"}


def schedule(at: datetime | None, now: datetime) -> Send | Later:
    """Make the body of POST /posts/ID/schedule; None means at once.

    A time that is too near to be taken and too far to go at once has to wait until it is near enough.
    """
    if at is None or at - now <= GOES_AT_ONCE:
        return _send({"publish_now": True})
    if at - now < SHORTEST_LEAD:
        return Later(at - GOES_AT_ONCE)
    return _send({"scheduled_for": wire_time(at)})


def retry_failed(post_ids: Sequence[str], *, max_attempts: int) -> bytes:
    """Make the body of POST /posts/retry-failed; destinations with `max_attempts` (1 to 10) or more are let be.

    Raises:
        ValueError: there are no ids or more than `MOST_RETRIED`.
    """
    if not 1 <= len(post_ids) <= MOST_RETRIED:
        raise ValueError(f"takes 1 to {MOST_RETRIED} posts, not {len(post_ids)}")
    return _dump({"post_ids": list(post_ids), "max_attempts": min(max(max_attempts, 1), 10)})


def wire_time(at: datetime) -> str:
    """Write an instant as UTC, which is how the vendor reads every time: `2026-04-15T14:30:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _create(post: Post, now: datetime) -> Send:
    content, platforms = post.content, _platforms(post)
    body: dict[str, Any] = {"account_ids": _ids([target.account for target in post.targets])}
    if content.get("caption"):
        body["content"] = content["caption"]
    if post.scheduled_at is not None and post.scheduled_at - now > GOES_AT_ONCE:
        body["scheduled_for"] = wire_time(post.scheduled_at)
    if urls := media_urls(content):
        body["media_ids"] = _media_ids(urls, post)
    own = {platform: _filled(one) for platform, one in platform_content(content, platforms).items()}
    own = _titled({platform: one for platform, one in own.items() if one}, content, platforms)
    return _send(body | ({"platform_content": own} if own else {}))


def _update(changes: Json, post: Post, now: datetime) -> Send:
    body: dict[str, Any] = {}
    if "caption" in changes:
        body["content"] = changes["caption"] or ""
    if "media" in changes:
        body["media_ids"] = _media_ids(media_urls(changes), post)
    if changes.get("accounts"):
        body["account_ids"] = _ids([one["id"] if isinstance(one, Mapping) else one for one in changes["accounts"]])
    if "scheduled_at" in changes:
        at, soonest = _instant(changes["scheduled_at"]), now + SHORTEST_LEAD
        body["scheduled_for"] = wire_time(soonest if at is None else max(at, soonest))
    if own := _changed_settings(changes, post, set(body.get("account_ids", ()))):
        body["platform_content"] = own
    # A change of what the vendor has no field for: a body without any field would be refused.
    return _send(body or {"content": post.content.get("caption") or ""})


def _changed_settings(changes: Json, post: Post, accounts: set[int]) -> dict[str, dict[str, Any]]:
    """Return what an edit says to single platforms, cleared settings as null.

    New accounts may be of platforms that the post does not know: all that there is goes with them.
    """
    is_new = bool(accounts - {account_id(target.account) for target in post.targets})
    platforms = None if is_new else _platforms(post)
    cleared = {name: post.content.get(name) for name in _BLOCKS if name in changes and changes[name] is None}
    own: dict[str, dict[str, Any]] = {
        platform: {"settings": dict.fromkeys(before["settings"])}
        for platform, before in platform_content(cleared, platforms).items()
        if "settings" in before
    }
    whole = {**post.content, **changes}
    for platform, told in platform_content(whole if is_new else changes, platforms).items():
        settings = {**own.get(platform, {}).get("settings", {}), **told.get("settings", {})}
        own[platform] = told | ({"settings": settings} if settings else {})
    return _titled(own, whole, platforms) if is_new else own


def _titled(
    own: dict[str, dict[str, Any]], content: Json, platforms: frozenset[str] | None
) -> dict[str, dict[str, Any]]:
    """Give those platforms a title that need one and were given none."""
    titled = dict(own)
    for platform in TITLE_LIMITS:
        if platforms is None or platform in platforms:
            one = titled.get(platform, {})
            settings = one.get("settings", {})
            made = settings.get("title") or title(content, platform)
            if made:
                titled[platform] = one | {"settings": settings | {"title": made}}
    return titled


def _filled(one: Json) -> dict[str, Any]:
    """Leave out settings that are null: a create has nothing to clear."""
    settings = {name: value for name, value in one.get("settings", {}).items() if value is not None}
    return {name: value for name, value in one.items() if name != "settings"} | (
        {"settings": settings} if settings else {}
    )


def _platforms(post: Post) -> frozenset[str] | None:
    """Return the platforms of a post's accounts; None when one is not known."""
    platforms = frozenset(family(target.platform) for target in post.targets)
    return None if "" in platforms else platforms


def _media_ids(urls: Sequence[str], post: Post) -> list[str]:
    hosted = post.hosted or {}
    if any(url not in hosted for url in urls):
        raise ValueError("media is not stored with the partner yet")
    return [str(hosted[url]) for url in urls]


def _ids(accounts: Sequence[str]) -> list[int]:
    ids = [account_id(str(account)) for account in accounts]
    if None in ids:
        detail = f"{str(accounts[ids.index(None)])[:60]!r} is no id of an account of this partner"
        raise PartnerError(FailureReason.INVALID, FailureClass.TERMINAL, detail=detail)
    return [one for one in ids if one is not None]


def _instant(value: Any) -> datetime | None:
    """Read a time out of a stored payload; stored times always have an offset."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _send(body: Json) -> Send:
    return Send(_dump(body))


def _dump(body: Json) -> bytes:
    return orjson.dumps(body, default=dict, option=orjson.OPT_SORT_KEYS)
