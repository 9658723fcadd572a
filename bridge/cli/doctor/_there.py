"""What only others can tell: partners, endpoints, Slack, and how the address of a source looks from outside."""

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial

from bridge import partners
from bridge.app import configured, new_id, sendings, workspaces
from bridge.cli.doctor._check import Check
from bridge.cli.doctor._clocks import Dated
from bridge.core import examining, formats
from bridge.core.delivering import headers_of
from bridge.core.endpoints import TEST, Sending
from bridge.core.errors import FailureReason, PartnerError
from bridge.core.examining import Finding, State, ok, problem, warning
from bridge.core.model import Endpoint, OutboundEvent
from bridge.core.redact import Redactor
from bridge.core.slack import Workspace
from bridge.core.slack import api as slack
from bridge.core.states import USABLE
from bridge.core.step import Moment, Step
from bridge.net import GuardedClient, NetError
from bridge.ports import Partner
from bridge.settings import Entry, Settings

_TIMEOUT_S = 15.0
_GREETING = "This is a test by `bridge doctor`: nothing has happened, and nothing is to be done."

_TO_DO = {
    FailureReason.UNAUTHORIZED: "Copy the whole key from the partner's dashboard, or make a new one there.",
    FailureReason.PAYMENT_REQUIRED: "Its plan has lapsed or does not include the API: renew it at the partner.",
    FailureReason.FORBIDDEN: "Its plan or scopes do not allow this: it must read and write; change that there.",
    FailureReason.RATE_LIMITED: "Something else uses the key, too: wait, and give bridge a key of its own.",
    FailureReason.NOT_FOUND: "Look at base_url: something answers there, but not the partner.",
    FailureReason.UNREADABLE: "Look at base_url: something answers there, but not the partner.",
    FailureReason.TLS: "Its certificate is not good here: compare base_url, and look at this machine's clock.",
    FailureReason.REDIRECT: "Look at base_url: something answers there, but not the partner.",
}
_REACH = (
    "Is this machine online, and may it reach the address? A proxy is not used. Otherwise see the partner's status."
)


def checks(
    settings: Settings, client: GuardedClient, clocks: list[tuple[str, timedelta]], *, now: datetime, test: bool
) -> Iterator[Check]:
    """Give the checks; `clocks` gets those of the partners. With `test` each endpoint is sent an event."""
    for name, entry in settings.partners.items():
        yield Check(f"partner {name}", partial(_partner, name, entry, settings, clocks))
    given, rows = sendings(settings), configured(settings)
    for name in settings.endpoints:
        row = Endpoint(name=name, **rows[name])  # type: ignore[arg-type]  # Its own fields, as they are stored.
        yield Check(f"endpoint {name}", partial(_endpoint, row, given[name], client, now, test=test))
    for name, workspace in workspaces(settings).items():
        yield Check(f"slack {name}", partial(_slack, workspace, client))


def from_outside(settings: Settings, client: GuardedClient, url: str | None, *, now: datetime) -> Iterator[Check]:
    """Give the checks of the addresses that senders use."""
    base = (url or settings.server.public_url or "").rstrip("/")
    paths = {f"source {name}": f"/hooks/{name}" for name, entry in settings.sources.items() if _listens(entry)}
    paths |= {"source api": "/v1/publish"} if settings.tokens else {}
    if not base:
        yield Check("sources", partial(_unknown, len(paths)))
        return
    for about, path in paths.items():
        yield Check(about, partial(_source, about, f"{base}{path}", client, now))


def _listens(entry: Entry) -> bool:
    """Say whether a source is sent anything: one may only read a feed, or speak over a connection of its own."""
    if entry.kind == "feed" and not entry.config.secret:
        return False
    return getattr(entry.config, "mode", None) != "socket"


async def _unknown(count: int) -> Iterable[Finding]:
    if not count:
        return []
    told = f"the address that senders of {count} sources use is not known, so it was not looked at"
    return [Finding("sources", State.SKIPPED, told, "Set server.public_url, or give --url https://...")]


