"""What a post must keep to go out through PostEverywhere: what is certain to fail is a fault, what may fail a warning.

The limits are data (`platforms`). Sources of the rest, read 2026-11: https://developers.posteverywhere.ai, pages
create-post and media-requirements, and the vendor's agent skills.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bridge.core.errors import Fault
from bridge.core.model import Account, Json
from bridge.core.platforms import family
from bridge.partners._findings import DURATIONS, Finding, checked, file_url, length, number, too_long, warning, who
from bridge.partners.posteverywhere.fields import (
    CHOICES,
    TITLE_LIMITS,
    account_id,
    blocks,
    media_urls,
    parts,
    platform_content,
    title,
)
from bridge.partners.posteverywhere.platforms import BUILT_IN, Limit, Needs, Rules, refreshed
from bridge.ports import Checked, MediaLimits

__all__ = ["BUILT_IN", "CONVERTED", "LACKS", "LIMITS", "Rules", "check", "needs_hosting", "refreshed", "split"]

_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/heic", "image/heif")
LIMITS = MediaLimits(MappingProxyType(dict.fromkeys(_IMAGE_TYPES, 25_000_000) | {"video/mp4": 500_000_000}))
"""What the vendor keeps: images of 25 MB (an older page: 20), MP4 of 500 MB (a client says 4 GB by address)."""

LACKS = frozenset({"music_url"})
"""Fields of a request that PostEverywhere has no place for."""

_IMAGES, _VIDEOS = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".heic", ".heif"), (".mp4",)
CONVERTED = (".avif", ".tif", ".tiff", ".bmp")
"""Endings of images that PostEverywhere does not keep, so that they become JPEG on the way."""
_LINK = re.compile(r"https?://\S+")
_LINK_ON_X = 23
_HASHTAG = re.compile(r"(?<![\w&])#\w")


def check(content: Json, accounts: Sequence[Account], *, rules: Rules) -> Checked:
    """Judge a post by the limits, for these accounts, everything at once."""
    own = platform_content(content, None)
    return checked(
        [
            *_accounts(accounts),
            *_captions(content, own, accounts, rules),
            *_media(content.get("media"), accounts, rules),
            *_music(content.get("music_url")),
            *_blocks(content, accounts),
            *_board(own, accounts),
            *_titles(content, own, accounts),
        ]
    )


def split(content: Json, accounts: Sequence[Account]) -> list[list[Account]]:
    """Group accounts into one list a request: all in one, but WordPress apart, whose posts share with no other's."""
    groups: dict[bool, list[Account]] = {}
    for account in accounts:
        groups.setdefault(family(account.platform) == "wordpress", []).append(account)
    return list(groups.values())


def needs_hosting(content: Json) -> tuple[str, ...]:
    """Return the addresses of all media, once each: PostEverywhere takes media only by the ids it gave them."""
    return tuple(dict.fromkeys(media_urls(content)))


def _accounts(accounts: Sequence[Account]) -> Iterator[Finding]:
    if not accounts:
        yield Fault("accounts", "is empty", "Name at least one account.")
    for account in accounts:
        if account_id(account.id) is None:
            yield Fault(
                "accounts",
                f"names {account.id[:60]!r}, which is no id of this partner",
                "Ids are whole numbers; GET /v1/accounts lists them.",
                target=account.key,
            )


def _captions(content: Json, own: Json, accounts: Sequence[Account], rules: Rules) -> Iterator[Finding]:
    caption = content.get("caption")
    if caption is not None and not isinstance(caption, str):
        yield Fault("caption", "is not text", "Send a string.")
        return
    texts = [(account, *_text(caption, own.get(family(account.platform), {}), account)) for account in accounts]
    if content.get("media") is None and not all(text for _, _, text in texts):
        yield Fault("caption", "is missing, and there is no media", "Send a caption, or configure a template for one.")
    told = set()
    for account, field, text in texts:
        limit = rules.of(account.platform)
        if text and (key := (field, limit.unit, limit.caption)) not in told:
            told.add(key)
            yield from _size(field, text, account, limit)
            yield from _hashtags(field, text, account, limit)


