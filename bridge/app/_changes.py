"""What one configuration changes of another, and what of that only a restart brings about."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from bridge.settings import ORDER, Settings

_FIXED: dict[str, Sequence[str]] = {"server": ("host", "port", "admin"), "database": (), "tracing": ()}
"""Section -> the fields that a process keeps for as long as it runs; none named: all. What it listens on and the open
database stay, so that intake goes on while everything else is exchanged; and what spans wait for their export."""


def keep_fixed(running: Settings, wanted: Settings) -> tuple[Settings, tuple[str, ...]]:
    """Return the wanted settings with what cannot change as it is, and the names of what therefore does not."""
    kept: dict[str, Any] = {}
    names: list[str] = []
    for section, known in _FIXED.items():
        old, new = getattr(running, section), getattr(wanted, section)
        every = known or [item.name for item in fields(old)]
        differing = [name for name in every if getattr(old, name) != getattr(new, name)]
        kept[section] = replace(new, **{name: getattr(old, name) for name in differing})
        names += [f"{section}.{name}" for name in differing]
    return replace(wanted, **kept), tuple(names)


def changed(running: Settings, wanted: Settings) -> tuple[str, ...]:
    """Return the sections that differ, secrets included."""
    return tuple(name for name in ORDER if getattr(running, name) != getattr(wanted, name))
