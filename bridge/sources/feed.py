"""RSS, Atom and JSON feeds: what `feed:` of any source points at, and documents that a WebSub hub posts.

Sources, read 2026-11: https://www.jsonfeed.org/version/1.1/, https://www.rssboard.org/rss-specification,
https://www.w3.org/TR/websub/, https://feedparser.readthedocs.io/en/latest/.
"""

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from typing import Annotated, Any
from urllib.parse import parse_qsl, urljoin

import orjson
from pydantic import Field

from bridge.core import verifying
from bridge.core.errors import Problem
from bridge.core.hook_rules import SIGNATURE, HookRules
from bridge.core.model import Intent, Item, Json, RawRequest
from bridge.core.signing import Algorithm, Check
from bridge.core.sweeping import Document, is_too_old, oldest_first, when
from bridge.core.verifying import Signature
from bridge.ports import Reply
from bridge.sources._body import LONGEST_TYPE, read_type
from bridge.sources._kind import Kind, Payload, text_at

MOST_ENTRIES = 200
"""How many entries of one document are looked at: the newest."""

_LONGEST_ID = 255
_MOST_PARAMETERS = 20
_LATEST = datetime.max.replace(tzinfo=UTC)
_ELEMENT = re.compile(rb"<\w")
_DECLARED = re.compile(rb"<!(?=ENTITY|ATTLIST)")
"""What expands: an entity wherever it is named, an attribute's usual value in each element without it."""
_IMAGE = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".heic")
_TAKEN = frozenset({"application/json", "application/xml", "text/xml"})
_HUB = {one.value: Signature(header="x-hub-signature", prefix=f"{one}=", algorithm=one) for one in Algorithm}
"""What a hub signs with, by the name before the signature: there is one header for all."""

