"""Reads what people and tools call the fields of a publish request: `Scheduled At`, `imageUrl`, `hashtags`, `a__b`.

What a field of `core.request` is called otherwise is in `ALIASES`; case, spaces, dashes and camel case do not matter.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator

from bridge.core.model import Intent, Item, Json, RawRequest
from bridge.core.paths import dig
from bridge.core.request import FIELDS
from bridge.core.times import loosely
from bridge.sources._words import as_text, each, first_of, flag, snake, status_of

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "caption": ("message",),
        "title": ("headline", "post_title"),
        "url": ("link", "permalink", "post_url", "canonical_url", "web_url"),
        "excerpt": ("description", "summary", "meta_description", "html_excerpt"),
        "body": ("content", "html", "body_html", "post_content"),
        "images": ("image", "image_url", "image_urls", "photo", "photos", "picture", "featured_image", "feature_image"),
        "media": ("media_url", "media_urls", "video", "video_url"),
        "tags": ("hashtags", "keywords", "labels"),
        "accounts": ("account",),
        "scheduled_at": ("schedule_at", "scheduled_for", "schedule", "scheduled_time", "publish_at", "post_at"),
        "date": ("publish_date", "datetime"),
        "published_at": ("published", "pub_date", "date_published", "published_on"),
        "timezone": ("time_zone", "tz"),
        "key": ("idempotency_key", "dedupe_key"),
        "event": ("event_type", "action", "intent"),
        "status": ("_status", "post_status"),
        "draft": ("is_draft",),
    }
)
"""Field -> its other names, the first that is there counts.

