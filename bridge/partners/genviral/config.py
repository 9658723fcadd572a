"""What the configuration says of one Genviral key."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from bridge.partners._config import check_base_url, check_fields, check_token


class Contract(StrEnum):
    """Which generation of the vendor's pages the key lives under: `v1` (2025) or `v3` (May 2026 on)."""

    V1 = "v1"
    V3 = "v3"


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

    token: Annotated[str, AfterValidator(check_token), Field(description="The whole bearer token, as a secret.")] = (
        field(repr=False)
    )
    base_url: Annotated[
        str,
        AfterValidator(check_base_url),
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
        check_fields(self, token=check_token, base_url=check_base_url, rate=_rate, contract=Contract)
