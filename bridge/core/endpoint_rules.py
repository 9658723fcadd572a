"""Who may have which endpoint, and how many there may be: what is decided before one is made, changed or dropped.

A caller whose token is for some accounts only sees and touches what it made itself, and what it makes is told of these
accounts only. An endpoint of the configuration is changed there.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from bridge.core.endpoint_request import Asked
from bridge.core.endpoints import ENDPOINT, REPLY, SUBSCRIPTION
from bridge.core.errors import FailureReason, Fault, Problem
from bridge.core.model import Endpoint
from bridge.core.request import invalid
from bridge.core.sealing import Secrets
from bridge.core.signing import secret_key
from bridge.core.tokens import Token

MOST: Mapping[str, int] = {ENDPOINT: 1_000, SUBSCRIPTION: 1_000}
"""How many there may be that were made over the API, by kind: each event is held against each of them."""

MOST_SECRETS = 5
"""How many secrets may sign at once: each is one more signature in every request."""

MOST_OF_ONE = 100
"""How many subscriptions one token may have."""

UNCONFIGURED = "unconfigured"
"""Why an endpoint that left the configuration is disabled."""

OWNER_GONE = "owner_gone"
"""Why an endpoint is disabled that was made with a token which left the configuration."""


def new(name: str, kind: str, asked: Asked, caller: Token, *, sealed: bytes | None, now: datetime) -> Endpoint:
    """Return the row of what a caller makes."""
    given: dict[str, Any] = {"configured": False, "owner": caller.name, "allowed": caller.accounts, **asked.changes}
    if given.get("enabled") is False:
        given["reason"] = FailureReason.BY_HAND
    return Endpoint(name=name, kind=kind, sealed=sealed, created_at=now, **given)


def subscription_name(asked: Asked, caller: Token) -> str:
    """Return the name of an unsigned subscription: the same thing asked for twice at once is one row."""
    said = [caller.name, asked.url, *(asked.changes[name] for name in _ALIKE)]
    return f"sub_{sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]}"


def may_be_same(one: Endpoint, asked: Asked, caller: Token) -> bool:
    """Say whether a subscription is what its owner asks for again, as far as its row tells: the address is sealed."""
    mine = one.kind == SUBSCRIPTION and one.owner == caller.name
    return mine and all(getattr(one, name) == asked.changes[name] for name in ("url", *_ALIKE))


_ALIKE = ("events", "where", "format")


def is_for(endpoint: Endpoint, caller: Token) -> bool:
    """Say whether a caller may see an endpoint."""
    return not caller.accounts or (endpoint.owner == caller.name and not endpoint.configured)


def find(known: Mapping[str, Endpoint], name: str, caller: Token) -> Endpoint:
    """Return an endpoint that a caller may see.

    Raises:
        Problem: 404.
    """
    endpoint = known.get(name)
    if endpoint is None or not is_for(endpoint, caller):
        raise missing(name)
    return endpoint


def changeable(known: Mapping[str, Endpoint], name: str, caller: Token) -> Endpoint:
    """Return an endpoint that may be changed here.

    Raises:
        Problem: 404, or 409 for one of the configuration.
    """
    endpoint = find(known, name, caller)
    if endpoint.configured:
        detail = f"Endpoint {name!r} is one of the configuration. Edit it there, under `{_section(endpoint)}`."
        raise Problem(409, "endpoint_configured", detail)
    return endpoint


def deletable(known: Mapping[str, Endpoint], name: str, caller: Token) -> Endpoint:
    """Return an endpoint that may go: one that may be changed here, or one that left the configuration.

    Raises:
        Problem: as `changeable`.
    """
    endpoint = find(known, name, caller)
    return endpoint if endpoint.reason == UNCONFIGURED else changeable(known, name, caller)


def switchable(known: Mapping[str, Endpoint], name: str, caller: Token, owners: Collection[str]) -> Endpoint:
    """Return an endpoint that may be enabled: not one that left the configuration, or whose owner did.

    `owners` are the names of the configured tokens.

    Raises:
        Problem: 404, 409.
    """
    endpoint = find(known, name, caller)
    if not endpoint.configured and endpoint.owner not in owners:
        detail = f"The token {endpoint.owner[:60]!r}, which made {name!r}, left the configuration. Put it back under "
        raise Problem(409, "owner_gone", f"{detail}`tokens`, or make the endpoint anew and delete this.")
    if endpoint.reason == UNCONFIGURED:
        section = _section(endpoint)
        detail = f"Endpoint {name!r} left the configuration. Put it back under `{section}`."
        raise Problem(409, "endpoint_configured", detail)
    return endpoint


def testable(known: Mapping[str, Endpoint], name: str, caller: Token) -> Endpoint:
    """Return an endpoint that a test can go to: one that is enabled, and not a chat, which only shows its messages.

    Raises:
        Problem: 404, 409.
    """
    endpoint = find(known, name, caller)
    if endpoint.kind == REPLY:
        detail = f"{name!r} stands for the messages of a chat, and a test is none of them. Publish something there."
        raise Problem(409, "no_test", detail)
    if not endpoint.enabled:
        raise disabled(endpoint)
    return endpoint


def own_subscription(known: Mapping[str, Endpoint], name: str, caller: Token) -> Endpoint | None:
    """Return a subscription that a caller may end; None when it is not there any more.

    Raises:
        Problem: 404 for one of somebody else's, unless the caller rules over all.
    """
    endpoint = known.get(name)
    rules = caller.may("admin") and not caller.accounts
    if endpoint is not None and (endpoint.kind != SUBSCRIPTION or not (endpoint.owner == caller.name or rules)):
        detail = f"There is no subscription {name[:60]!r} of this token. Its owner, or scope admin, ends it."
        raise Problem(404, "no_such_subscription", detail)
    return endpoint


def refuse_taken(known: Mapping[str, Endpoint], name: str) -> None:
    """Refuse a name that there is.

    Raises:
        Problem: 409.
    """
    if name in known:
        remedy = "Choose another name." if known[name].configured else "Choose another name, or change it with PATCH."
        raise Problem(409, "endpoint_exists", f"There is an endpoint {name!r} already. {remedy}")


def refuse_more(known: Mapping[str, Endpoint], kind: str, owner: str | None = None) -> None:
    """Refuse one more of a kind, or of one owner's, when there are enough.

    Raises:
        Problem: 409.
    """
    made = [one for one in known.values() if one.kind == kind and not one.configured]
    own = [one for one in made if one.owner == owner]
    if len(made) >= MOST[kind] or (owner is not None and len(own) >= MOST_OF_ONE):
        most = f"{MOST[kind]:,} {kind}s" + (f", and {MOST_OF_ONE} of one token" if owner is not None else "")
        detail = f"There may be {most}. Delete some that nobody needs: GET /v1/endpoints lists all."
        if kind == SUBSCRIPTION:
            raise Problem(409, "too_many_subscriptions", detail)
        raise Problem(409, "too_many_endpoints", detail)


def refuse_secret(live: Secrets, secret: str, name: str, *, revoke: bool) -> None:
    """Refuse a new secret that signs already, or one more than may sign at once, unless it is to be the only one.

    Raises:
        Problem: 422, 409.
    """
    if secret_key(secret) in (secret_key(one.secret) for one in live.secrets):
        raise invalid([Fault("secret", "signs already", "Send another one, or leave it out: one is made.")])
    if len(live.secrets) >= MOST_SECRETS and not revoke:
        detail = f"{len(live.secrets)} secrets of {name!r} sign already. Wait until the oldest has run out, or send "
        raise Problem(409, "too_many_secrets", detail + '{"revoke": true}: then only the new one signs.')


def missing(name: str) -> Problem:
    """Return the refusal of a name that no endpoint has."""
    return Problem(404, "no_such_endpoint", f"There is no endpoint {name[:60]!r}. GET /v1/endpoints lists them.")


def _section(endpoint: Endpoint) -> str:
    """Return where in the configuration an endpoint stands: that of a chat comes with the chat's source."""
    return "sources" if endpoint.kind == REPLY else "endpoints"


def disabled(endpoint: Endpoint) -> Problem:
    """Return the refusal of what a disabled endpoint cannot have."""
    name = endpoint.name
    detail = f"Endpoint {name!r} is disabled. POST /v1/endpoints/{name}/enable first, with replay if you like."
    return Problem(409, "endpoint_disabled", detail, extra={"reason": endpoint.reason})
