"""The source `posteverywhere`: the vendor's webhooks, taken as hints to look at a post or an account now.

Body: `{"event", "event_id", "created_at", "organization_id", "data": {"post_id", "platform", ...}}`; `post.published`
comes once per destination. `X-PostEverywhere-Signature: sha256=HEX` is the HMAC-SHA256 of the raw body; the unix time
in `X-PostEverywhere-Timestamp` is not covered by it, so a replay is told by `event_id` alone.
Source: https://developers.posteverywhere.ai/webhooks, and the vendor's n8n and Python clients, read 2026-11.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from bridge.core.model import Intent, Item, RawRequest
from bridge.core.rules import Secrets
from bridge.core.verifying import Signature, Stamp
from bridge.ports import Hint, Parsed
from bridge.sources._body import read_object
from bridge.sources._kind import Kind, Payload

_POST_IDS = ("post_id", "post_group_id")
_ACCOUNT_IDS = ("account_id", "social_account_id")
_LONGEST_ID = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class PostEverywhereHooks:
    """One webhook subscription: `sources: {NAME: {kind: posteverywhere, secret: {env: ...}, partner: KEY}}`."""

    secret: Annotated[
        Secrets,
        Field(description="The subscription's secret, which is shown once; several while it is being replaced."),
    ] = field(repr=False)
    partner: Annotated[str, Field(description="Name under partners of the key whose posts and accounts are told of.")]


def _read(payload: Payload, config: PostEverywhereHooks) -> Parsed:
    """Read which post and account an event is about; a word that we do not know is a hint like any other."""
    body = payload.data
    word, data = str(body.get("event") or body.get("type") or ""), body.get("data")
    key = _text(body.get("event_id"))
    if word.rpartition(".")[2] in ("test", "ping"):
        return Parsed((Item(intent=Intent.TEST, event=word, key=key),))
    facts = data if isinstance(data, Mapping) else {}
    posts, accounts = _ids(facts, _POST_IDS), _ids(facts, _ACCOUNT_IDS)
    bare = _ids(facts, ("id",))
    if word.startswith("post."):
        posts = posts or bare
    elif word.startswith("account."):
        accounts = accounts or bare
    object_id = next(iter((*posts, *accounts)), None)
    item = Item(intent=Intent.HINT, event=word, key=key, object_id=object_id)
    return Parsed((item,), hint=Hint(config.partner, posts, accounts))


def _object(raw: RawRequest) -> Mapping[str, Any]:
    return read_object(raw.body)


KIND = Kind(
    name="posteverywhere",
    title="PostEverywhere",
    read=_read,
    config_type=PostEverywhereHooks,
    body=_object,
    # The whole secret is the key, `whsec_` included: it is not a Standard Webhooks one.
    signatures=(
        Signature(
            header="x-posteverywhere-signature",
            prefix="sha256=",
            stamp=Stamp(header="x-posteverywhere-timestamp", required=False),
        ),
    ),
)


def _ids(facts: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first id there is, as text: the vendor has written ids as numbers and as text."""
    return next(((found,) for name in names if (found := _text(facts.get(name)))), ())


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= _LONGEST_ID else None
