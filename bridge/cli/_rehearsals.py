"""What `bridge diff` and `bridge drill` take on the command line."""

import argparse
from pathlib import Path
from typing import Any

from bridge.cli._options import add_config

SCENES = ("dead-token", "outage", "plan-lapsed")


def add_rehearsals(verbs: Any) -> None:
    """Add both verbs."""
    _add_diff(verbs.add_parser("diff", help="show which partner requests another configuration would change"))
    _add_drill(verbs.add_parser("drill", help="rehearse a bad day with this configuration and simulated partners"))


def _add_diff(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Take the stored events once more by another configuration, and show which partner requests would change. The "
        "database is only read: that of the former configuration, or else of the new one. Nothing is written or sent. "
        "It ends with 0 when nothing changes, 1 when something would, 2 when a configuration is wrong."
    )
    add_config(parser)
    parser.add_argument("--since", default="7d", metavar="DURATION", help="how far back, as 90m or 7d: %(default)s")
    parser.add_argument("--source", metavar="NAME", help="only what this source sent")
    former = "the former configuration; left out, stored posts are what is compared with"
    parser.add_argument("--against", "--current", type=Path, metavar="OLD.yaml", help=former)
    parser.add_argument("--limit", type=int, default=1000, metavar="N", help="show at most N; all count: %(default)s")
    parser.add_argument("--verbose", "-v", action="store_true", help="show also what is not comparable, event by event")
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def _add_drill(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Run this configuration with simulated partners and a database of its own, cause a fault, heal it, and tell "
        "who was told what, and what resumed. Everything is marked DRILL. Endpoints are only called with --notify. "
        "It ends with 0 when everything resumed, 1 when not, 2 when the configuration is wrong."
    )
    parser.add_argument("scene", choices=SCENES, help="what goes wrong")
    add_config(parser)
    parser.add_argument("--partner", metavar="NAME", help="the key under `partners` it happens to; else the first")
    parser.add_argument("--notify", action="store_true", help="really send to the configured endpoints, marked DRILL")
    parser.add_argument("--keep-going", action="store_true", help="after a step that failed, go on with the next")
    parser.add_argument("--json", action="store_true", help="as one JSON object, at the end")
