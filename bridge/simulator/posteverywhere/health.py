"""How an account is: the reasons of the health endpoint, and the three vocabularies made of them.

Table of reasons: https://developers.posteverywhere.ai/account-health, captured by 2026-11.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bridge.simulator.instants import stamp
from bridge.simulator.posteverywhere.model import Account, Json, Post

SOON = timedelta(days=7)
PERMANENT_LIMIT = 3
BLOCKING = ("account_inactive", "needs_reconnection", "token_expired")
MESSAGES = {
    "account_inactive": "This account is deactivated.",
    "needs_reconnection": "This account needs to be reconnected.",
    "token_expired": "The access token has expired. Please reconnect.",
    "token_expiring_soon": "The access token expires soon.",
    "recent_permanent_failures": "Several recent posts failed for good.",
}


def reasons(account: Account, now: datetime) -> list[str]:
    """Give what is wrong with an account, worst first."""
    expires = account.token_expires_at
    wrong = {
        "account_inactive": not account.is_active,
        "needs_reconnection": account.needs_reconnection_since is not None,
        "token_expired": expires is not None and expires <= now,
        "token_expiring_soon": expires is not None and now < expires <= now + SOON,
        "recent_permanent_failures": _failures(account, now, permanent=True) >= PERMANENT_LIMIT,
    }
    return [reason for reason, given in wrong.items() if given]


def can_post(account: Account, now: datetime) -> bool:
    """Whether posts to the account can succeed."""
    return not any(reason in BLOCKING for reason in reasons(account, now))


def brief(account: Account, now: datetime, words: str) -> Json:
    """Write the `health` of an account in a listing, in the words of `list` or `sdk`."""
    found = reasons(account, now)
    if words == "sdk":
        message = next((MESSAGES[one] for one in found), None)
        return {"status": account.health_word or _sdk_word(found), "message": message}
    word = "unhealthy" if "account_inactive" in found else "expired" if _blocked(found) else "healthy"
    return {"status": account.health_word or word, "can_post": not _blocked(found)}


def _blocked(found: list[str]) -> bool:
    return any(one in BLOCKING for one in found)


def _sdk_word(found: list[str]) -> str:
    if "account_inactive" in found:
        return "api_error"
    if _blocked(found):
        return "expired"
    return "expiring_critical" if "token_expiring_soon" in found else "healthy"


def full(account: Account, now: datetime, posts: Iterable[Post]) -> Json:
    """Write what GET /accounts/{id}/health tells."""
    found = reasons(account, now)
    queued = sum(one.account_id == account.id and one.status == "queued" for post in posts for one in post.destinations)
    word = "broken" if _blocked(found) else "warning" if found else "healthy"
    return {
        "account_id": account.id,
        "platform": account.platform,
        "account_name": account.name,
        "platform_account_id": account.platform_account_id,
        "status": account.health_word or word,
        "can_post": not _blocked(found),
        "reasons": found,
        "is_active": account.is_active,
        "needs_reconnection": account.needs_reconnection_since is not None,
        "needs_reconnection_since": stamp(account.needs_reconnection_since),
        "token": {
            "expires_at": stamp(account.token_expires_at),
            "last_refresh": stamp(account.last_refresh),
            "expired": "token_expired" in found,
            "expiring_soon": "token_expiring_soon" in found,
        },
        "activity": {
            "last_published_at": stamp(account.last_published_at),
            "failures_last_7d": _failures(account, now),
            "permanent_failures_last_7d": _failures(account, now, permanent=True),
            "queued_count": queued,
        },
        "connected_at": stamp(account.created_at),
    }


def _failures(account: Account, now: datetime, *, permanent: bool = False) -> int:
    return sum(now - at <= SOON and (lasting or not permanent) for at, lasting in account.failures)
