"""What the parts are given of the settings: the rows of endpoints, what signs their events, which feeds are read."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.app._chats import rows
from bridge.core.endpoint_fields import columns
from bridge.core.endpoints import Sending
from bridge.core.hook_rules import HookRules
from bridge.core.public_keys import private_key
from bridge.core.signing import secret_key
from bridge.flows.feeds import Followed
from bridge.settings import Settings


def configured(settings: Settings) -> dict[str, dict[str, object]]:
    """Return the fields of the configured endpoints and of those that stand for chats, by name."""
    return {name: columns(entry) for name, entry in settings.endpoints.items()} | rows(settings)


def private_keys(settings: Settings) -> tuple[Ed25519PrivateKey, ...]:
    return tuple(private_key(key) for key in settings.server.signing_key)


def sendings(settings: Settings) -> dict[str, Sending]:
    """Return what goes to the configured endpoints; to chats goes nothing that is kept here."""
    of_endpoints = {
        name: Sending(tuple(secret_key(secret) for secret in entry.secret), entry.headers, url=entry.url)
        for name, entry in settings.endpoints.items()
    }
    return of_endpoints | dict.fromkeys(rows(settings), Sending())


def followed(settings: Settings) -> list[Followed]:
    """Return the sources whose feed is read: those of the kind `feed`, and any other for what its hook missed."""
    return [
        Followed(name, entry.config, hooked=entry.kind != "feed")
        for name, entry in settings.sources.items()
        if isinstance(entry.config, HookRules) and entry.config.feed
    ]
