"""The media library: signed upload in three steps, import from a URL, and what becomes of a file.

Nothing is fetched: the ending of a URL tells what it holds, and only addresses a public service must refuse are
refused. Sources: @posteverywhere/sdk 1.4.2 (upload, uploadFromUrl), https://developers.posteverywhere.ai/media,
captured by 2026-11.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from bridge.simulator.posteverywhere import shapes
from bridge.simulator.posteverywhere.model import Json, Key, Media, Refusal, invalid
from bridge.simulator.posteverywhere.posts import Answer
from bridge.simulator.posteverywhere.world import World

UPLOAD_SECONDS = 900
MAX_IMAGE, MAX_VIDEO = 25_000_000, 500_000_000
IMAGES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".heif": "image/heif",
}
VIDEOS = {".mp4": "video/mp4"}
TYPES = ("image/", "video/", "application/pdf")
NOT_LANDED = "File not found in storage. Make sure you uploaded the file before calling complete."


def start_upload(world: World, key: Key, base_url: str, body: Json) -> Answer:
    """Answer POST /media/upload: where to put the bytes within 15 minutes."""
    size = body.get("size", body.get("file_size"))
    for name, value, kind in (("filename", body.get("filename"), str), ("content_type", body.get("content_type"), str)):
        if not isinstance(value, kind) or not value:
            raise invalid(f"{name} is required", details={"field": name})
    if type(size) is not int or size <= 0:
        raise invalid("size must be a positive integer", details={"field": "size"})
    if not body["content_type"].startswith(TYPES):
        raise Refusal(415, "unsupported_media_type", f"Unsupported content type {body['content_type']}")
    media = _store(world, key, body["filename"], body["content_type"], size=size)
    video = media.type == "video"
    return Answer(
        201,
        {
            "media_id": media.id,
            "upload_url": f"{base_url}/_upload/{media.id}?expires={int(world.now().timestamp()) + UPLOAD_SECONDS}",
            "upload_method": "PUT" if video else "POST",
            "provider": "r2" if video else "cloudflare_images",
            "protocol": "presigned_put" if video else "multipart",
            "expires_in": UPLOAD_SECONDS,
            "max_size": MAX_VIDEO if video else MAX_IMAGE,
        },
    )


def _store(world: World, key: Key, filename: str, content_type: str, *, size: int, url: str | None = None) -> Media:
    own_url = url or f"https://cdn.posteverywhere.ai/media/{filename}"
    media = Media(
        world.new_uuid(), key.organization_id, filename, content_type, size=size, created_at=world.now(), url=own_url
    )
    if media.type == "image":
        media.width, media.height = 1920, 1080
    world.media[media.id] = media
    return media


def land(world: World, media_id: str, query: Mapping[str, str], size: int) -> int:
    """Take the bytes of a signed upload; answers the HTTP status: 200, 403 when signed too long ago, or 404."""
    media = world.media.get(media_id)
    if media is None:
        return 404
    if int(query.get("expires", "0")) < world.now().timestamp():
        return 403
    media.landed = size
    return 200


def complete(world: World, key: Key, media_id: str) -> Answer:
    """Answer POST /media/{id}/complete: images are ready, videos after some ticks."""
    media = _found(world, key, media_id)
    if media.landed is None:
        raise invalid(NOT_LANDED, code="bad_request")
    media.size = media.landed
    _finish(world, media)
    shown: Json = {"id": media.id, "media_id": media.id, "status": media.status, "type": media.type}
    said = "Upload complete" if media.status == "ready" else "Upload complete, processing"
    return Answer(200, shown | {"thumbnail_url": media.url, "message": said})


def _finish(world: World, media: Media) -> None:
    media.error = "The file could not be processed" if world.is_bad(f"{media.filename} {media.url}") else None
    if media.type == "video":
        media.duration, media.ticks_left = 30.0, max(world.options.video_ticks, 1)
        return
    media.status = "failed" if media.error else "ready"
    if not media.error:
        world.tell_media(media, "media.uploaded")


def import_url(world: World, key: Key, body: Json) -> Answer:
    """Answer POST /media/upload-from-url: an image is ready at once, a video is `uploading`."""
    url = body.get("url")
    if not isinstance(url, str) or not url:
        raise invalid("url is required", details={"field": "url"})
    _check_public(url)
    path = PurePosixPath(urlsplit(url).path)
    video = path.suffix.lower() in VIDEOS
    content_type = (VIDEOS | IMAGES).get(path.suffix.lower(), "" if path.suffix else "image/jpeg")
    if not content_type or (video and not world.options.video_by_url):
        raise Refusal(415, "unsupported_media_type", "Only images can be imported from a URL")
    if not video and world.is_bad(url):
        raise invalid("The URL could not be fetched", code="bad_request", details={"field": "url"})
    name = body.get("filename") or path.name or "import"
    media = _store(world, key, name, content_type, size=123_456, url=url)
    _finish(world, media)
    return Answer(201, _imported(media, url))


def _imported(media: Media, url: str) -> Json:
    ready = media.status == "ready"
    step = "Attach media_id to a post." if ready else f"Poll GET /v1/media/{media.id} until media_status is ready."
    return {
        "media_id": media.id,
        "media_ids": [media.id],
        "media_status": media.status,
        "type": media.type,
        "url": f"https://cdn.posteverywhere.ai/media/{media.id}",
        "filename": media.filename,
        "size": media.size,
        "content_type": media.content_type,
        "source_url": url,
        "next_step": step,
    }


def _check_public(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not is_public(parts.hostname or ""):
        raise invalid("url must be a public http(s) address", details={"field": "url"})


def is_public(host: str) -> bool:
    """Whether a host may be reached for a customer: no literal private or loopback address, no local name."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal", ".invalid"))


def _found(world: World, key: Key, media_id: str) -> Media:
    media = world.media.get(media_id)
    if media is None or media.organization_id != key.organization_id:
        raise Refusal(404, "not_found", "Media not found.")
    return media


def get(world: World, key: Key, media_id: str) -> Answer:
    """Answer GET /media/{id}."""
    return Answer(200, shapes.media(_found(world, key, media_id), world.options))


def list_media(world: World, key: Key, query: Mapping[str, str]) -> Answer:
    """Answer GET /media: newest first, by type."""
    own = [one for one in world.media.values() if one.organization_id == key.organization_id]
    found = [one for one in reversed(own) if query.get("type") in (None, one.type)]
    offset, limit = int(query.get("offset", "0")), int(query.get("limit", "20"))
    rows = [shapes.media(one, world.options) for one in found[offset : offset + limit]]
    return Answer(200, {"media": rows, "total": len(found)})


def delete(world: World, key: Key, media_id: str, *, force: bool) -> Answer:
    """Answer DELETE /media/{id}; a file of a scheduled post needs `force` (the status without it is a guess)."""
    media = _found(world, key, media_id)
    used = [post for post in world.posts.values() if media_id in post.media_ids and post.status == "scheduled"]
    if used and not force:
        raise Refusal(409, "media_in_use", "Media is used by scheduled posts. Pass force=true to delete it.")
    del world.media[media_id]
    world.tell_media(media, "media.deleted")
    gone = {"message": "Media deleted successfully"}
    return Answer(200, gone if world.options.shapes == "sdk" else {"media_id": media_id, "deleted": True})
