"""The fields of Genviral's provider blocks.

Source: https://docs.genviral.io/api-reference/create-post and update-post (read 2026-05), and the field tables of the
vendor's skill repository, docs/api/posts.md (read 2026-05).
"""

from collections.abc import Mapping
from types import MappingProxyType

_X = frozenset({"who_can_reply_post", "community", "made_with_ai", "paid_partnership"})
_INSTAGRAM = frozenset(
    {
        "post_type",
        "is_trial_reel",
        "graduation_strategy",
        "collaborators",
        "cover_url",
        "thumb_offset_ms",
        "share_to_feed",
    }
)
_LINKEDIN = frozenset({"post_as_images_carousel", "carousel_name"})
_YOUTUBE = frozenset(
    {"title", "description", "type", "privacy", "tags", "categoryId", "selfDeclaredMadeForKids", "thumbnail"}
)

TIKTOK = frozenset(
    {
        "title", "description", "post_mode", "privacy_level", "disable_comment", "disable_duet", "disable_stitch",
        "auto_add_music", "is_your_brand", "is_branded_content", "user_consent", "is_commercial",
        "video_cover_timestamp_ms",
    }
)  # fmt: skip
PINTEREST = frozenset({"board_id", "title", "link", "tags"})
SETTINGS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "youtube": _YOUTUBE,
        "x": _X,
        "twitter": _X,
        "instagram": _INSTAGRAM,
        "instagram-standalone": _INSTAGRAM,
        "facebook": frozenset({"url"}),
        "linkedin": _LINKEDIN,
        "linkedin-page": _LINKEDIN,
        "reddit": frozenset({"subreddit"}),
        "threads": frozenset(),
        "bluesky": frozenset(),
    }
)
"""Provider key under `settings` -> its fields. Any other key is answered with 422."""
