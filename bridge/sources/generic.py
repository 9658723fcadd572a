"""The source `generic`: publish requests in our own field names from anything that can send a secret.

The body is what `POST /v1/publish` takes, JSON or a form; `Idempotency-Key` or `external_id` tells repetitions.
"""

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field

from bridge.core.model import RawRequest, Verified
from bridge.core.rules import Secrets, SourceRules
from bridge.core.signing import Check, Unverified
from bridge.ports import Parsed
from bridge.sources._body import read_publish


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericConfig(SourceRules):
    """One sender: `sources: {NAME: {kind: generic, secret: {env: NAME_SECRET}}}`."""

    kind: ClassVar[str] = "generic"

    secret: Annotated[
        Secrets, Field(description="What the sender proves itself with, as a secret; several while it is replaced.")
    ] = field(repr=False)
    header: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9-]+$",
            description="Header that holds the bare secret; without one it is sent as Authorization: Bearer SECRET.",
        ),
    ] = None


class Generic:
    """Takes publish requests in our own field names (see `bridge.core.request`)."""

    kind = GenericConfig.kind
    config_type = GenericConfig

    def __init__(self, name: str, config: GenericConfig) -> None:
        self._name, self._header = name, (config.header or "").lower()
        self._secrets = tuple({form for secret in config.secret for form in _forms(secret.strip())})

    def verify(self, raw: RawRequest) -> Verified:
        """Compare the secret, in constant time.

        Raises:
            Unverified: it is missing or another.
        """
        given = raw.header(self._header) if self._header else _bearer(raw.header("authorization"))
        if not given:
            raise Unverified(Check.UNSIGNED)
        # Only what HTTP calls white space: a byte of a character may look like another kind of it.
        if not _is_one_of(given.strip(" \t").encode("latin-1", errors="replace"), self._secrets):
            raise Unverified(Check.FORGED)
        return Verified(raw, self._name, f"source:{self._name}")

    def read(self, verified: Verified) -> Parsed:
        """Parse the body by its content type.

        Raises:
            Problem: 400 `invalid_json` with the offset, `invalid_body`, `invalid_key`; 415.
        """
        return read_publish(verified.raw)


def _bearer(authorization: str | None) -> str:
    kind, _, secret = (authorization or "").partition(" ")
    return secret if kind.lower() == "bearer" else ""


def _forms(secret: str) -> Iterator[bytes]:
    """Give the bytes of a secret as senders write them into a header: in UTF-8, and in Latin-1 where that can."""
    yield secret.encode()
    try:
        yield secret.encode("latin-1")
    except UnicodeEncodeError:
        return


def _is_one_of(given: bytes, secrets: Iterable[bytes]) -> bool:
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(given, secret)
    return found