def _text(caption: str | None, own: Json, account: Account) -> tuple[str, str | None]:
    """Return the text that an account gets, and the field it comes from."""
    text = own.get("content")
    return (f"settings.{family(account.platform)}.description", text) if isinstance(text, str) else ("caption", caption)


def _size(field: str, text: str, account: Account, limit: Limit) -> Iterator[Finding]:
    """Find a text too long by the mildest way to count it; by the strictest way only warn: the vendor names none."""
    if limit.caption is None:
        return
    if limit.unit == "bytes":
        least = most = len(text.encode(errors="replace"))
    else:
        # X counts every link as if it had 23 characters.
        short = _LINK.sub(lambda link: link[0][:_LINK_ON_X], text) if family(account.platform) == "x" else text
        least, most = len(short), length(text)
    if least > limit.caption:
        takes = f"{who(account)} takes at most {limit.caption}."
        yield _over(field, account, takes, limit=limit.caption, found=least, unit=limit.unit)
    elif most > limit.caption:
        counted = f"counted in UTF-16 units it has {most}, and {who(account)} takes at most {limit.caption}"
        yield warning(field, "MAY_BE_TOO_LONG", counted)


def _hashtags(field: str, text: str, account: Account, limit: Limit) -> Iterator[Finding]:
    found = len(_HASHTAG.findall(text))
    if limit.hashtags is not None and found > limit.hashtags:
        takes = f"{who(account)} takes at most {limit.hashtags}."
        yield _over(field, account, takes, limit=limit.hashtags, found=found, unit="hashtags")


def _over(field: str, account: Account, remedy: str, *, limit: int, found: int, unit: str) -> Fault:
    return Fault(field, f"has {found} {unit}", remedy, limit=limit, found=found, unit=unit, target=account.key)


def _media(media: Any, accounts: Sequence[Account], rules: Rules) -> Iterator[Finding]:
    if media is None:
        yield from _no_media(accounts, rules)
        return
    match media.get("type") if isinstance(media, Mapping) else None:
        case "video":
            yield from file_url(media.get("url"), "media.url", good=_VIDEOS)
            yield from _video(media, accounts, rules)
        case "slideshow":
            yield from _slides(media.get("urls"), accounts, rules)
        case _:
            remedy = 'Send {"type": "video", "url"} or {"type": "slideshow", "urls"}.'
            yield Fault("media.type", "is neither video nor slideshow", remedy)


def _no_media(accounts: Sequence[Account], rules: Rules) -> Iterator[Finding]:
    """Tell of one account that needs media, of one that needs more than any media first."""
    for needs, remedy in ((Needs.VIDEO, "Send one video."), (Needs.MEDIA, "Send one video, or images.")):
        needing = next((one for one in accounts if rules.of(one.platform).needs is needs), None)
        if needing is not None:
            problem = f"is missing, and {who(needing)} does not take text alone"
            yield Fault("media", problem, remedy, target=needing.key)
            return


def _slides(urls: Any, accounts: Sequence[Account], rules: Rules) -> Iterator[Finding]:
    if not isinstance(urls, (list, tuple)) or not urls:
        yield Fault("media.urls", "has no images", "Send at least one.")
        return
    for place, url in enumerate(urls):
        yield from file_url(url, f"media.urls[{place}]", good=(*_IMAGES, *CONVERTED))
    for account in accounts:
        limit = rules.of(account.platform)
        if limit.needs is Needs.VIDEO:
            problem = f"is slideshow, and {who(account)} takes videos only"
            yield Fault("media.type", problem, "Send one video.", target=account.key)
        elif limit.images is not None and len(urls) > limit.images:
            takes = f"{who(account)} takes at most {limit.images}."
            yield _over("media.urls", account, takes, limit=limit.images, found=len(urls), unit="images")


