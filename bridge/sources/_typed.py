"""Takes the fields of a publish request as people type them into the forms of Zapier and the like.

Such a form has texts only, and no levels: `media__url` is the `url` of `media`, a list is `a, b`, a flag `yes`, and a
time looks as the step before wrote it. Source: https://help.zapier.com/hc/en-us/articles/8496326446989, read 2026-11.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.core.times import loosely
from bridge.sources._named import unflatten
from bridge.sources._words import flag

_BLOCKS = ("tiktok", "pinterest", "settings")
_LEVELS = ("media", "captions", "accounts", *_BLOCKS)
"""Fields that may be objects: of any other `a__b` is only a name that is wrong."""
_SWITCH = re.compile(
    r"(?:is|disable|auto|allow|post_as)_\w+|allow[A-Z]\w+|user_consent|share_to_feed|made_with_ai|paid_partnership"
    r"|selfDeclaredMadeForKids",
    re.ASCII,
)
"""How a partner's fields are called that are true or false."""
_NUMBER = re.compile(r"\w+_(?:ms|sec)", re.ASCII)
"""How those are called that are numbers: `video_cover_timestamp_ms`, `duration_sec`."""
_DIGITS = re.compile(r"\s*\d{1,15}\s*", re.ASCII)
_NEXT = re.compile(r",(?=https?://)")
_DEEPEST = 8


def typed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as a program would have sent them; what is right already stays as it is."""
    found = _leveled(fields) if any("__" in name for name in fields) else dict(fields)
    for name in ("media", *_BLOCKS):
        if isinstance(block := found.get(name), Mapping) and block:
            found[name] = _read(block, _DEEPEST)
            if not found[name]:
                del found[name]
    if "media" in found:
        found["media"] = _media(found["media"])
    for name in ("accounts", "tags"):
        if isinstance(found.get(name), list) and (name == "accounts" or len(found[name]) == 1):
            # A form that takes a list sends what was typed as its only item; several tags are sent as they are meant.
            found[name] = [part for item in found[name] for part in _parts(item)]
    if "scheduled_at" in found:
        found["scheduled_at"] = _time(found["scheduled_at"])
    return found


def _leveled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make objects of names such as `media__url`; of what was left empty neither `media` nor `media__url` is there.

    Empty `accounts` stay, which is an error: nobody knows where to then.
    """
    parts = {name.partition("__")[0] for name in fields if "__" in name} - {"accounts"}
    empty = {name for name, value in fields.items() if ("__" in name or name in parts) and _is_empty(value)}
    there = {name: value for name, value in fields.items() if name not in empty}
    levels = {name: value for name, value in there.items() if name.partition("__")[0] in _LEVELS}
    return {name: value for name, value in there.items() if name not in levels} | unflatten(levels)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _media(value: Any) -> Any:
    """Return several addresses in one text as a list; an object that holds no more than addresses counts as these."""
    if isinstance(value, str):
        several = list(_addresses(value))
        if not several or not all(map(_is_address, several)):
            return value
        return several if len(several) > 1 else several[0]
    if isinstance(value, list):
        return [one for item in value for one in (_each(_media(item)) if isinstance(item, str) else [item])]
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("urls"), (str, list)):
        value = {**value, "urls": _each(_media(value["urls"]))}
    if value.get("type") == "video" and isinstance(value.get("url"), str):
        value = {**value, "url": value["url"].strip()}
    names = [name for name, one in value.items() if one or name != "type"]
    return _media(value[names[0]]) if names in (["url"], ["urls"]) and value[names[0]] else value


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _addresses(text: str) -> Iterator[str]:
    """Yield the addresses in a text, between which are spaces or commas.

    A comma without a space may be part of an address: one in its query is, and one in an address that holds another.
    """
    whole = text.split() == [text] and "?" in text
    for part in text.split():
        one, *others = _NEXT.split(part if whole else part.strip(","))
        for other in others:
            if "?" in one or one.count("://") > 1:
                one = f"{one},{other}"
            else:
                yield one
                one = other
        if one:
            yield one


def _is_address(text: str) -> bool:
    return text.startswith(("https://", "http://"))


def _parts(item: Any) -> list[Any]:
    """Return what an item of a list holds: the values between its commas, and nothing when it was left empty."""
    if not isinstance(item, str):
        return [item]
    return [part.strip() for part in item.split(",") if part.strip()] if "," in item or not item.strip() else [item]


def _time(value: Any) -> Any:
    """Return a time that is plain as ISO 8601; what is wrong with any other is said of it as it was sent."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return loosely(str(value)) or value if is_number or isinstance(value, str) else value


def _read(block: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """Read what a form wrote for nothing, a number, and true or false, where a field's name shows what it is."""
    found: dict[str, Any] = {}
    for name, value in block.items():
        if isinstance(value, Mapping) and value and depth:
            if inner := _read(value, depth - 1):
                found[name] = inner
        elif not isinstance(value, str):
            found[name] = value
        elif value.strip():
            found[name] = _said(str(name), value)
    return found


def _said(name: str, text: str) -> Any:
    if _NUMBER.fullmatch(name) and _DIGITS.fullmatch(text):
        return int(text)
    read = flag(text) if _SWITCH.fullmatch(name) else None
    return text if read is None else read
