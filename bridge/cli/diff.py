"""`bridge diff`: which partner requests another configuration would change; nothing is written or sent.

Each stored event is taken once more by the new configuration, and set against what the former one makes of it
(`--against`), or against what is stored of its posts. 0 when no partner would be asked anything else, 1 when one would,
2 when a configuration is wrong or there is nothing to read.
"""

import argparse
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from bridge import logs
from bridge.app import Rehearsal, rehearsing
from bridge.cli._ending import run_to_end
from bridge.cli._settings import read
from bridge.core.errors import StoreError
from bridge.core.model import Event
from bridge.core.redact import Redactor
from bridge.core.rehearsing import Comparison, Side, Tally, Verdict, compare, is_change, without_waiting
from bridge.core.units import parse_duration
from bridge.settings import Settings
from bridge.store.reading import History, reading

_EDITED = "a post of it was edited since; compare with --against the former configuration"
_OF_OTHERS = "it changed posts that were there; compare with --against the former configuration"
_BEFORE = "it changes what was posted before; give a longer --since"
_NOTHING_POSTED = "nothing_posted"
_STANDS = ("already_", "dropped", "stale", "unchanged", _NOTHING_POSTED)
"""How the reasons begin of events that made no post because there was one, or was to be one."""
_LINE_EVERY = 1000

Found = tuple[Event, Comparison]


@dataclass(slots=True)
class _Against:
    """What events are compared with: a rehearsal of the former configuration, or else what is stored."""

    history: History
    new: Rehearsal
    old: Rehearsal | None
    tally: Tally = field(default_factory=Tally)

    async def compared(self, event: Event) -> Comparison:
        """Compare what became of an event with what would."""
        now = await self.new.side(event)
        then = self._stored(event, now) if self.old is None else await self.old.side(event)
        if self.old is None:
            now = without_waiting(now)
        elif is_change(event.intent) and {then.skipped, now.skipped} == {_NOTHING_POSTED}:
            then = Side(unknown=_BEFORE)
        found = compare(then, now)
        self.tally.add(found)
        return found

    def _stored(self, event: Event, now: Side) -> Side:
        made = self.history.made(event.id)
        if any(self.history.is_edited(post) for post, _ in made):
            return Side(unknown=_EDITED)
        if made:
            return without_waiting(self.new.asked(event, made))
        stood = event.object_id is not None and (event.reason is None or event.reason.startswith(_STANDS))
        if now.requests and (stood or is_change(event.intent)):
            return Side(unknown=_OF_OTHERS)
        return Side(skipped=event.reason or "")


def run(arguments: argparse.Namespace) -> int:
    """Compare, and tell; see above for how it ends."""
    new = read(arguments.config, without_secrets=True)
    old = read(arguments.against, without_secrets=True) if arguments.against else None
    if new is None or (arguments.against and old is None):
        return 2
    try:
        since = datetime.now(UTC) - parse_duration(arguments.since)
    except ValueError as error:
        return _wrong(f"--since {error}")
    # What its flows would log is about work that is not done.
    logs.configure(
        Redactor((*new.secrets, *(old.secrets if old else ()))), level="error", as_json=False, stream=sys.stderr
    )
    try:
        return run_to_end(_compare(new, old, since, arguments))
    except StoreError as error:
        return _wrong(f"{error}.")


def _wrong(text: str) -> int:
    sys.stderr.write(f"bridge diff: {text}\n")
    return 2


async def _compare(new: Settings, old: Settings | None, since: datetime, arguments: argparse.Namespace) -> int:
    source, most = arguments.source or "", arguments.limit
    told: list[Any] = []
    with reading((old or new).database.url) as history:
        async with _rehearsed(history, new, old) as against:
            total = history.count(since, source)
            if not total:
                sys.stderr.write(f"No event {f'of {source!r} ' if source else ''}since then: give a longer --since.\n")
            with _progress(total) as tell:
                async for event, found in _each(history, against, since, source, tell):
                    if found.verdict is Verdict.UNCHANGED or len(told) >= most:
                        continue
                    if arguments.json:
                        told.append(_wire(event, found))
                    elif found.verdict is not Verdict.UNKNOWN or arguments.verbose:
                        told.append(None)
                        sys.stdout.write("\n".join(_lines(event, found)) + "\n")
            tally = against.tally
    if arguments.json:
        shown = {"since": since, "counts": tally.wire(), "changes": tally.changes, "events": told}
        sys.stdout.write(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        sys.stdout.write("\n".join(_summary(tally)) + "\n")
    return 1 if tally.changes else 0


@contextlib.asynccontextmanager
async def _rehearsed(history: History, new: Settings, old: Settings | None) -> AsyncIterator[_Against]:
    accounts, keys = history.accounts()
    async with contextlib.AsyncExitStack() as stack:
        after = await stack.enter_async_context(rehearsing(new, accounts, keys))
        before = await stack.enter_async_context(rehearsing(old, accounts, keys)) if old else None
        yield _Against(history, after, before)


async def _each(
    history: History, against: _Against, since: datetime, source: str, tell: Callable[[int], object]
) -> AsyncIterator[Found]:
    done = 0
    for page in history.events(since, source):
        for event in page:
            yield event, await against.compared(event)
        done += len(page)
        tell(done)


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int], object]]:
    """Show on standard error how many events are done: a bar on a terminal, elsewhere a line now and then."""
    if not sys.stderr.isatty():

        def line(done: int) -> None:
            if done % _LINE_EVERY == 0:
                sys.stderr.write(f"{done:,} of {total:,} events\n")

        yield line
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("events", total=total)
        yield lambda done: progress.update(task, completed=done)


def _wire(event: Event, found: Comparison) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "source": event.source,
        "received_at": event.received_at,
        "verdict": found.verdict.value.replace(" ", "_"),
        "reason": found.reason or None,
        "diff": list(found.diff),
    }


def _lines(event: Event, found: Comparison) -> Iterator[str]:
    why = f": {found.reason}" if found.reason else ""
    yield f"{event.id}  {event.received_at:%Y-%m-%d %H:%M:%SZ}  {event.source}  {found.verdict}{why}"
    yield from (f"    {line}" for line in found.diff)


def _summary(tally: Tally) -> Iterator[str]:
    yield ", ".join(f"{verdict} {tally.verdicts[verdict]:,}" for verdict in Verdict)
    for reason, count in tally.reasons.most_common():
        yield f"  not comparable {count:,}: {reason}"
    yield "Nothing was stored or sent."
