"""Accounts and causes over HTTP: who can be posted to, what a person must act on, and what waits for it."""

from collections import defaultdict
from collections.abc import Mapping

from bridge.core.holding import waits_for
from bridge.core.model import AccountState, Cause
from bridge.core.states import RETIRED
from bridge.core.step import account_cause
from bridge.flows import log
from bridge.flows.resume import let_all_go
from bridge.ports import Store
from bridge.web._call import Answer, Call, Web
from bridge.web._query import Query
from bridge.web._shapes import Shape, account_shape, cause_shape, listed, may_see, may_see_account
from bridge.web._sight import refuse_bound

FILTERS = ("partner", "state")
_PARKED_PAGE = 500
_PARKED_PAGES = 10


async def list_accounts(web: Web, call: Call) -> Answer:
    """Answer the accounts of all keys with our names, the open causes of each, and what waits."""
    query = Query(call.query, FILTERS)
    partner = query.word("partner", tuple(web.ingest.kit.partners))
    state = query.word("state", (*AccountState, RETIRED))
    query.check()
    directory = web.ingest.kit.book.directory
    causes = await web.store.causes()
    waiting = await _waiting(web.store, call)
    items = []
    for account in await web.store.accounts():
        name, shown = directory.name_of(account.partner, account.id), directory.shown(account)
        wanted = partner in (None, account.partner) and state in (None, shown)
        if wanted and may_see_account(account.partner, account.id, name, call.allowed):
            cause = causes.get(account_cause(account.partner, account.id))
            opened = [_shape(web, cause, waiting)] if cause is not None and cause.open else []
            items.append(account_shape(account, name, shown) | {"causes": opened})
    return Answer.json(listed(items))


async def reconnect_account(web: Web, call: Call) -> Answer:
    """Answer an address where a person reconnects an account."""
    account, link = await web.actions.reconnect_link(call.param("id"), call.allowed)
    directory = web.ingest.kit.book.directory
    name = directory.name_of(account.partner, account.id)
    shape = account_shape(account, name, directory.shown(account))
    return Answer.json({"url": link.url, "expires_at": link.expires_at, "account": shape})


async def list_causes(web: Web, call: Call) -> Answer:
    """Answer what a person must act on; `state` is `open` unless it is asked for."""
    query = Query(call.query, FILTERS)
    partner = query.word("partner", tuple(web.ingest.kit.partners))
    state = query.word("state", ("open", "closed")) or "open"
    query.check()
    waiting = await _waiting(web.store, call)
    causes = [cause for cause in (await web.store.causes()).values() if partner in (None, cause.partner)]
    shown = [_shape(web, cause, waiting) for cause in causes if _may_see(web, call, cause)]
    shown = [cause for cause in shown if cause["state"] == state]
    return Answer.json(listed(sorted(shown, key=lambda cause: cause["opened_at"])))


async def close_cause(web: Web, call: Call) -> Answer:
    """Let go all that waits for the cause of a source, and answer the cause as it is then.

    Raises:
        Problem: 403, as what waits may be for any account.
    """
    refuse_bound(call.allowed)
    cause_id = call.param("id")
    cause = await let_all_go(web.ingest.kit, cause_id)
    log.info("cause.closed", cause=cause_id)
    return Answer.json(_shape(web, cause, await _waiting(web.store, call)))


def _shape(web: Web, cause: Cause, waiting: Mapping[str, list[str]]) -> Shape:
    kit = web.ingest.kit
    account = kit.book.directory.accounts.get(cause.id.removeprefix("account:"))
    return cause_shape(cause, waiting[cause.id], link=kit.makes_link(account))


def _may_see(web: Web, call: Call, cause: Cause) -> bool:
    """Causes of a key or a plan concern everybody who uses it."""
    if cause.kind != "account":
        return True
    account_id = cause.id.removeprefix(account_cause(cause.partner, ""))
    name = web.ingest.kit.book.directory.name_of(cause.partner, account_id)
    return may_see_account(cause.partner, account_id, name, call.allowed)


async def _waiting(store: Store, call: Call) -> Mapping[str, list[str]]:
    """Return the posts that wait, by cause: of the first 5,000 parked commands, so that a flood stays affordable."""
    waiting: defaultdict[str, list[str]] = defaultdict(list)
    after = ""
    for _ in range(_PARKED_PAGES):
        parked = await store.parked(_PARKED_PAGE, after)
        for item in parked:
            for cause in waits_for(item.command) if may_see(item.post, call.allowed) else ():
                waiting[cause].append(item.post.id)
        if len(parked) < _PARKED_PAGE:
            break
        after = parked[-1].command.id
    return waiting
