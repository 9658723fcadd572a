"""Rehearsals: what an event comes to under one configuration, set against what it came to under another.

A side is made of what a preview shows of each item (`bridge.flows.ingest`): only what a partner would be asked counts.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from enum import StrEnum
from typing import Any

import orjson

from bridge.core.answers import Json
from bridge.core.model import Intent

_CONTEXT = 2
_REFUSED = ("refused", "invalid", "conflict")
"""Outcomes of an item that nothing becomes of although its sender wants something."""
_CHANGES = (Intent.UPDATE, Intent.UNPUBLISH, Intent.DELETE)


class Verdict(StrEnum):
    """What another configuration does to an event."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    REFUSED = "refused now"
    ACCEPTED = "accepted now"
    UNKNOWN = "not comparable"


@dataclass(frozen=True, slots=True)
class Side:
    """What an event comes to: the `requests` that partners would get, and why there are no others.

    `refused` are sentences on what is refused, `skipped` says why nothing was asked for. `unknown` says why nobody can
    tell; then the rest means nothing.
    """

    requests: tuple[Json, ...] = ()
    refused: tuple[str, ...] = ()
    skipped: str = ""
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """An event under both configurations. `reason` is why it is refused, skipped or not comparable."""

    verdict: Verdict
    reason: str = ""
    diff: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """How many events came to what, and for what reasons they could not be compared."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, compared: Comparison) -> None:
        """Count one event."""
        self.verdicts[compared.verdict] += 1
        if compared.verdict is Verdict.UNKNOWN:
            self.reasons[compared.reason] += 1

    @property
    def changes(self) -> bool:
        """Whether anything would be other than it was."""
        return any(self.verdicts[one] for one in (Verdict.CHANGED, Verdict.REFUSED, Verdict.ACCEPTED))

    def wire(self) -> dict[str, Any]:
        """Return the counts by word, and the reasons of what is not comparable."""
        counts = {one.value.replace(" ", "_"): self.verdicts[one] for one in Verdict}
        return {**counts, "reasons": dict(self.reasons.most_common())}


def side_of(items: Iterable[Json]) -> Side:
    """Return what the items of an event, as a preview shows them, come to."""
    requests, refused, skipped = [], [], ""
    for item in items:
        going = [post for post in item["posts"] if post["state"] != "rejected" and not post["faults"]]
        requests += [_asked(post) for post in going]
        refused += [_sentence(fault) for post in item["posts"] if post not in going for fault in post["faults"]]
        if item["outcome"] in _REFUSED:
            refused.append(item["reason"] or item["note"] or item["outcome"])
        elif not item["posts"]:
            skipped = skipped or item["reason"] or item["note"] or item["outcome"]
    return Side(tuple(sorted(requests, key=_text)), tuple(dict.fromkeys(refused)), skipped)


def _asked(post: Json) -> Json:
    """Return of a post what its partner sees, and why it sees it later; the request says itself when it goes out."""
    asked: Json = {
        "partner": post["partner"],
        "accounts": sorted(row["name"] or row["account"] for row in post["accounts"]),
        "asks": post["asks"],
        "request": post["request"] if post["request"] is not None else post["content"],
    }
    unsaid = () if post["request"] is not None else ("scheduled_at",)
    return {**asked, **{name: post[name] for name in (*unsaid, "held", "not_before", "fetches") if post.get(name)}}


def _sentence(fault: Json) -> str:
    words = (str(fault.get("field") or ""), str(fault.get("problem") or "").rstrip("."))
    return " ".join(word for word in words if word)


def without_waiting(side: Side) -> Side:
    """Leave out what a stored post does not say any more: how long it was held here."""
    kept = tuple({name: value for name, value in one.items() if name != "held"} for one in side.requests)
    return Side(kept, side.refused, side.skipped, side.unknown)


def compare(then: Side, now: Side) -> Comparison:
    """Set what an event came to against what it would come to."""
    if unknown := then.unknown or now.unknown:
        return Comparison(Verdict.UNKNOWN, unknown)
    if then.requests == now.requests:
        return Comparison(Verdict.UNCHANGED)
    diff = tuple(_diff(then.requests, now.requests))
    if not then.requests:
        return Comparison(Verdict.ACCEPTED, "; ".join(then.refused) or then.skipped, diff)
    if not now.requests and now.refused:
        return Comparison(Verdict.REFUSED, "; ".join(now.refused), diff)
    return Comparison(Verdict.CHANGED, "; ".join(now.refused) or ("" if now.requests else now.skipped), diff)


def is_change(intent: Intent) -> bool:
    """Say whether an event only asks something of posts that others made."""
    return intent in _CHANGES


def _diff(then: Sequence[Json], now: Sequence[Json]) -> list[str]:
    """Return a unified diff of requests as indented JSON, without the lines that name files."""
    lines = unified_diff(_lines(then), _lines(now), n=_CONTEXT, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++"))]


def _lines(requests: Sequence[Json]) -> list[str]:
    return [line for one in requests for line in _text(one).splitlines()]


def _text(request: Json) -> str:
    return orjson.dumps(request, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
