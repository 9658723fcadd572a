"""The error tree, and the closed sets that say why something failed.

BridgeError
├── PartnerError       a partner refused, failed or could not be reached
├── MediaError         a file could not be fetched, or is nothing that a partner takes
├── Problem            what a caller of our HTTP API is told (RFC 9457)
├── StoreError         the database refused or is gone
│   ├── StoreBusy      try again soon: locked, too slow, too many waiting
│   │   ├── StoreAway       it cannot be reached, or takes no writes
│   │   └── StoreOvertaken  another write came first; decide anew
│   └── StoreFull      no space; nothing was written
├── Conflict           a step found its rows changed under it, again and again
└── SettingsError      the configuration has faults, all listed
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path


class FailureClass(StrEnum):
    """What a failure asks of us: the only thing retry decisions look at."""

    TERMINAL = "terminal"
    RETRYABLE = "retryable"
    WAIT_UNTIL = "wait_until"
    NEEDS_HUMAN = "needs_human"
    AMBIGUOUS = "ambiguous"
    BENIGN = "benign"


class FailureReason(StrEnum):
    """Why something failed: the log field, the metric label and the API's `reason` are one word."""

    # The way to the other side.
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    PROTOCOL = "protocol"
    BLOCKED_ADDRESS = "blocked_address"
    INSECURE_URL = "insecure_url"
    # What the other side answered.
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNREADABLE = "unreadable"
    UNAUTHORIZED = "unauthorized"
    PAYMENT_REQUIRED = "payment_required"
    FORBIDDEN = "forbidden"
    INVALID = "invalid"
    UNKNOWN_ACCOUNTS = "unknown_accounts"
    MEDIA_UNREACHABLE = "media_unreachable"
    MEDIA_TOO_LARGE = "media_too_large"
    MEDIA_INVALID = "media_invalid"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    NOT_ALLOWED_NOW = "not_allowed_now"
    REDIRECT = "redirect"
    CLIENT_ERROR = "client_error"
    GONE = "gone"
    # Why a target failed on its network.
    TOKEN = "token"
    PLATFORM_LIMIT = "platform_limit"
    PLATFORM_RATE = "platform_rate"
    CONTENT = "content"
    UNKNOWN_OUTCOME = "unknown_outcome"
    PLATFORM_OTHER = "platform_other"
    # What we decided ourselves.
    ACCOUNT_INACTIVE = "account_inactive"
    ACCOUNT_RETIRED = "account_retired"
    KEY_BLOCKED = "key_blocked"
    OTHER_WORKSPACE = "other_workspace"
    KEY_CONFLICT = "key_conflict"
    BRAKE = "brake"
    HELD = "held"
    NEEDS_APPROVAL = "needs_approval"
    NEEDS_HUMAN = "needs_human"
    TOO_LATE = "too_late"
    GAVE_UP = "gave_up"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    DROPPED = "dropped"
    CANCELED = "canceled"
    ENDPOINT_DISABLED = "endpoint_disabled"
    BY_HAND = "by_hand"
    ERASED = "erased"
    FAILING = "failing"
    SEALED = "sealed"
    LOST = "lost"
    INTERNAL = "internal"


class BridgeError(Exception):
    """The root of what bridge raises on purpose."""


class PartnerError(BridgeError):
    """A partner call that did not succeed.

    Args:
        reason: the closed word for metrics and logs.
        failure: what it asks of us; for a key-wide fault (401, 402, 403) `NEEDS_HUMAN` with `key_wide` set.
        maybe_stored: the request may have taken effect (time-out, cut connection, 5xx, unreadable answer).
        status: the HTTP status, or None when there was no answer.
        code: the partner's machine code (`error_code`), if any.
        detail: the partner's text, already redacted, at most 500 characters.
        retry_after: how long the partner asked us to wait; counts for the whole key.
        key_wide: the credential or plan is refused, not this one request.
        issues: the partner's per-field complaints, redacted.
    """

    def __init__(
        self,
        reason: FailureReason,
        failure: FailureClass,
        *,
        maybe_stored: bool = False,
        status: int | None = None,
        code: str | None = None,
        detail: str = "",
        retry_after: timedelta | None = None,
        key_wide: bool = False,
        issues: Sequence[object] = (),
    ) -> None:
        super().__init__(f"{reason}: {status or '-'} {code or ''} {detail}".strip())
        self.reason = reason
        self.failure = failure
        self.maybe_stored = maybe_stored
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.key_wide = key_wide
        self.issues = tuple(issues)


class TooManyPosts(PartnerError):
    """So many posts were made since a create whose answer was lost that it is not known whether it is among them."""

    def __init__(self) -> None:
        detail = "too many posts to look through"
        super().__init__(FailureReason.UNKNOWN_OUTCOME, FailureClass.AMBIGUOUS, detail=detail)


