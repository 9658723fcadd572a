"""The accounts of a PostEverywhere key, and how they are: three vocabularies of the vendor for one idea.

GET /accounts has `health.status` (`healthy`, `expired`, `unhealthy`) with `can_post`; the SDK's types have five other
words and a `message`; GET /accounts/{id}/health has `healthy`, `warning`, `broken` with `reasons`. A broken account
stays listed. Sources: https://developers.posteverywhere.ai/api/list-accounts and /account-health, types of
@posteverywhere/sdk 1.4.2, read by 2026-11.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from bridge.core.model import AccountState, Json, Listed, Listing
from bridge.core.platforms import family
from bridge.core.redact import Redactor
from bridge.partners._replies import unreadable
from bridge.partners.posteverywhere.replies import account_id, data_of

_WELL = frozenset({"", "healthy", "ok", "active"})
_BROKEN = frozenset({"expired", "unhealthy", "broken"})
"""Words of an account that cannot post."""
_WARNING = frozenset({"warning", "expiring_critical", "rate_limited", "api_error"})
"""Words of an account that still posts; `rate_limited` and `api_error` of the SDK's types may pass by themselves."""
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "account_inactive": "the account is switched off",
        "needs_reconnection": "the account must be reconnected",
        "token_expired": "its token has expired",
        "token_expiring_soon": "its token expires within 7 days",
        "recent_permanent_failures": "several posts failed for good within 7 days",
    }
)
_DETAIL = 200


def listing(status: int, body: Json | None, scope: str, read_at: datetime, redactor: Redactor) -> Listing:
    """Read GET /accounts.

    Raises:
        PartnerError: unreadable: a list that is not whole must not look like absence.
    """
    rows = data_of(body).get("accounts")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and account_id(row) for row in rows):
        raise unreadable(status, "the answer has no whole list of accounts", write=False)
    return Listing(scope, tuple(_listed(row, row.get("health"), redactor) for row in rows), read_at)


def health(status: int, body: Json | None, redactor: Redactor) -> Listed:
    """Read GET /accounts/{id}/health, which is shown with and without the envelope.

    Raises:
        PartnerError: unreadable: there is no account in it.
    """
    data = data_of(body)
    if account_id(data) is None:
        raise unreadable(status, "the answer has no account", write=False)
    return _listed(data, data, redactor)


def organization(body: Json | None) -> str | None:
    """Return what GET /me says the key belongs to, as `organization:ID`."""
    found = data_of(body).get("organization")
    value = found.get("id") if isinstance(found, Mapping) else None
    return f"organization:{value}" if isinstance(value, (str, int)) and value != "" else None


def _listed(row: Json, shown: object, redactor: Redactor) -> Listed:
    facts = shown if isinstance(shown, Mapping) else {}
    word = _text(facts, "status")
    state = _state(word.lower(), facts.get("can_post"), active=row.get("is_active") is not False)
    name = _text(row, "account_name", "platform_username", "display_name")
    return Listed(
        account_id(row) or "",
        platform=family(_text(row, "platform")),
        username=name,
        display_name=_text(row, "display_name", "account_name") or name,
        state=state,
        raw_status=word or ("active" if state is AccountState.ACTIVE else "inactive"),
        detail="" if state is AccountState.ACTIVE else _detail(row, facts, word, redactor),
    )


def _state(word: str, can_post: object, *, active: bool) -> AccountState:
    if not active or can_post is False or (can_post is not True and word in _BROKEN):
        return AccountState.DISCONNECTED
    # Of a word that is not in the tables, `can_post` says all that can be known.
    new = can_post is True and word not in _BROKEN | _WARNING
    return AccountState.ACTIVE if new or word in _WELL else AccountState.DEGRADED


def _detail(row: Json, facts: Json, word: str, redactor: Redactor) -> str:
    """Say in words why an account is not plainly active."""
    given = facts.get("reasons")
    reasons = [str(one) for one in given] if isinstance(given, list) else []
    if row.get("is_active") is False and "account_inactive" not in reasons:
        reasons.insert(0, "account_inactive")
    said = [_REASONS.get(reason, reason) for reason in reasons] or [_text(facts, "message")]
    text = "; ".join(filter(None, said)) or f"its health is {word}"
    return redactor.text(text, _DETAIL)


def _text(row: Json, *names: str) -> str:
    """Return the first of these fields that is a text."""
    return next((value for name in names if isinstance(value := row.get(name), str) and value), "")
