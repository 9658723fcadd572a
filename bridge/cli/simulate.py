"""`bridge simulate genviral`: a stand-in for the partner, with a control API, until it is interrupted."""

import argparse
import asyncio
import sys

from bridge.simulator import simulate_genviral


def run(arguments: argparse.Namespace) -> int:
    """Serve the simulator."""
    asyncio.run(
        simulate_genviral(
            arguments.host,
            arguments.port,
            arguments.tick,
            arguments.contract,
            echo=_say,
        )
    )
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
