"""Preview: what a source would make of a payload, step by step. Nothing is stored or sent."""

from collections.abc import Mapping
from typing import Any

import orjson

from bridge.core.errors import Fault, Problem
from bridge.core.request import invalid
from bridge.flows.ingest import API
from bridge.web.console._examples import EXAMPLES, Example
from bridge.web.console._visit import Shown, Visit

_KEPT = ("source", "method", "query", "headers", "body")
_MOST_HEADERS = 64
_FOUND: Mapping[str, tuple[str, str]] = {
    "genuine": ("It is genuine.", "good"),
    "unsigned": (
        "It carries no proof of who sent it. That is usual here, and would be refused at the real address.",
        "warn",
    ),
    "malformed": ("Its proof cannot be read: it does not have the form that this sender uses.", "bad"),
    "forged": ("Its proof does not fit: another secret, or other bytes than the sender signed.", "bad"),
    "stale": ("Its proof fits, but is too old to be taken now.", "warn"),
}
"""What a check found, in a sentence, and its tone."""
_MEANS: Mapping[str, tuple[str, str]] = {
    "accepted": ("It is taken.", "good"),
    "changed": ("It changes a post that there is, or takes it back.", "good"),
    "duplicate": ("It is the same as something before: nothing happens.", "plain"),
    "ignored": ("It is kept, and nothing is posted.", "plain"),
    "skipped": ("It is kept, and nothing is posted: a condition does not hold.", "plain"),
    "stale": ("It is kept, and nothing is posted: something newer is known.", "plain"),
    "tested": ("It is the sender's own test: it is kept, and nothing is posted.", "good"),
    "needs_fetch": ("What it leaves out has to be fetched first.", "warn"),
    "needs_mapping": ("It does not say what to post: the source needs a caption template or field names.", "warn"),
    "refused": ("It would be refused.", "bad"),
}
"""What a decision means, in a sentence, and its tone."""


async def form(visit: Visit) -> Shown:
    """Show the form, filled in when the address names an event that came in, or asks for a source's example."""
    _may(visit)
    source, event = visit.query.get("source", ""), visit.query.get("event")
    typed = {"source": source}
    if event:
        typed |= await _as_it_came(visit, event)
    elif visit.query.get("example") and (example := _example(visit, source)) is not None:
        typed |= {"body": example.body, "headers": example.headers, "query": example.query}
    return _shown(visit, typed)


async def show(visit: Visit) -> Shown:
    """Show what would become of what was pasted, and keep it in the form."""
    typed = {name: visit.form.get(name, "").replace("\r\n", "\n") for name in _KEPT}
    try:
        told = await visit.ask("preview", body=_asked(typed))
    except Problem as problem:
        if problem.status == 403:
            raise
        return _shown(visit, typed, problem=problem)
    return _shown(visit, typed, told=told)


def _may(visit: Visit) -> None:
    if not visit.may("preview"):
        detail = f"Token {visit.token.name!r} lacks the scope 'publish': this needs somebody who has it."
        raise Problem(403, "scope", detail)


async def _as_it_came(visit: Visit, event_id: str) -> dict[str, str]:
    """Return an event as it would be pasted: its body is for those who may see it."""
    event = await visit.ask("get_event", {"id": event_id})
    lines = [f"{name}: {value}" for name, value in (event.get("headers") or {}).items()]
    if event["content_type"]:
        lines.append(f"Content-Type: {event['content_type']}")
    body = (event.get("body") or {}).get("text") or ""
    return {"source": event["source"], "body": _pretty(body), "headers": "\n".join(lines)}


def _pretty(body: str) -> str:
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return body


def _example(visit: Visit, source: str) -> Example | None:
    known = visit.web.ingest.sources.get(source)
    return EXAMPLES.get(known.kind) if known is not None and source != API else None


def _asked(typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a preview.

    Raises:
        Problem: 422, a line of the headers is not one.
    """
    headers, faults = {}, []
    lines = [line for line in typed["headers"].splitlines() if line.strip()]
    for number, line in enumerate(lines[:_MOST_HEADERS], 1):
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or not name.strip().isascii():
            faults.append(Fault(f"headers, line {number}", "is not a header", 'Write "Name: value", one on a line.'))
        headers[name.strip()] = value.strip()
    if faults:
        raise invalid(faults)
    fields = {"source": typed["source"], "body": typed["body"], "headers": headers, "query": typed["query"].lstrip("?")}
    return fields | ({"method": typed["method"]} if typed["method"] else {})


def _shown(
    visit: Visit, typed: Mapping[str, str], *, told: Mapping[str, Any] | None = None, problem: Problem | None = None
) -> Shown:
    sources = visit.web.ingest.sources
    names = sorted(sources.keys() - {API})
    facts = {
        "names": names,
        "typed": {**dict.fromkeys(_KEPT, ""), **typed},
        "methods": sorted({method for name in names for method in sources[name].methods}),
        "examples": [name for name in names if sources[name].kind in EXAMPLES],
        "told": told,
        "problem": problem,
        "found": _FOUND,
        "means": _MEANS,
    }
    return Shown("preview", "Preview", facts, problem.status if problem is not None else 200)
