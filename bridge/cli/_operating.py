"""What `bridge doctor`, `bridge send` and `bridge config` take on the command line."""

import argparse
from pathlib import Path
from typing import Any

from bridge.cli._options import add_config


def add_operating(verbs: Any) -> None:
    """Add the three verbs."""
    _add_doctor(verbs.add_parser("doctor", help="look at everything that bridge stands on, and say what to do"))
    _add_send(verbs.add_parser("send", help="sign a file as the sender of a source would, and send it"))
    _add_config_verb(verbs.add_parser("config", help="the configuration as it counts, and its JSON Schema"))


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Look at the configuration, the database, the clock, each partner's key and accounts, each endpoint, each "
        "Slack app, the address of each source as seen from outside, and the running service. Nothing is changed, and "
        "no event is sent. It ends with 0 when there is no problem, 1 when there is one, 2 when the configuration "
        "cannot be read."
    )
    add_config(parser)
    parser.add_argument(
        "--offline", action="store_true", help="look only at what is here: no partner, endpoint or chat"
    )
    parser.add_argument("--url", metavar="URL", help="where senders reach bridge; else server.public_url")
    parser.add_argument("--test-endpoints", action="store_true", help="send each endpoint a signed webhook.test")
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def _add_send(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Sign FILE with the configured secret of a source, as its sender would, send it to the running service, and "
        "show what it answers. It is a real event: with writes on, posts are made of it. `bridge preview` only shows "
        "them."
    )
    add_config(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="the body as it is sent; - reads standard input")
    parser.add_argument("--source", required=True, metavar="NAME", help="the name under `sources`; api: /v1/publish")
    where = "where the service is; else BRIDGE_URL, else where it listens by the configuration"
    parser.add_argument("--url", metavar="URL", help=where)
    parser.add_argument(
        "--header", "-H", action="append", default=[], metavar="'NAME: VALUE'", help="@FILE: a line each"
    )
    parser.add_argument("--query", default="", metavar="TEXT", help="what stands after ? in the address")
    parser.add_argument("--type", metavar="TYPE", help="the content type; else by the name of the file")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the request as a command of curl, and send nothing"
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def _add_config_verb(parser: argparse.ArgumentParser) -> None:
    things = parser.add_subparsers(dest="thing", required=True, metavar="WHAT")
    text = "Print the JSON Schema (2020-12) of the configuration, for editors and checks."
    things.add_parser("schema", help="print the JSON Schema of the configuration", description=text)
    text = (
        "Print the configuration as it counts: the file, the variables over it, and every default, each value with "
        "where it is from. Secrets are never shown, only where they are kept."
    )
    show = things.add_parser("show", help="print the configuration as it counts, and where each value is from")
    show.description = text
    add_config(show)
    show.add_argument("--section", metavar="NAME", help="only this section")
    show.add_argument("--set", action="store_true", dest="only_set", help="leave out what has its default")
    show.add_argument("--json", action="store_true", help="as JSON: {config, from}")
