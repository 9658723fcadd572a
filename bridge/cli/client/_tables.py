"""Tables and pages on a terminal or in a pipe: as wide as the terminal, without colour where nobody sees it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from io import StringIO
from typing import Any, Literal, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.cli.client._text import shown

Item = Mapping[str, Any]

_COLOURS = {
    "green": ("posted", "done", "active", "enabled", "ok", "draft_delivered", "closed", "yes"),
    "yellow": (
        "parked", "accepted", "pending", "publishing", "scheduled", "draft", "due", "degraded", "held", "waiting",
        "running", "partial", "open", "stopped",
    ),
    "red": (
        "failed", "rejected", "dead", "disconnected", "removed", "failing", "disabled", "vanished", "unknown", "lost",
    ),
    "dim": ("canceled", "retired"),
}  # fmt: skip
COLOUR_OF = {word: colour for colour, words in _COLOURS.items() for word in words}
_GAP = 2
_LEAST = 12
"""Cells that a column which may be cut has at least; columns that do not fit beside it are left out."""
_MOST = 100
"""Cells that it has at most where nothing says how wide the paper is: --json has all."""
_WIDEST = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `of` is the path to its value (`content.caption`), or makes it.

    `cut`: it takes the width that is left, and what does not fit ends in `…`. `spare`: it is left out when the
    terminal is narrow, the highest number first; 0 is never left out.
    """

    title: str
    of: str
    spare: int = 0
    cut: bool = False
    state: bool = False
    right: bool = False

    def value(self, item: Item, zone: tzinfo | None) -> str:
        """What stands in this column of a row."""
        found: Any = item
        for part in self.of.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return shown(found, zone)


@dataclass
class Paper:
    """Where to write: `width` cells, None for as many as it takes; `zone` of instants, None for this machine's."""

    out: TextIO
    width: int | None = None
    colour: bool = False
    zone: tzinfo | None = None

    @classmethod
    def of(cls, out: TextIO) -> "Paper":
        """What is known of a stream: a terminal has a width, and colours unless NO_COLOR is set."""
        if not out.isatty():
            return cls(out)
        console = Console(file=out)
        return cls(out, console.width, not console.no_color and os.environ.get("TERM") != "dumb")

    def say(self, line: str = "") -> None:
        """Write a line."""
        self.out.write(f"{line}\n")

    def state(self, word: str) -> str:
        """Return a state in its colour."""
        colour = COLOUR_OF.get(word) if self.colour else None
        return self._drawn(Text(word, style=colour)).rstrip("\n") if colour else word

    def table(self, columns: Sequence[Column], items: Iterable[Item], indent: int = 0) -> None:
        """Write a table; a column that has nothing in any row is left out."""
        rows = [[column.value(item, self.zone) for column in columns] for item in items]
        kept = [place for place in range(len(columns)) if any(row[place] for row in rows)]
        kept = self._fitting(columns, rows, kept, indent)
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold" if self.colour else "")
        widths = self._widths(columns, rows, kept, indent)
        for place in kept:
            how: Literal["left", "right"] = "right" if columns[place].right else "left"
            table.add_column(columns[place].title, no_wrap=True, overflow="ellipsis", width=widths[place], justify=how)
        for row in rows:
            table.add_row(*(self._cell(columns[place], row[place]) for place in kept))
        for line in self._drawn(table, sum(widths.values()) + _GAP * len(kept)).splitlines():
            self.say((" " * indent + line).rstrip())

    def _fitting(
        self, columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: list[int], indent: int
    ) -> list[int]:
        """Leave out spare columns until the rest fits."""
        if self.width is None:
            return kept

        def needs(place: int) -> int:
            widest = _widest(columns[place], rows, place)
            return (min(_LEAST, widest) if columns[place].cut else widest) + _GAP

        while sum(map(needs, kept)) - _GAP > self.width - indent:
            spare = max(kept, key=lambda place: (columns[place].spare, place), default=None)
            if spare is None or not columns[spare].spare:
                break
            kept = [place for place in kept if place != spare]
        return kept

    def _widths(
        self, columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int], indent: int
    ) -> dict[int, int]:
        """Give each column its width; those that may be cut share what is left, and none has more than it needs."""
        widths = {place: _widest(columns[place], rows, place) for place in kept}
        if self.width is None:
            return {place: min(width, _MOST if columns[place].cut else width) for place, width in widths.items()}
        cut = sorted((place for place in kept if columns[place].cut), key=lambda place: widths[place])
        left = self.width - indent - _GAP * (len(kept) - 1) - sum(widths[place] for place in kept if place not in cut)
        for number, place in enumerate(cut):
            widths[place] = min(widths[place], max(_LEAST, left // (len(cut) - number)))
            left -= widths[place]
        return widths

    def _cell(self, column: Column, text: str) -> Text:
        return Text(text, style=COLOUR_OF.get(text, "") if column.state and self.colour else "")

    def fields(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Write names with their values, one a line; what is empty is left out."""
        pairs = [(name, value) for name, value in pairs if value]
        width = max((len(name) for name, _ in pairs), default=0)
        for name, value in pairs:
            self.say(f"{name:<{width}}  {self.state(value)}")

    def _drawn(self, thing: Table | Text, width: int = _WIDEST) -> str:
        """Draw in memory, as wide as it takes: a terminal that is narrower breaks the lines, and nothing is lost."""
        console = Console(
            file=StringIO(), width=width, force_terminal=self.colour, no_color=not self.colour,
            color_system="standard" if self.colour else None, highlight=False, legacy_windows=False, _environ={},
        )  # fmt: skip
        with console.capture() as told:
            console.print(thing, markup=False, emoji=False)
        return told.get()


def _widest(column: Column, rows: Sequence[Sequence[str]], place: int) -> int:
    return max(cell_len(column.title), *(cell_len(row[place]) for row in rows)) if rows else cell_len(column.title)
