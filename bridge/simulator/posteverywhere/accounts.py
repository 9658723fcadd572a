"""The vendor's calls on accounts and on the caller itself, as functions of world and key; refusals are raised.

Sources: https://developers.posteverywhere.ai/api/list-accounts, /account-health, the types of @posteverywhere/sdk
1.4.2, tool texts of @posteverywhere/mcp 1.7.0; captured by 2026-11. What the link calls answer is a guess.
"""

from datetime import timedelta

from bridge.simulator.instants import stamp
from bridge.simulator.posteverywhere import health, shapes
from bridge.simulator.posteverywhere.model import Account, Json, Key, Refusal, invalid
from bridge.simulator.posteverywhere.posts import Answer
from bridge.simulator.posteverywhere.world import World

LINK_LIFE = timedelta(minutes=10)
LINKED = ("x", "instagram", "facebook", "youtube", "pinterest", "threads", "linkedin", "tiktok")
_MONTH = timedelta(days=30)


def list_accounts(world: World, key: Key) -> Answer:
    """Answer GET /accounts: all of the organisation, broken ones included."""
    own, options = world.accounts_of(key.organization_id), world.options
    data: Json = {"accounts": [shapes.account(one, world.now(), options) for one in own]}
    if options.shapes == "sdk":
        data["total"] = len(own)
    elif options.shapes == "docs":
        data["account_ids"] = [one.id for one in own]
    return Answer(200, data)


def _found(world: World, key: Key, account_id: str) -> Account:
    account = world.accounts.get(int(account_id)) if account_id.isdecimal() else None
    if account is None or account.organization_id != key.organization_id:
        raise Refusal(404, "not_found", "Account not found.")
    return account


def get(world: World, key: Key, account_id: str) -> Answer:
    """Answer GET /accounts/{id}."""
    return Answer(200, shapes.account(_found(world, key, account_id), world.now(), world.options))


def read_health(world: World, key: Key, account_id: str) -> Answer:
    """Answer GET /accounts/{id}/health, in the envelope or, as the docs show it, without."""
    account = _found(world, key, account_id)
    told = health.full(account, world.now(), world.posts.values())
    return Answer(200, told, bare=not world.options.health_envelope)


def connect_link(world: World, base_url: str, body: Json) -> Answer:
    """Answer POST /accounts/connect-link: an address for a person, good for ten minutes."""
    platform = body.get("platform")
    if platform not in LINKED:
        raise invalid(f"platform must be one of {', '.join(LINKED)}", details={"field": "platform"})
    return Answer(200, {"platform": platform} | _link(world, base_url, None))


def reconnect_link(world: World, key: Key, base_url: str, account_id: str) -> Answer:
    """Answer POST /accounts/{id}/reconnect: whoever opens the address repairs the account in place."""
    account = _found(world, key, account_id)
    if account.platform not in LINKED:
        raise Refusal(409, "conflict", f"{account.platform} accounts are connected with credentials.")
    named = {"account_id": account.id, "platform": account.platform}
    return Answer(200, named | _link(world, base_url, account.id))


def _link(world: World, base_url: str, account_id: int | None) -> Json:
    token, until = world.new_hex(32), world.now() + LINK_LIFE
    world.links[token] = (account_id, until)
    url = f"{base_url}/_authorize/{token}"
    return {"url": url, "authorization_url": url, "expires_in": 600, "expires_at": stamp(until)}


def authorize(world: World, token: str) -> str | None:
    """Follow an authorisation address as its person does; None if it is unknown, used or too old."""
    account_id, until = world.links.pop(token, (None, world.now()))
    if until <= world.now():
        return None
    return world.reconnect(account_id).name if account_id in world.accounts else "nothing"


def me(world: World, key: Key) -> Answer:
    """Answer GET /me: key, organisation and quota; also while nobody pays."""
    organization, now = world.organizations[key.organization_id], world.now()
    own = [post for post in world.posts.values() if post.organization_id == organization.id]
    shown_key = {
        "id": f"key_{key.prefix[-8:]}",
        "key_prefix": key.prefix,
        "name": key.name,
        "scopes": list(key.scopes),
        "last_used_at": stamp(now),
        "created_at": "2026-01-01T00:00:00.000Z",
        "expires_at": None,
    }
    paid: Json = {"subscription_plan": organization.plan, "subscription_status": organization.status}
    paid |= {"subscription_source": "stripe", "trial_end": None, "current_period_end": None}
    paid |= {"cancel_at_period_end": False, "entitled": organization.entitled}
    quota = {
        "accounts": {"used": len(world.accounts_of(organization.id)), "limit": 50},
        "ai_credits": {"used": 0, "limit": 500, "bonus": 0},
        "storage_bytes": {"used": sum(one.size for one in world.media.values()), "limit": 10_000_000_000},
        "team_seats": {"limit": 3},
    }
    stats = {"posts_last_30d": sum(now - post.created_at <= _MONTH for post in own), "total_posts": len(own)}
    data: Json = {"api_key": shown_key, "scopes": list(key.scopes)}
    data |= {"user": {"id": 1, "email": "owner@example.com", "name": "Owner"}}
    data |= {"organization": {"id": organization.id, "name": organization.name} | paid}
    data |= {"workspace": {"id": organization.id, "name": organization.name}, "quota": quota, "stats": stats}
    return Answer(200, data)
