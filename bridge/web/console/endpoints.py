"""Endpoints: where events go, how each fares, and what a person does to one."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bridge.core.endpoint_rules import UNCONFIGURED
from bridge.core.endpoints import REPLY
from bridge.core.errors import Fault, Problem
from bridge.core.formats import FORMATS, STANDARD
from bridge.web.console._over_time import Drawn, over_time
from bridge.web.console._subjects import with_subjects
from bridge.web.console._visit import Gone, Shown, Visit
from bridge.web.console._words import many, path

FORM = "/console/endpoints/_new"
"""Where the form for a new one is: no endpoint has a name that begins like this."""

_HERE = "/console/endpoints"
_ROWS, _RECENT = "200", 15
_ON_TOP = (403, 404)
_FIELDS = ("url", "name", "description", "format", "secret")
_SHOWN = (*_FIELDS, "events", "allow_http")

Deed = Callable[[Visit, str], Awaitable[Shown | Gone]]


async def listing(visit: Visit) -> Shown:
    """Show all endpoints, those first that do not take what they are sent."""
    found = await visit.ask("list_endpoints")
    endpoints = sorted(found["items"], key=lambda one: (one["state"] == "enabled", one["name"]))
    return Shown("endpoints", "Endpoints", {"endpoints": endpoints, "form": FORM})


async def one(visit: Visit) -> Shown:
    """Show an endpoint: what it gets, how it fares, and what may be done."""
    name = visit.params["name"]
    endpoint, stats, recent = await asyncio.gather(
        visit.ask("get_endpoint", {"name": name}),
        visit.ask("endpoint_stats", {"name": name}),
        visit.ask("list_deliveries", query={"endpoint": name, "limit": _ROWS}),
    )
    facts = {
        "endpoint": endpoint,
        "stats": stats,
        "rate": _success(stats["attempts"]),
        "drawn": _drawn(visit, recent),
        "recent": await with_subjects(visit, recent["items"][:_RECENT]),
        "deeds": [deed for deed in _deeds(endpoint) if visit.may(deed["operation"])],
        "rotates": not endpoint["configured"] and endpoint["signed"] is not False and visit.may("rotate_secret"),
        "enables": not endpoint["enabled"] and visit.may("enable_endpoint"),
    }
    return Shown("endpoint", name, facts)


async def form(visit: Visit) -> Shown:
    """Show an empty form for a new endpoint."""
    return await _form(visit, {"format": STANDARD}, ())


async def create(visit: Visit) -> Shown | Gone:
    """Make an endpoint, and show its secret this once."""
    ticked = visit.ticked.get("events", ())
    try:
        made = await visit.ask("create_endpoint", body=_asked(visit.form, ticked))
    except Problem as problem:
        if problem.status == 403:
            raise
        return await _form(visit, visit.form, ticked, problem)
    name = made["name"]
    if made["secret"] is None:
        return Gone(
            path("endpoints", name), "The endpoint is made. Send it a test to see whether it takes what it gets."
        )
    return _secret(f"The endpoint {name} is made", made)


async def act(visit: Visit) -> Shown | Gone:
    """Do what a button of an endpoint's page says."""
    name, deed = visit.params["name"], _DOES.get(visit.params["deed"])
    if deed is None:
        raise Problem(404, "no_such_page", "There is nothing of this name to do with an endpoint.")
    try:
        return await deed(visit, name)
    except Problem as problem:
        if problem.status in _ON_TOP:
            raise
        return Gone(path("endpoints", name), _sentence(problem), well=False)


async def _test(visit: Visit, name: str) -> Shown | Gone:
    told = await visit.ask("test_endpoint", {"name": name}, {"wait": "2"})
    return Gone(
        path("deliveries", told["delivery"]["id"]), "A test is sent: this page shows what the endpoint answers."
    )


async def _rotate(visit: Visit, name: str) -> Shown | Gone:
    body = {"secret": visit.form.get("secret", "").strip() or None, "revoke": "revoke" in visit.form}
    return _secret(f"{name} has a new secret", await visit.ask("rotate_secret", {"name": name}, body=body))


async def _enable(visit: Visit, name: str) -> Shown | Gone:
    told = await visit.ask("enable_endpoint", {"name": name}, body={"replay": "replay" in visit.form})
    if told["replay"] is not None:
        return Gone(path("replays", told["replay"]), f"{name} is enabled, and gets what it lost meanwhile.")
    lost = f" It lost {many(told['waiting'], 'delivery', 'deliveries')}: see dead letters." if told["waiting"] else ""
    return Gone(path("endpoints", name), f"Enabled.{lost}")


