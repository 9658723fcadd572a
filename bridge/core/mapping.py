"""From what a sender says of a thing (`Item`) to a publish request: texts, media, accounts and time, as configured.

The sender's own fields of a publish request go before whatever is made here. Nothing fails: what cannot be used is left
out with a warning, or stands in the fields for `parse_request` to refuse.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin, urlsplit

from bridge.core import texts
from bridge.core.hook_rules import HookRules
from bridge.core.model import Intent, Item, Json
from bridge.core.paths import dig
from bridge.core.request import MOST_EXCERPT, MOST_TITLE, VIDEO, is_url
from bridge.core.templates import holds, render
from bridge.core.times import loosely, parse_when

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "title": "the title, one line of plain text",
        "url": "the full address of the page",
        "excerpt": "the summary, as plain text",
        "tags": "a list of tags and categories",
        "body": "the text, as plain text with its paragraphs",
        "html": "the text as it was sent: HTML, Markdown or plain",
        "image": "the address of the first image",
        "images": "a list of the addresses of all images",
        "caption": "the caption that the sender gave itself",
        "status": "where the thing stands, in the sender's word",
        "previous": "where it stood before",
        "event": "what the sender calls what happened",
        "intent": "what it comes to: publish, schedule, update",
        "published_at": "when it was published, as it was sent",
        "scheduled_at": "when it is to be published, as it was sent",
        "object_id": "the sender's id of the thing",
        "raw": "all that was sent, such as `raw.post.current.custom_excerpt`",
    }
)
"""What conditions and caption templates see of a thing -> what it is. Templates see `platform` besides."""

MOST_IMAGES = 35
MOST_BODY = 100_000
"""How many characters of a text are read into plain text: more than any caption has room for."""
_LONGEST_SHOWN = 80
_PROSE: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"title": texts.line, "excerpt": texts.plain, "url": texts.address, "tags": texts.line}
)
"""Fields that come out of a page even where a sender has our names for them, so that they may hold entities."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of an item: `fields` of a publish request, and the `context` that its templates see besides.

    `derived` are the fields that the sender did not name itself: a configuration's own go before them.
    `skipped` says why nothing is to be published of it, such as a condition that does not hold.
    """

    fields: Json
    context: Json
    skipped: str = ""
    warnings: tuple[Json, ...] = ()
    derived: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Notes:
    """What is warned of, each once."""

    warnings: list[Json] = field(default_factory=list)

    def add(self, name: str, code: str, message: str) -> None:
        warning = {"field": name, "code": code, "message": message}
        if warning not in self.warnings:
            self.warnings.append(warning)


def map_item(item: Item, rules: HookRules, now: datetime) -> Mapped:
    """Make the fields of a publish request from an item; `now` is when it was received."""
    notes = _Notes()
    own = _own(item)
    context = _context(item, own, rules, notes)
    if "url" in own and context["url"]:
        own["url"] = context["url"]
    if rules.feed and not item.listed and not context["url"]:
        notes.add("url", "NO_ADDRESS", "the feed cannot tell that it is the same: set `link`")
    skipped = _condition(rules, context)
    made = {name: context[name] for name in ("title", "url", "excerpt", "tags")}
    made["title"], made["excerpt"] = made["title"][:MOST_TITLE], made["excerpt"][:MOST_EXCERPT]
    if "accounts" not in own:
        made["accounts"], nowhere = _accounts(rules, context, notes)
        skipped = skipped or nowhere
    if "media" not in own:
        made["media"] = _media(item, rules, context, notes)
    if "scheduled_at" in own:
        own["scheduled_at"] = _iso(own["scheduled_at"])
    else:
        made["scheduled_at"], waits = _schedule(item, rules, now)
        skipped = skipped or waits
    fields = {name: value for name, value in made.items() if value} | own
    return Mapped(fields, context, skipped, tuple(notes.warnings), frozenset(fields.keys() - own.keys()))


def _own(item: Item) -> dict[str, Any]:
    """Return what the sender names as we do; captions stay to the letter, what comes out of a page becomes plain."""
    own = dict(item.own)
    for name, plain in _PROSE.items():
        value = own.get(name)
        if isinstance(value, str):
            own[name] = plain(value)
        elif isinstance(value, list):
            own[name] = [plain(one) if isinstance(one, str) else one for one in value]
    return {name: value for name, value in own.items() if value not in (None, "", [])}


def page_of(item: Item, rules: HookRules) -> str:
    """Return the address of the page of an item, "" when it is not known."""
    if rules.link is None or item.listed:
        return _text(_own(item).get("url")) or _full(item.url, "url", rules, _Notes())
    return str(_context(item, _own(item), rules, _Notes())["url"])


def _context(item: Item, own: Json, rules: HookRules, notes: _Notes) -> dict[str, Any]:
    """Return everything that conditions and templates see, by the names of `NAMES`."""
    images = _all_full(item.images, rules, _Notes())
    tags = [text for tag in item.tags if (text := texts.line(tag))]
    context = {
        "title": _text(own.get("title")) or texts.line(item.title),
        "url": _text(own.get("url")) or _full(item.url, "url", rules, notes),
        "excerpt": _text(own.get("excerpt")) or texts.plain(item.excerpt),
        "tags": _words(own.get("tags")) or list(dict.fromkeys(tags)),
        "body": texts.plain(item.body[:MOST_BODY]),
        "html": item.body,
        "image": images[0] if images else "",
        "images": images,
        "caption": _text(own.get("caption")) or _text(own.get("text")),
        "status": item.status,
        "previous": item.previous,
        "event": item.event,
        "intent": str(item.intent),
        "published_at": item.published_at,
        "scheduled_at": _text(own.get("scheduled_at")) or item.scheduled_at,
        "object_id": item.object_id or "",
        "raw": item.raw,
    }
    if rules.link is not None and not item.listed:
        context["url"] = _linked(rules.link, context, rules, notes) or context["url"]
    return context


def _linked(link: str, context: Json, rules: HookRules, notes: _Notes) -> str:
    """Return the address that the configuration makes of an item; none where a part of it is missing."""
    made, problem = render(link, context, whole=True)
    if problem:
        notes.add("url", "LINK", f"`link` gives no address: {problem}")
    return _full(made, "url", rules, notes)


def _condition(rules: HookRules, context: Json) -> str:
    """Return the first condition that does not hold, in words; "" when all do."""
    for place, condition in enumerate(rules.when):
        held, problem = holds(condition, context)
        if not held:
            why = f" ({problem[:80]})" if problem else ""
            return f"when[{place}] does not hold: {condition[:100]}{why}"
    return ""


def _text(value: object) -> str:
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def _words(value: object) -> list[str]:
    """Return words that were given as a list, as a comma-separated text, or as objects with an id or a name."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    items = value if isinstance(value, (list, tuple)) else [value]
    named = [
        next(filter(None, map(one.get, ("id", "name"))), None) if isinstance(one, Mapping) else one for one in items
    ]
    return [text.strip() for one in named if (text := _text(one)).strip()]