def _video(media: Json, accounts: Sequence[Account], rules: Rules) -> Iterator[Finding]:
    size, most, seconds = number(media, "bytes", "size"), LIMITS.most["video/mp4"], number(media, *DURATIONS)
    if size is not None and size > most:
        told = {"limit": most, "found": int(size), "unit": "bytes"}
        yield Fault("media.bytes", f"is {size:.0f}", "A video may have 500 MB.", **told)  # type: ignore[arg-type]  # One value a field.
    for account in accounts if seconds is not None else ():
        limit = rules.of(account.platform)
        shortest, longest = limit.shortest_s or 0, limit.longest_s or seconds
        if seconds is not None and longest is not None and not shortest <= seconds <= longest:
            broken = shortest if seconds < shortest else longest
            yield Fault(
                "media.duration_sec",
                f"is {seconds:g} s",
                f"{who(account)} takes {shortest:g} to {longest:g} s.",
                limit=int(broken),
                found=int(seconds),
                unit="seconds",
                target=account.key,
            )


def _music(music_url: Any) -> Iterator[Finding]:
    if music_url is not None:
        yield Fault("music_url", "is for TikTok only, and PostEverywhere has no field for it", "Leave it out.")


def _blocks(content: Json, accounts: Sequence[Account]) -> Iterator[Finding]:
    settings, targeted = content.get("settings"), {family(account.platform) for account in accounts}
    if settings is not None and not isinstance(settings, Mapping):
        yield Fault("settings", "is not an object", "Send an object.")
    for name, platform, block in blocks(content):
        if not isinstance(block, Mapping):
            yield Fault(name, "is not an object", "Send an object.")
        elif platform in targeted:
            yield from _words(name, platform, block)
        elif name == platform:
            yield Fault(name, f"is given, but no target is a {_NAMES[platform]} account", "Leave it out.")
        else:
            yield warning(name, "NOT_TARGETED", "is left out, because no account of that platform is targeted")


_NAMES = {"tiktok": "TikTok", "pinterest": "Pinterest"}


def _words(name: str, platform: str, block: Json) -> Iterator[Finding]:
    for part in parts(platform, block):
        field, choices = f"{name}.{part.word}", CHOICES.get((platform, part.name or ""))
        if part.name is None:
            yield warning(field, "NOT_TARGETED", "is left out, because PostEverywhere has no such setting")
        elif not part.known:
            yield warning(field, "UNKNOWN_FIELD", "is not in PostEverywhere's field table and may be refused")
        elif choices is not None and part.value is not None and part.value not in choices:
            yield Fault(field, "is a word that PostEverywhere does not take", f"Send one of {', '.join(choices)}.")


def _board(own: Json, accounts: Sequence[Account]) -> Iterator[Finding]:
    if not any(family(account.platform) == "pinterest" for account in accounts):
        return
    if not own.get("pinterest", {}).get("settings", {}).get("boardId"):
        yield Fault("pinterest.board_id", "is missing", "A Pinterest account needs the id of the board to pin to.")


def _titles(content: Json, own: Json, accounts: Sequence[Account]) -> Iterator[Finding]:
    targeted = dict.fromkeys(family(account.platform) for account in accounts)
    for platform in filter(TITLE_LIMITS.__contains__, targeted):
        field = f"settings.{platform}"
        settings = own.get(platform, {}).get("settings", {})
        given = settings.get("title")
        if given is None and title(content, platform) is None:
            yield Fault(f"{field}.title", "is missing, and there is no caption to take it from", "Send a title.")
        elif platform == "youtube":
            yield from too_long(field, settings, title=TITLE_LIMITS[platform])
            if isinstance(given, str) and ("<" in given or ">" in given):
                yield Fault(f"{field}.title", "has < or >, which YouTube does not take", "Leave them out.")
