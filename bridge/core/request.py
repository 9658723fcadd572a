"""The publish request: what a caller may send, read field by field, with every fault at once.

Shape (JSON, all optional unless said): `caption` or `text`; `captions` (`{"x": "..."}`, by platform, over `caption`);
`media` (an object `{"type": "video", "url"}` or `{"type": "slideshow", "urls": []}`, one URL, or a list of URLs);
`accounts` (names, globs, partner ids, `[{"id"}]`); `scheduled_at` and `timezone`; `external_id`; `music_url`, `tiktok`,
`pinterest`, `settings`; `title`, `url`, `excerpt`, `tags`; `dedupe` (false: never taken for a repetition by its
content).
Field rules: Genviral "Create post" and "Update post" (docs.genviral.io, read 2026-11).
"""

# `return reader.fault(...)` reads as one thought: note it, and the field is None.
# mypy: disable-error-code="func-returns-value"

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import orjson

from bridge.core.errors import Fault, Problem, summary
from bridge.core.media import host
from bridge.core.model import Json
from bridge.core.nouns import noun
from bridge.core.platforms import platform_word
from bridge.core.times import parse_when, unknown_zone, zone

FIELDS = (
    "caption", "captions", "text", "media", "accounts", "scheduled_at", "timezone", "external_id", "music_url",
    "tiktok", "pinterest", "settings", "title", "url", "excerpt", "tags", "correlation", "dedupe",
)  # fmt: skip
EDITABLE = (
    "caption",
    "text",
    "media",
    "accounts",
    "scheduled_at",
    "timezone",
    "music_url",
    "tiktok",
    "pinterest",
    "settings",
)
_OWN_NAME = {"text": "caption"}
_SPACE = re.compile(r"\s")
VIDEO = ("mp4", "mov", "m4v", "avi")
IMAGE = ("jpg", "jpeg", "png", "webp", "avif", "heic", "heif", "gif", "tif", "tiff", "bmp")
MOST_TITLE, MOST_EXCERPT = 1_000, 10_000
"""How many characters a title and an excerpt may have."""
_FLAGS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
_SUGGESTIONS = 20
"""How many unknown fields get a suggestion: each costs a comparison with every known one."""
_DEEPEST = 32
"""How deep a field may be nested: whoever stores or sends it has a limit of its own."""
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""What is scheduled before is a mistake of whoever made the time, not a wish."""
_LONGEST_WORD = 40
"""How many characters the name of a platform may have."""
_CAPTIONS_FORM = 'Send {"x": "A short text", "linkedin": "A longer one"}.'
_MEDIA_FORM = 'Say {"type": "video", "url": "https://..."} or {"type": "slideshow", "urls": ["https://..."]}.'


@noun(frozen=True, slots=True)
class PublishRequest:
    """A publish request with every field read. `given` has the fields as parsed, before defaults: sameness is theirs.

    `accounts` None means "the default"; `captions` go over the content's `caption`, by `platforms.platform_word`;
    `clear` names fields that were sent as null (an update clears them); `dedupe` False turns the content hash off for
    this request. `context` are further names that the templates of its captions see, and `derived` the fields that we
    made of what the sender says elsewhere, which a configuration may replace; neither is kept.
    """

    given: Json
    accounts: tuple[str, ...] | None = None
    scheduled_at: datetime | None = None
    external_id: str | None = None
    correlation: str | None = None
    content: Json = field(default_factory=dict)
    captions: Json = field(default_factory=dict)
    clear: frozenset[str] = frozenset()
    dedupe: bool = True
    warnings: tuple[Json, ...] = ()
    context: Json = field(default_factory=dict)
    derived: frozenset[str] = frozenset()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the parsed request, keys sorted: equal for equal requests."""
        return hashlib.sha256(orjson.dumps(self.given, option=orjson.OPT_SORT_KEYS)).hexdigest()


