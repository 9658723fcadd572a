"""`bridge backup FILE`: a copy of the configured SQLite file, made while the service runs."""

import argparse
import sys

from bridge.cli._copied import shown, sized
from bridge.cli._settings import read
from bridge.core.errors import StoreError
from bridge.store import is_postgresql, parse
from bridge.store.backup import back_up

_POSTGRESQL = (
    "PostgreSQL is copied with its own tools: use pg_dump or your provider's snapshots, "
    "and after going back to one run `bridge restore` before bridge is started"
)


def run(arguments: argparse.Namespace) -> int:
    """Make a copy; 1 when there is none, or when older ones that were to go could not be removed."""
    settings = read(arguments.config, without_secrets=True)
    if settings is None:
        return 1
    try:
        if is_postgresql(settings.database.url):
            raise StoreError(_POSTGRESQL)
        url = parse(settings.database.url)
        with shown("copy") as tell:
            made = back_up(url, arguments.file, tell, force=arguments.force, keep=arguments.keep)
    except StoreError as error:
        sys.stderr.write(f"No copy was made: {error}\n")
        return 1
    gone = f", {len(made.removed)} older removed" if made.removed else ""
    sys.stdout.write(f"{made.path}: {sized(made.size)} in {made.seconds:.1f} s, checked{gone}\n")
    if made.fault:
        sys.stderr.write(f"The copy was made, but not all older ones could be removed: {made.fault}\n")
    return 1 if made.fault else 0
