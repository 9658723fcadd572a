"""Our words for what a platform may be told, and where PostEverywhere wants them: `platform_content`.

Shape there, by platform: `{"content": own text, "contentType": the kind of post, "settings": {...}}`.
Sources: https://developers.posteverywhere.ai/api/create-post and api/schemas/createpostrequest, the tool texts of
@posteverywhere/mcp 1.7.0, and the vendor's agent skills, all read 2026-11. Our words are those of the publish request,
which other partners take, too; the vendor's own words are taken as they are.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bridge.core.model import Json
from bridge.core.platforms import family

TITLE_LIMITS: Mapping[str, int] = MappingProxyType({"youtube": 100, "wordpress": 100})
"""Platforms whose posts need `settings.title`, and its most characters (YouTube's; WordPress has no published one)."""

CONTENT_TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "instagram": ("Post", "Reels", "Story", "Trial Reel"),
        "facebook": ("Post", "Reels", "Story"),
        "youtube": ("Video", "Short"),
    }
)
_PRIVACY = ("public", "unlisted", "private")
CHOICES: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {(platform, "contentType"): words for platform, words in CONTENT_TYPES.items()}
    | {
        ("youtube", "privacyStatus"): _PRIVACY,
        ("tiktok", "privacyLevel"): (
            "PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY",
        ),
    }
)  # fmt: skip
"""(platform, the vendor's field) -> the values it takes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One word of a block as the vendor's field `name`, which is one of its `settings` or stands beside them.

    `name` is None where PostEverywhere has no such field; `known` is False where nobody knows the word.
    """

    word: str
    name: str | None
    value: Any
    setting: bool = True
    known: bool = True


Reader = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _negated(value: Any) -> Any:
    return not value if isinstance(value, bool) else value


def _seconds(value: Any) -> Any:
    return value / 1000 if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _labels(value: Any) -> Any:
    """Read tags, which are text or `{"value", "label"}`."""
    if not isinstance(value, (list, tuple)):
        return value
    return [one.get("value", one.get("label")) if isinstance(one, Mapping) else one for one in value]


_KINDS = {"post": "Post", "reel": "Reels", "reels": "Reels", "story": "Story", "trial_reel": "Trial Reel"}


def _kind(value: Any) -> Any:
    return _KINDS.get(value.lower().replace(" ", "_"), value) if isinstance(value, str) else value


def _trial(value: Any) -> Any:
    return "Trial Reel" if value is True else None


_BESIDE = ("content", "contentType")
_NONE = (None, _same)
_WORDS: Mapping[str, Mapping[str, tuple[str | None, Reader]]] = MappingProxyType(
    {
        "tiktok": {
            "privacy_level": ("privacyLevel", _same),
            "disable_comment": ("allowComments", _negated),
            "disable_duet": ("allowDuet", _negated),
            "disable_stitch": ("allowStitch", _negated),
        }
        | dict.fromkeys(
            (
                "title", "description", "post_mode", "auto_add_music", "is_your_brand", "is_branded_content",
                "user_consent", "is_commercial", "video_cover_timestamp_ms",
            ),
            _NONE,
        ),
        "pinterest": {
            "board_id": ("boardId", _same),
            "title": ("title", _same),
            "link": ("link", _same),
            "tags": _NONE,
        },
        "youtube": {
            "title": ("title", _same),
            "description": ("content", _same),
            "privacy": ("privacyStatus", _same),
            "tags": ("tags", _labels),
        }
        | dict.fromkeys(("categoryId", "selfDeclaredMadeForKids", "thumbnail"), _NONE),
        "instagram": {
            "post_type": ("contentType", _kind),
            "is_trial_reel": ("contentType", _trial),
            "alt_text": ("altText", _same),
            "first_comment": ("firstComment", _same),
            "thumb_offset_ms": ("coverPhotoTimestamp", _seconds),
        }
        | dict.fromkeys(("graduation_strategy", "collaborators", "cover_url", "share_to_feed"), _NONE),
        "facebook": {"post_type": ("contentType", _kind), "url": _NONE},
        "linkedin": dict.fromkeys(("post_as_images_carousel", "carousel_name"), _NONE),
        "x": dict.fromkeys(("who_can_reply_post", "community", "made_with_ai", "paid_partnership"), _NONE),
        "wordpress": {"title": ("title", _same), "status": ("status", _same), "tags": ("tags", _labels)},
    }
)  # fmt: skip
"""Platform -> our word -> the vendor's field (None: it has none) and how the value is read."""

