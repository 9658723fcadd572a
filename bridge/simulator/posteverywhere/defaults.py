"""The world a simulator starts with: one organisation, one key, and accounts; the first three are the docs' own.

Ids and names of the first three: https://developers.posteverywhere.ai/api/list-accounts, captured by 2026-11.
"""

from datetime import UTC, datetime

from starlette.datastructures import Secret

from bridge.simulator.posteverywhere.model import Account, Key, Organization

DEMO_KEY = "pe_live_0123456789abcdef0123456789abcdef"
ORGANIZATION = "0b9f6f0e-6a55-4bb5-9a39-5b7e7d1f2c10"

INSTAGRAM = 2280
X = 2282
LINKEDIN = 2285
FACEBOOK = 2290
TIKTOK = 2291
YOUTUBE = 2292
THREADS = 2293
BLUESKY = 2294


def default_organizations() -> list[Organization]:
    """Make the one organisation of the default world, paid for."""
    return [Organization(ORGANIZATION)]


def default_keys(token: str = DEMO_KEY) -> list[Key]:
    """Make the one key of the default world, with every scope."""
    return [Key(Secret(token), ORGANIZATION)]


def default_accounts() -> list[Account]:
    """Make the accounts of the default world, all healthy, in the order GET /accounts lists them.

    Bluesky is one that the types of @posteverywhere/sdk 1.4.2 do not know yet.
    """
    avatar = "https://pbs.twimg.com/profile_images/abc/photo.jpg"
    first = Account(INSTAGRAM, "instagram", "@mybrand", ORGANIZATION, avatar_url="https://example.com/avatar.jpg")
    second = Account(X, "x", "@mybrand", ORGANIZATION, avatar_url=avatar, created_at=_day(1, 15, 10, 5))
    third = Account(LINKEDIN, "linkedin", "My Brand Inc.", ORGANIZATION, created_at=_day(2, 1, 8))
    others = {FACEBOOK: "facebook", TIKTOK: "tiktok", YOUTUBE: "youtube", THREADS: "threads", BLUESKY: "bluesky"}
    rest = [
        Account(number, platform, f"mybrand on {platform}", ORGANIZATION, created_at=_day(3, 1))
        for number, platform in others.items()
    ]
    return [first, second, third, *rest]


def _day(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)