Entries = Iterable[Item | None]
"""None stands for an entry that cannot be told from others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRules(HookRules):
    """A feed that is read, and may be pushed as well."""

    feed: Annotated[str, Field(pattern=r"^https?://", description="Address of the RSS, Atom or JSON feed.")]


def parse(body: bytes, content_type: str = "", base: str = "") -> Document:
    """Read a feed, at most `MOST_ENTRIES` of its newest entries; relative addresses begin with `base`.

    A megabyte takes a fifth of a second, one that is malformed on purpose several: not for the event loop.

    Raises:
        Problem: 400 `invalid_feed`: it is none, or one that declares entities of its own.
    """
    text = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    found = list(_of_json(text) if text[:1] in (b"{", b"[") else _of_xml(body, content_type))
    items = [_based(item, base) for item in found if item is not None]
    return Document(_apart(_newest(items)), skipped=len(found) - len(items))


def _newest(found: Sequence[Item]) -> Sequence[Item]:
    """Most feeds begin with their newest entry, but not all; one without a date counts as new."""
    items = list({item.object_id: item for item in reversed(found)}.values())[::-1]
    if len(items) > MOST_ENTRIES:
        items = sorted(items, key=lambda item: when(item) or _LATEST, reverse=True)
    return items[:MOST_ENTRIES]


def _apart(items: Sequence[Item]) -> tuple[Item, ...]:
    """Take away a link that entries with ids of their own share, such as the front page: it would make them one."""
    count = Counter(item.url for item in items)
    return tuple(replace(item, url="") if count[item.url] > 1 else item for item in items)


def _based(item: Item, base: str) -> Item:
    if not base:
        return item
    return replace(item, url=_joined(base, item.url), images=tuple(_joined(base, one) for one in item.images))


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url) if url else ""
    except ValueError:
        return url


def _of_json(body: bytes) -> Entries:
    try:
        feed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _no_feed(f"it is not JSON: {error.msg} at offset {error.pos}") from None
    entries = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(entries, list):
        raise _no_feed("it is JSON, but has no list `items`")
    return (_json_item(entry) if isinstance(entry, dict) else None for entry in entries)


def _json_item(entry: Json) -> Item | None:
    body = text_at(entry, "content_html", "content_text")
    attached = [one for one in _dicts(entry.get("attachments")) if _is_image(one, "mime_type")]
    images = [text_at(entry, "image"), text_at(entry, "banner_image"), *(text_at(one, "url") for one in attached)]
    published, updated = text_at(entry, "date_published"), text_at(entry, "date_modified")
    tags = entry.get("tags")
    return _item(
        entry,
        identity=text_at(entry, "id"),
        url=text_at(entry, "url", "external_url"),
        title=text_at(entry, "title"),
        body=body,
        excerpt=text_at(entry, "summary"),
        images=images,
        tags=[tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
        times=(published, updated),
    )


def _of_xml(body: bytes, content_type: str) -> Entries:
    # Loaded only when there is a feed: it takes 46 ms and 13 modules.
    import feedparser  # type: ignore[import-untyped]  # It has no types.
    from feedparser.encodings import convert_to_utf8  # type: ignore[import-untyped]

    said = content_type if len(content_type) <= LONGEST_TYPE else ""
    text: bytes = convert_to_utf8({"content-type": said}, body, {})
    first = _ELEMENT.search(text)
    if _DECLARED.search(text, 0, first.start() if first else len(text)):
        raise _no_feed("it declares entities of its own, which may expand without end")
    # A comment can hide where the elements begin. What is not refused above is a text, or else no XML after this.
    plain = _DECLARED.sub(b"<! ", text)
    feed = feedparser.parse(io.BytesIO(plain), response_headers={"content-type": "application/xml; charset=utf-8"})
    if not feed.version and not feed.entries:
        raise _no_feed("it is neither RSS nor Atom nor a JSON feed")
    return (_xml_item(_plain(entry), _times(entry)) for entry in feed.entries)


def _times(entry: Any) -> tuple[str, str]:
    """Return when an entry was published and when it was changed.

    A plain dict's `get`: the entry's own would take the one for the other, with a warning.
    """
    published, updated = (
        _time(dict.get(entry, name), dict.get(entry, f"{name}_parsed")) for name in ("published", "updated")
    )
    return published, updated


def _time(written: Any, understood: Any) -> str:
    """Return a time in ISO 8601: as it was written, else as it was understood (in UTC)."""
    text = str(written or "").strip()
    try:
        if datetime.fromisoformat(text).tzinfo is not None:
            return text
    except ValueError:
        pass
    try:
        year, month, day, hour, minute, second = understood[:6]
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).isoformat()
    except (ValueError, TypeError):
        return ""


def _xml_item(entry: Json, times: tuple[str, str]) -> Item | None:
    summary = text_at(entry, "summary")
    contents = [text for one in _dicts(entry.get("content")) if (text := text_at(one, "value"))]
    body = max(contents, key=len, default=summary)
    # The parser repeats a content as the summary where there is none, and takes one that comes later for a content.
    others = [text for text in (summary, *contents) if text != body]
    enclosed = [one for one in _dicts(entry.get("links")) if one.get("rel") == "enclosure" and _is_image(one, "type")]
    media = [one for one in _dicts(entry.get("media_content")) if _is_image(one, "type")]
    images = [
        *(text_at(one, "href") for one in enclosed),
        *(text_at(one, "url") for one in (*media, *_dicts(entry.get("media_thumbnail")))),
        text_at(entry, "image.href"),
    ]
    return _item(
        entry,
        identity=text_at(entry, "id"),
        url=text_at(entry, "link"),
        title=text_at(entry, "title"),
        body=body,
        excerpt=next(iter(others), "" if contents else summary),
        images=images,
        tags=[text_at(tag, "term") for tag in _dicts(entry.get("tags"))],
        times=times,
    )


def _item(
    raw: Json,
    *,
    identity: str,
    url: str,
    title: str,
    body: str,
    excerpt: str,
    images: Iterable[str],
    tags: Iterable[str],
    times: tuple[str, str],
) -> Item | None:
    """Make the item of an entry; None when it has neither an id nor a link."""
    object_id = (identity or url).replace("\0", "")
    if not object_id:
        return None
    if len(object_id) > _LONGEST_ID:
        # As a hook's: both must come to the same.
        object_id = f"sha256:{sha256(object_id.encode(errors='replace')).hexdigest()}"
    published, updated = times
    pictures = tuple(dict.fromkeys(filter(None, images))) or _first_image(body)
    return Item(
        intent=Intent.PUBLISH,
        event="feed_item",
        object_id=object_id,
        revision=updated or None,
        title=title,
        body=body,
        excerpt=excerpt,
        url=url,
        images=pictures,
        tags=tuple(dict.fromkeys(filter(None, tags))),
        published_at=published or updated,
        raw=raw,
        listed=True,
    )


def _plain(value: Any) -> Any:
    """Return what the parser made as plain JSON; its times are there as text, too."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in dict.items(value) if not str(key).endswith("_parsed")}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _dicts(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _is_image(entry: Mapping[str, Any], kind: str) -> bool:
    """Say whether a file is an image: by its type, by `medium`, or, where neither is said, by its name."""
    said = text_at(entry, kind)
    if said or entry.get("medium"):
        return said.startswith("image/") or (not said and entry.get("medium") == "image")
    return text_at(entry, "href", "url").partition("?")[0].lower().endswith(_IMAGE)