class _Reader:
    """Reads one request's fields and gathers what is wrong."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.faults: list[Fault] = []
        self.warnings: list[Json] = []

    def fault(self, name: str, problem: str, remedy: str = "") -> None:
        """Note a fault; gives None, which is also what the faulty field is read as."""
        self.faults.append(Fault(name, problem, remedy))

    def text(self, name: str, most: int | None = None) -> str | None:
        """A string (a number is taken as its digits); empty and null mean absent."""
        value = self.fields.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return self.fault(name, f"is {_kind(value)}, not text", "Send a string.")
        if most is not None and len(value) > most:
            return self.fault(name, f"has {len(value)} characters", f"Send at most {most}.")
        return value

    def parsed(self, name: str) -> Any:
        """A field that is more than text; a form field may hold it as JSON."""
        value = self.fields.get(name)
        if isinstance(value, str):
            if not value.startswith(("[", "{")):
                return value
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                return value
        if _depth(value) > _DEEPEST:
            return self.fault(name, "is nested too deep", f"Nest at most {_DEEPEST} levels.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """True or false, also as a form writes them."""
        value = self.fields.get(name)
        if value is None or value == "":
            return default
        word = str(value).strip().lower() if isinstance(value, (str, bool, int)) else ""
        if word not in _FLAGS:
            self.fault(name, f"is {_kind(value)}", "Send true or false.")
        return _FLAGS.get(word, default)

    def object(self, name: str) -> Json | None:
        """A JSON object; a form field may hold one as text."""
        value = self.parsed(name)
        if value is None or value == "":
            return None
        if not isinstance(value, Mapping):
            return self.fault(name, f"is {_kind(value)}, not an object", f'Send an object such as {{"{name}": {{}}}}.')
        return dict(value)

    def address(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and not is_url(value):
            return self.fault(name, "is not an http(s) URL", "Send a full address, such as https://example.com/a.")
        return value

    def words(self, name: str) -> list[str] | None:
        """A list of strings, or one comma-separated string."""
        value = self.parsed(name)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
            return self.fault(name, "is not a list of text", 'Send ["one", "two"] or "one, two".')
        return list(value)


def parse_request(fields: Mapping[str, Any], *, editing: bool = False, timezone: str | None = None) -> PublishRequest:
    """Read a publish request (or, with `editing`, the changes of an update).

    `timezone` is that of a time which has neither an offset nor a `timezone` beside it.

    Raises:
        Problem: 422 `invalid_request` with every fault.
    """
    reader = _Reader(fields)
    _refuse_unknown(reader, EDITABLE if editing else FIELDS)
    given: dict[str, Any] = {}
    for name, read in _READERS.items():
        if (name in fields or name == "caption") and (value := read(reader)) is not None:
            given[name] = value
    dedupe = reader.flag("dedupe", default=True)
    instant = _scheduled_at(reader, timezone)
    if reader.faults:
        raise invalid(reader.faults)
    if instant is not None:
        given["scheduled_at"] = instant.isoformat()
    own = ("accounts", "captions", "scheduled_at", "external_id", "correlation")
    return PublishRequest(
        given=given,
        accounts=tuple(given["accounts"]) if "accounts" in given else None,
        scheduled_at=instant,
        external_id=given.get("external_id"),
        correlation=given.get("correlation"),
        content={name: value for name, value in given.items() if name not in own},
        captions=given.get("captions", {}),
        clear=_cleared(fields).difference(given) if None in fields.values() else frozenset(),
        dedupe=dedupe,
        warnings=tuple(reader.warnings),
    )


def _cleared(fields: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(_OWN_NAME.get(name, name) for name, value in fields.items() if value is None and name in EDITABLE)


def invalid(faults: Sequence[Fault]) -> Problem:
    """Return the 422 that lists these faults; the detail names as many as it holds."""
    return Problem(422, "invalid_request", summary(faults), errors=faults)


def _refuse_unknown(reader: _Reader, known: Sequence[str]) -> None:
    for name in reader.fields:
        if name not in known:
            near = get_close_matches(name, known, 1) if len(reader.faults) < _SUGGESTIONS else []
            remedy = f"Did you mean {near[0]!r}?" if near else f"Known fields: {', '.join(known)}."
            reader.fault(str(name)[:60], "is not a known field", remedy)


def _scheduled_at(reader: _Reader, default: str | None) -> datetime | None:
    """The instant of `scheduled_at`; a `timezone` must be one even where nothing needs it."""
    when, timezone = reader.text("scheduled_at", 64), reader.text("timezone", 64)
    instant, warnings, faults = parse_when(when, timezone or default) if when is not None else (None, [], [])
    if timezone is not None and zone(timezone) is None:
        faults = list(dict.fromkeys([*faults, unknown_zone(timezone)]))
    if instant is not None and instant < _EARLIEST:
        reader.fault("scheduled_at", "is before the year 2000", "Send a time to come, or none to publish now.")
    reader.warnings += warnings
    reader.faults += faults
    return instant


def _caption(reader: _Reader) -> str | None:
    caption, text = reader.text("caption"), reader.text("text")
    if caption is not None and text is not None and caption != text:
        reader.fault("text", "differs from caption", "Send one of the two.")
    return caption if caption is not None else text


def _captions(reader: _Reader) -> dict[str, str] | None:
    """Texts by platform; an empty one means absent, and a platform that we do not know is kept."""
    value = reader.object("captions")
    if value is None:
        return None
    texts: dict[str, str] = {}
    for name, text in value.items():
        word, field_name = platform_word(str(name)), f"captions.{str(name)[:_LONGEST_WORD]}"
        one = _Reader({field_name: text})
        if not 0 < len(word) <= _LONGEST_WORD:
            one.fault(field_name, "names no platform", _CAPTIONS_FORM)
        elif word in texts:
            one.fault(field_name, "is there twice", _CAPTIONS_FORM)
        elif (read := one.text(field_name)) is not None:
            texts[word] = read
        reader.faults += one.faults
    return texts or None


def _accounts(reader: _Reader) -> list[str] | None:
    value = reader.parsed("accounts")
    if isinstance(value, Mapping):
        value = [value]
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if value is None or value == []:
        return reader.fault("accounts", "is empty", "Name at least one account.") if value == [] else None
    if not isinstance(value, Sequence):
        return reader.fault("accounts", f"is {_kind(value)}", 'Send ["name"], ["brand-*"] or [{"id": "..."}].')
    names: list[str] = []
    for place, item in enumerate(value):
        name = item.get("id", item.get("name")) if isinstance(item, Mapping) else item
        if isinstance(name, int) and not isinstance(name, bool):
            name = str(name)
        if isinstance(name, str) and name.strip():
            names.append(name.strip())
        else:
            reader.fault(f"accounts[{place}]", "names no account", 'Send a name, a glob, or {"id": "..."}.')
    return list(dict.fromkeys(names))


def _media(reader: _Reader) -> Json | None:
    value = reader.parsed("media")
    if value is None or value in ("", []):
        return None
    if isinstance(value, Mapping):
        return _media_object(reader, dict(value))
    urls = [value] if isinstance(value, str) else value
    if not isinstance(urls, Sequence) or not all(isinstance(item, str) for item in urls):
        return reader.fault("media", "is neither an object, a URL nor a list of URLs", _MEDIA_FORM)
    bad = [place for place, item in enumerate(urls) if not is_url(item)]
    if bad:
        for place in bad:
            reader.fault(f"media[{place}]" if len(urls) > 1 else "media", "is not an http(s) URL", _MEDIA_FORM)
        return None
    endings = {urlsplit(item).path.rsplit(".", 1)[-1].lower() for item in urls}
    if endings <= set(IMAGE):
        return {"type": "slideshow", "urls": list(urls)}
    if endings <= set(VIDEO) and len(urls) == 1:
        return {"type": "video", "url": urls[0]}
    if endings <= set(VIDEO):
        return reader.fault("media", f"has {len(urls)} videos", "Send one video, or 1 to 35 images.")
    return reader.fault("media", "does not show by its ending whether it is a video or images", _MEDIA_FORM)


def read_media(value: object) -> Json | None:
    """Return media in the request's own form, for a configuration: an object, a URL, or a list of URLs of images.

    Raises:
        ValueError: with the first fault.
    """
    reader = _Reader({"media": value})
    media = _media(reader)
    for fault in reader.faults:
        raise ValueError(f"{fault.problem}; {fault.remedy[:1].lower()}{fault.remedy[1:]}")
    return media


def _media_object(reader: _Reader, media: dict[str, Any]) -> Json | None:
    """The partner's own form; fields that we do not know are kept."""
    if media.get("type") == "video" and is_url(media.get("url")):
        return media
    urls = media.get("urls")
    if media.get("type") == "slideshow" and isinstance(urls, list) and urls and all(is_url(url) for url in urls):
        return media
    if media.get("type") == "video":
        return reader.fault("media.url", "is not an http(s) URL", _MEDIA_FORM)
    if media.get("type") == "slideshow":
        return reader.fault("media.urls", "is not a list of http(s) URLs", _MEDIA_FORM)
    kind = media.get("type")
    return reader.fault("media.type", f"is {kind[:40]!r}" if isinstance(kind, str) else "is missing", _MEDIA_FORM)


