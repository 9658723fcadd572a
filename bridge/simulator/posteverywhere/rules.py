"""What each platform takes: the table behind GET /platform-rules, and the 400s of a create that breaks it.

Character limits of X, Bluesky, LinkedIn, Instagram, Facebook: tool texts of @posteverywhere/mcp 1.7.0; the other
limits are the platforms' own. The keys of the answer are a guess: the pages name what it tells (character limit, image
and video constraints, features), no client types it. Length is counted in code points (a guess).
"""

from dataclasses import dataclass
from typing import Any

from bridge.simulator.posteverywhere.model import Json, Refusal, invalid, text_for

CONTENT_TYPES = {
    "instagram": ("Post", "Reels", "Story", "Trial Reel"),
    "facebook": ("Post", "Reels", "Story"),
    "youtube": ("Video", "Short"),
}
PRIVACY = ("public", "unlisted", "private")
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """One platform's limits: characters, pictures a post, longest video in seconds, whether it must have media."""

    characters: int
    images: int
    video_s: int
    needs_media: bool = False
    threads: bool = False
    reels: bool = False

    def render(self) -> Json:
        """Write the rule as GET /platform-rules shows it."""
        image = {"max_count": self.images, "max_size_bytes": 25 * MEGABYTE, "formats": ["jpeg", "png", "webp"]}
        video = {"max_count": 1, "max_size_bytes": 500 * MEGABYTE, "max_duration_s": self.video_s, "formats": ["mp4"]}
        features = {
            "threads": self.threads,
            "carousels": self.images > 1,
            "reels": self.reels,
            "alt_text": True,
            "link_cards": not self.needs_media,
        }
        shown: Json = {"character_limit": self.characters, "requires_media": self.needs_media}
        return shown | {"image": image, "video": video, "features": features}


RULES = {
    "x": Rule(280, 4, 140, threads=True),
    "instagram": Rule(2200, 10, 900, needs_media=True, reels=True),
    "facebook": Rule(5000, 10, 14400, reels=True),
    "linkedin": Rule(3000, 20, 900),
    "youtube": Rule(5000, 0, 43200, needs_media=True),
    "tiktok": Rule(2200, 35, 600, needs_media=True),
    "threads": Rule(500, 20, 300, threads=True),
    "pinterest": Rule(500, 5, 900, needs_media=True),
    "bluesky": Rule(300, 4, 180, threads=True),
    "telegram": Rule(4096, 10, 3600),
    "discord": Rule(2000, 10, 3600),
}


def render(shape: str) -> Json:
    """Write all rules: a `map` by platform or a `list`."""
    if shape == "list":
        return {"platforms": [{"platform": name} | rule.render() for name, rule in RULES.items()]}
    return {"platforms": {name: rule.render() for name, rule in RULES.items()}}


def check_content(body: Json, platforms: list[str], *, media_required: bool) -> None:
    """Refuse content a target cannot take: too long, a word it does not know, a title it lacks, or no media."""
    own = body.get("platform_content") or {}
    for platform in platforms:
        _check_length(text_for(body.get("content") or "", own, platform), platform)
        _check_kind(own.get(platform) or {}, platform)
    complaints = [one for platform in platforms for one in _complaints(body, platform, media_required=media_required)]
    if complaints:
        # The status is not documented for this code; 400 is a guess.
        message = "; ".join(one["message"] for one in complaints)
        raise Refusal(400, "post_creation_failed", message, details={"validation_errors": complaints})


def _check_length(text: str, platform: str) -> None:
    rule = RULES.get(platform)
    if rule and len(text) > rule.characters:
        details = {"platform": platform, "limit": rule.characters, "length": len(text)}
        message = f"Content is too long for {platform}: {len(text)} characters, limit {rule.characters}"
        raise invalid(message, code="content_too_long", details=details)


def _check_kind(own: Json, platform: str) -> None:
    kind, known = own.get("contentType"), CONTENT_TYPES.get(platform, ())
    if kind is not None and known and kind not in known:
        message = f"platform_content.{platform}.contentType must be one of {', '.join(known)}"
        raise invalid(message, details={"field": f"platform_content.{platform}.contentType"})


def _complaints(body: Json, platform: str, *, media_required: bool) -> list[Json]:
    settings: dict[str, Any] = ((body.get("platform_content") or {}).get(platform) or {}).get("settings") or {}
    found = []
    if platform == "youtube" and not settings.get("title"):
        found.append("YouTube requires settings.title")
    if platform == "youtube" and settings.get("privacyStatus", "public") not in PRIVACY:
        found.append(f"YouTube privacyStatus must be one of {', '.join(PRIVACY)}")
    rule = RULES.get(platform)
    if media_required and rule and rule.needs_media and not body.get("media_ids"):
        found.append(f"{platform} requires media")
    return [{"platform": platform, "message": text} for text in found]
