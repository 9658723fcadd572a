"""`bridge config schema` and `bridge config show`: what a configuration may say, and what one says in the end."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import yaml

from bridge.app import KINDS
from bridge.cli._settings import read
from bridge.core.mistakes import nearest
from bridge.settings import ORDER, Effective, effective, json_schema

_DEFAULT = "default"
_COLUMN = 60
"""Where the origin of a value begins, if its line is not longer."""


def run(arguments: argparse.Namespace) -> int:
    """Print the schema or the configuration; 1 when it has faults, 2 when there is no such section."""
    if arguments.thing == "schema":
        _print(json_schema(KINDS))
        return 0
    if arguments.section not in (None, *ORDER):
        sys.stderr.write(f"{arguments.section!r} is no section. {nearest(arguments.section, ORDER)}\n")
        return 2
    settings = read(arguments.config)
    if settings is None:
        return 1
    found = _chosen(effective(settings, os.environ, KINDS), arguments)
    if arguments.json:
        _print({"config": found.tree, "from": found.origins})
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found.tree, found.origins))
    return 0


def _print(value: object) -> None:
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def _chosen(found: Effective, arguments: argparse.Namespace) -> Effective:
    """Leave out what was not asked for."""
    tree = {name: part for name, part in found.tree.items() if arguments.section in (None, name)}
    if arguments.only_set:
        tree = _set(tree, "", found.origins) or {}
    paths = {path for path, _ in _leaves(tree, "", found.origins)}
    return Effective(tree, {path: origin for path, origin in found.origins.items() if path in paths})


def _set(value: Any, path: str, origins: Mapping[str, str]) -> Any:
    """Return a part of the tree without what has its default; None where nothing is left."""
    if path in origins:
        return None if origins[path] == _DEFAULT else value
    parts = {key: _set(one, inner, origins) for key, one, inner in _parts(value, path)}
    kept = {key: one for key, one in parts.items() if one is not None}
    if isinstance(value, list):
        return list(kept.values()) or None
    return kept or None


def _leaves(value: Any, path: str, origins: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    if path in origins:
        yield path, value
        return
    for _, one, inner in _parts(value, path):
        yield from _leaves(one, inner, origins)


def _parts(value: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    """Yield key, value and path of each thing in a mapping or list."""
    if isinstance(value, list):
        yield from ((place, one, f"{path}[{place}]") for place, one in enumerate(value))
    elif isinstance(value, dict):
        yield from ((key, one, f"{path}.{key}" if path else str(key)) for key, one in value.items())


def _lines(value: Any, origins: Mapping[str, str], path: str = "", depth: int = 0) -> Iterator[str]:
    """Write a tree as YAML, each value with where it is from."""
    margin = "  " * depth
    for key, one, inner in _parts(value, path):
        head = f"{margin}- " if isinstance(value, list) else f"{margin}{_flow(key)}:"
        if inner in origins or not one:
            line = f"{head} {_flow(one)}".replace("-  ", "- ")
            yield f"{line:<{_COLUMN}}  # {origins[inner]}" if inner in origins else line
        elif isinstance(value, list):
            first, *rest = _lines(one, origins, inner, depth + 1)
            yield f"{head}{first.lstrip()}"
            yield from rest
        else:
            yield head
            yield from _lines(one, origins, inner, depth + 1)


def _flow(value: Any) -> str:
    """Write a value in one line of YAML."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False)
    line = text.removesuffix("...\n").strip()
    # JSON is YAML, too, and says a line end without one.
    return orjson.dumps(value).decode() if "\n" in line else line
