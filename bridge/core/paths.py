"""Finds a value in parsed JSON by a dotted path: `post.current.title`, `images.0.src`, `fields.title.*`."""

from collections.abc import Mapping, Sequence
from typing import Any

_MOST = 16


def dig(data: Any, path: str) -> Any:
    """Return what stands at a path, or None.

    A number is a place in a list, and `*` the first value of a mapping or list: what Contentful keeps by locale. A key
    that itself holds dots is found when it is asked for as a whole.
    """
    if isinstance(data, Mapping) and path in data:
        return data[path]
    for step in path.split(".")[:_MOST]:
        if isinstance(data, Mapping):
            data = next(iter(data.values()), None) if step == "*" and "*" not in data else data.get(step)
        elif isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
            place = 0 if step == "*" else int(step) if step.isascii() and step.isdecimal() and len(step) < 6 else -1
            data = data[place] if 0 <= place < len(data) else None
        else:
            return None
    return data


def without(data: Any, path: str) -> Any:
    """Return a copy of the data without what `dig` finds at a path without `*`, also in a list of one."""
    step, _, rest = path.partition(".")
    if isinstance(data, Mapping):
        kept = {name: value for name, value in data.items() if name != path}
        return kept | {step: without(kept[step], rest)} if rest and step in kept else kept
    if not isinstance(data, list):
        return data
    if len(data) == 1 and not step.isdecimal():
        return [without(data[0], path)]
    pairs = [(str(place), value) for place, value in enumerate(data) if rest or str(place) != step]
    return [without(value, rest) if place == step else value for place, value in pairs]
