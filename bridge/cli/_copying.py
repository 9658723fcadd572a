"""How `bridge migrate` shows how far a copy is, on standard error: bars on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from bridge.store.copying import Step

_LINE_EVERY_S = 5.0


@contextmanager
def shown() -> Iterator[Callable[[Step], None]]:
    """Yield what is to be called with each step."""
    if not sys.stderr.isatty():
        yield Lines(sys.stderr.write, time.monotonic)
        return
    with _bars() as tell:
        yield tell


class Lines:
    """A line for each table that is done, and every few seconds one for that which is under way."""

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = clock
        self._told_at = clock()
        self._begun: tuple[Step, float] | None = None

    def __call__(self, step: Step) -> None:
        """Tell of a step, if it is time to."""
        now = self._clock()
        if self._begun is None or (self._begun[0].table, self._begun[0].checking) != (step.table, step.checking):
            self._begun = step, now
        whole = step.done == step.total
        if (whole and step.total) or now - self._told_at >= _LINE_EVERY_S:
            self._told_at = now
            self._write(f"{_named(step)}: {step.done:,} of {step.total:,} rows{self._pace(step, now)}\n")

    def _pace(self, step: Step, now: float) -> str:
        """Say how fast it goes, of what went since this process began with the table."""
        assert self._begun is not None
        first, at = self._begun
        if now <= at or step.done == first.done:
            return ""
        rate = (step.done - first.done) / (now - at)
        left = timedelta(seconds=round((step.total - step.done) / rate))
        return f", {rate:,.0f} a second" + (f", {left} left" if left else "")


def _named(step: Step) -> str:
    return f"{'compare' if step.checking else 'copy'} {step.table}"


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Say how many rows go over a second."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "")


@contextmanager
def _bars() -> Iterator[Callable[[Step], None]]:
    """Show one bar at a time: there are more tables than lines on many terminals."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def tell(step: Step) -> None:
            name = _named(step)
            if name not in tasks:
                for former in tasks.values():
                    progress.update(former, visible=False)
                tasks[name] = progress.add_task(name, total=step.total, completed=step.done)
            progress.update(tasks[name], completed=step.done)

        yield tell
