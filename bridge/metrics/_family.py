"""One metric with the children that are shown of it: every combination of its closed sets."""

from collections.abc import Collection, Iterable
from itertools import product
from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram

from bridge.metrics._table import OTHER

Parent = TypeVar("Parent", Counter, Gauge, Histogram)


class Family(Generic[Parent]):
    """One metric, with a child bound for each combination of label values, or only for those in `known`."""

    __slots__ = ("_children", "_parent", "_sets")

    def __init__(
        self, parent: Parent, sets: Collection[tuple[str, ...]], known: Iterable[tuple[str, ...]] | None = None
    ) -> None:
        self._parent: Parent = parent
        self._sets = tuple(map(frozenset, sets))
        combinations = product(*sets) if known is None else known
        self._children: dict[tuple[str, ...], Parent] = {values: self._child(values) for values in combinations}

    def at(self, *values: str) -> Parent:
        """Return the child of these values; one outside its set counts as `other`."""
        child = self._children.get(values)
        if child is None:
            values = self._folded(values)
            child = self._children.setdefault(values, self._child(values))
        return child

    def replace(self: "Family[Gauge]", numbers: Iterable[tuple[tuple[str, ...], float]]) -> None:
        """Set these numbers, and 0 for every other child; numbers that count as `other` are added up."""
        totals = dict.fromkeys(self._children, 0.0)
        for values, number in numbers:
            folded = self._folded(values)
            totals[folded] = totals.get(folded, 0.0) + number
        for values, total in totals.items():
            self.at(*values).set(total)

    def follow(self, sets: Collection[tuple[str, ...]], *, drop: bool) -> None:
        """Go by other sets: what is new stands at 0; with `drop`, what is in none of them is shown no more."""
        self._sets = tuple(map(frozenset, sets))
        wanted = dict.fromkeys(product(*sets))
        for values in wanted:
            self.at(*values)
        for values in [known for known in self._children if drop and known not in wanted]:
            del self._children[values]
            self._parent.remove(*values)

    def _folded(self, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(value if value in known else OTHER for value, known in zip(values, self._sets, strict=True))

    def _child(self, values: tuple[str, ...]) -> Parent:
        return self._parent.labels(*values) if values else self._parent
