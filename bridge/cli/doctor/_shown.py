"""How `bridge doctor` shows what it found: a line each, or JSON; and meanwhile how far it is, on a terminal."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import orjson
from rich.console import Console
from rich.text import Text

from bridge.core.examining import Finding, State

_STYLES = {State.OK: "green", State.SKIPPED: "dim", State.WARNING: "yellow", State.PROBLEM: "bold red"}


@contextmanager
def progress(count: int) -> Iterator[Callable[[str], object]]:
    """Show how many of the checks are done, on standard error, while it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _about: None
        return
    done = 0
    with Console(stderr=True).status(f"0 of {count} checks") as status:

        def tell(about: str) -> None:
            nonlocal done
            done += 1
            status.update(f"{done} of {count} checks, last: {about}")

        yield tell


def as_lines(findings: Sequence[Finding]) -> None:
    """Print a line for each, what to do below it, and a sum."""
    console = Console(highlight=False, soft_wrap=True)
    width = max((len(one.about) for one in findings), default=0)
    for one in findings:
        console.print(Text(f"{one.state:<8}", _STYLES[one.state]) + Text(f" {one.about:<{width}}  {one.text}"))
        if one.todo:
            console.print(Text(f"{'':<{width + 11}}-> {one.todo}"))
    counts = {state: sum(one.state is state for one in findings) for state in State}
    told = [_counted(counts[state], state) for state in (State.PROBLEM, State.WARNING) if counts[state]]
    console.print(Text(f"{' and '.join(told)}." if told else "All is well."))


def as_json(findings: Sequence[Finding]) -> None:
    """Print one object: `{"state", "findings": [{"about", "state", "text", "todo"}]}`."""
    states = [one.state for one in findings]
    shown = {
        "state": max(states, key=list(State).index, default=State.OK),
        "findings": [{"about": one.about, "state": one.state, "text": one.text, "todo": one.todo} for one in findings],
    }
    sys.stdout.write(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() + "\n")


def _counted(count: int, state: State) -> str:
    return f"{count} {state}" + ("s" if count > 1 else "")
