"""The source `standard_webhooks`: whoever signs as Standard Webhooks or Svix do (Beehiiv, tools that write blogs, ...).

Body: `{"type": "post.published", "timestamp", "data": {...}}`; the fields of `data` are recognised under the names that
people give them. The three headers are `webhook-*` or `svix-*`; the id of a message stays the same when it is repeated.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read 2026-11.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from bridge.core.hook_rules import HookRules, Words
from bridge.core.model import Intent, Item
from bridge.sources._kind import Kind, Payload, standard_signature, text_at
from bridge.sources._named import Paths, make_item, name_fields, unflatten, with_paths
from bridge.sources._words import as_text, is_withdrawn, meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardConfig(HookRules):
    """One sender: `sources: {NAME: {kind: standard_webhooks, secret: {env: ...}}}`."""

    types: Annotated[
        Words,
        Field(description="Types that publish, * for any part: [post.published]. Left out: those that say published."),
    ] = ()
    fields: Annotated[
        Paths, Field(description="Where the sender has what: {title: data.post.title, url: data.post.web_url}.")
    ] = field(default_factory=dict)


def _read(payload: Payload, config: StandardConfig) -> Iterable[Item]:
    body, word = payload.object(), payload.text("type")
    data = unflatten(payload.object("data") or body)
    named = with_paths(name_fields(data), body, payload.raw, config.fields)
    intent = _intent(word, config)
    if (intent is Intent.UPDATE or not word) and is_withdrawn(as_text(named.values.get("status"))):
        intent = Intent.UNPUBLISH
    item = make_item(named, intent=intent, raw=body, now=payload.raw.received_at)
    key = payload.header("webhook-id") or payload.header("svix-id") or None
    known = item.object_id or text_at(data, "id") or None
    return (replace(item, event=word, key=key, object_id=known if word else item.object_id),)


def _intent(word: str, config: StandardConfig) -> Intent:
    """Return what a type means; one that says nothing of publishing is ignored, none at all is looked at."""
    if any(fnmatchcase(word, pattern) for pattern in config.types):
        return Intent.PUBLISH
    meant = meaning(word) or Intent.IGNORE
    if config.types and meant is Intent.PUBLISH:
        return Intent.IGNORE
    return meant if word else Intent.PUBLISH


KIND = Kind(
    name="standard_webhooks",
    title="Standard Webhooks",
    read=_read,
    config_type=StandardConfig,
    signatures=(standard_signature(), standard_signature("svix")),
)
