"""The edge to senders: `Source`, and what one read out of a request."""

from dataclasses import dataclass
from typing import Protocol

from bridge.core.model import Json, RawRequest, Verified


@dataclass(frozen=True, slots=True)
class Hint:
    """A partner's word that it has news: ids (the partner's own) of posts and accounts of one key, to be read now."""

    partner: str
    posts: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a source read out of a verified request: publish requests in our own field names, before defaults.

    `requests` hold raw field values (see `bridge.core.request` for their shapes); `key` is an explicit idempotency key.
    With the intent `hint` there are no requests, and `hint` says what to look at.
    """

    intent: str
    requests: tuple[Json, ...] = ()
    key: str | None = None
    object_id: str | None = None
    revision: str | None = None
    reply_to: Json | None = None
    hint: Hint | None = None


class Source(Protocol):
    """One kind of sender. Sans-I/O: bytes in, data out."""

    kind: str

    def verify(self, raw: RawRequest) -> Verified:
        """Check that the sender is who it says, over the raw bytes, in constant time.

        Raises:
            Problem: 401 without a hint of why; 403 when the sender is known but may not do this.
        """
        ...

    def read(self, verified: Verified) -> Parsed:
        """Parse a verified request.

        Raises:
            Problem: 400 (not parsable, with the offset), 415.
        """
        ...
