"""The command line: `bridge serve | check | migrate | simulate | demo | version`.

Each verb is a file of its own and is imported only when it is asked for, so that `serve` starts fast.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bridge import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status is 0 when it did what was asked, 1 when not, 2 when the call makes no sense."""
    arguments = _parser().parse_args(argv)
    if arguments.verb == "version":
        sys.stdout.write(f"bridge {__version__}\n")
        return 0
    verb = import_module(f"bridge.cli.{arguments.verb}")
    try:
        return int(verb.run(arguments))
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bridge", description="From 'publish this' to social networks, and back.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, text in (
        ("serve", "run the service"),
        ("check", "list every fault of the configuration, and what it opens up"),
        ("migrate", "create the database or bring it up to date"),
    ):
        _add_config(verbs.add_parser(name, help=text, description=text))
    demo = verbs.add_parser("demo", help="see it work, beside a simulated partner; needs nothing else")
    demo.add_argument("--keep", action="store_true", help="leave it running and print the addresses")
    simulate = verbs.add_parser("simulate", help="run a stand-in for a partner")
    simulate.add_argument("partner", choices=["genviral"])
    simulate.add_argument("--host", default="127.0.0.1")
    simulate.add_argument("--port", type=int, default=8090)
    simulate.add_argument("--tick", type=float, default=300.0, metavar="SECONDS", help="how often its worker runs")
    simulate.add_argument("--contract", choices=["v1", "v3"], default="v3")
    verbs.add_parser("version", help="print the version")
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", "-c", type=Path, help="the YAML file; else BRIDGE_CONFIG, else ./bridge.yaml")