class MediaError(BridgeError):
    """A file that cannot be brought to a partner.

    Args:
        reason: `media_unreachable`, `media_too_large` or `media_invalid`.
        detail: what is known beyond that, for the operator; of its address at most the host.
        final: whether another try can change nothing.
    """

    def __init__(self, reason: FailureReason, detail: str, *, final: bool = True) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.final = reason, detail, final


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: which field, what is wrong, what would be right.

    Shape on the wire: `{"field": "accounts[1]", "problem": "...", "remedy": "..."}`; where a limit was broken also
    `"limit"`, `"found"` (both in `"unit"`: characters, bytes, images ...) and `"target"`, the account that sets it.
    """

    field: str
    problem: str
    remedy: str = ""
    limit: int | None = None
    found: int | None = None
    unit: str = ""
    target: str = ""

    def wire(self) -> dict[str, str | int]:
        """Return the fault as it stands in `errors[]` of a problem document."""
        told: dict[str, str | int] = {"field": self.field, "problem": self.problem, "remedy": self.remedy}
        if self.limit is not None and self.found is not None:
            told |= {"limit": self.limit, "found": self.found, "unit": self.unit}
        return told | ({"target": self.target} if self.target else {})


MOST_DETAIL = 249
"""How many characters a `detail` has at most. Zapier shows the first 250 of an error's text, and nothing else."""


def summary(faults: Sequence[Fault]) -> str:
    """Return what a `detail` says of faults: as many as fit, and as long as there is room what would be right.

    The first comes before all others with its remedy; of those that do not fit their number is told.
    """
    parts: list[str] = []
    for fault in faults:
        said = _said(fault)
        part = said if parts or not _fits([_mended(fault)], len(faults)) else _mended(fault)
        if parts and not _fits([*parts, part], len(faults)):
            break
        parts.append(part)
    for place, fault in enumerate(faults[1 : len(parts)], 1):
        more = [*parts[:place], _mended(fault), *parts[place + 1 :]]
        parts = more if _fits(more, len(faults)) else parts
    return _listed(parts, len(faults))


def _said(fault: Fault) -> str:
    return f"{fault.field} {fault.problem}".strip()


def _mended(fault: Fault) -> str:
    return f"{_said(fault)}. {fault.remedy}" if fault.remedy else _said(fault)


def _fits(parts: Sequence[str], total: int) -> bool:
    return len(_listed(parts, total)) <= MOST_DETAIL


def _listed(parts: Sequence[str], total: int) -> str:
    ended = [part if part.endswith((".", "?")) else f"{part};" for part in parts[:-1]]
    text = " ".join([*ended, *parts[-1:]])
    return f"{text} (and {total - len(parts)} more)" if len(parts) < total else text


class Problem(BridgeError):
    """An answer of our HTTP API that is not a success (RFC 9457).

    `detail` stays under 250 characters, because Zapier cuts there; `errors` has every bad field.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        errors: Sequence[Fault] = (),
        retry_after: timedelta | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{status} {slug}: {detail}")
        self.status = status
        self.slug = slug
        self.detail = detail if len(detail) <= MOST_DETAIL else detail[: MOST_DETAIL - 3] + "..."
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.extra = dict(extra or {})


class StoreError(BridgeError):
    """The database refused a write or could not be reached; nothing of the unit of work was kept."""


class StoreBusy(StoreError):
    """The database is locked, too slow or gone, or too much waits for it; the same call may succeed soon."""


class StoreAway(StoreBusy):
    """The database cannot be reached, lets nobody in, or takes no writes; the same call succeeds when it is back."""


class StoreOvertaken(StoreBusy):
    """Another write came in between and a row is not what it was; what was decided has to be decided anew."""


class StoreFull(StoreError):
    """There is no space left for a write."""


def storage_problem(error: StoreError) -> Problem:
    """Return what a caller is told when the database refused.

    A commit whose answer was lost may stand all the same: that nothing was stored is only said of a full disk.
    """
    slug = "storage_full" if isinstance(error, StoreFull) else "storage_unavailable"
    detail = {
        "storage_full": "The disk of the database is full, so nothing was stored. Free some space, then send it again.",
        "storage_unavailable": "The database cannot be used right now. Send the same request again later; if that does "
        "not help, the log says why.",
    }[slug]
    return Problem(503, slug, detail, retry_after=timedelta(seconds=5))


class Conflict(BridgeError):
    """Rows changed under a step each time it was tried; nothing of it was kept."""


class SettingsError(BridgeError):
    """The configuration has faults; `faults` lists every one with its path, masked value and remedy.

    `files` are those that were read, or looked for, each with what tells when it is another.
    """

    def __init__(
        self, faults: Sequence[Fault], files: Mapping[Path, tuple[int, int, int, int, int] | None] | None = None
    ) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.problem}" for fault in faults))
        self.faults, self.files = tuple(faults), files or {}