def _full(address: str, name: str, rules: HookRules, notes: _Notes) -> str:
    """Return an address as one that a request may hold, with `site` before a relative one; "" with a warning if not."""
    text = texts.address(address)
    if not text:
        return ""
    try:
        full = f"https:{text}" if text.startswith("//") else urljoin(f"{(rules.site or '').rstrip('/')}/", text)
        relative = not urlsplit(text).scheme
    except ValueError:
        full, relative = "", False
    if is_url(full):
        return full
    shown = repr(text.partition("?")[0][:_LONGEST_SHOWN])
    if relative and rules.site is None:
        told = f"{shown} is relative and left out: set `site` of the source to the address that it belongs to"
        notes.add(name, "RELATIVE", told)
    else:
        notes.add(name, "NOT_AN_ADDRESS", f"{shown} is not an http(s) address, and left out")
    return ""


def _all_full(addresses: Iterable[str], rules: HookRules, notes: _Notes) -> list[str]:
    found = (_full(one, "media", rules, notes) for one in addresses)
    return [one for one in dict.fromkeys(found) if one]


def _media(item: Item, rules: HookRules, context: Json, notes: _Notes) -> Json | None:
    """Return the media at the first path that leads to any; what a sender calls an image needs no telling ending."""
    for path in rules.media:
        is_image = path.partition(".")[0] in ("image", "images")
        if is_image:
            _all_full(item.images, rules, notes)
        urls = _all_full(_addresses(dig(context, path)), rules, notes)
        if urls and not is_image and _is_video(urls[0]):
            return {"type": "video", "url": urls[0]}
        if images := [url for url in urls if is_image or not _is_video(url)]:
            if len(images) > MOST_IMAGES:
                notes.add("media", "TOO_MANY", f"of {len(images)} images the first {MOST_IMAGES} are taken")
            return {"type": "slideshow", "urls": images[:MOST_IMAGES]}
    return None


