"""The source `notion`: webhooks that name a page, which is then fetched with the connection's token.

Body: `{"id", "timestamp", "type": "page.created", "entity": {"id", "type": "page"}, "attempt_number": 1, "data", ...}`.
`X-Notion-Signature: sha256=HEX` is the HMAC-SHA256 of the body with the subscription's `verification_token`, which
comes once and unsigned: `{"verification_token": "secret_..."}`. An event is sent up to 8 times; its id stays.
Source: https://developers.notion.com/reference/webhooks, .../webhooks-events-delivery, .../page and .../block, read
2026-11.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated, Any
from urllib.parse import quote

import orjson
from pydantic import Field

from bridge.core.hook_rules import SIGNATURE, HookRules, Words
from bridge.core.lookups import read_answer
from bridge.core.model import Intent, Item, Json, RawRequest
from bridge.core.paths import dig
from bridge.core.trees import lines, mappings
from bridge.core.verifying import Signature
from bridge.ports import Call
from bridge.sources._kind import Kind, Payload, text_at

VERSION = "2026-03-11"
"""The version of the API that answers are read by."""

_API = "https://api.notion.com"
_HEADER = "x-notion-signature"
_LARGEST_HANDSHAKE, _LONGEST_TOKEN = 4096, 200
_JSON = re.compile(r"application/json(; ?charset=utf-8)?", re.IGNORECASE)
_TOKEN = "verification_token"
_FETCHED = frozenset({"page.created", "page.properties_updated", "page.content_updated", "page.undeleted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """Which property of a page is what, by its name."""

    title: Annotated[str, Field(description="Its title; empty: the one that every page has.")] = ""
    url: Annotated[str, Field(description="Where it can be read; without it, the page's public address.")] = "URL"
    tags: Annotated[str, Field(description="Its tags.")] = "Tags"
    excerpt: Annotated[str, Field(description="A short text.")] = "Excerpt"
    status: Annotated[str, Field(description="Where it stands; see published.")] = "Status"
    image: Annotated[str, Field(description="Its image; without it, the cover, else the first in the text.")] = "Image"
    date: Annotated[str, Field(description="When it is to go out; empty: at once.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotionRules(HookRules):
    """One subscription: `sources: {NAME: {kind: notion, secret: {env: ...}, token: {env: ...}}}`.

    Without a `secret` only the handshake that brings it is taken.
    """

    token: Annotated[
        str | None, Field(description="The connection's secret, to fetch pages that are shared with it.")
    ] = field(default=None, repr=False)
    properties: Annotated[Properties, Field(description="Which property of a page is what.")] = field(
        default_factory=Properties
    )
    published: Annotated[
        Words, Field(description="Words of the status that mean published, in any case; a checkbox says true.")
    ] = ("Published", "Live")
    api: Annotated[
        str | None, Field(pattern=r"^https?://[^?#]+$", description="Address of the API if it is not Notion's.")
    ] = None


def _verify(raw: RawRequest, rules: NotionRules) -> bool | None:
    """Let the handshake in while there is no secret, or when it brings the one there is."""
    if raw.header(_HEADER) is not None or rules.auth not in (None, SIGNATURE):
        return None
    is_json = _JSON.fullmatch(raw.header("content-type") or "")
    token = _handshake(raw.body) if is_json else ""
    if not token or not rules.secret:
        return bool(token) or None
    return any(compare_digest(token.encode(), secret.strip().encode()) for secret in rules.secret)


def _handshake(body: bytes) -> str:
    """Return the token that a handshake brings and nothing else, or an empty string: it may come from anybody."""
    if len(body) > _LARGEST_HANDSHAKE:
        return ""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    token = data[_TOKEN] if isinstance(data, dict) and data.keys() == {_TOKEN} else None
    return token.strip() if isinstance(token, str) and len(token) <= _LONGEST_TOKEN else ""


def _read(payload: Payload, rules: NotionRules) -> Iterable[Item]:
    """Read which page changed; whether it is published is for the fetch to say."""
    if _TOKEN in payload.data:
        # One event for a token, however often it comes.
        key = "token:" + sha256(payload.text(_TOKEN).encode(errors="replace")).hexdigest()
        yield Item(intent=Intent.HANDSHAKE, event="verification", key=key, note=_what_to_do(rules))
        return
    word, page = payload.text("type"), payload.text("entity.id")
    fetched = word in _FETCHED and bool(page)
    deleted = word == "page.deleted" and bool(page)
    at, data = payload.text("timestamp"), payload.data
    yield Item(
        intent=Intent.NEEDS_FETCH if fetched else Intent.DELETE if deleted else Intent.IGNORE,
        event=word,
        key=payload.text("id") or None,
        object_id=page or None,
        # What is fetched is of this revision; the event that only names it is of none.
        revision=at or None if deleted else None,
        raw=data if isinstance(data, Mapping) else {},
        wanted={"id": page, "at": at, "event": word} if fetched else None,
        note="Set a token, so that the page is fetched." if fetched and not rules.token else "",
    )


def _what_to_do(rules: NotionRules) -> str:
    if rules.secret:
        return "This is the secret that is configured. Enter it in Notion, if it still asks for it."
    return (
        "GET /v1/events/{id} with an admin token shows this event's body. Anybody may send one: if you have just asked "
        "Notion for it, make its verification_token the source's secret, restart, and enter it in Notion, which takes "
        "no other."
    )


def _lookup(wanted: Json, answers: Sequence[bytes], rules: NotionRules) -> Call | Item:
    """Ask for the page and, when it is published, for the first 100 blocks of its text."""
    api, page_id = (rules.api or _API).rstrip("/"), quote(str(wanted.get("id")), safe="")
    headers = {"Authorization": f"Bearer {(rules.token or '').strip()}", "Notion-Version": VERSION}
    if not answers:
        return Call(f"{api}/v1/pages/{page_id}", headers=headers)
    page = read_answer(answers[0])
    if (item := _withheld(wanted, page, rules)) is not None:
        return item
    if len(answers) == 1:
        return Call(f"{api}/v1/blocks/{page_id}/children?page_size=100", headers=headers)
    return _published(wanted, page, read_answer(answers[1]).get("results"), rules)


def _withheld(wanted: Json, page: Mapping[str, Any], rules: NotionRules) -> Item | None:
    """Return the item of a page that is not published."""
    name, status = rules.properties.status, _value(page, rules.properties.status)
    if page.get("in_trash") or page.get("archived"):
        return _item(wanted, page, Intent.DELETE, note="The page is in the trash.")
    if name and name not in _properties(page):
        note = f"The page has no property {name!r:.60}: say in `properties.status` which one tells where it stands."
        return _item(wanted, page, Intent.IGNORE, note=note)
    if name and status.casefold() not in {word.casefold() for word in rules.published}:
        # Also what was taken back: a post of it that has not gone out must not.
        return _item(wanted, page, Intent.UNPUBLISH, status=status, note=f"The page is not published: {status!r:.60}.")
    return None


def _published(wanted: Json, page: Mapping[str, Any], blocks: Any, rules: NotionRules) -> Item:
    names = rules.properties
    date = _value(page, names.date)
    inside = (_file(one["image"]) for one in mappings(blocks) if "image" in one)
    images = [*_files(page, names.image), _file(page.get("cover")), *inside]
    return _item(
        wanted,
        page,
        Intent.SCHEDULE if date else Intent.PUBLISH,
        title=_value(page, names.title) or _title(page),
        body=lines(map(_block_text, blocks if isinstance(blocks, list) else ())),
        excerpt=_value(page, names.excerpt),
        url=_value(page, names.url) or text_at(page, "public_url"),
        images=tuple(dict.fromkeys(image for image in images if image)),
        tags=tuple(_values(page, names.tags)),
        scheduled_at=date,
        status=_value(page, names.status),
    )


def _item(wanted: Json, page: Mapping[str, Any], intent: Intent, **fields: Any) -> Item:
    """Return an item of a page. It is told apart by the time of its event: the page's own time knows whole minutes."""
    at = str(wanted.get("at") or "") or text_at(page, "last_edited_time")
    page_id, word = str(wanted.get("id")), str(wanted.get("event") or "")
    return Item(intent=intent, event=word, object_id=page_id, revision=at or None, raw=dict(page), **fields)


