"""The strings behind the simulator, as JSON under `/_control`: faults, outcomes, accounts, clock, webhooks, journal.

No secret is ever shown; keys go by their prefix. A bad request answers 400 `{"error"}`.
"""

from dataclasses import asdict

import orjson
from starlette.datastructures import Secret
from starlette.requests import Request
from starlette.routing import Route

from bridge.simulator.instants import stamp
from bridge.simulator.posteverywhere import health, shapes
from bridge.simulator.posteverywhere.model import Account, Json, Key, Outcome, Post, read_time
from bridge.simulator.posteverywhere.outbox import Delivery
from bridge.simulator.posteverywhere.simulator import PostEverywhereSimulator
from bridge.simulator.posteverywhere.worker import roll_up
from bridge.simulator.serving import Handler, control


def routes(simulator: PostEverywhereSimulator) -> list[Route]:
    """Give the control routes of one simulator."""
    table: list[tuple[str, str, Handler[PostEverywhereSimulator]]] = [
        ("GET", "/state", _state),
        ("GET", "/publications", _publications),
        ("GET", "/outbox", _outbox),
        ("POST", "/tick", _tick),
        ("POST", "/clock", _clock),
        ("POST", "/outcomes", _outcomes),
        ("POST", "/accounts", _add_account),
        ("POST", "/accounts/{id:int}/{verb:str}", _move_account),
        ("POST", "/posts", _seed),
        ("POST", "/posts/{id}/status", _set_status),
        ("POST", "/keys", _keys),
        ("POST", "/organizations", _organizations),
        ("POST", "/media", _media),
        ("POST", "/breaker", _close_breaker),
        ("POST", "/options", _options),
        ("POST", "/webhooks/deliver", _deliver),
        ("POST", "/webhooks/replay", _replay),
    ]
    return control(simulator, table)


def _state(simulator: PostEverywhereSimulator, _body: Json, _request: Request) -> Json:
    world = simulator.world
    return {
        "now": stamp(world.now()),
        "ticks": world.ticks,
        "options": asdict(world.options),
        "organizations": [asdict(one) for one in world.organizations.values()],
        "keys": [key.render() for key in world.keys.values()],
        "accounts": [_account(simulator, one) for one in world.accounts.values()],
        "posts": [_post(one) for one in world.posts.values()],
        "media": [shapes.media(one, world.options) for one in world.media.values()],
        "webhooks": [one.render() for one in world.outbox.subscriptions.values()],
        "outcomes": {str(name): [asdict(one) for one in queue] for name, queue in world.outcomes.items()},
        "faults": [fault.render() for fault in simulator.faults.waiting()],
        "publications": [one.render() for one in world.publications],
        "journal": [entry.render() for entry in simulator.journal],
    }


def _account(simulator: PostEverywhereSimulator, one: Account) -> Json:
    """Write an account the same way whatever the shapes: the truth behind the answers."""
    return health.full(one, simulator.world.now(), simulator.world.posts.values())


def _post(one: Post) -> Json:
    """Write a post the same way whatever the shapes."""
    rows = [
        {
            "account_id": row.account_id,
            "platform": row.platform,
            "status": row.status,
            "attempts": row.attempts,
            "error": row.error,
            "scheduled_for": stamp(row.scheduled_for),
            "next_retry_at": stamp(row.next_retry_at),
            "platform_post_url": row.platform_post_url,
        }
        for row in one.destinations
    ]
    shown = {"post_id": one.id, "status": one.status, "content": one.content, "account_ids": one.account_ids}
    times = {"scheduled_for": one.scheduled_for, "created_at": one.created_at, "updated_at": one.updated_at}
    return shown | {name: stamp(at) for name, at in times.items()} | {"destinations": rows}


def _publications(simulator: PostEverywhereSimulator, _body: Json, _request: Request) -> Json:
    doubled = [
        {"content": pair[0], "account_id": pair[1], "times": count}
        for pair, count in simulator.world.published_twice().items()
    ]
    return {"publications": [one.render() for one in simulator.world.publications], "published_twice": doubled}


def _outbox(simulator: PostEverywhereSimulator, _body: Json, _request: Request) -> Json:
    waiting = [_waiting(one) for one in simulator.outbox.waiting]
    return {"waiting": waiting, "sent": [one.render() for one in simulator.outbox.sent]}


def _waiting(one: Delivery) -> Json:
    shown = {"webhook_id": one.subscription_id, "event": one.event, "event_id": one.event_id}
    return shown | {"attempts": one.attempts, "body": orjson.loads(one.body)}


