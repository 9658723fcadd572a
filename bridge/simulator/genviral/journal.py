"""What the journal keeps of a call to Genviral beside the common facts."""

from dataclasses import dataclass

from bridge.simulator import journal


@dataclass(slots=True)
class Entry(journal.Entry):
    """One call; `key` is the public id, `external_id` and `caption` are the body's."""

    external_id: str | None = None
    caption: str | None = None
    duplicate: bool = False
