"""`python -m tests.e2e.loaded VERB ...`: a verb of the command line that names, at its end, what modules are loaded."""

import os
import sys
from functools import partial

from bridge.cli import main


def tell(end, status):
    sys.stdout.write(" ".join(sorted(sys.modules)) + "\n")
    sys.stdout.flush()
    end(status)


os._exit = partial(tell, os._exit)  # As `serve` ends.
tell(sys.exit, main())
