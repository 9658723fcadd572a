"""The source `generic`: anything that can send a request: Zapier, Make, n8n, IFTTT, scripts, and CMSs without a kind.

The body is what `POST /v1/publish` takes, under the names that people give the fields (see `ALIASES`), as JSON or a
form; a list is several things. What a sender calls its fields and events otherwise, and how it signs, is configured.
Read 2026-11: https://help.zapier.com/hc/en-us/articles/8496326446989, https://zapier.com/help/webhooks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import Field

from bridge.core.errors import Problem
from bridge.core.hook_rules import HookRules, Words
from bridge.core.model import Intent, Item
from bridge.core.signing import Algorithm, Encoding
from bridge.core.texts import decoded
from bridge.core.units import Duration
from bridge.core.verifying import KeyForm, Signature, Stamp, Unit
from bridge.ports import Parsed, Reply
from bridge.sources._kind import Kind, Payload, at_most
from bridge.sources._named import Paths, make_item, name_fields, unflatten, unknown_note, with_paths
from bridge.sources._words import as_text, intent_of

_EMPTY = Reply(200, b"")
_CAPTIONS = frozenset({"caption", "captions", "text"})
_THIN = (
    "It only names a thing. Put a step in between (Zapier, Make, n8n, a script) that looks it up and sends its title, "
    "text and link."
)
_NOTHING = ("None", "null", "undefined")
_NAME = r"^[A-Za-z0-9-]+$"

Meant = Literal["publish", "schedule", "update", "unpublish", "delete", "test", "ignore", "needs_fetch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBy:
    """How a sender signs, where that is not one of the kinds' own ways."""

    header: Annotated[str, Field(pattern=_NAME, description="Header that holds the signature.")]
    template: Annotated[
        str,
        Field(
            pattern=r"\{body(_json)?\}",
            description="What is signed: {body}, {timestamp}, {id}, {method}, {path}, {url}, and what is between them.",
        ),
    ] = "{body}"
    algorithm: Annotated[Algorithm, Field(description="Hash of the HMAC.")] = Algorithm.SHA256
    encoding: Annotated[Encoding, Field(description="How the signature is written.")] = Encoding.HEX
    prefix: Annotated[str, Field(description="What stands before it, such as sha256=.")] = ""
    separator: Annotated[str, Field(description="What parts the items of the header; empty: there is one.")] = ""
    field: Annotated[str, Field(description="Name of the items that are signatures, such as v1 in t=1,v1=ab.")] = ""
    timestamp: Annotated[
        str | None, Field(description="Header of the time, or field:NAME for an item of the signature's own header.")
    ] = None
    unit: Annotated[Unit, Field(description="What the time counts: s or ms.")] = Unit.SECONDS
    tolerance: Annotated[Duration | None, Field(description="How old it may be; null: any age.")] = timedelta(minutes=5)
    id_header: Annotated[str, Field(description="Header that {id} is read from.")] = ""
    key: Annotated[KeyForm, Field(description="What the secret is: text, base64, hex or whsec.")] = KeyForm.TEXT

    def __post_init__(self) -> None:
        for name, source, needed in (
            ("{timestamp}", "timestamp", self.timestamp),
            ("{id}", "id_header", self.id_header),
        ):
            if name in self.template and not needed:
                raise ValueError(f"must say where {name} of the template is: {source}")

    def scheme(self) -> Signature:
        """Return the scheme that this describes."""
        return Signature(
            header=self.header.lower(),
            template=self.template,
            algorithm=self.algorithm,
            encoding=self.encoding,
            prefix=self.prefix,
            separator=self.separator,
            field=self.field,
            stamp=self._stamp(),
            id_header=self.id_header.lower(),
            key=self.key,
        )

    def _stamp(self) -> Stamp | None:
        if self.timestamp is None:
            return None
        where, _, name = self.timestamp.partition(":")
        if where == "field":
            return Stamp(field=name, unit=self.unit, tolerance=self.tolerance)
        return Stamp(header=self.timestamp.lower(), unit=self.unit, tolerance=self.tolerance)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericConfig(HookRules):
    """One sender: `sources: {NAME: {kind: generic, secret: {env: NAME_SECRET}}}`."""

    media: Annotated[
        Words, Field(description="Paths to media, the first that holds any: images, image, raw.photo. []: none.")
    ] = ("images",)
    signature: Annotated[
        SignedBy | None, Field(description="How the sender signs, for auth: signature, which is then usual.")
    ] = None
    fields: Annotated[
        Paths,
        Field(
            description="Where the sender has what: {title: post.title, image: post.cover.url, object_id: post.id, "
            "event: event, key: header:Idempotency-Key}."
        ),
    ] = field(default_factory=dict)
    intents: Annotated[
        Mapping[Meant, Words],
        Field(
            description="Words of the event (or, without one, of the status) for each intent, * for any part: "
            "{publish: [post.published], delete: [post.deleted]}. Other words are ignored then."
        ),
    ] = field(default_factory=dict)
    answer: Annotated[
        Literal["json", "empty"], Field(description="How the sender is answered: with JSON, or with an empty body.")
    ] = "json"


def _read(payload: Payload, config: GenericConfig) -> Parsed:
    """Read one thing, or a list of them."""
    things = at_most(payload.data) if isinstance(payload.data, list) else [payload.data]
    for place, thing in enumerate(things):
        if not isinstance(thing, Mapping):
            detail = f"Item {place} of the list is not an object. Send a list of objects, or one."
            raise Problem(400, "invalid_body", detail)
    items = tuple(_item(thing, payload, config) for thing in things)
    return Parsed(items, reply=_EMPTY if config.answer == "empty" else None)


def _item(thing: Mapping[str, Any], payload: Payload, config: GenericConfig) -> Item:
    data = unflatten(thing)
    named = with_paths(name_fields(_said(data)), data, payload.raw, config.fields)
    named = replace(named, values=_said(named.values))
    intent, note = _intent(named.values, config)
    item = make_item(named, intent=intent, raw=data, now=payload.raw.received_at)
    if intent is Intent.NEEDS_FETCH:
        return replace(item, note=_THIN)
    item = _with_caption(item, config)
    if note or config.fields:
        return replace(item, note=note)
    return replace(item, note=unknown_note(named.unknown))


def _with_caption(item: Item, config: GenericConfig) -> Item:
    """Take a plain text that comes alone for the caption, unless the configuration makes one."""
    text = item.body or item.excerpt
    if item.title or item.url or not text or "<" in text or item.own.keys() & _CAPTIONS:
        return item
    return item if config.caption or config.captions else replace(item, own={**item.own, "caption": decoded(text)})


def _said(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a tool writes where it has nothing."""
    return {name: value for name, value in data.items() if not (isinstance(value, str) and value.strip() in _NOTHING)}


def _intent(values: Mapping[str, Any], config: GenericConfig) -> tuple[Intent, str]:
    if not config.intents:
        return intent_of(values)
    word = as_text(values.get("event")) or as_text(values.get("status"))
    for intent, patterns in config.intents.items():
        if any(fnmatchcase(word.lower(), pattern.lower()) for pattern in patterns):
            return Intent(intent), ""
    return Intent.IGNORE, f"{word[:40]!r} is in none of its intents." if word else "It has no event and no status."


def _signed(config: GenericConfig) -> tuple[Signature, ...]:
    return (config.signature.scheme(),) if config.signature else ()


KIND = Kind(name="generic", title="Generic", read=_read, config_type=GenericConfig, signed=_signed)
