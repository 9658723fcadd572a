"""`bridge migrate`: create the database or bring its tables up to date, and do nothing else."""

import argparse
import sys

from bridge.cli._settings import read
from bridge.core.errors import StoreError
from bridge.store import migrate


def run(arguments: argparse.Namespace) -> int:
    """Migrate the configured database."""
    settings = read(arguments.config)
    if settings is None:
        return 1
    try:
        changed = migrate(settings.database.url)
    except StoreError as error:
        sys.stderr.write(f"The database was not migrated: {error}\n")
        return 1
    sys.stdout.write("The database is up to date.\n" if not changed else "The database was brought up to date.\n")
    return 0
