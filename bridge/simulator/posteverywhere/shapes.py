"""How the vendor writes posts, destinations, accounts and receipts: `docs`, `sdk` and `old`, as `Options` names them.

Sources: https://developers.posteverywhere.ai (docs), the types of @posteverywhere/sdk 1.4.2 (sdk),
https://posteverywhere.ai/developers (old); captured by 2026-11.
"""

from collections.abc import Callable
from datetime import datetime

from bridge.simulator.instants import stamp
from bridge.simulator.posteverywhere import health
from bridge.simulator.posteverywhere.model import Account, Destination, Json, Media, Post
from bridge.simulator.posteverywhere.options import Options

_SDK_POST = {"published": "done", "failed": "failed", "partially_failed": "failed"}
_SDK_DESTINATION = {"published": "done", "failed": "failed", "queued": "queued", "publishing": "queued"}
_OLD_POST = {"publishing": "scheduled", "failed": "published", "partially_failed": "published"}


def moment(at: datetime | None, options: Options) -> str | None:
    """Write a time: with milliseconds, but in the old pages only if it has any."""
    text = stamp(at)
    return text.replace(".000Z", "Z") if text and options.shapes == "old" else text


def account(one: Account, now: datetime, options: Options) -> Json:
    """Write an account as GET /accounts lists it."""
    names: Json = {"account_name": one.name}
    if options.health_words == "sdk":
        names = {
            "platform_user_id": one.platform_account_id,
            "platform_username": one.username,
            "display_name": one.name,
        }
    ids: dict[str, Json] = {
        "account_id": {"account_id": one.id},
        "id": {"id": one.id, "account_id": one.id},
        "string": {"id": str(one.id)},
    }
    shown = ids[options.account_ids] | {"platform": one.platform} | names
    rest = {"avatar_url": one.avatar_url, "is_active": one.is_active, "created_at": moment(one.created_at, options)}
    return shown | rest | {"health": health.brief(one, now, options.health_words)}


def post(one: Post, media: Callable[[str], Media | None], options: Options) -> Json:
    """Write a post as GET /posts/{id} shows it; `media` finds a file by its id."""
    destinations = [_full_destination(each, options) for each in one.destinations]
    if options.shapes == "sdk":
        return {
            "id": one.id,
            "content": one.content,
            "scheduled_for": _planned(one, options),
            "post_status": _SDK_POST.get(one.status, "queued"),
            "created_at": moment(one.created_at, options),
            "updated_at": moment(one.updated_at, options),
            "destinations": destinations,
        }
    files = [found for found in map(media, one.media_ids) if found]
    key = "id" if options.shapes == "old" else "media_id"
    shown = {"id": one.id} if options.shapes == "old" else {"post_id": one.id, "id": one.id}
    return shown | {
        "status": word(one, options),
        "content": one.content,
        "account_ids": one.account_ids,
        "scheduled_for": moment(one.scheduled_for, options),
        "timezone": one.timezone,
        "media_ids": one.media_ids,
        "media": [{key: each.id} | _measures(each) for each in files],
        "platform_content": one.platform_content,
        "destinations": destinations,
        "created_at": moment(one.created_at, options),
        "updated_at": moment(one.updated_at, options),
    }


def _planned(one: Post, options: Options) -> str | None:
    """Write when the post is meant to go out; by the SDK's types that is always a time, also for one made to go now."""
    return moment(one.scheduled_for or (one.created_at if options.shapes == "sdk" else None), options)


def _measures(media: Media) -> Json:
    return {"type": media.type, "width": media.width, "height": media.height, "duration": media.duration}


def word(one: Post, options: Options) -> str:
    """Give the post's word in GET /posts and /results, doc quirk included."""
    if options.published_quirk and one.status in ("partially_failed", "failed"):
        return "published"
    return _OLD_POST.get(one.status, one.status) if options.shapes == "old" else one.status


