"""Who is signed in to the console: a session by what its cookie says, which is kept nowhere."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that lasts `until` at most.

    `id` is made of the cookie (`id_of`), which is itself not stored. `token` names the API token that signed in;
    `proof` is made of its secrets (`bridge.core.tokens.Tokens.proof`): with others, or none, the session is over.
    """

    id: str
    token: str
    proof: str
    began_at: datetime
    until: datetime


def id_of(cookie: str) -> str:
    """Return the id of the session that a cookie's value is of: SHA-256, in hex."""
    return hashlib.sha256(cookie.encode()).hexdigest()


def csrf_of(cookie: str) -> str:
    """Return what every form of a session carries: another site, which cannot read the cookie, cannot make it."""
    return hmac.digest(cookie.encode(), b"csrf", "sha256").hex()
