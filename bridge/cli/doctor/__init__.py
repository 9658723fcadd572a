"""`bridge doctor`: looks at everything that bridge stands on, all at once, and says of each what to do.

Nothing is changed and no event is sent; with `--test-endpoints` each endpoint gets a signed `webhook.test`.
"""

import argparse
import asyncio
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from bridge.app import KINDS
from bridge.cli.doctor import _here, _there
from bridge.cli.doctor._check import Check, examined
from bridge.cli.doctor._shown import as_json, as_lines, progress
from bridge.core.errors import SettingsError
from bridge.core.examining import Finding, State, clock, ok, problem, worst
from bridge.core.redact import Redactor
from bridge.net import GuardedClient
from bridge.settings import Settings, load

_AGENT = "bridge-doctor"


def run(arguments: argparse.Namespace) -> int:
    """Look, and report; 0 when nothing is a problem, 1 when something is, 2 when the configuration cannot be read."""
    told = as_json if arguments.json else as_lines
    try:
        settings = load(arguments.config, os.environ, KINDS)
    except SettingsError as error:
        told([problem("configuration", f"{one.field}: {one.problem}", one.remedy) for one in error.faults])
        return 2
    if arguments.url and not arguments.url.startswith(("https://", "http://")):
        told([problem("sources", "--url is no address of the web", "Write it as https://hooks.example.com.")])
        return 2
    redact = Redactor(settings.secrets)
    found = asyncio.run(_found(settings, arguments))
    told([Finding(one.about, one.state, redact.text(one.text), redact.text(one.todo)) for one in found])
    return 1 if worst(found) is State.PROBLEM else 0


async def _found(settings: Settings, arguments: argparse.Namespace) -> list[Finding]:
    """Return all findings, in the order in which they are to be read."""
    clocks: list[tuple[str, timedelta]] = []
    reach = settings.network
    async with (
        GuardedClient(allow=reach.allow, allow_http=reach.allow_http, ports=reach.ports, user_agent=_AGENT) as client,
        # The address that senders use is the operator's own: any port is meant.
        GuardedClient(allow=reach.allow, allow_http=True, user_agent=_AGENT) as outside,
    ):
        checks = [*_here.checks(settings, arguments, clocks)]
        if not arguments.offline:
            now = datetime.now(UTC)
            checks += _there.checks(settings, client, clocks, now=now, test=arguments.test_endpoints)
            checks += _there.from_outside(settings, outside, arguments.url, now=now)
        found = await examined(checks, progress(len(checks)))
    return [*found, *_clock(clocks), *_left_out(offline=arguments.offline)]


def _clock(clocks: Iterable[tuple[str, timedelta]]) -> list[Finding]:
    """Compare this machine's clock with those that were seen, and say how far off the furthest is."""
    findings = [clock(other, ahead) for other, ahead in clocks]
    wrong = [one for one in findings if one.state is not State.OK]
    if wrong or not findings:
        return wrong
    return [ok("clock", f"agrees with {', '.join(other for other, _ in clocks)}")]


def _left_out(*, offline: bool) -> list[Finding]:
    told = "partners, endpoints, chats and the addresses of sources were not looked at (--offline)"
    return [Finding("network", State.SKIPPED, told)] if offline else []


__all__ = ["Check", "run"]