class _Images(HTMLParser):
    """Finds the addresses of the images in a text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        source = dict(attrs).get("src") if tag == "img" else None
        if source and not source.startswith("data:"):
            self.found.append(source)


def _first_image(body: str) -> tuple[str, ...]:
    """Return the first image of a text, if any: the last resort of an entry that names none."""
    if "<img" not in body.lower():
        return ()
    reader = _Images()
    reader.feed(body)
    return tuple(reader.found[:1])


def _no_feed(why: str) -> Problem:
    return Problem(400, "invalid_feed", f"The feed cannot be read: {why}.")


def _pushed(raw: RawRequest) -> Document:
    """Read a document that was posted, as a hub does.

    Raises:
        Problem: 400 `invalid_feed`, 415.
    """
    said = raw.header("content-type") or "application/json"
    kind, _, _ = read_type(raw)
    if kind not in _TAKEN and not kind.endswith(("+xml", "+json")):
        wanted = "application/rss+xml, application/atom+xml or application/feed+json"
        raise Problem(415, "unsupported_media_type", f"{kind[:60]} is not understood. Send {wanted}.")
    return parse(raw.body, said)


def _read(payload: Payload, rules: FeedRules) -> Iterable[Item]:
    """Take a document of several entries without those that are history; one alone was sent because it is news."""
    items = oldest_first(payload.data.items)
    if len(items) == 1:
        return items
    now = payload.raw.received_at
    return [_as_history(item) if is_too_old(item, rules.max_age, now) else item for item in items]


def _as_history(item: Item) -> Item:
    return replace(item, intent=Intent.IGNORE, note="It is older than max_age, and came with newer entries.")


def _verify(raw: RawRequest, rules: FeedRules) -> bool | None:
    """Check what a hub signed, by the hash that it names; other ways to prove oneself are not for here."""
    scheme = _HUB.get((raw.header("x-hub-signature") or "").partition("=")[0])
    if scheme is None or (rules.auth or SIGNATURE) != SIGNATURE:
        return None
    secrets = tuple(secret.strip() for secret in rules.secret or ())
    return verifying.check(scheme, secrets, raw) is Check.GENUINE


def _probe(raw: RawRequest, rules: FeedRules) -> Reply | None:
    """Confirm to a hub that its messages about this feed are wanted; the answer tells nobody anything."""
    asked = dict(parse_qsl(raw.query)) if raw.method == "GET" and raw.query.count("&") < _MOST_PARAMETERS else {}
    wanted = asked.get("hub.mode") == "subscribe" and asked.get("hub.topic") == rules.feed and rules.secret
    challenge = asked.get("hub.challenge", "")
    return Reply(200, challenge.encode(), "text/plain") if wanted and challenge else None


KIND = Kind(
    name="feed",
    title="Feed (RSS, Atom, JSON)",
    slow=True,
    read=_read,
    config_type=FeedRules,
    signatures=(_HUB[Algorithm.SHA256.value],),
    body=_pushed,
    verify=_verify,
    probe=_probe,
    secretless=True,
)