_READERS: Mapping[str, Callable[[_Reader], object]] = MappingProxyType(
    {
        "caption": _caption,
        "captions": _captions,
        "media": _media,
        "accounts": _accounts,
        "external_id": lambda reader: reader.text("external_id", 128),
        "correlation": lambda reader: reader.text("correlation", 256),
        "music_url": lambda reader: reader.address("music_url"),
        "tiktok": lambda reader: reader.object("tiktok"),
        "pinterest": lambda reader: reader.object("pinterest"),
        "settings": lambda reader: reader.object("settings"),
        "title": lambda reader: reader.text("title", MOST_TITLE),
        "url": lambda reader: reader.address("url"),
        "excerpt": lambda reader: reader.text("excerpt", MOST_EXCERPT),
        "tags": lambda reader: reader.words("tags"),
    }
)
"""Field -> how it is read, in the order in which faults are told. `caption` also reads `text`."""


def is_url(value: object) -> bool:
    """Say whether something is a full http(s) address that a request may hold."""
    if not isinstance(value, str) or len(value) > 4096 or _SPACE.search(value):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host(parts.netloc))


def _depth(value: Any) -> int:
    """Return how many levels a value has, counting no further than one beyond what is allowed."""
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        inner: list[Any] = []
        for item in level:
            inner += item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
        level, depth = inner, depth + 1
    return depth


def _kind(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "of an unknown kind")
