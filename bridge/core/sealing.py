"""Secrets at rest: what an endpoint that was made over the API is sent with, encrypted with `server.secret_key`.

Fernet (AES-128-CBC with HMAC-SHA-256) of the library `cryptography`: the first key encrypts, every key decrypts.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.core.endpoints import Sending
from bridge.core.errors import BridgeError
from bridge.core.model import Endpoint
from bridge.core.signing import secret_key

_KEY_LENGTH = 44
_LOST = "no key of server.secret_key opens the secrets of this endpoint"


class SealError(BridgeError):
    """What was sealed cannot be opened: the key that sealed it is not among `server.secret_key` any more."""


class Unconfigured(SealError):
    """The configuration of this process does not have the endpoint, or the token that made it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret (`whsec_...`), and until when it still signs; None: until it is replaced."""

    secret: str = field(repr=False)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Secrets:
    """All that is secret of an endpoint: its signing secrets, the newest first, its headers, and its address."""

    secrets: tuple[Secret, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str = field(default="", repr=False)

    def live(self, now: datetime) -> "Secrets":
        """Return these without the signing secrets that have run out."""
        return replace(self, secrets=tuple(one for one in self.secrets if one.until is None or one.until > now))

    def sending(self, now: datetime) -> Sending:
        """Return what a request carries at an instant."""
        return Sending(tuple(secret_key(one.secret) for one in self.live(now).secrets), self.headers, url=self.url)

    def rotated(self, secret: str, until: datetime | None) -> "Secrets":
        """Return these with a new secret, beside which the present ones sign until an instant; None: no more."""
        kept = [Secret(one.secret, min(one.until or until, until)) for one in self.secrets] if until else []
        return replace(self, secrets=(Secret(secret), *kept))


def is_sealing_key(key: str) -> bool:
    """Say whether a text is a key: 32 bytes in URL-safe base64."""
    try:
        Fernet(key)
    except ValueError:
        return False
    return len(key) == _KEY_LENGTH  # Whatever follows the padding would be dropped without a word.


class Sendings:
    """Finds what an endpoint's requests carry: of configured ones in the configuration, of others what was sealed.

    `private_keys` sign what goes to any of them, beside its own secrets.
    """

    def __init__(
        self,
        configured: Mapping[str, Sending],
        sealer: "Sealer | None" = None,
        private_keys: tuple[Ed25519PrivateKey, ...] = (),
    ) -> None:
        self._configured, self._sealer, self._private_keys = configured, sealer, private_keys
        self._opened: dict[str, tuple[bytes, Secrets]] = {}

    def __call__(self, endpoint: Endpoint, now: datetime) -> Sending:
        """Return what a request to an endpoint carries at an instant.

        Raises:
            SealError: its secrets cannot be opened, or are in a configuration that this process does not have.
        """
        sending = self._own(endpoint, now)
        return replace(sending, private_keys=self._private_keys) if self._private_keys else sending

    def of_owners(self, owners: Collection[str]) -> Callable[[Endpoint, datetime], Sending]:
        """Return what finds the same, but nothing for what was made over the API with other tokens than these."""

        def sending(endpoint: Endpoint, now: datetime) -> Sending:
            if not endpoint.configured and endpoint.owner not in owners:
                raise Unconfigured("the configuration of this process has not the token that made this endpoint")
            return self(endpoint, now)

        return sending

    def _own(self, endpoint: Endpoint, now: datetime) -> Sending:
        if endpoint.configured:
            if endpoint.name not in self._configured:
                raise Unconfigured("the configuration of this process has no such endpoint")
            return self._configured[endpoint.name]
        if endpoint.sealed is None:
            return Sending()
        sealed, secrets = self._opened.get(endpoint.name, (b"", Secrets()))
        if sealed != endpoint.sealed:
            if self._sealer is None:
                raise SealError("server.secret_key is not set, so the secrets of this endpoint cannot be opened")
            secrets = self._sealer.open(endpoint.sealed)
            self._opened[endpoint.name] = (endpoint.sealed, secrets)
        return secrets.sending(now)


class Sealer:
    """Seals and opens; `keys` are texts of 32 bytes in URL-safe base64, the first of which seals."""

    def __init__(self, keys: Sequence[str]) -> None:
        fernets = [Fernet(key) for key in keys]
        self._newest, self._fernet = fernets[0], MultiFernet(fernets)

    def seal(self, secrets: Secrets) -> bytes:
        """Encrypt."""
        plain = {
            "secrets": [{"secret": one.secret, "until": one.until} for one in secrets.secrets],
            "headers": dict(secrets.headers),
            "url": secrets.url,
        }
        return self._fernet.encrypt(orjson.dumps(plain))

    def renewed(self, sealed: bytes) -> bytes | None:
        """Return what was sealed with an older key as the first key seals it; None when that one did already.

        Raises:
            SealError: no key of ours sealed it.
        """
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            try:
                return self._fernet.rotate(sealed)
            except InvalidToken:
                raise SealError(_LOST) from None
        return None

    def open(self, sealed: bytes) -> Secrets:
        """Decrypt.

        Raises:
            SealError: no key of ours sealed it.
        """
        try:
            plain = orjson.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            raise SealError(_LOST) from None
        secrets = [
            Secret(one["secret"], datetime.fromisoformat(one["until"]) if one["until"] else None)
            for one in plain["secrets"]
        ]
        return Secrets(tuple(secrets), plain["headers"], plain["url"])
