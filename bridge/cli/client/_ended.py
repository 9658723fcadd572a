"""How a verb of the client ends: with a number for scripts, and words for people."""

import os
import sys
from collections.abc import Callable

from bridge.cli.client._failed import Failed
from bridge.cli.client._words import Exit


def ended(deed: Callable[[], Exit]) -> Exit:
    """Run a deed, and say how it ended; a failure is told in words."""
    try:
        how = deed()
        sys.stdout.flush()
    except Failed as failed:
        sys.stderr.write(f"bridge: {failed}\n")
        return failed.how
    except BrokenPipeError:
        return cut()
    except OSError as error:
        cut()
        sys.stderr.write(f"bridge: the output cannot be written: {error.strerror or error}\n")
        return Exit.REFUSED
    return how


def cut() -> Exit:
    """Whoever read has gone: nothing may be written when the interpreter ends, either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.CUT
