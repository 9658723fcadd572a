"""Meters: the rates that several processes keep together."""

from collections.abc import Sequence

from bridge.core.meters import Level, Spending, spend
from bridge.ports import Clock
from bridge.store._sql import Sql, Unit
from bridge.store._tables import meters
from bridge.store._types import to_micros


class Meters:
    """Counts calls against meters, by the store's clock."""

    def __init__(self, sql: Sql, clock: Clock) -> None:
        self._clock = clock
        self._stored = sql.by_ids(meters.c.name, [meters.c.name, meters.c.free_at, meters.c.wanted_until], lock=True)
        self._insert = sql.insert(meters)
        self._upsert = sql.upsert(meters)

    def spend(self, unit: Unit, items: Sequence[Spending]) -> list[tuple[float, ...]]:
        """Count each call against all its meters or none; answers how long it waits for each, all 0 when counted."""
        stored = self._locked(unit, sorted({meter.name for call in items for meter in call.meters}))
        # The clock is read when the rows are ours: whoever had them before may have kept us waiting.
        clock = to_micros(self._clock())
        levels = {name: Level(*((at - clock) / 1_000_000 for at in ends)) for name, ends in stored.items()}
        answers, changed = spend(items, levels)
        rows = [
            (name, clock + round(level.backlog_s * 1_000_000), clock + round(level.wanted_s * 1_000_000))
            for name, level in sorted(changed.items())
        ]
        self._upsert.many(unit.connection, rows)
        return answers

    def _locked(self, unit: Unit, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return until when meters are not full, and wanted, their rows locked; one never used is made first."""
        found = self._read(unit, names)
        if missing := [name for name in names if name not in found]:
            # What is not there cannot be locked, and another process may be making it.
            self._insert.many(unit.connection, [(name, 0, 0) for name in missing])
            found = self._read(unit, names)
        return found

    def _read(self, unit: Unit, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        return {row[0]: (row[1], row[2]) for row in self._stored.rows(unit.connection, names)}
