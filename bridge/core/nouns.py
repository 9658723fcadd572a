"""`noun`: the dataclass of what is made for every event and every delivery.

It is `@dataclass(frozen=True, slots=True)` to the type checker, which refuses whatever would change one. At run time it
is not frozen: a frozen one takes three times as long to make, and accepting an event makes a dozen.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as noun
else:

    def noun(*, frozen: bool, slots: bool, kw_only: bool = False) -> Callable[[type[Any]], type[Any]]:
        """Make a dataclass that is equal, and hashed, by its fields; `frozen` is for whoever reads."""
        return dataclasses.dataclass(slots=slots, kw_only=kw_only, unsafe_hash=frozen)


__all__ = ["noun"]
