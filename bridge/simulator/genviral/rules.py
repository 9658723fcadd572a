"""The vendor's content rules: what a well-formed post must keep for the accounts it targets; mostly 400s.

Source: https://docs.genviral.io/api-reference (create-post, update-post), captured by 2026-11. Caption length is
counted in UTF-16 units (a guess: the vendor does not say), for YouTube in bytes (said). So are the words in which it
refuses a file for what is in it, of which it says only the limits.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from bridge.simulator.genviral.model import Account, Contract, Json, Key, Refusal

HOSTED_CAPTION = 500
CAPTIONS = {"facebook": 63206, "instagram": 2200, "linkedin": 3000, "pinterest": 800, "youtube": 5000}
VIDEO_TYPES = (".mp4", ".mov", ".m4v", ".avi")
SLIDE_TYPES = (".jpg", ".jpeg", ".png")
OTHER_TYPES = (".gif", ".webp", ".heic", ".webm", ".mkv", ".mp3", ".pdf", ".svg", *VIDEO_TYPES, *SLIDE_TYPES)
MAX_VIDEO_BYTES, MAX_SLIDE_BYTES = 100_000_000, 5_000_000
VIDEO_KINDS = ("video/mp4", "video/quicktime", "video/x-m4v", "video/x-msvideo")
SLIDE_KINDS = ("image/jpeg", "image/png")
NOW_WINDOW = timedelta(seconds=30)
SHORTEST_LEAD = timedelta(minutes=2)
GAP_TEXT = "scheduled_at must be at least 2 minutes in the future"

_MUSIC_URL = re.compile(r"https://((www|m)\.tiktok\.com/@[^/]+/(video|photo)/\d+|(vm|vt)\.tiktok\.com/\w+)")
_DURATIONS = ("duration_sec", "duration_seconds", "duration", "durationSec", "video_duration_sec")


def invalid(message: str) -> Refusal:
    """Make the refusal of a broken content rule."""
    return Refusal(400, "validation_failed", message)


def check_plan_for(accounts: list[Account], key: Key) -> None:
    """Refuse hosted TikTok targets without the TikTok virtual subscription: 403 with the code that 402 also uses."""
    if not key.tiktok_subscription and any(account.hosted and account.platform == "tiktok" for account in accounts):
        raise Refusal(403, "subscription_required", "Hosted TikTok posting requires an active TikTok subscription")


def check_content(
    content: Json,
    accounts: list[Account],
    *,
    contract: Contract,
    unreachable: Collection[str],
    known: Mapping[str, tuple[str, int]],
) -> list[Json]:
    """Refuse content that breaks a rule; answer the warnings of content that keeps them.

    Args:
        content: caption, media, music_url, tiktok, pinterest, settings of the post as it will be stored.
        accounts: the resolved targets.
        contract: v1 has one caption limit, demands media and drops music; v3 judges by platform.
        unreachable: URLs that the reachability check finds dead, besides every `.invalid` host.
        known: what is behind URLs, where that can be known: content type and bytes.
    """
    _check_captions(content, accounts, contract)
    _check_kind(content.get("media"), accounts, contract)
    _check_media(content.get("media"), accounts, contract)
    _check_music(content, accounts, contract)
    if contract == Contract.V3:
        _check_tiktok(content, accounts)
        _check_pinterest(content, accounts)
        _check_settings(content.get("settings") or {}, accounts)
    _check_reachable(content, unreachable)
    _check_files(content.get("media"), known)
    return _warnings(content.get("media"))


def place(scheduled_at: datetime | None, *, now: datetime, contract: Contract) -> tuple[str, datetime | None]:
    """Decide first status and stored time: none, past or within 30 s is `pending`; v3 wants a lead of 2 minutes."""
    if scheduled_at is None or scheduled_at - now <= NOW_WINDOW:
        return "pending", None
    if contract == Contract.V3 and scheduled_at - now < SHORTEST_LEAD:
        raise invalid(GAP_TEXT)
    return "scheduled", scheduled_at


def move(scheduled_at: datetime | None, *, now: datetime, contract: Contract) -> tuple[str, datetime | None]:
    """Decide the same for an update: null is `pending`; under v3 any time less than two minutes ahead is refused."""
    if contract == Contract.V3 and scheduled_at is not None and scheduled_at - now < SHORTEST_LEAD:
        raise invalid(GAP_TEXT)
    return place(scheduled_at, now=now, contract=contract)


def caption_limit(account: Account, media_type: str | None, contract: Contract) -> int | None:
    """Give the caption limit of one target; None where the vendor names none."""
    if contract == Contract.V1 or account.hosted:
        return HOSTED_CAPTION
    if account.platform == "tiktok":
        return 4000 if media_type == "slideshow" else 2200
    if account.platform in ("x", "twitter"):
        return 4000 if account.premium else 280
    return CAPTIONS.get(account.platform)


def _length(caption: str, platform: str) -> int:
    return len(caption.encode()) if platform == "youtube" else len(caption.encode("utf-16-le", "surrogatepass")) // 2


def _check_captions(content: Json, accounts: list[Account], contract: Contract) -> None:
    media_type = (content.get("media") or {}).get("type")
    for account in accounts:
        limit = caption_limit(account, media_type, contract)
        if limit is not None and _length(content["caption"], account.platform) > limit:
            unit = "bytes" if account.platform == "youtube" else "characters"
            raise invalid(f"Caption exceeds {limit} {unit} for {account.platform}")


def _check_kind(media: Json | None, accounts: list[Account], contract: Contract) -> None:
    wanted = media["type"] if media else "text_only"
    for account in accounts if contract == Contract.V3 else []:
        known = account.kinds if account.kinds is not None else ("video", "slideshow")
        if wanted not in known:
            what = "requires media" if wanted == "text_only" else f"does not support {wanted} posts"
            raise invalid(f"Account {account.id} ({account.platform}) {what}")


def _check_media(media: Json | None, accounts: list[Account], contract: Contract) -> None:
    if not media:
        return
    video = media["type"] == "video"
    good = VIDEO_TYPES if video else SLIDE_TYPES
    for url in [media["url"]] if video else media["urls"]:
        suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
        if suffix in OTHER_TYPES and suffix not in good:
            raise invalid(f"Unsupported {media['type']} format {suffix}")
    if video:
        _check_video(media, accounts, contract)


def _check_video(media: Json, accounts: list[Account], contract: Contract) -> None:
    size, duration = _number(media, "bytes", "size"), _number(media, *_DURATIONS)
    if size is not None and size > MAX_VIDEO_BYTES:
        raise invalid("Video must be under 100MB")
    strict = contract == Contract.V1 or any(account.hosted for account in accounts)
    if strict and duration is not None and not 15 <= duration <= 60:
        raise invalid("Video duration must be between 15 and 60 seconds")
    plain_x = any(account.platform in ("x", "twitter") and not account.premium for account in accounts)
    if contract == Contract.V3 and plain_x and (duration is None or duration > 140):
        raise invalid("X video requires duration_sec of at most 140 seconds")


def _number(media: Json, *names: str) -> float | None:
    return next((media[name] for name in names if isinstance(media.get(name), int | float)), None)


def _check_music(content: Json, accounts: list[Account], contract: Contract) -> None:
    music_url = content.get("music_url")
    if music_url is None:
        return
    if not _MUSIC_URL.match(music_url):
        raise Refusal(400, "invalid_music_url", "music_url must be a TikTok post URL")
    if any(account.platform != "tiktok" for account in accounts):
        if contract == Contract.V3:
            raise invalid("music_url is only supported when every account is a TikTok account")
        content["music_url"] = None


def _check_tiktok(content: Json, accounts: list[Account]) -> None:
    block, media = content.get("tiktok"), content.get("media")
    if block is None:
        return
    if any(account.platform != "tiktok" or account.hosted for account in accounts):
        raise invalid("tiktok settings require every account to be a TikTok BYO account")
    if media is None:
        raise invalid("tiktok settings require media")
    video = media["type"] == "video"
    if video and block.get("post_mode") == "MEDIA_UPLOAD":
        raise invalid("MEDIA_UPLOAD is only supported for slideshow posts")
    if "video_cover_timestamp_ms" in block and not video:
        raise invalid("video_cover_timestamp_ms is only supported for video posts")
    if not video and len(block.get("title", "")) > 90:
        raise invalid("tiktok.title exceeds 90 characters for slideshow posts")
    total = len(content["caption"]) + len(block.get("title", "")) + len(block.get("description", ""))
    if video and total > 2200:
        raise invalid("TikTok caption, title and description exceed 2200 characters together")


def _check_pinterest(content: Json, accounts: list[Account]) -> None:
    block: dict[str, Any] | None = content.get("pinterest")
    if block is None:
        return
    if all(account.platform != "pinterest" for account in accounts):
        raise invalid("pinterest settings require at least one Pinterest account")
    if len(" ".join([content["caption"], *(f"#{tag}" for tag in block.get("tags", []))])) > CAPTIONS["pinterest"]:
        raise invalid("Pinterest description with tags exceeds 800 characters")


def _check_settings(settings: Json, accounts: list[Account]) -> None:
    targeted = {account.platform.partition("-")[0] for account in accounts}
    targeted |= {"x", "twitter"} if targeted & {"x", "twitter"} else set()
    for provider in settings:
        if provider.partition("-")[0] not in targeted:
            raise invalid(f"settings.{provider} given, but no {provider} account is targeted")


def _check_reachable(content: Json, unreachable: Collection[str]) -> None:
    media = content.get("media") or {}
    for url in filter(None, [media.get("url"), *media.get("urls", []), content.get("music_url")]):
        if url in unreachable or (urlsplit(url).hostname or "").endswith(".invalid"):
            raise Refusal(400, "media_unreachable", "Media URL is not reachable")


def _check_files(media: Json | None, known: Mapping[str, tuple[str, int]]) -> None:
    video = media is not None and media["type"] == "video"
    good, most = (VIDEO_KINDS, MAX_VIDEO_BYTES) if video else (SLIDE_KINDS, MAX_SLIDE_BYTES)
    for url in [media.get("url"), *media.get("urls", [])] if media else []:
        kind, size = known.get(url, (good[0], 0))
        if kind not in good:
            raise invalid(f"Unsupported {'video' if video else 'slideshow'} format {kind}")
        if size >= most:
            raise invalid(f"File size exceeds the {most // 1_000_000}MB limit")


def _warnings(media: Json | None) -> list[Json]:
    if not media or media["type"] != "video" or _number(media, *_DURATIONS) is not None:
        return []
    return [{"field": "media", "message": "Video duration metadata is missing", "code": "VIDEO_DURATION_MISSING"}]