def destination(one: Destination, options: Options, *, retry_time: bool = False) -> Json:
    """Write a destination: as a post carries it, or with `next_retry_at` as /results does."""
    shown: Json = {"id": one.id} if options.destination_ids else {}
    if options.shapes == "sdk":
        return shown | {
            "platform": one.platform,
            "social_account_id": one.account_id,
            "status": _SDK_DESTINATION.get(one.status, one.status),
            "platform_post_id": one.platform_post_id,
            "published_at": moment(one.published_at, options),
            "last_error": {"message": one.error} if one.error else None,
        }
    old = options.shapes == "old"
    shown |= {
        "account_id": one.account_id,
        "account_name": one.name,
        "platform": one.platform,
        "status": "queued" if old and one.status == "publishing" else one.status,
        "platform_post_id": one.platform_post_id,
        "published_at": moment(one.published_at, options),
        "last_error" if old else "error": one.error,
        "attempts": one.attempts,
    }
    if not old:
        shown["platform_post_url"] = one.platform_post_url
    return shown | ({"next_retry_at": moment(one.next_retry_at, options)} if retry_time else {})


def _full_destination(one: Destination, options: Options) -> Json:
    shown = destination(one, options)
    if options.shapes != "docs" or not options.destination_times:
        return shown
    return shown | {"scheduled_for": moment(one.scheduled_for, options)}


def results(one: Post, options: Options) -> Json:
    """Write what GET /posts/{id}/results tells."""
    rows = [destination(each, options, retry_time=options.shapes == "docs") for each in one.destinations]
    if options.shapes == "sdk":
        head: Json = {"post_id": one.id, "content": one.content}
        return head | {"scheduled_for": _planned(one, options), "results": rows}
    return {"post_id": one.id, "post_status": word(one, options), "results": rows}


def receipt(one: Post, options: Options) -> Json:
    """Write what a create, or the scheduling of a draft, answers."""
    count = len(one.account_ids)
    noun = "account" if count == 1 else "accounts"
    said = {"draft": "saved as draft", "scheduled": f"scheduled for {count} {noun}"}
    message = f"Post {said.get(one.status, f'publishing to {count} {noun}')}"
    shown: Json = {"post_id": one.id}
    counted: Json = {"accounts_count": count}
    if options.shapes == "sdk":
        shown["post_group_id"], counted = one.group_id, {"destinations": count}
    shown |= {"status": one.status, "scheduled_for": _planned(one, options)} | counted
    steps = [f"Poll GET /v1/posts/{one.id}/results to watch publish status."]
    return shown | {"message": message} | ({"next_steps": steps} if options.shapes == "docs" else {})


def retried(one: Post, rows: list[Destination], options: Options) -> Json:
    """Write what POST /posts/{id}/retry answers."""
    noun = "destination" if len(rows) == 1 else "destinations"
    message = f"{len(rows)} {noun} re-queued."
    if options.shapes == "sdk":
        return {"message": message, "retried": len(rows)}
    if options.shapes == "old":
        moved = [{"id": each.id, "platform": each.platform, "new_status": each.status} for each in rows]
        return {"retried_count": len(rows), "destinations": moved}
    shown = [destination(each, options) for each in rows]
    step = f"{message} Poll GET /v1/posts/{one.id} to watch publish status."
    return {"post_id": one.id, "retried_count": len(rows), "destinations": shown, "next_step": step}


def media(one: Media, options: Options) -> Json:
    """Write a file as GET /media/{id} shows it."""
    if options.shapes == "sdk":
        return {
            "id": one.id,
            "filename": one.filename,
            "media_type": one.type,
            "mime_type": one.content_type,
            "file_size": one.size,
            "upload_status": one.status,
            "thumbnail_url": one.url if one.type == "image" else None,
            "created_at": moment(one.created_at, options),
        }
    shown: Json = {"media_id": one.id, "id": one.id, "media_status": one.status, "filename": one.filename}
    shown |= _measures(one) | {"url": one.url, "size": one.size, "content_type": one.content_type}
    return shown | {"error_message": one.error, "created_at": moment(one.created_at, options)}
