"""The closed sets of states and words that rows carry; their values are what the API, metrics and events show."""

from enum import StrEnum


class PostState(StrEnum):
    """Where a post stands. `accepted`, `parked` and `rejected` are ours; the others follow the partner."""

    ACCEPTED = "accepted"
    PARKED = "parked"
    REJECTED = "rejected"
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PENDING = "pending"
    PUBLISHING = "publishing"
    POSTED = "posted"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELED = "canceled"
    VANISHED = "vanished"
    UNKNOWN = "unknown"


CHANGEABLE = frozenset({PostState.DRAFT, PostState.PENDING, PostState.SCHEDULED, PostState.FAILED, PostState.UNKNOWN})
"""States in which a partner lets a post be edited or deleted (Genviral "Update post", "Delete posts")."""


class TargetState(StrEnum):
    """Where one account's row inside a post stands."""

    WAITING = "waiting"
    PUBLISHING = "publishing"
    POSTED = "posted"
    DRAFT_DELIVERED = "draft_delivered"
    FAILED = "failed"
    CANCELED = "canceled"
    VANISHED = "vanished"
    UNKNOWN = "unknown"


class AccountState(StrEnum):
    """Where a partner's account stands."""

    ACTIVE = "active"
    DEGRADED = "degraded"
    DISCONNECTED = "disconnected"
    REMOVED = "removed"


RETIRED = "retired"
"""What an account is shown as while the configuration says that it is no longer used. It is no state of its row, which
goes on saying how its partner lists it."""

USABLE = frozenset({AccountState.ACTIVE, AccountState.DEGRADED})
"""States in which an account is posted to: a degraded one is still listed as active by its partner."""


class CommandKind(StrEnum):
    """What a command asks of the partner."""

    PUBLISH = "publish"
    UPDATE = "update"
    RETRY = "retry"
    CANCEL = "cancel"
    FETCH = "fetch"


class WorkState(StrEnum):
    """Where a command or a delivery stands: `due` (now or later), `parked` (for a cause or a person), or ended."""

    DUE = "due"
    PARKED = "parked"
    DONE = "done"
    DEAD = "dead"


UNSETTLED = frozenset({WorkState.DUE, WorkState.PARKED})
"""States of work that has not come to its end."""


class Lane(StrEnum):
    """What a delivery stands in line with: the first tries of news, or what is tried or sent again."""

    FIRST = "first"
    AGAIN = "again"


class Intent(StrEnum):
    """What a sender wants. `hint` says that a partner has news; `adopt` is our own note of a post made elsewhere."""

    PUBLISH = "publish"
    SCHEDULE = "schedule"
    UPDATE = "update"
    UNPUBLISH = "unpublish"
    DELETE = "delete"
    TEST = "test"
    HANDSHAKE = "handshake"
    IGNORE = "ignore"
    NEEDS_FETCH = "needs_fetch"
    NEEDS_MAPPING = "needs_mapping"
    HINT = "hint"
    ADOPT = "adopt"


class AttemptOutcome(StrEnum):
    """How an attempt ended; `started` means the answer never came (a crash) or has not come yet.

    `waited` says that nobody was asked, as it was too early; it is no failure, and uses up no try.
    """

    STARTED = "started"
    OK = "ok"
    FAILED = "failed"
    LOST = "lost"
    WAITED = "waited"
