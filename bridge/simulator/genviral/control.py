"""The strings behind the simulator, as JSON under `/_control`: faults, outcomes, accounts, keys, and the journal.

No secret is ever shown; keys go by their public id. A bad request answers 400 `{"error"}`.
"""

from starlette.datastructures import Secret
from starlette.requests import Request
from starlette.routing import Route

from bridge.simulator.genviral.model import Account, Contract, Json, Key, Outcome, Plan
from bridge.simulator.genviral.simulator import GenviralSimulator
from bridge.simulator.genviral.world import Options
from bridge.simulator.serving import Handler, control


def routes(simulator: GenviralSimulator) -> list[Route]:
    """Give the control routes of one simulator."""
    table: list[tuple[str, str, Handler[GenviralSimulator]]] = [
        ("GET", "/state", _state),
        ("GET", "/publications", _publications),
        ("POST", "/tick", _tick),
        ("POST", "/outcomes", _outcomes),
        ("POST", "/accounts", _add_account),
        ("POST", "/accounts/{id}/{verb:str}", _move_account),
        ("POST", "/posts", _seed),
        ("POST", "/posts/{id}/status", _set_status),
        ("POST", "/keys", _keys),
        ("POST", "/media", _media),
        ("POST", "/options", _options),
    ]
    return control(simulator, table)


def _state(simulator: GenviralSimulator, _body: Json, _request: Request) -> Json:
    world = simulator.world
    posts = [
        post.render(Contract.V3) | {"external_id": post.external_id, "scope_id": post.scope_id}
        for post in world.posts.values()
    ]
    accounts = [account.render(Contract.V3) | {"scope_id": account.scope_id} for account in world.accounts.values()]
    outcomes = {name: [_outcome(one) for one in queue] for name, queue in world.outcomes.items()}
    return {
        "contract": world.options.contract,
        "ticks": world.ticks,
        "keys": [key.render() for key in world.keys.values()],
        "accounts": accounts,
        "posts": posts,
        "outcomes": outcomes,
        "faults": [fault.render() for fault in simulator.faults.waiting()],
        "publications": [one.render() for one in world.publications],
        "journal": [entry.render() for entry in simulator.journal],
    }


def _outcome(one: Outcome) -> Json:
    return {"kind": one.kind, "text": one.text, "ticks": one.ticks, "word": one.word, "live": one.live}


def _publications(simulator: GenviralSimulator, _body: Json, _request: Request) -> Json:
    doubled = [
        {"post_id": pair[0], "account_id": pair[1], "times": count}
        for pair, count in simulator.world.posted_twice().items()
    ]
    return {"publications": [one.render() for one in simulator.world.publications], "posted_twice": doubled}


def _tick(simulator: GenviralSimulator, body: Json, _request: Request) -> Json:
    return {"changed": simulator.tick(int(body.get("times", 1))), "ticks": simulator.world.ticks}


def _outcomes(simulator: GenviralSimulator, body: Json, _request: Request) -> Json:
    simulator.script(body["account_id"], *body["outcomes"])
    return {"account_id": body["account_id"], "waiting": len(simulator.world.outcomes[body["account_id"]])}


def _add_account(simulator: GenviralSimulator, body: Json, _request: Request) -> Json:
    kinds = body.pop("kinds", ["video", "slideshow"])
    scope_id = body.pop("scope_id", None) or next(iter(simulator.world.keys.values())).scope_id
    account = Account(**body, scope_id=scope_id, kinds=tuple(kinds) if kinds is not None else None)
    simulator.world.accounts[account.id] = account
    return account.render(Contract.V3)


def _move_account(simulator: GenviralSimulator, body: Json, request: Request) -> Json:
    account_id, verb = request.path_params["id"], request.path_params["verb"]
    if verb == "reconnect":
        return simulator.world.reconnect(account_id, new_id=body.get("new_id")).render(Contract.V3)
    status = {"pause": "paused", "revoke": "revoked"}[verb]
    return simulator.world.set_account_status(account_id, status).render(Contract.V3)


def _seed(simulator: GenviralSimulator, body: Json | list[Json], _request: Request) -> Json:
    posts = [simulator.world.seed(one) for one in (body if isinstance(body, list) else [body])]
    return {"posts": [post.render(Contract.V3) for post in posts]}


def _set_status(simulator: GenviralSimulator, body: Json, request: Request) -> Json:
    post = simulator.world.set_post_status(request.path_params["id"], body["status"], rows=body.get("rows"))
    return post.render(Contract.V3)


def _keys(simulator: GenviralSimulator, body: Json, _request: Request) -> Json:
    """Add a key (with `token`) or change one (with `public_id`): `active`, `plan`, `tiktok_subscription`."""
    known = simulator.world.key_by_public_id(body.get("public_id", ""))
    if "token" in body:
        known = Key(
            Secret(body["token"]),
            body["scope"],
            owner_user_id=body["owner_user_id"],
            workspace_id=body.get("workspace_id"),
        )
        simulator.world.add_key(known)
    if known is None:
        raise ValueError("no such key")
    known.active = bool(body.get("active", known.active))
    known.plan = Plan(body.get("plan", known.plan))
    known.tiktok_subscription = bool(body.get("tiktok_subscription", known.tiktok_subscription))
    return known.render()


def _media(simulator: GenviralSimulator, body: Json, _request: Request) -> Json:
    """Say what is behind addresses: `unreachable` (a list), `files` (`{url: {"type", "bytes"}}`); each replaces."""
    world = simulator.world
    if "files" in body:
        world.declared = {url: (str(one["type"]), int(one["bytes"])) for url, one in body["files"].items()}
    if "unreachable" in body or "files" not in body:
        world.unreachable = set(body["unreachable"])
    files = {url: {"type": kind, "bytes": size} for url, (kind, size) in world.declared.items()}
    return {"unreachable": sorted(world.unreachable), "files": files}


def _options(simulator: GenviralSimulator, body: Json, _request: Request) -> Json:
    options = simulator.world.options
    fields = ("contract", "retry_word", "replay_first", "deleted_frees_key")
    current = {name: getattr(options, name) for name in fields}
    simulator.world.options = Options(**(current | body))
    return {name: getattr(simulator.world.options, name) for name in fields}