_NO_TITLE = re.compile(r"[<>\s]+")


def account_id(text: str) -> int | None:
    """Read the id of an account, a whole number at this partner; None if it is something else."""
    return int(text) if text.isascii() and text.isdigit() else None


def media_urls(content: Json) -> list[str]:
    """Return the addresses of a post's media, in order."""
    media = content.get("media")
    if not isinstance(media, Mapping):
        return []
    urls = media.get("urls") if media.get("type") == "slideshow" else [media.get("url")]
    return [url for url in urls if isinstance(url, str)] if isinstance(urls, (list, tuple)) else []


def blocks(content: Json) -> Iterator[tuple[str, str, Any]]:
    """Give what is said to single platforms: the field's path, the platform, the block; a later one wins."""
    for name in ("tiktok", "pinterest"):
        if content.get(name) is not None:
            yield name, name, content[name]
    settings = content.get("settings")
    for name, block in sorted(settings.items()) if isinstance(settings, Mapping) else ():
        yield f"settings.{name}", family(name), block


def parts(platform: str, block: Json) -> Iterator[Part]:
    """Read a block word by word."""
    words = _WORDS.get(platform, {})
    theirs = {name for name, _ in words.values()}
    for word, value in block.items():
        if word in words:
            name, read = words[word]
            yield Part(word, name, read(value), name not in _BESIDE)
        elif (platform, word) == ("youtube", "type"):
            yield _youtube_type(value)
        else:
            beside = word == "contentType" and platform in CONTENT_TYPES
            yield Part(word, word, value, not beside, known=beside or word in theirs)


def _youtube_type(value: Any) -> Part:
    """Read `type`, which is another name for the privacy at other partners, and here the kind of the video, too."""
    if not isinstance(value, str) or value in _PRIVACY:
        return Part("type", "privacyStatus", value)
    kinds = {"video": "Video", "short": "Short", "shorts": "Short"}
    return Part("type", "contentType", kinds.get(value.lower(), value), setting=False)


def platform_content(content: Json, platforms: frozenset[str] | None) -> dict[str, dict[str, Any]]:
    """Return what is said to each of these platforms, in the vendor's words; None means all platforms.

    The settings that a block sets to null stay null, which clears them in an update.
    """
    told: dict[str, dict[str, Any]] = {}
    for _, platform, block in blocks(content):
        if (platforms is not None and platform not in platforms) or not isinstance(block, Mapping):
            continue
        # The vendor's own words stand before ours in the alphabet: read last, they win, whatever the order of keys.
        for part in sorted(parts(platform, block), key=lambda part: part.word, reverse=True):
            own = told.setdefault(platform, {})
            if part.name is not None and part.setting:
                own.setdefault("settings", {})[part.name] = part.value
            elif part.name is not None and part.value is not None:
                own[part.name] = part.value
    return {platform: own for platform, own in told.items() if own}


def title(content: Json, platform: str) -> str | None:
    """Return a title for a post that was given none: its own, else the first line of its caption; None without both."""
    for text in (content.get("title"), content.get("caption")):
        lines = [_NO_TITLE.sub(" ", line).strip() for line in text.splitlines()] if isinstance(text, str) else []
        if (line := next(filter(None, lines), None)) is not None:
            return line[: TITLE_LIMITS[platform]].rstrip()
    return None
