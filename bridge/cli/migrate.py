"""`bridge migrate`: create the database or bring it up to date; with `--from` or `--to`, copy one into another."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from bridge.cli._copying import shown
from bridge.core.errors import StoreError
from bridge.store import migrate
from bridge.store.copying import Step, copy_database

Shown = Callable[[], AbstractContextManager[Callable[[Step], None]]]


def run(arguments: argparse.Namespace) -> int:
    """Migrate the configured database, or copy."""
    if arguments.source is None and arguments.target is None:
        return _migrate(arguments)
    return _copy(arguments, os.environ, shown)


def _migrate(arguments: argparse.Namespace) -> int:
    url = _configured(arguments)
    if url is None:
        return 1
    try:
        changed = migrate(url)
    except StoreError as error:
        sys.stderr.write(f"The database was not migrated: {error}\n")
        return 1
    sys.stdout.write("The database is up to date.\n" if not changed else "The database was brought up to date.\n")
    return 0


def _copy(arguments: argparse.Namespace, environ: Mapping[str, str], shown: Shown) -> int:
    """Copy; what is left out of the two is the configured database."""
    urls = [_named(arguments.source, "--from", environ), _named(arguments.target, "--to", environ)]
    if "" in urls:
        return 1
    left_out = _configured(arguments) if None in urls else ""
    if left_out is None:
        return 1
    source, target = (url or left_out for url in urls)
    try:
        with shown() as tell:
            counts = copy_database(source, target, tell)
    except StoreError as error:
        sys.stderr.write(f"Not copied, or not whole: {error}\n")
        return 1
    _tell(counts)
    return 0


def _configured(arguments: argparse.Namespace) -> str | None:
    """Return the configured URL; None after every fault was told."""
    # With it come all sources and partners, whose settings it reads: a copy from one URL to another needs none.
    from bridge.cli._settings import read

    settings = read(arguments.config)
    return None if settings is None else settings.database.url


def _named(given: str | None, flag: str, environ: Mapping[str, str]) -> str | None:
    """Return the URL that is given, or that a variable has; empty after what is wrong was told."""
    if given is None or not given.startswith("env:"):
        return given
    name = given.removeprefix("env:")
    if not environ.get(name):
        sys.stderr.write(f"{flag}: the variable {name} is not set, or empty\n")
    return environ.get(name, "")


def _tell(counts: Mapping[str, int]) -> None:
    width = max(map(len, counts))
    for table, count in counts.items():
        if count:
            sys.stdout.write(f"{table:<{width}} {count:>14,}\n")
    sys.stdout.write(f"Copied: {sum(counts.values()):,} rows, and each was compared. The source was not changed.\n")
