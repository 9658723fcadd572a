"""What `bridge doctor` makes of what it saw: findings, each with what to do.

A problem keeps bridge from its work, or will soon; a warning may be meant.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson

from bridge.core.directory import NamedAccount
from bridge.core.errors import FailureReason
from bridge.core.model import AccountState, Listed, Listing
from bridge.core.states import USABLE

SKEW_PROBLEM, SKEW_WARNING = timedelta(seconds=60), timedelta(seconds=10)
"""How far two clocks may be apart: senders and receivers refuse signatures that are minutes old by their own."""

EXPIRES_SOON, EXPIRES_NOW = timedelta(days=21), timedelta(days=3)
"""What is left of a certificate that is renewed by itself is more than the first."""

_ROOM = 5
"""How many times as much disk as bridge insists on is plenty."""


class State(StrEnum):
    """How bad a finding is. `SKIPPED` was not looked at."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report: what was looked at, what was seen, and what to do; nothing to do is no finding's fault."""

    about: str
    state: State
    text: str
    todo: str = ""


def ok(about: str, text: str) -> Finding:
    """Find nothing wrong."""
    return Finding(about, State.OK, text)


def warning(about: str, text: str, todo: str) -> Finding:
    """Find what may be meant, or will be a problem."""
    return Finding(about, State.WARNING, text, todo)


def problem(about: str, text: str, todo: str) -> Finding:
    """Find what a person has to mend."""
    return Finding(about, State.PROBLEM, text, todo)


def clock(other: str, ahead: timedelta) -> Finding:
    """Judge how far another clock is ahead of ours."""
    seconds = ahead.total_seconds()
    way = "ahead of" if seconds > 0 else "behind"
    text = f"{other} is {abs(seconds):.0f} s {way} this machine" if abs(seconds) >= 1 else f"agrees with {other}"
    todo = "Let both set their clocks by NTP: what is signed by one may be too old for the other."
    if abs(ahead) > SKEW_PROBLEM:
        return problem("clock", text, todo)
    return warning("clock", text, todo) if abs(ahead) > SKEW_WARNING else ok("clock", text)


def disk(about: str, free: int, least: int) -> Finding:
    """Judge the bytes that are free beside the database; below `least` nothing is accepted."""
    text = f"{_sized(free)} free on its disk"
    if free < least:
        return problem(about, f"{text}, and below {_sized(least)} nothing is accepted", "Make room, or see retention.")
    if free < _ROOM * least:
        return warning(about, f"{text}; below {_sized(least)} nothing is accepted", "Make room, or see retention.")
    return ok(about, text)


def certificate(about: str, expires_at: datetime | None, now: datetime, said: str) -> Finding:
    """Judge until when a certificate is good, of what answered; `said` is what it answered."""
    if expires_at is None:
        return ok(about, f"{said}, over plain http")
    text, left = f"{said}; its certificate is good until {expires_at:%Y-%m-%d}", expires_at - now
    todo = "Have it renewed: without it nothing is sent there, or taken from there."
    if left <= EXPIRES_NOW:
        return problem(about, text, todo)
    return warning(about, text, todo) if left <= EXPIRES_SOON else ok(about, text)


_SAID = {
    FailureReason.BLOCKED_ADDRESS: (
        "leads where bridge may not go",
        "If it is meant, add its network to network.allow, or its port to network.ports.",
    ),
    FailureReason.DNS: ("its host has no address", "Compare the name, and ask the DNS of this machine for it."),
    FailureReason.CONNECT: ("nothing takes the connection", "Is it running, and may this machine reach its port?"),
    FailureReason.TLS: ("its certificate is not good", "Renew it, with the whole chain, for this very name."),
    FailureReason.TIMEOUT: ("does not answer in time", "Look at what it does, and at firewalls on the way."),
    FailureReason.CLOSED: ("closes the connection", "Look at its log, and at the proxy before it."),
    FailureReason.PROTOCOL: ("does not speak HTTP", "Compare scheme and port of its address."),
    FailureReason.INSECURE_URL: ("is plain http, which is not allowed", "Use https, or see network.allow_http."),
}


