"""What the journal keeps of a call to PostEverywhere beside the common facts."""

from dataclasses import dataclass, field

from bridge.simulator import journal


@dataclass(slots=True)
class Entry(journal.Entry):
    """One call; `key` is the key's prefix, `content` and `account_ids` are a create's or an edit's."""

    content: str | None = None
    account_ids: list[int] = field(default_factory=list)
    query: str = ""
