"""`bridge simulate genviral|posteverywhere`: a stand-in for the partner, with a control API, until interrupted."""

import argparse
import asyncio
import math
import sys

from bridge.simulator import POSTEVERYWHERE_TICK, TICK, simulate_genviral, simulate_posteverywhere

CONTRACTS = {"genviral": ("v3", "v1"), "posteverywhere": ("new", "sdk", "old")}


def run(arguments: argparse.Namespace) -> int:
    """Serve the simulator; 2 for what cannot be: a contract the partner never had, no time, a port that is taken."""
    known = CONTRACTS[arguments.partner]
    contract = arguments.contract or known[0]
    if contract not in known:
        sys.stderr.write(f"--contract of {arguments.partner} is one of {', '.join(known)}\n")
        return 2
    if arguments.tick is not None and not 0 < arguments.tick < math.inf:
        sys.stderr.write("--tick is a number of seconds above 0\n")
        return 2
    try:
        asyncio.run(_serve(arguments, contract))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        sys.stderr.write(f"{arguments.host}, port {arguments.port}, cannot be listened on: {why}. Choose --port 0.\n")
        return 2
    return 0


async def _serve(arguments: argparse.Namespace, contract: str) -> None:
    genviral = arguments.partner == "genviral"
    serve, tick = (simulate_genviral, TICK) if genviral else (simulate_posteverywhere, POSTEVERYWHERE_TICK)
    tick_s = tick.total_seconds() if arguments.tick is None else arguments.tick
    await serve(arguments.host, arguments.port, tick_s, contract, echo=_say)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