def unreached(about: str, reason: FailureReason, detail: str) -> Finding:
    """Say why an address gave no answer."""
    text, todo = _SAID.get(reason, (f"fails: {reason}", "See docs/operations.md, Reasons."))
    return problem(about, f"{text} ({detail})" if detail else text, todo)


def tested(about: str, status: int) -> Finding:
    """Judge what an endpoint answered to a signed test."""
    if 200 <= status < 300:
        return ok(about, f"takes the signed test ({status})")
    todo = {
        401: "Compare its secret with that of the configuration.",
        403: "Compare its secret with that of the configuration; or a firewall is before it.",
        404: "Compare its address.",
        410: "It wants no more: take it out of the configuration.",
    }
    moved = "Write the address that it redirects to: redirects are not followed."
    return problem(
        about, f"answers {status} to the signed test", todo.get(status, moved if status < 400 else "Look at its log.")
    )


def accounts(partner: str, listing: Listing, named: Sequence[NamedAccount]) -> Iterator[Finding]:
    """Judge the accounts of a key: those that cannot post, and our names for what is not there."""
    about = f"partner {partner}"
    own = [rule for rule in named if rule.partner == partner]
    retired = {row.id for rule in own if rule.retired for row in listing.accounts if _is(rule, row)}
    for row in listing.accounts:
        if row.state not in USABLE and row.id not in retired:
            why = f": {row.detail}" if row.detail else ""
            text = f"{_called(row, own)} is {row.state}{why}"
            yield problem(about, text, "Reconnect it at the partner; what waits for it goes by itself then.")
        elif row.state is AccountState.DEGRADED:
            yield warning(about, f"{_called(row, own)} is degraded: {row.detail}", "Look at it at the partner in time.")
    for rule in own:
        if not rule.retired and not any(_is(rule, row) for row in listing.accounts):
            which = rule.id or f"{rule.platform} {rule.username}"
            todo = "Reconnect it at the partner, or say retired: true; or mend the id under accounts."
            yield problem(about, f"account {rule.name} ({which}) is not listed: disconnected, or never there", todo)


def _is(rule: NamedAccount, row: Listed) -> bool:
    return rule.id == row.id if rule.id else (rule.platform, rule.username) == (row.platform, row.username)


def _called(row: Listed, named: Iterable[NamedAccount]) -> str:
    name = next((rule.name for rule in named if _is(rule, row)), "")
    return f"account {name or row.id} ({row.platform} {row.username or row.display_name})"


def seen(about: str, status: int, headers: Mapping[str, str], body: bytes) -> Finding:
    """Judge what an unsigned GET of a source's address was answered: bridge itself says 405, with a problem."""
    word = _problem(body) if headers.get("Content-Type", "").startswith("application/problem+json") else ""
    if word == "method_not_allowed":
        return ok(about, "is reached: bridge answers there")
    if word == "no_such_source":
        todo = "Reload the configuration there, or compare names and addresses: a bridge answers, with other sources."
        return problem(about, "a bridge answers there that does not know it", todo)
    if word:
        return problem(about, f"bridge answers {status} ({word})", "Look at its log.")
    return problem(about, *_strange(status))


def _strange(status: int) -> tuple[str, str]:
    if 300 <= status < 400:
        return f"is redirected ({status})", "Give the address that it redirects to: senders follow no redirect."
    if status in (401, 403):
        return f"something before bridge answers {status}", "Let /hooks/ pass without a sign-in: bridge checks senders."
    if status == 404:
        return "something before bridge answers 404", "Have the proxy hand on /hooks/ and /v1/, with the path as it is."
    if status in (502, 503, 504):
        return f"the proxy answers {status}", "Start bridge, and compare the address that the proxy hands on to."
    return f"something else answers {status}", "Compare server.public_url with where the proxy of bridge is."


def _problem(body: bytes) -> str:
    """Return the word of a problem of ours, or an empty string."""
    try:
        told: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    kind = told.get("type") if isinstance(told, dict) else None
    return kind.rpartition(":")[2] if isinstance(kind, str) and kind.startswith("urn:bridge:problem:") else ""


def worst(findings: Collection[Finding]) -> State:
    """Return the worst of several states."""
    return max((one.state for one in findings), key=list(State).index, default=State.OK)


def _sized(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
