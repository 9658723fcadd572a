"""What the partner was asked, call by call: the evidence for "one intent, one partner post"."""

from dataclasses import asdict, dataclass, field
from datetime import datetime

from bridge.simulator.posteverywhere.model import Json, stamp


@dataclass(slots=True)
class Entry:
    """One call. `status` is None while it runs and when the connection was cut; `worked` tells if its work was done.

    `post_ids` are the ids in path or body, or those created; `content` and `account_ids` are a create's or an edit's;
    `key` is the key's prefix, or None for a bad key.
    """

    sequence: int
    at: datetime
    operation: str
    status: int | None = None
    key: str | None = None
    post_ids: list[str] = field(default_factory=list)
    content: str | None = None
    account_ids: list[int] = field(default_factory=list)
    query: str = ""
    error_code: str | None = None
    fault: str | None = None
    worked: bool = False

    @property
    def post_id(self) -> str | None:
        """The one post of the call; None for none or many."""
        return self.post_ids[0] if len(self.post_ids) == 1 else None

    def render(self) -> Json:
        """Write the entry for the control API."""
        return asdict(self) | {"at": stamp(self.at), "post_id": self.post_id}
