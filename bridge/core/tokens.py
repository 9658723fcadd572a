"""Who may call our API: bearer tokens, their scopes, and the accounts that they may publish to."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bridge.core.errors import Problem

SCOPES = ("publish", "read", "admin")


@dataclass(frozen=True, slots=True)
class Token:
    """A token's rights. `accounts` are patterns over account names and ids (none: all); `admin` has every scope."""

    name: str
    scopes: frozenset[str]
    accounts: tuple[str, ...] = ()

    def may(self, scope: str) -> bool:
        """Say whether the token has a scope."""
        return scope in self.scopes or "admin" in self.scopes


class Tokens:
    """Finds a token by its secret. Only hashes are kept, so the look-up tells nothing by its timing."""

    def __init__(self, secrets: Iterable[tuple[str, Token]]) -> None:
        self._by_hash: Mapping[bytes, Token] = MappingProxyType({_digest(secret): token for secret, token in secrets})

    def check(self, authorization: str | None, scope: str) -> Token:
        """Return the token of an `Authorization: Bearer` header that has this scope.

        Raises:
            Problem: 401 `no_token` or `unknown_token`, 403 `scope`.
        """
        kind, _, secret = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not secret.strip():
            raise Problem(401, "no_token", "Send `Authorization: Bearer TOKEN` with one of the configured tokens.")
        token = self._by_hash.get(_digest(secret.strip()))
        if token is None:
            raise Problem(401, "unknown_token", "This token is not known here. Check `tokens` in the configuration.")
        if not token.may(scope):
            raise Problem(403, "scope", f"Token {token.name!r} lacks the scope {scope!r}. Add it to `tokens[].scopes`.")
        return token

    def proof(self, name: str) -> str:
        """Return what a session keeps of a token's secrets: with others, or none, it is over. It does not tell them."""
        digests = sorted(digest for digest, token in self._by_hash.items() if token.name == name)
        return hmac.digest(b"".join(digests), b"session", "sha256").hex()

    def proven(self, name: str, proof: str) -> Token | None:
        """Return the token of a name; None when there is none, or its secrets are not those of the proof."""
        found = next((token for token in self._by_hash.values() if token.name == name), None)
        return found if found is not None and hmac.compare_digest(self.proof(name), proof) else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