def _tick(simulator: PostEverywhereSimulator, body: Json, _request: Request) -> Json:
    changed = simulator.tick(int(body.get("times", 1)), now=read_time(body.get("now")))
    return {"changed": changed, "ticks": simulator.world.ticks}


def _clock(simulator: PostEverywhereSimulator, body: Json, _request: Request) -> Json:
    return {"now": stamp(simulator.advance(float(body["advance_s"])))}


def _outcomes(simulator: PostEverywhereSimulator, body: Json, _request: Request) -> Json:
    account_id = int(body["account_id"])
    simulator.script(account_id, *[Outcome.of(one) for one in body["outcomes"]])
    return {"account_id": account_id, "waiting": len(simulator.world.outcomes[account_id])}


def _add_account(simulator: PostEverywhereSimulator, body: Json, _request: Request) -> Json:
    organization_id = body.pop("organization_id", None) or next(iter(simulator.world.organizations))
    given: Json = {"name": "@mybrand"} | body
    account = Account(**given, organization_id=organization_id)
    simulator.world.accounts[account.id] = account
    return _account(simulator, simulator.world.tell_account(account, "account.connected"))


def _move_account(simulator: PostEverywhereSimulator, body: Json, request: Request) -> Json:
    account_id, verb = request.path_params["id"], request.path_params["verb"]
    match verb:
        case "expire":
            account = simulator.expire(account_id)
        case "expiring":
            account = simulator.expire_soon(account_id, float(body.get("days", 3)))
        case "deactivate":
            account = simulator.deactivate(account_id)
        case "remove":
            account = simulator.remove(account_id)
        case "reconnect":
            account = simulator.reconnect(account_id)
        case "word":
            account = simulator.world.accounts[account_id]
            account.health_word = body.get("word")
        case _:
            raise ValueError(f"no such fate: {verb}")
    return _account(simulator, account)


def _seed(simulator: PostEverywhereSimulator, body: Json | list[Json], _request: Request) -> Json:
    posts = [simulator.world.seed(one) for one in (body if isinstance(body, list) else [body])]
    return {"posts": [_post(post) for post in posts]}


def _set_status(simulator: PostEverywhereSimulator, body: Json, request: Request) -> Json:
    """Set destinations by account id (`destinations`: `{"2280": {"status", "error", …}}`) and the post's word."""
    world = simulator.world
    post = world.posts[request.path_params["id"]]
    for row in post.destinations:
        for name, value in body.get("destinations", {}).get(str(row.account_id), {}).items():
            getattr(row, name)
            setattr(row, name, read_time(value) if name.endswith(("_at", "_for")) else value)
    post.status = body.get("status") or roll_up(post)
    return _post(world.touch(post))


def _keys(simulator: PostEverywhereSimulator, body: Json, _request: Request) -> Json:
    """Add a key (with `token`) or change one (with `key_prefix`): `active`, `scopes`."""
    world = simulator.world
    known = world.key_by_prefix(body.get("key_prefix", ""))
    if "token" in body:
        known = Key(Secret(body["token"]), body.get("organization_id") or next(iter(world.organizations)))
        world.keys[body["token"]] = known
    if known is None:
        raise ValueError("no such key")
    known.active = bool(body.get("active", known.active))
    known.scopes = tuple(body.get("scopes", known.scopes))
    return known.render()


def _organizations(simulator: PostEverywhereSimulator, body: Json, _request: Request) -> Json:
    """Change an organisation (default: the first): `entitled`, `status`, `plan`, `name`."""
    world = simulator.world
    known = world.organizations[body.pop("id", None) or next(iter(world.organizations))]
    for name, value in body.items():
        getattr(known, name)
        setattr(known, name, value)
    return asdict(known)


def _media(simulator: PostEverywhereSimulator, body: Json, _request: Request) -> Json:
    """Say which files fail: `{"bad": ["part of a name or URL"]}`."""
    simulator.world.bad_media = set(body["bad"])
    return {"bad": sorted(simulator.world.bad_media)}


def _close_breaker(simulator: PostEverywhereSimulator, _body: Json, _request: Request) -> Json:
    simulator.world.failures.clear()
    return {"failures": 0}


def _options(simulator: PostEverywhereSimulator, body: Json, _request: Request) -> Json:
    simulator.world.options.change(body)
    return asdict(simulator.world.options)


async def _deliver(simulator: PostEverywhereSimulator, body: Json, _request: Request) -> Json:
    async with simulator.client() as client:
        sent = await simulator.deliver(client, to=body.get("to"))
    return {"sent": [one.render() for one in sent], "waiting": len(simulator.outbox.waiting)}


def _replay(simulator: PostEverywhereSimulator, body: Json, _request: Request) -> Json:
    return {"queued": simulator.replay(int(body.get("times", 1)))}