async def _partner(
    name: str, entry: Entry, settings: Settings, clocks: list[tuple[str, timedelta]]
) -> Iterable[Finding]:
    about, ahead = f"partner {name}", list[timedelta]()
    partner = partners.build(name, entry.config, lambda *_: None, transport=Dated(ahead.append))
    try:
        plan = await _plan(partner)
        try:
            listing = await partner.accounts()
        except PartnerError as error:
            return [_refused(about, error, plan)]
    finally:
        await partner.close()
        clocks += [(about, min(ahead, key=abs))] if ahead else []
    usable = sum(row.state in USABLE for row in listing.accounts)
    found = [ok(about, f"takes the key{plan}: {usable} of {len(listing.accounts)} accounts can post")]
    if not partner.writes:
        found.append(warning(about, "writes are off: nothing is sent there", "Take writes: off out when you mean it."))
    return [*found, *examining.accounts(name, listing, settings.accounts)]


async def _plan(partner: Partner) -> str:
    """Name the plan, where the partner tells."""
    try:
        plan = await partner.plan()
    except PartnerError:
        return ""
    return f" (plan: {plan})" if plan else ""


def _refused(about: str, error: PartnerError, plan: str) -> Finding:
    status = f" ({error.status}{': ' + error.detail if error.detail else ''})" if error.status else f": {error.detail}"
    told = f"did not list the accounts of the key{plan}: {error.reason}{status}".rstrip(" :")
    return problem(about, told, _TO_DO.get(error.reason, _REACH))


async def _endpoint(
    row: Endpoint, sending: Sending, client: GuardedClient, now: datetime, *, test: bool
) -> Iterable[Finding]:
    """Connect, and ask for nothing without `test`: there are receivers that take any request for an event."""
    about = f"endpoint {row.name}"
    try:
        expires_at = await client.reach(sending.url, _TIMEOUT_S, allow_http=row.allow_http or None)
        status = await _tested(row, sending, client, now) if test else None
    except NetError as error:
        return [_unreached(about, error, sending)]
    found = [examining.certificate(about, expires_at, now, "is reached")]
    return found if status is None else [*found, examining.tested(about, status)]


async def _tested(row: Endpoint, sending: Sending, client: GuardedClient, now: datetime) -> int | None:
    """Send an endpoint what `POST /v1/endpoints/NAME/test` does, once; None where its format has no words for it."""
    event = _event(row, now)
    body = formats.body(row.format, event)
    if body is None:
        return None
    headers = headers_of(sending, event.id, formats.content_type(row.format), body, now)
    reply = await client.post(sending.url, headers, body, _TIMEOUT_S, allow_http=row.allow_http or None, again=False)
    return reply.status


def _event(row: Endpoint, now: datetime) -> OutboundEvent:
    step = Step(Moment(now, new_id, random.random))
    step.tell_endpoint(row, TEST, "enabled", "enabled", message=_GREETING)
    [event] = step.write().events
    return event


def _unreached(about: str, error: NetError, sending: Sending) -> Finding:
    """Say why there was no answer, without what only the endpoint knows."""
    return examining.unreached(about, error.reason, Redactor((sending.url,)).text(error.detail))


async def _slack(workspace: Workspace, client: GuardedClient) -> Iterable[Finding]:
    about = f"slack {workspace.name}"
    if not workspace.bot_token:
        told = "has no bot_token: no forms, no messages that change, no cards"
        return [warning(about, told, "Add bot_token: {env: NAME} with the token that begins with xoxb-.")]
    call = slack.request(workspace, "auth.test", {})
    try:
        reply = await client.post(call.url, call.headers, call.body, _TIMEOUT_S, allow_http=workspace.allow_http)
    except NetError as error:
        return [examining.unreached(about, error.reason, error.detail)]
    answer = slack.read(reply.status, reply.headers, reply.body)
    if answer.ok:
        team, user = (str(answer.data.get(name, "?"))[:60] for name in ("team", "user"))
        return [ok(about, f"takes the bot token: {user} in {team}")]
    told = f"does not take the bot token: {answer.error or answer.status}"
    return [
        problem(about, told, "Install the app again, and copy its bot token; `bridge slack manifest` prints the app.")
    ]


async def _source(about: str, url: str, client: GuardedClient, now: datetime) -> Iterable[Finding]:
    try:
        seen = await client.look(url, _TIMEOUT_S)
    except NetError as error:
        if error.reason is FailureReason.BLOCKED_ADDRESS:
            told = f"its address leads to a private network from here ({error.detail.partition(' ')[0]})"
            todo = "Look from outside, with --url; or let network.allow have that network."
            return [warning(about, told, todo)]
        return [examining.unreached(about, error.reason, error.detail)]
    found = examining.seen(about, seen.status, seen.headers, seen.body)
    if found.state is not State.OK:
        return [found]
    return [examining.certificate(about, seen.expires_at, now, "is reached, and bridge answers")]