`body`, `images`, `published_at`, `event`, `status` and `key` are those of an item; `date` is `scheduled_at` when it is
to come, and `published_at` when it has passed; `published` may be a flag as well as a time.
"""

KNOWN = (*FIELDS, *(name for name in ALIASES if name not in FIELDS), "object_id", "revision", "dry_run")
"""What can be said of a thing, by its first name."""

_FIRST_NAMES = {other: name for name, others in ALIASES.items() for other in others} | {name: name for name in KNOWN}
_CMS_HAS = frozenset({"title", "url", "excerpt", "tags"})
_SEVERAL = frozenset({"images", "media", "tags", "accounts"})
_MOST_IMAGES = 35
_MOST_NAMED = 10
_LONGEST_NAME = 40
_LONGEST_NOTE = 240


def first_name(name: str) -> str | None:
    """Return the first name of the field that has this one, or None."""
    return _FIRST_NAMES.get(snake(name))


def unflatten(data: Mapping[str, Any]) -> dict[str, Any]:
    """Make objects of names such as `media__url`; a name whose first part is a field itself stays as it is."""
    whole = {name: value for name, value in data.items() if "__" not in name}
    found: dict[str, Any] = {}
    for name, value in data.items():
        if "__" in name:
            steps = name.split("__", 8)
            if all(steps) and steps[0] not in whole and _put(found, steps, value):
                continue
            whole[name] = value
    return whole | found


def _put(target: dict[str, Any], steps: Sequence[str], value: Any) -> bool:
    """Set a value at a path, unless something else is on its way or in its place."""
    for step in steps[:-1]:
        inner: Any = target.setdefault(step, {})
        if not isinstance(inner, dict):
            return False
        target = inner
    if steps[-1] in target:
        return False
    target[steps[-1]] = value
    return True


@dataclass(frozen=True, slots=True)
class Named:
    """The fields of a thing by their first names; `exact` are those it has under that name, `unknown` other names."""

    values: Json
    exact: frozenset[str]
    unknown: tuple[str, ...]


def name_fields(data: Mapping[str, Any]) -> Named:
    """Find the fields that are known. What is empty is absent; of several names of a field the first one counts."""
    there = {name: value for name, value in data.items() if value not in (None, "", [], {})}
    bare: dict[str, Any] = {}
    for name in sorted(there, key=lambda name: snake(name) != name):
        bare.setdefault(snake(name), there[name])
    values: dict[str, Any] = {}
    for name in KNOWN:
        for one in (name, *ALIASES.get(name, ())):
            if one in bare:
                values[name] = _single(name, bare[one])
                break
    if "text" in values and "caption" not in bare:
        values.pop("caption", None)
    return Named(values, frozenset(bare) & values.keys(), tuple(name for name in there if first_name(name) is None))


def _single(name: str, value: Any) -> Any:
    """Take a list of one for what is in it, where a field has one value: `title[]=Hello`, `{"title": ["Hello"]}`."""
    if name in _SEVERAL or not isinstance(value, list) or len(value) != 1 or isinstance(value[0], (list, Mapping)):
        return value
    return value[0]


def make_item(named: Named, *, intent: Intent, raw: Json, now: datetime) -> Item:
    """Return the item that these fields make; `now` tells a time to come from one that has passed.

    Fields of a publish request stay as they were sent, so that what is wrong with one is said of it. But of titles,
    excerpts, links and tags only those under our very names count as asked for; others were found on a page.
    """
    values = _timed(named.values, now)
    own = {
        name: value
        for name, value in values.items()
        if name in FIELDS and (name not in _CMS_HAS or name in named.exact)
    }
    images = _addresses(values.get("images"))
    if "media" in own:
        own["media"], found = _media(own["media"])
        images = images or found
    tags = _words(values.get("tags"))
    if tags and "tags" in own:
        own["tags"] = list(tags)
    url, when = as_text(values.get("url")), as_text(values.get("scheduled_at"))
    if url and not url.startswith(("http://", "https://")):
        own.pop("url", None)
    if intent is Intent.PUBLISH and when:
        intent = Intent.SCHEDULE
    return Item(
        intent=intent,
        event=as_text(values.get("event")),
        key=as_text(values.get("key")) or None,
        object_id=as_text(values.get("object_id")) or None,
        revision=as_text(values.get("revision")) or None,
        title=as_text(values.get("title")),
        body=as_text(values.get("body")),
        excerpt=as_text(values.get("excerpt")),
        url=url,
        images=images,
        tags=tags,
        scheduled_at=when,
        published_at="" if flag(values.get("published_at")) is not None else as_text(values.get("published_at")),
        status=status_of(values),
        own={name: value for name, value in own.items() if value is not None},
        raw=raw,
    )


def unknown_note(unknown: Sequence[str]) -> str:
    """Name the fields that were passed over, and what the first may have been meant for."""
    if not unknown:
        return ""
    named = ", ".join(name[:_LONGEST_NAME] for name in unknown[:_MOST_NAMED])
    near = get_close_matches(snake(unknown[0]), KNOWN, 1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return f"Passed over, but there for templates as raw.NAME: {named}.{meant}"[:_LONGEST_NOTE]


def _known(paths: Mapping[str, str]) -> Mapping[str, str]:
    if odd := [name for name in paths if first_name(name) is None]:
        raise ValueError(f"must name fields that there are, not {odd[0][:40]!r}; there are {', '.join(KNOWN)}")
    return {first_name(name) or name: path for name, path in paths.items()}


Paths = Annotated[Mapping[str, str], AfterValidator(_known)]
"""Our name of a field -> where the sender has it: a dotted path of the body, or `header:NAME`."""


def with_paths(named: Named, data: Any, raw: RawRequest, paths: Mapping[str, str]) -> Named:
    """Return the fields with those at configured paths over them: dotted ones of the body, or `header:NAME`."""
    found: dict[str, Any] = {}
    for name, path in paths.items():
        where, _, rest = path.partition(":")
        value = raw.header(rest.lower()) if where == "header" else dig(data, path)
        if value not in (None, "", [], {}):
            found[name] = _single(name, value)
    return Named({**named.values, **found}, named.exact - found.keys(), named.unknown)


def _timed(values: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """Take `date` for the time of publishing: one to come, or one that has passed."""
    if "date" not in values:
        return values
    when = _moment(as_text(values["date"]))
    name = "published_at" if when is not None and when <= now else "scheduled_at"
    return {name: values["date"], **values}


def _moment(text: str) -> datetime | None:
    written = loosely(text)
    if written is None:
        return None
    found = datetime.fromisoformat(written)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _opened(value: Any) -> Any:
    """Read JSON inside a text, as a form field may hold it."""
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _words(value: Any) -> tuple[str, ...]:
    """Return tags: a list of names or of objects with a name, or one text with commas or of hashtags."""
    value = _opened(value)
    if isinstance(value, str):
        value = value.split() if value.strip().startswith("#") and "," not in value else value.split(",")
    found = (as_text(first_of(one, "name", "title", "label")).lstrip("#").strip() for one in each(value))
    return tuple(dict.fromkeys(word for word in found if word))


def _addresses(value: Any) -> tuple[str, ...]:
    """Return addresses: one, several with commas, a list, or objects with a `url` or `src`, however deep."""
    value = _opened(value)
    if isinstance(value, str):
        parts = re.split(r",\s+|,(?=https?://)|\s+", value.strip())
        return tuple(part for part in parts if part and ("/" in part or "." in part))[:_MOST_IMAGES]
    found: list[str] = []
    for one in each(value):
        inner = first_of(one, "url", "src", "href", "content")
        found += _addresses(inner) if isinstance(inner, (str, dict)) else ()
    return tuple(found)[:_MOST_IMAGES]


def _media(value: Any) -> tuple[Any, tuple[str, ...]]:
    """Return media as a publish request takes it, or None and the images that an object without a type names."""
    value = _opened(value)
    if isinstance(value, str):
        several = _addresses(value)
        return (list(several) if len(several) > 1 else value), ()
    if isinstance(value, Mapping) and "type" not in value and (images := _addresses(value)):
        return None, images
    return value, ()
