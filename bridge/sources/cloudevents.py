"""The source `cloudevents`: CloudEvents 1.0 over HTTP, in each of the three modes.

Binary: the attributes are headers `ce-id`, `ce-source`, `ce-type`, `ce-specversion` with percent-encoded values, the
body is the data. Structured: `application/cloudevents+json` with `data` or `data_base64`. Batch: a list of those, as
`application/cloudevents-batch+json`. (`source`, `id`) tells repetitions. The secret is a bearer token or the query
parameter `access_token`; OPTIONS asks whether we want events.
Source: https://github.com/cloudevents/spec, cloudevents/bindings/http-protocol-binding.md, formats/json-format.md and
http-webhook.md of v1.0.2, read 2026-11. (The SDK reads no batch, which is why it is not used here.)
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import Field

from bridge.core.errors import Problem
from bridge.core.hook_rules import HookRules, Words
from bridge.core.model import Intent, Item, Json, RawRequest
from bridge.core.signing import Check
from bridge.core.verifying import Place, Shared, check
from bridge.ports import Parsed, Reply
from bridge.sources._body import read_json, read_type
from bridge.sources._kind import Kind, Payload, at_most, text_at
from bridge.sources._named import Paths, make_item, name_fields, unflatten, with_paths
from bridge.sources._words import as_text, is_withdrawn, meaning

_REQUIRED = ("id", "source", "type", "specversion")
_PREFIX = "ce-"
_STRUCTURED = "application/cloudevents"
_BATCH = "application/cloudevents-batch"
_VERSION = re.compile(r"\.v\d+$")
_ORIGIN = re.compile(r"[A-Za-z0-9.:/*_-]{1,255}")
_RATE = re.compile(r"[1-9][0-9]{0,8}")
_QUERY = Shared(place=Place.QUERY, name="access_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEventsConfig(HookRules):
    """One sender: `sources: {NAME: {kind: cloudevents, secret: {env: ...}}}`."""

    types: Annotated[
        Words,
        Field(description="Types that publish, * for any part: [com.example.post.published]. Left out: every type "
              "whose last word does not say something else, such as deleted."),
    ] = ()  # fmt: skip
    fields: Annotated[
        Paths, Field(description="Where an event has what: {title: data.post.title, object_id: subject}.")
    ] = field(default_factory=dict)


def _events(raw: RawRequest) -> list[Json]:
    """Return the events of a request, each as in the JSON format.

    Raises:
        Problem: 400 or 415, saying what would be right.
    """
    kind = read_type(raw)[0] if raw.header("content-type") else ""
    if kind.startswith(_STRUCTURED):
        if not kind.endswith("+json"):
            raise Problem(415, "unsupported_media_type", f"{kind[:80]} is not understood. Send JSON.")
        return _structured(raw, batch=kind.startswith(_BATCH))
    if raw.header("ce-specversion") is None and raw.header("ce-id") is None:
        detail = f"There is no CloudEvent in it: send the headers ce-id, ce-source, ..., or {_STRUCTURED}+json."
        raise Problem(400, "invalid_event", detail)
    return [_checked(_binary(raw, kind), "The event")]


def _structured(raw: RawRequest, *, batch: bool) -> list[Json]:
    body = read_json(raw.body)
    if isinstance(body, list) is not batch:
        detail = f"The body is {'not ' if batch else ''}a list. A list goes as {_BATCH}+json."
        raise Problem(400, "invalid_event", detail)
    events = at_most(body) if batch else [body]
    return [_checked(event, f"Event {place}") for place, event in enumerate(events)]


def _binary(raw: RawRequest, kind: str) -> Json:
    event: dict[str, Any] = {}
    for name, value in raw.headers:
        if name.startswith(_PREFIX):
            # A quoted value is legal; a server reads what is not ASCII as Latin-1.
            plain = value.strip().removeprefix('"').removesuffix('"') if value.startswith('"') else value.strip()
            event.setdefault(name.removeprefix(_PREFIX), unquote(plain))
    event["datacontenttype"] = kind
    event["data"] = read_json(raw.body) if _is_json(kind) and raw.body.lstrip()[:1] in (b"{", b"[") else None
    return event


def _is_json(kind: str) -> bool:
    return kind in ("", "application/json", "text/json") or kind.endswith("+json")


def _checked(event: Any, what: str) -> Json:
    if not isinstance(event, Mapping):
        raise Problem(400, "invalid_event", f"{what} is not an object.")
    for name in _REQUIRED:
        if not isinstance(event.get(name), str) or not event[name].strip():
            raise Problem(400, "invalid_event", f"{what} has no {name}, which each CloudEvent needs, as text.")
    if not event["specversion"].startswith("1."):
        raise Problem(400, "invalid_event", f"{what} is of version {event['specversion'][:20]!r}. Send 1.0.")
    return event


def _read(payload: Payload, config: CloudEventsConfig) -> Parsed:
    items = tuple(_item(event, payload, config) for event in payload.data)
    return Parsed(items, reply=None if items else Reply(204, b""))


def _item(event: Json, payload: Payload, config: CloudEventsConfig) -> Item:
    data = _data(event)
    whole = {**event, "data": data}
    named = with_paths(name_fields(unflatten(data)), whole, payload.raw, config.fields)
    word = text_at(event, "type")
    intent = _intent(word, as_text(named.values.get("status")), config)
    item = make_item(named, intent=intent, raw=whole, now=payload.raw.received_at)
    return replace(item, event=word, key=_key(event))


def _key(event: Json) -> str:
    """Join source and id, either of which may hold any character, so that no other pair makes the same."""
    source = event["source"].replace("%", "%25").replace("#", "%23")
    return f"{source}#{event['id']}"


def _data(event: Json) -> Json:
    """Return the data where it is a JSON object, and an empty one where it is anything else."""
    data = event.get("data")
    if isinstance(event.get("data_base64"), str) and _is_json(text_at(event, "datacontenttype").partition(";")[0]):
        try:
            data = read_json(base64.b64decode(event["data_base64"], validate=True))
        except (ValueError, Problem):
            return {}
    return data if isinstance(data, Mapping) else {}


def _intent(word: str, status: str, config: CloudEventsConfig) -> Intent:
    if any(fnmatchcase(word, pattern) for pattern in config.types):
        return Intent.PUBLISH
    meant = meaning(_VERSION.sub("", word))
    if config.types and meant in (None, Intent.PUBLISH):
        return Intent.IGNORE
    if meant in (None, Intent.UPDATE) and is_withdrawn(status):
        return Intent.UNPUBLISH
    return meant or Intent.PUBLISH


def _by_query(raw: RawRequest, config: CloudEventsConfig) -> bool | None:
    """Check the token in the address, which a receiver must take as well; without one the header decides."""
    if config.auth or raw.header("authorization") or "access_token=" not in raw.query:
        return None
    return check(_QUERY, [secret.strip() for secret in config.secret or ()], raw) is Check.GENUINE


def _agree(raw: RawRequest, config: CloudEventsConfig) -> Reply | None:
    """Tell who asks that we want its events, as often as it likes; each one is checked when it comes."""
    origin, rate = raw.header("webhook-request-origin"), raw.header("webhook-request-rate")
    if raw.method != "OPTIONS" or not origin:
        return None
    headers = [("WebHook-Allowed-Origin", origin if _ORIGIN.fullmatch(origin) else "*"), ("Allow", "POST, PUT")]
    if rate:
        headers.append(("WebHook-Allowed-Rate", rate if _RATE.fullmatch(rate) else "*"))
    return Reply(200, b"", headers=tuple(headers))


KIND = Kind(
    name="cloudevents",
    title="CloudEvents",
    read=_read,
    config_type=CloudEventsConfig,
    body=_events,
    reply=Reply(202),
    verify=_by_query,
    probe=_agree,
)
