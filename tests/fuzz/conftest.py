"""What `make fuzz` plays beside `make test`."""

import os

from tests.crash.conftest import starter

__all__ = ["starter"]

collect_ignore = [] if os.environ.get("FUZZ_RUNS") else ["test_slack.py"]
