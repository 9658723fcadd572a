"""A panel of the dashboard, before it is Grafana's."""

from dataclasses import dataclass

PER_MINUTE = "cpm"
"""Grafana's name for counts a minute: a bridge sees few posts, and what is a second apart reads badly."""

RED, YELLOW, GREEN = "red", "yellow", "green"

Threshold = tuple[float | None, str]
NO_THRESHOLD: tuple[Threshold, ...] = ((None, GREEN),)
ANY_IS_BAD: tuple[Threshold, ...] = ((None, GREEN), (1, RED))
ANY_IS_WORK: tuple[Threshold, ...] = ((None, GREEN), (1, YELLOW))


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: what it is called and tells, in which unit, and its queries with their legends.

    Args:
        thresholds: from which value on it has which color; the first has no value.
        kind: `timeseries`, `stat` for one number, or `bargauge` for what came together in the time shown.
        stacked: the queries are parts of a whole.
        width: of 24.
    """

    title: str
    tells: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    thresholds: tuple[Threshold, ...] = NO_THRESHOLD
    kind: str = "timeseries"
    stacked: bool = False
    width: int = 8
