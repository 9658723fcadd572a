"""What the configuration says of one Genviral key."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field


class Contract(StrEnum):
    """Which generation of the vendor's pages the key lives under: `v1` (2025) or `v3` (May 2026 on)."""

    V1 = "v1"
    V3 = "v3"


def _token(value: str) -> str:
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be one printable ASCII word, as the dashboard shows it")
    return value


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be an http(s) address without user, query and fragment")
    return value.rstrip("/")


def _rate(value: float) -> float:
    if not 0 < value <= 100:
        raise ValueError("must be above 0 and at most 100 calls a second")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class GenviralConfig:
    """One key: `partners: {NAME: {kind: genviral, token: {env: GENVIRAL_TOKEN}}}`.

    Raises:
        ValueError: a field cannot be right; the message names it, never the token.
    """

    kind: ClassVar[str] = "genviral"

    token: Annotated[str, AfterValidator(_token), Field(description="The whole bearer token, as a secret.")] = field(
        repr=False
    )
    base_url: Annotated[
        str,
        AfterValidator(_base_url),
        Field(description="Where the Partner API is; plain http only for a simulator."),
    ] = "https://www.genviral.io/api/partner/v1"
    contract: Annotated[
        Contract,
        Field(
            description="Generation of the API; under v1 a create without answer is looked for before it is repeated."
        ),
    ] = Contract.V3
    rate: Annotated[
        float,
        AfterValidator(_rate),
        Field(description="Calls a second, at most 100; Genviral publishes no limit, 2 is careful."),
    ] = 2.0
    writes: Annotated[bool, Field(description="off lets the key read only: commands are refused unsent.")] = True

    def __post_init__(self) -> None:
        """Check what was not made by pydantic, too."""
        for name, check in (("token", _token), ("base_url", _base_url), ("rate", _rate), ("contract", Contract)):
            try:
                object.__setattr__(self, name, check(getattr(self, name)))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
