"""Accounts: who can be posted to, what keeps one from it, what waits for it, and how it is reconnected."""

import asyncio

from bridge.core.errors import Problem
from bridge.core.model import AccountState
from bridge.core.states import RETIRED
from bridge.web.console._causes import makes_link, tell
from bridge.web.console._sessions import own_path
from bridge.web.console._visit import Gone, Shown, Visit

FILTERS = ("partner", "state")
_HERE = "/console/accounts"


async def listing(visit: Visit) -> Shown:
    """Show all accounts, and what a person must act on."""
    asked = visit.chosen(*FILTERS)
    found, causes = await asyncio.gather(
        visit.ask("list_accounts", query=asked), visit.ask("list_causes", query={"partner": asked["partner"]})
    )
    accounts = [
        {**one, "key": f"{one['partner']}:{one['id']}", "links": makes_link(visit, f"{one['partner']}:{one['id']}")}
        for one in found["items"]
    ]
    facts = {
        "accounts": sorted(accounts, key=lambda one: (one["state"] in ("active", RETIRED), one["name"] or one["id"])),
        "causes": await tell(visit, causes["items"]),
        "asked": asked,
        "states": [*AccountState, RETIRED],
        "partners": sorted(visit.web.ingest.kit.partners),
    }
    return Shown("accounts", "Accounts", facts)


async def reconnect(visit: Visit) -> Shown | Gone:
    """Make the partner's link, and show it to whoever asked for it, this once."""
    try:
        link = await visit.ask("reconnect_account", {"id": visit.params["id"]})
    except Problem as problem:
        if problem.status in (403, 404):
            raise
        return Gone(_HERE, problem.detail, well=False)
    account = link["account"]
    name = account["name"] or account["username"] or account["id"]
    return Shown("reconnect", f"Reconnect {name}", {"link": link, "account": account, "name": name})


async def close(visit: Visit) -> Shown | Gone:
    """Let go what waits for the brake of a source."""
    if not visit.may("close_cause"):
        detail = "Letting all go needs somebody whose token has the scope admin, and is for all accounts."
        raise Problem(403, "scope", detail)
    back = own_path(visit.form.get("back", ""))
    try:
        await visit.ask("close_cause", {"id": visit.params["id"]})
    except Problem as problem:
        if problem.status in (403, 404):
            raise
        return Gone(back, problem.detail, well=False)
    return Gone(back, "Let go: what waited goes out now, one after the other on each account.")
