"""The source `posteverywhere`: the vendor's webhooks, taken as hints to look at a post or an account now.

Body: `{"event", "event_id", "created_at", "organization_id", "data": {"post_id", "platform", ...}}`; `post.published`
comes once per destination. `X-PostEverywhere-Signature: sha256=HEX` is the HMAC-SHA256 of the raw body; the unix time
in `X-PostEverywhere-Timestamp` is not covered by it, so a replay is told by `event_id` alone.
Source: https://developers.posteverywhere.ai/webhooks, and the vendor's n8n and Python clients, read 2026-11.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import Field

from bridge.core.model import Intent, RawRequest, Verified
from bridge.core.rules import Secrets
from bridge.core.signing import TOLERANCE, Check, Unverified, matches, moment
from bridge.ports import Hint, Parsed
from bridge.sources._body import read_object

_PREFIX = "sha256="
_POST_IDS = ("post_id", "post_group_id")
_ACCOUNT_IDS = ("account_id", "social_account_id")
_LONGEST_ID = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class PostEverywhereHooks:
    """One webhook subscription: `sources: {NAME: {kind: posteverywhere, secret: {env: ...}, partner: KEY}}`."""

    kind: ClassVar[str] = "posteverywhere"

    secret: Annotated[
        Secrets,
        Field(description="The subscription's secret, which is shown once; several while it is being replaced."),
    ] = field(repr=False)
    partner: Annotated[str, Field(description="Name under partners of the key whose posts and accounts are told of.")]


class PostEverywhere:
    """Takes the vendor's word that something has changed; what it is, the poll tells."""

    kind = PostEverywhereHooks.kind
    config_type = PostEverywhereHooks

    def __init__(self, name: str, config: PostEverywhereHooks) -> None:
        self._name, self._partner = name, config.partner
        # The whole secret is the key, `whsec_` included: it is not a Standard Webhooks one.
        self._keys = tuple(secret.strip().encode() for secret in config.secret)

    def verify(self, raw: RawRequest) -> Verified:
        """Check the signature over the raw bytes, then the sender's clock; a request without a time is let be.

        Raises:
            Unverified: unsigned, malformed, forged or more than 300 s off.
        """
        signature = raw.header("x-posteverywhere-signature")
        if not signature:
            raise Unverified(Check.UNSIGNED)
        if not signature.startswith(_PREFIX):
            raise Unverified(Check.MALFORMED)
        if not matches(self._keys, raw.body, [signature.removeprefix(_PREFIX)]):
            raise Unverified(Check.FORGED)
        if (timestamp := raw.header("x-posteverywhere-timestamp")) is not None:
            sent_at = moment(timestamp)
            if sent_at is None:
                raise Unverified(Check.MALFORMED)
            if abs(raw.received_at - sent_at) > TOLERANCE:
                raise Unverified(Check.STALE)
        return Verified(raw, self._name, f"source:{self._name}")

    def read(self, verified: Verified) -> Parsed:
        """Read which post and account an event is about; a word that we do not know is a hint like any other.

        Raises:
            Problem: 400 `invalid_json`.
        """
        body = read_object(verified.raw.body)
        word, data = str(body.get("event") or body.get("type") or ""), body.get("data")
        if word.rpartition(".")[2] in ("test", "ping"):
            return Parsed(Intent.TEST, key=_text(body.get("event_id")))
        facts = data if isinstance(data, Mapping) else {}
        posts, accounts = _ids(facts, _POST_IDS), _ids(facts, _ACCOUNT_IDS)
        bare = _ids(facts, ("id",))
        if word.startswith("post."):
            posts = posts or bare
        elif word.startswith("account."):
            accounts = accounts or bare
        hint = Hint(self._partner, posts, accounts)
        object_id = next(iter((*posts, *accounts)), None)
        return Parsed(Intent.HINT, key=_text(body.get("event_id")), object_id=object_id, hint=hint)


def _ids(facts: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first id there is, as text: the vendor has written ids as numbers and as text."""
    return next(((found,) for name in names if (found := _text(facts.get(name)))), ())


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= _LONGEST_ID else None