async def _disable(visit: Visit, name: str) -> Shown | Gone:
    await visit.ask("disable_endpoint", {"name": name})
    return Gone(path("endpoints", name), "Disabled: it gets nothing any more.")


async def _delete(visit: Visit, name: str) -> Shown | Gone:
    await visit.ask("delete_endpoint", {"name": name})
    return Gone(_HERE, f"{name} is deleted.")


_DOES: Mapping[str, Deed] = {
    "test": _test,
    "rotate": _rotate,
    "enable": _enable,
    "disable": _disable,
    "delete": _delete,
}


def _deeds(endpoint: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the plain buttons of an endpoint: those that have a form of their own are not among them."""
    found = []
    if endpoint["enabled"] and endpoint["kind"] != REPLY:
        found.append(_button("test", "Test", "Sends a test to this endpoint alone, and shows what it answers."))
    if endpoint["enabled"]:
        does = "Sends nothing more here; what is on its way dies, and can be replayed later."
        found.append(_button("disable", "Disable", does, risky=True))
    if not endpoint["configured"] or endpoint["reason"] == UNCONFIGURED:
        does = "Ends it for good; what it was told so far stays on record."
        found.append(_button("delete", "Delete", does, risky=True))
    return found


def _button(name: str, button: str, does: str, *, risky: bool = False) -> dict[str, Any]:
    return {"name": name, "button": button, "does": does, "risky": risky, "operation": f"{name}_endpoint"}


def _secret(title: str, made: Mapping[str, Any]) -> Shown:
    """Show what is told once: it is in no cookie, and nowhere to be looked up again."""
    facts = {"name": made["name"], "secret": made["secret"], "old_until": made.get("old_until")}
    return Shown("secret", title, facts)


def _asked(form: Mapping[str, str], ticked: Sequence[str]) -> dict[str, Any]:
    body: dict[str, Any] = {name: form[name].strip() for name in _FIELDS if form.get(name, "").strip()}
    if ticked:
        body["events"] = list(ticked)
    if "allow_http" in form:
        body["allow_http"] = True
    return body


async def _form(visit: Visit, typed: Mapping[str, str], ticked: Sequence[str], problem: Problem | None = None) -> Shown:
    """Show the form with what was typed, but for the secret, and what is wrong beside each field."""
    if not visit.may("create_endpoint"):
        raise Problem(403, "scope", "Making an endpoint needs somebody whose token has the scope admin.")
    found = await visit.ask("list_event_types")
    families: dict[str, list[Mapping[str, Any]]] = {}
    for event_type in found["items"]:
        families.setdefault(event_type["family"], []).append(event_type)
    faults: dict[str, list[str]] = {}
    for fault in problem.errors if problem is not None else ():
        faults.setdefault(re.split(r"[.\[]", fault.field)[0], []).append(_said(fault))
    if problem is not None and problem.slug == "endpoint_exists":
        faults["name"] = [problem.detail]
    facts = {
        "families": families,
        "formats": FORMATS,
        "typed": {name: value for name, value in typed.items() if name != "secret"},
        "ticked": ticked,
        "faults": faults,
        "detail": _detail(problem, faults),
    }
    return Shown("endpoint_form", "New endpoint", facts, problem.status if problem is not None else 200)


def _said(fault: Fault) -> str:
    return f"{fault.problem[:1].upper()}{fault.problem[1:]}. {fault.remedy}".strip()


def _detail(problem: Problem | None, faults: Mapping[str, Sequence[str]]) -> str:
    """Return what is to be said on top of the form: what stands beside no field."""
    if problem is None:
        return ""
    if not faults:
        return problem.detail
    rest = [f"{name}: {' '.join(said)}" for name, said in faults.items() if name not in _SHOWN]
    return " ".join(["It is not made yet: see what is said beside the fields.", *rest])


def _sentence(problem: Problem) -> str:
    said = [f"{fault.field} {fault.problem}. {fault.remedy}" for fault in problem.errors]
    return " ".join(said) or problem.detail


def _success(attempts: Mapping[str, int]) -> float | None:
    """Return the share of ended attempts that were taken, in percent; None when there was none."""
    ended = attempts.get("ok", 0) + attempts.get("failed", 0)
    return 100 * attempts.get("ok", 0) / ended if ended else None


def _drawn(visit: Visit, recent: Mapping[str, Any]) -> Drawn | None:
    times = [item["created_at"] for item in recent["items"]]
    return over_time(times, visit.web.clock(), whole=recent["next"] is None)
