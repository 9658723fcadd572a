"""`python -m bridge`: the same as the command `bridge`."""

import sys

from bridge.cli import main

sys.exit(main())