def _addresses(value: object) -> Iterator[str]:
    """Yield the addresses in what a path leads to: texts, or objects with a url, src or href."""
    for one in value if isinstance(value, (list, tuple)) else [value]:
        place = next(filter(None, map(one.get, ("url", "src", "href"))), None) if isinstance(one, Mapping) else one
        if isinstance(place, str):
            yield place


def _is_video(url: str) -> bool:
    return urlsplit(url).path.rpartition(".")[2].lower() in VIDEO


def _accounts(rules: HookRules, context: Json, notes: _Notes) -> tuple[list[str], str]:
    """Return the accounts that a field or the tags name, and why there are to be none.

    No names leave it to the configuration's own; but a field that is there and empty says none, and so does a path
    that cannot lead to any.
    """
    path = rules.accounts_from or ""
    named = _words(dig(context, path)) if path else []
    if path and path.partition(".")[0] not in NAMES:
        notes.add("accounts", "UNKNOWN_PATH", f"accounts_from: {path[:_LONGEST_SHOWN]} begins with no known name")
        return [], f"accounts_from: {path[:_LONGEST_SHOWN]} begins with no known name; what was sent is under raw"
    if path and not named and _is_there(context, path):
        return [], f"accounts_from: {path[:_LONGEST_SHOWN]} is there and names no account"
    if not named:
        by_tag = {tag.strip().casefold(): words for tag, words in rules.accounts_by_tag.items()}
        named = [name for tag in context["tags"] for name in by_tag.get(tag.casefold(), ())]
        named = named or list(by_tag.get("*", ()))
    return list(dict.fromkeys(named)), ""


def _is_there(context: Json, path: str) -> bool:
    """Say whether a path leads to something, be it empty or null."""
    before, _, last = path.rpartition(".")
    holder = dig(context, before) if before else context
    return dig(context, path) is not None or (isinstance(holder, Mapping) and last in holder)


def _schedule(item: Item, rules: HookRules, now: datetime) -> tuple[str, str]:
    """Return when an item goes out ("" for at once), and why it does not yet."""
    planned = item.intent is Intent.SCHEDULE
    if planned and rules.schedule == "now":
        return "", "it is only scheduled: its publish event is waited for (schedule: now)"
    if planned and not item.scheduled_at:
        return "", "it is scheduled without a time: its publish event is waited for"
    if isinstance(rules.schedule, timedelta):
        return _delayed(item, rules.timezone, rules.schedule, now), ""
    keeps_time = planned or item.intent is Intent.UPDATE
    return str(_iso(item.scheduled_at)) if keeps_time and rules.schedule == "cms" else "", ""


def _delayed(item: Item, timezone: str | None, delay: timedelta, now: datetime) -> str:
    """Return a time after the sender's own; where that cannot be read, after `now`, or the text for its fault."""
    planned = item.intent is Intent.SCHEDULE
    text = item.scheduled_at if planned else item.published_at
    instant, _, _ = parse_when(str(_iso(text)), timezone)
    if instant is None and item.intent is not Intent.PUBLISH:
        return text if planned else ""
    try:
        at = (instant or now) + delay
    except OverflowError:
        return text
    return at.isoformat() if at > now else ""


def _iso(value: object) -> object:
    """Return a time in any form as ISO 8601; as it is when that cannot be told."""
    return loosely(_text(value)) or value
