"""Reads query strings, with every fault at once."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from urllib.parse import parse_qsl

from bridge.core.errors import Fault
from bridge.core.request import invalid
from bridge.core.times import parse_when
from bridge.core.units import parse_duration
from bridge.ports import Find

PAGE = ("limit", "before", "since", "until")
MOST_ROWS = 200
MOST_WAIT_S = 120.0
_LONGEST = 200
_SPACE_FOR_PLUS = re.compile(r"(T.*) (\d\d:?\d\d)$")


class Query:
    """The parameters of one request; `check` refuses them when any is wrong.

    Args:
        query: the query string, as it came.
        known: the names that mean something here.
    """

    def __init__(self, query: bytes, known: Sequence[str]) -> None:
        self.faults: list[Fault] = []
        self._values: dict[str, str] = {}
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else ():
            if name not in known:
                self.fault(name[:60], "is not a known parameter", f"Known here: {', '.join(known) or 'none'}.")
            elif name in self._values:
                self.fault(name, "is given twice", "Give it once.")
            self._values[name] = value

    def fault(self, name: str, problem: str, remedy: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(name, problem, remedy))

    def text(self, name: str) -> str | None:
        """Any text; empty means absent."""
        value = self._values.get(name) or None
        if value is not None and len(value) > _LONGEST:
            self.fault(name, f"has {len(value)} characters", f"Give at most {_LONGEST}.")
        return value

    def word(self, name: str, words: Collection[str]) -> str | None:
        """One of a closed set."""
        value = self.text(name)
        if value is not None and value not in words:
            self.fault(name, f"is {value[:60]!r}", f"Give one of {', '.join(words)}.")
        return value

    def instant(self, name: str) -> datetime | None:
        """An instant with an offset; its plus sign may have come as a space."""
        value = self.text(name)
        if value is None:
            return None
        at, _, faults = parse_when(_SPACE_FOR_PLUS.sub(r"\1+\2", value), None, name)
        self.faults += faults
        return at

    def rows(self, usual: int = 50) -> int:
        """How many rows a page may have."""
        value = self.text("limit") or str(usual)
        if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= MOST_ROWS:
            self.fault("limit", f"is {value[:60]!r}", f"Give a number from 1 to {MOST_ROWS}.")
            return 1
        return int(value)

    def wait_s(self) -> float:
        """How many seconds the caller stays on the line: `20`, `20s`; 0 when it does not."""
        value = self.text("wait")
        if value is None:
            return 0.0
        try:
            seconds = parse_duration(f"{value}s" if value[-1].isdigit() else value).total_seconds()
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= MOST_WAIT_S:
            self.fault("wait", f"is {value[:60]!r}", f"Give seconds, such as 20 or 20s, at most {MOST_WAIT_S:.0f}.")
        return seconds

    def find(self, **filters: str | None) -> Find:
        """Return a filter with the page that was asked for; refuse what is wrong.

        Raises:
            Problem: 422 with every fault.
        """
        page = {"limit": self.rows(), "before": self.text("before")}
        find = Find(**page, **filters, since=self.instant("since"), until=self.instant("until"))  # type: ignore[arg-type]
        self.check()
        return find

    def check(self) -> None:
        """Refuse what is wrong.

        Raises:
            Problem: 422 with every fault.
        """
        if self.faults:
            raise invalid(self.faults)


def wait_of(query: bytes) -> float:
    """Return the seconds of `?wait=`, the only parameter that there may be."""
    if not query:
        return 0.0
    given = Query(query, ("wait",))
    seconds = given.wait_s()
    given.check()
    return seconds