def _value(page: Mapping[str, Any], name: str) -> str:
    return ", ".join(_values(page, name))


def _properties(page: Mapping[str, Any]) -> Mapping[str, Any]:
    found = page.get("properties")
    return found if isinstance(found, Mapping) else {}


def _values(page: Mapping[str, Any], name: str) -> list[str]:
    """Return the texts of a property, whatever its type."""
    return _texts(_properties(page).get(name)) if name else []


def _texts(found: Any) -> list[str]:
    """Return the texts of `{"type": T, T: ...}`: rich text joined, options by their name, a date by its start."""
    value = _typed(found)
    # A formula says of what type its result is.
    value = _typed(value) if isinstance(value, Mapping) and "type" in value else value
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, (str, int, float)):
        return [str(value)]
    if not isinstance(value, list):
        return [text for text in [text_at(value, "name", "start")] if text]
    if any(isinstance(one, Mapping) and "plain_text" in one for one in value):
        return [_plain(value)]
    return [text for one in value if (text := _file(one) or text_at(one, "name"))]


def _typed(found: Any) -> Any:
    return found.get(str(found.get("type"))) if isinstance(found, Mapping) else None


def _plain(rich: Sequence[Any]) -> str:
    """Return rich text (`[{"plain_text": "..."}]`) as plain text."""
    return "".join(str(one["plain_text"]) for one in rich if isinstance(one, Mapping) and "plain_text" in one)


def _title(page: Mapping[str, Any]) -> str:
    found = (one for one in _properties(page).values() if isinstance(one, Mapping) and one.get("type") == "title")
    return next((" ".join(_texts(one)) for one in found), "")


def _block_text(block: Any) -> str:
    """Return the text of a block: `{"type": "paragraph", "paragraph": {"rich_text": [...]}}`."""
    rich = dig(block, f"{text_at(block, 'type')}.rich_text")
    return _plain(rich) if isinstance(rich, list) else ""


def _files(page: Mapping[str, Any], name: str) -> Iterator[str]:
    return (value for value in _values(page, name) if value.startswith(("https://", "http://")))


def _file(found: Any) -> str:
    """Return the address of a file: one of its own (`external`), or one that is signed for an hour (`file`)."""
    return text_at(found, "external.url", "file.url")


KIND = Kind(
    name="notion",
    title="Notion",
    read=_read,
    config_type=NotionRules,
    signatures=(Signature(header=_HEADER, prefix="sha256="),),
    verify=_verify,
    lookup=_lookup,
    fetches=lambda rules: bool(rules.token),
    secretless=True,
)
