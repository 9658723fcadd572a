"""`bridge restore [FILE]`: go back to a copy; without a file, after other tools have put the database back."""

import argparse
import sys

from bridge.cli._copied import shown
from bridge.cli._settings import read
from bridge.core.errors import StoreError
from bridge.store.restore import PutBack, put_back, say_restored


def run(arguments: argparse.Namespace) -> int:
    """Put a copy in place, or say that one is; 1 when everything is as it was."""
    settings = read(arguments.config, without_secrets=True)
    if settings is None:
        return 1
    url = settings.database.url
    try:
        if arguments.file is None:
            found = say_restored(url)
        else:
            with shown("restore") as tell:
                found = put_back(url, arguments.file, tell)
    except StoreError as error:
        sys.stderr.write(f"Not restored: {error}\n")
        return 1
    _tell(found)
    return 0


def _tell(found: PutBack) -> None:
    if found.kept is not None:
        sys.stdout.write(f"What was there is kept as {found.kept}.\n")
    when = f"{found.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    sys.stdout.write(
        f"This is the database of {when}: {found.unfinished:,} commands are unfinished, "
        "and what came later is not known.\nStart bridge: it looks for them at their partner before it sends.\n"
    )
