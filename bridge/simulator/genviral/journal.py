"""What the partner was asked, call by call: the evidence for "one intent, one partner post"."""

from dataclasses import asdict, dataclass, field
from datetime import datetime

from bridge.simulator.genviral.model import Json, iso_ms


@dataclass(slots=True)
class Entry:
    """One call. `status` is None while it runs and when the connection was cut; `worked` tells if its work was done.

    `post_ids` are the ids asked for (retry, delete) or the one created, read or updated; `key` is the public id, or
    None for a bad key.
    """

    sequence: int
    at: datetime
    operation: str
    status: int | None = None
    key: str | None = None
    post_ids: list[str] = field(default_factory=list)
    external_id: str | None = None
    caption: str | None = None
    duplicate: bool = False
    error_code: str | None = None
    fault: str | None = None
    worked: bool = False

    @property
    def post_id(self) -> str | None:
        """The one post of the call; None for none or many."""
        return self.post_ids[0] if len(self.post_ids) == 1 else None

    def render(self) -> Json:
        """Write the entry for the control API."""
        return asdict(self) | {"at": iso_ms(self.at), "post_id": self.post_id}
