"""Checks the endpoints of a configuration, and warns of what they open up."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bridge.core.endpoint_fields import Known, faults_of
from bridge.core.formats import SLACK
from bridge.core.mistakes import nearest
from bridge.core.signing import secret_key
from bridge.core.targets import Reachable
from bridge.settings._build import PLACEHOLDER
from bridge.settings._doubts import strange_names
from bridge.settings._tree import Faults, Given, Trail
from bridge.settings._types import AccountEntry, EndpointEntry

_SHORT_KEY_BYTES = 24
_SECRET_HEADER = re.compile(r"(^|-)(authorization|cookie|password|secret|token|(api-?)?key)(-|$)", re.IGNORECASE)
"""Names of headers whose value is a secret, whatever it is called elsewhere."""


def check_endpoints(tree: Mapping[str, Any], built: Mapping[str, Any], reachable: Reachable, faults: Faults) -> None:
    """Add the faults of the endpoints that no single field of theirs can tell."""
    platforms = [account.platform for account in built["accounts"].values() if account.platform]
    known = Known(_names(tree, "partners"), _names(tree, "sources"), platforms, reachable)
    for name, endpoint in built["endpoints"].items():
        trail: Trail = ("endpoints", name)
        _secrets(endpoint, trail, faults)
        check_headers((tree["endpoints"][name] or {}).get("headers"), trail, faults)
        faults.take(trail, faults_of(endpoint, known))


def _names(tree: Mapping[str, Any], section: str) -> list[str] | None:
    named = tree.get(section) or {}
    return list(map(str, named)) if isinstance(named, dict) else None


def _secrets(endpoint: EndpointEntry, trail: Trail, faults: Faults) -> None:
    unread = faults.within((*trail, "secret")) or faults.within((*trail, "format"))
    if not endpoint.secret and endpoint.format != SLACK and not unread:
        faults.add((*trail, "secret"), "is missing", "Add secret: {env: NAME} or {file: PATH}.")
    for secret in endpoint.secret:
        try:
            secret_key(secret)
        except ValueError as error:
            if secret != PLACEHOLDER:
                faults.add((*trail, "secret"), str(error), "Make one: echo whsec_$(openssl rand -base64 32)")


def check_headers(given: object, trail: Trail, faults: Faults) -> None:
    """Add the headers that are secrets by their names, and stand in the file."""
    for name, value in given.items() if isinstance(given, dict) else ():
        if _SECRET_HEADER.search(str(name)) and isinstance(value, str) and not isinstance(value, Given):
            problem = "is a secret by its name, and stands in the file itself; got '***'"
            remedy = "Write {env: NAME} and set that variable, or {file: PATH}; the value itself is to leave the file."
            faults.add((*trail, "headers", str(name)), problem, remedy)


def endpoint_warnings(endpoints: Mapping[str, EndpointEntry], accounts: Mapping[str, AccountEntry]) -> Iterator[str]:
    """Yield a sentence on whatever an endpoint opens up or probably does not mean."""
    for name, endpoint in endpoints.items():
        if endpoint.url.startswith("http://"):
            yield f"endpoints.{name}.url: is plain http, so events travel in the clear."
        elif endpoint.allow_http:
            yield f"endpoints.{name}.allow_http: is true, though its address is https."
        if any(len(secret_key(secret)) < _SHORT_KEY_BYTES for secret in endpoint.secret):
            yield f"endpoints.{name}.secret: is shorter than {_SHORT_KEY_BYTES} bytes and may be guessed."
        yield from _strange_accounts(f"endpoints.{name}.where.account", endpoint, accounts)


def _strange_accounts(path: str, endpoint: EndpointEntry, accounts: Collection[str]) -> Iterator[str]:
    for word in strange_names(endpoint.where.get("account", ()), accounts):
        yield f"{path}: {word!r} is not under accounts. {nearest(word, accounts)}"
