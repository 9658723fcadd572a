"""What the configuration says of one PostEverywhere key."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from bridge.partners._config import check_base_url, check_fields, check_token


def _a_minute(value: int) -> int:
    if not 1 <= value <= 1000:
        raise ValueError("must be 1 to 1000 calls a minute")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class PostEverywhereConfig:
    """One key: `partners: {NAME: {kind: posteverywhere, token: {env: POSTEVERYWHERE_TOKEN}}}`.

    Raises:
        ValueError: a field cannot be right; the message names it, never the token.
    """

    kind: ClassVar[str] = "posteverywhere"

    token: Annotated[
        str, AfterValidator(check_token), Field(description="The whole API key (`pe_live_...`), as a secret.")
    ] = field(repr=False)
    base_url: Annotated[
        str,
        AfterValidator(check_base_url),
        Field(description="Where the API is; plain http only for a simulator."),
    ] = "https://app.posteverywhere.ai/api/v1"
    calls: Annotated[
        int,
        AfterValidator(_a_minute),
        Field(description="Calls a minute, of every kind; 60 is the least that the vendor's pages name."),
    ] = 60
    creates: Annotated[
        int,
        AfterValidator(_a_minute),
        Field(description="New posts a minute; 20 is the least that the vendor's pages name."),
    ] = 20
    writes: Annotated[bool, Field(description="off lets the key read only: commands are refused unsent.")] = True

    @property
    def rate(self) -> float:
        """Calls a second, on the average of a minute."""
        return self.calls / 60

    def __post_init__(self) -> None:
        """Check what was not made by pydantic, too."""
        check_fields(self, token=check_token, base_url=check_base_url, calls=_a_minute, creates=_a_minute)
