"""The real service with leases that end within seconds: `python -m tests.crash.short_leases serve --config PATH`."""

import sys
from datetime import timedelta

LEASE_S = 2.0

if __name__ == "__main__":
    from bridge import flows

    # Before anybody imports them by name.
    flows.LEASE, flows._RENEWED_EVERY_S = timedelta(seconds=LEASE_S), LEASE_S / 4  # type: ignore[misc]

    from bridge.app import _alone, _bridge
    from bridge.cli import main

    _alone.Alone.__init__.__kwdefaults__["lease_s"] = LEASE_S
    _bridge.RENEW_EVERY = timedelta(seconds=LEASE_S / 4)
    sys.exit(main())
