"""What Genviral's pages say a post must keep: faults refuse it here, warnings leave the verdict to the partner.

Source: https://docs.genviral.io/api-reference/create-post and update-post, read 2026-05. Where the vendor does not say
how a caption's length is counted, the longer of code points and UTF-16 units counts; YouTube's limit is in bytes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.core.errors import Fault
from bridge.core.media import ending
from bridge.core.model import Account, Json
from bridge.core.platforms import family
from bridge.partners._findings import DURATIONS, Finding, checked, file_url, length, number, too_long, warning, who
from bridge.partners.genviral.capabilities import CAPTION, IMAGES, own_limit
from bridge.partners.genviral.config import Contract
from bridge.partners.genviral.fields import PINTEREST, SETTINGS, TIKTOK
from bridge.ports import Checked

HOSTED_CAPTION = 500
CAPTIONS: Mapping[str, int] = {
    "facebook": 63206,
    "instagram": 2200,
    "linkedin": 3000,
    "pinterest": 800,
    "x": 4000,
    "youtube": 5000,
}
PLAIN_X_CAPTION = 280
TIKTOK_VIDEO_CAPTION, TIKTOK_PHOTO_CAPTION = 2200, 4000
MOST_ACCOUNTS, MOST_SLIDES, MOST_EXTERNAL_ID = 10, 35, 128
MAX_VIDEO_BYTES, MAX_SLIDE_BYTES = 100_000_000, 5_000_000

CONVERTED = (".webp", ".heic", ".heif", ".avif", ".gif", ".tif", ".tiff", ".bmp")
"""Endings of images that Genviral takes in no post, so that they become JPEG on the way."""

LACKS: Mapping[Contract, frozenset[str]] = {Contract.V1: frozenset({"tiktok", "pinterest"}), Contract.V3: frozenset()}
"""Fields of a request that a contract has no place for."""

_VIDEOS, _SLIDES = (".mp4", ".mov", ".m4v", ".avi"), (".jpg", ".jpeg", ".png")
_MUSIC_URL = re.compile(r"https://(?:(?:www\.|m\.)?tiktok\.com/@[^/\s]+/(?:video|photo)/\d+|v[mt]\.tiktok\.com/\w+)")


def check(content: Json, accounts: Sequence[Account], *, contract: Contract) -> Checked:
    """Judge a post by the published limits, for these accounts, everything at once."""
    return checked(
        [
            *_caption(content, accounts, contract),
            *_media(content.get("media"), accounts, contract),
            *(_music(content["music_url"], accounts) if "music_url" in content else ()),
            *(_tiktok(content, accounts, contract) if "tiktok" in content else ()),
            *_pinterest(content, accounts, contract),
            *(_settings(content["settings"], accounts, contract) if "settings" in content else ()),
            *_rest(content, accounts),
        ]
    )


def split(content: Json, accounts: Sequence[Account]) -> list[list[Account]]:
    """Group accounts by what they may be sent with, at most ten a group, in order of first appearance.

    The `tiktok` block goes only with accounts that are all TikTok's, `music_url` likewise; `pinterest` accounts stand
    apart when they have a block, because an older contract takes one block a request.
    """
    groups: dict[tuple[bool, ...], list[Account]] = {}
    if not any(map(content.get, ("tiktok", "music_url", "pinterest"))):
        groups = {(): list(accounts)} if accounts else {}
        accounts = ()
    for account in accounts:
        platform = family(account.platform)
        tiktok = platform == "tiktok" and bool(content.get("tiktok") or content.get("music_url"))
        pinterest = platform == "pinterest" and bool(content.get("pinterest"))
        groups.setdefault((tiktok, pinterest), []).append(account)
    return [group[at : at + MOST_ACCOUNTS] for group in groups.values() for at in range(0, len(group), MOST_ACCOUNTS)]


def caption_limit(account: Account, media_type: str | None, contract: Contract) -> int | None:
    """Return the most a caption may have for one account, in UTF-16 units (YouTube: bytes); None if unpublished."""
    if (own := own_limit(account, CAPTION)) is not None:
        return own
    if contract is Contract.V1 or account.type == "hosted":
        return HOSTED_CAPTION
    platform = family(account.platform)
    if platform == "tiktok":
        return TIKTOK_PHOTO_CAPTION if media_type == "slideshow" else TIKTOK_VIDEO_CAPTION
    return CAPTIONS.get(platform)


def _caption(content: Json, accounts: Sequence[Account], contract: Contract) -> Iterator[Finding]:
    caption = content.get("caption")
    if not isinstance(caption, str):
        yield Fault("caption", "is missing", "Send a caption, or configure a template for one.")
        return
    media = content.get("media")
    media_type = media.get("type") if isinstance(media, Mapping) else None
    told: set[tuple[str, int]] = set()
    for account in accounts:
        limit = caption_limit(account, media_type, contract)
        in_bytes = family(account.platform) == "youtube"
        size, unit = (len(caption.encode(errors="replace")), "bytes") if in_bytes else (length(caption), "characters")
        if limit is not None and size > limit and (unit, limit) not in told:
            told.add((unit, limit))
            hosted = "hosted " if account.type == "hosted" else ""
            remedy = f"{hosted}{who(account)} takes at most {limit}."
            yield Fault("caption", f"has {size} {unit}", remedy, limit=limit, found=size, unit=unit, target=account.key)
        elif limit == CAPTIONS["x"] and size > PLAIN_X_CAPTION and family(account.platform) == "x":
            yield warning(
                "caption",
                "X_PREMIUM_ONLY",
                f"{who(account)} takes over {PLAIN_X_CAPTION} characters only if it is premium",
            )


def _kinds(account: Account) -> list[Any]:
    kinds = (account.capabilities or {}).get("supported_content_kinds")
    return kinds if isinstance(kinds, list) else []


def _media(media: Any, accounts: Sequence[Account], contract: Contract) -> Iterator[Finding]:
    if media is None:
        # Of an account that was never listed nobody knows what it takes.
        needing = [
            one for one in accounts if contract is Contract.V1 or (one.platform and "text_only" not in _kinds(one))
        ]
        if needing:
            yield Fault(
                "media",
                f"is missing, and {who(needing[0])} does not take text alone",
                "Send one video or 1 to 35 images.",
                target=needing[0].key,
            )
        return
    match media.get("type") if isinstance(media, Mapping) else None:
        case "video":
            yield from file_url(media.get("url"), "media.url", good=_VIDEOS)
            yield from _video(media, accounts)
        case "slideshow":
            yield from _slides(media.get("urls"), accounts)
        case _:
            yield Fault(
                "media.type",
                "is neither video nor slideshow",
                'Send {"type": "video", "url"} or {"type": "slideshow", "urls"}.',
            )
            return
    for account in accounts:
        # Only `text_only` is a documented word: a list without it and without ours says nothing certain.
        kinds = _kinds(account)
        if media["type"] not in kinds and {"video", "slideshow"} & set(map(str, kinds)):
            yield warning("media", "KIND_NOT_ADVERTISED", f"{who(account)} does not advertise {media['type']} posts")


def _slides(urls: Any, accounts: Sequence[Account]) -> Iterator[Finding]:
    count = len(urls) if isinstance(urls, (list, tuple)) else 0
    own = {account.key: own_limit(account, IMAGES) or MOST_SLIDES for account in accounts}
    target = min(own, key=own.__getitem__, default="")
    limit = own.get(target, MOST_SLIDES)
    if not 1 <= count <= limit:
        told = f"has {count or 'no'} images"
        yield Fault("media.urls", told, f"Send 1 to {limit}.", limit=limit, found=count, unit="images", target=target)
    if count == 0:
        return
    for place, url in enumerate(urls):
        yield from file_url(url, f"media.urls[{place}]", good=(*_SLIDES, *CONVERTED))
        if isinstance(url, str) and ending(url) == ".gif":
            yield warning(f"media.urls[{place}]", "FIRST_PICTURE", "is a .gif file: its first picture is posted")


def _video(media: Json, accounts: Sequence[Account]) -> Iterator[Finding]:
    size, duration = number(media, "bytes", "size"), number(media, *DURATIONS)
    if size is not None and size >= MAX_VIDEO_BYTES:
        limit = MAX_VIDEO_BYTES - 1
        told = f"is {size:.0f}"
        yield Fault("media.bytes", told, "A video must be under 100 MB.", limit=limit, found=int(size), unit="bytes")
    if duration is not None and not 15 <= duration <= 60:
        yield warning("media", "DURATION_UNUSUAL", "Genviral asks for 15 to 60 s, at least for hosted accounts")
    if any(family(account.platform) == "x" for account in accounts) and (duration is None or duration > 140):
        yield warning("media", "X_DURATION", "X accounts that are not premium need duration_sec of at most 140")


def _music(music_url: Any, accounts: Sequence[Account]) -> Iterator[Finding]:
    if music_url is None:
        return
    if not isinstance(music_url, str) or not _MUSIC_URL.match(music_url):
        yield Fault(
            "music_url", "is not the address of a TikTok post", "Send https://www.tiktok.com/@NAME/video/NUMBER."
        )
    others = [account for account in accounts if family(account.platform) != "tiktok"]
    if others and len(others) == len(accounts):
        yield Fault("music_url", "is for TikTok only, and no target is a TikTok account", "Leave it out.")
    elif others:
        yield warning(
            "music_url",
            "TIKTOK_ONLY",
            f"goes only to the TikTok accounts, in a request of their own, not to {who(others[0])}",
        )


def _unknown(name: str, block: Json, known: frozenset[str]) -> Iterator[Finding]:
    for field in block:
        if field not in known:
            yield warning(f"{name}.{field}", "UNKNOWN_FIELD", "is not in Genviral's field table and may be refused")


def _block(name: str, content: Json, contract: Contract) -> tuple[Json | None, list[Finding]]:
    block = content.get(name)
    if block is None:
        return None, []
    if not isinstance(block, Mapping):
        return None, [Fault(name, "is not an object", "Send an object.")]
    if contract is Contract.V1:
        fault = Fault(name, "is not known to contract v1", "Leave it out, or set contract: v3 for this key.")
        return None, [fault] if block else []
    return block, []


def _tiktok(content: Json, accounts: Sequence[Account], contract: Contract) -> Iterator[Finding]:
    block, wrong = _block("tiktok", content, contract)
    yield from wrong
    if block is None:
        return
    targets = [account for account in accounts if family(account.platform) == "tiktok"]
    hosted = [account for account in targets if account.type == "hosted"]
    if not targets:
        yield Fault("tiktok", "is given, but no target is a TikTok account", "Leave it out.")
    elif hosted:
        yield Fault(
            "tiktok", f"cannot go to the hosted {who(hosted[0])}", "Send hosted accounts in a request without it."
        )
    elif len(targets) < len(accounts):
        yield warning("tiktok", "TIKTOK_ONLY", "goes only to the TikTok accounts, in a request of their own")
    yield from _unknown("tiktok", block, TIKTOK)
    media = content.get("media")
    media_type = media.get("type") if isinstance(media, Mapping) else None
    if media_type is None:
        yield Fault("tiktok", "needs media", "Send one video or 1 to 35 images.")
    yield from too_long("tiktok", block, title=90 if media_type == "slideshow" else 2200, description=4000)
    if media_type == "video":
        yield from _tiktok_video(content.get("caption"), block)
    elif block.get("video_cover_timestamp_ms") is not None:
        yield Fault("tiktok.video_cover_timestamp_ms", "is for videos only", "Leave it out.")


def _tiktok_video(caption: Any, block: Json) -> Iterator[Finding]:
    if block.get("post_mode") == "MEDIA_UPLOAD":
        yield Fault("tiktok.post_mode", "MEDIA_UPLOAD is for slideshows only", "Use DIRECT_POST.")
    texts = [text for text in (caption, block.get("title"), block.get("description")) if isinstance(text, str)]
    total = sum(map(length, texts))
    if len(texts) > 1 and total > TIKTOK_VIDEO_CAPTION:
        yield Fault(
            "tiktok",
            f"caption, title and description have {total} characters together",
            f"Send at most {TIKTOK_VIDEO_CAPTION}.",
            limit=TIKTOK_VIDEO_CAPTION,
            found=total,
            unit="characters",
        )


def _pinterest(content: Json, accounts: Sequence[Account], contract: Contract) -> Iterator[Finding]:
    block, wrong = _block("pinterest", content, contract)
    yield from wrong
    targeted = any(family(account.platform) == "pinterest" for account in accounts)
    if targeted and not wrong and contract is not Contract.V1 and not (block or {}).get("board_id"):
        yield Fault("pinterest.board_id", "is missing", "A Pinterest account needs the id of the board to pin to.")
    if block is None:
        return
    if not targeted:
        yield Fault("pinterest", "is given, but no target is a Pinterest account", "Leave it out.")
    yield from _unknown("pinterest", block, PINTEREST)
    yield from too_long("pinterest", block, board_id=128, title=100, link=2048)
    yield from _pinterest_tags(content.get("caption"), block.get("tags"))


def _pinterest_tags(caption: Any, tags: Any) -> Iterator[Finding]:
    if tags is None:
        return
    if not isinstance(tags, (list, tuple)) or len(tags) > 30:
        yield Fault("pinterest.tags", "is not a list of at most 30 tags", "Send fewer.")
        return
    for place, tag in enumerate(tags):
        if not isinstance(tag, str) or not 1 <= length(tag) <= 100:
            yield Fault(f"pinterest.tags[{place}]", "is not 1 to 100 characters of text", "Shorten or drop it.")
    # Tags are appended to the description; how is not said, so a space and a sign are counted for each.
    total = length(" ".join([caption if isinstance(caption, str) else "", *(f"#{tag}" for tag in tags)]))
    if total > CAPTIONS["pinterest"]:
        yield Fault(
            "pinterest.tags",
            f"make the description {total} characters long",
            f"Pinterest takes {CAPTIONS['pinterest']}.",
            limit=CAPTIONS["pinterest"],
            found=total,
            unit="characters",
        )


def _settings(settings: Any, accounts: Sequence[Account], contract: Contract) -> Iterator[Finding]:
    block, wrong = _block("settings", {"settings": settings}, contract)
    yield from wrong
    targeted = {family(account.platform) for account in accounts}
    for provider, fields in (block or {}).items():
        name = f"settings.{provider}"
        if provider in ("tiktok", "pinterest"):
            yield Fault(name, "stands in the wrong place", f"Send `{provider}` beside `caption`.")
        elif provider not in SETTINGS:
            yield Fault(name, "is not a provider that Genviral knows", f"Known: {', '.join(SETTINGS)}.")
        elif not isinstance(fields, Mapping):
            yield Fault(name, "is not an object", "Send an object.")
        elif family(provider) not in targeted:
            yield warning(name, "NOT_TARGETED", "is left out, because no account of that platform is targeted")
        else:
            yield from _unknown(name, fields, SETTINGS[provider])
            if provider == "youtube":
                yield from too_long(name, fields, title=100)


def _rest(content: Json, accounts: Sequence[Account]) -> Iterator[Finding]:
    if not accounts:
        yield Fault("accounts", "is empty", "Name at least one account.")
    external_id = content.get("external_id")
    if isinstance(external_id, str) and length(external_id) > MOST_EXTERNAL_ID:
        size = length(external_id)
        told = f"has {size} characters"
        remedy = f"Send at most {MOST_EXTERNAL_ID}."
        yield Fault("external_id", told, remedy, limit=MOST_EXTERNAL_ID, found=size, unit="characters")
