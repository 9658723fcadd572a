"""The command line: `bridge serve | check | health | init | migrate | backup | restore | preview | slack | simulate |
demo | version`.

Each verb is a file of its own and is imported only when it is asked for, so that `serve` starts fast. Those
that ask a running service (`bridge posts` and the like) are in `bridge.cli.client`.
"""

import argparse
import io
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from bridge import __version__
from bridge.cli._operating import add_operating
from bridge.cli._options import add_config
from bridge.cli._rehearsals import add_rehearsals
from bridge.cli.client._parser import add_client

PARTNERS = ("genviral", "posteverywhere")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status is 0 when it did what was asked, 1 when not, 2 when the call makes no sense."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # A terminal may know fewer characters than people write.
    parser = _parser()
    arguments = parser.parse_args(argv)
    for text in _texts(arguments):
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            parser.error(f"{text[:40]!a} is not in UTF-8")
    if arguments.verb == "serve":
        # Until it heeds it: it would end what only begins, and the file is yet to be read.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        how = _version() if arguments.verb == "version" else _run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        from bridge.cli.client._ended import cut

        return int(cut())
    return how


def _version() -> int:
    sys.stdout.write(f"bridge {__version__}\n")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    verb = import_module(getattr(arguments, "code", f"bridge.cli.{arguments.verb}"))
    return int(verb.run(arguments))


def _texts(arguments: argparse.Namespace) -> Iterator[str]:
    for value in vars(arguments).values():
        yield from (text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bridge", description="From 'publish this' to social networks, and back.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, text in (
        ("serve", "run the service"),
        ("check", "list every fault of the configuration, and what it opens up"),
        ("migrate", "create the database or bring it up to date"),
        ("health", "ask the running service whether it is ready"),
    ):
        add_config(verbs.add_parser(name, help=text, description=text))
    _add_copy(verbs.choices["migrate"])
    verbs.choices["health"].add_argument("--live", action="store_true", help="ask whether it is live instead")
    _add_backup(verbs.add_parser("backup", help="copy the database of SQLite while the service runs"))
    _add_restore(verbs.add_parser("restore", help="go back to a copy of the database"))
    _add_init(verbs.add_parser("init", help="write a first configuration from a partner's key"))
    _add_preview(verbs.add_parser("preview", help="show what a source would make of a payload"))
    _add_slack(verbs.add_parser("slack", help="what Slack is to be told of this configuration"))
    demo = verbs.add_parser("demo", help="see it work, beside simulated partners; needs nothing else")
    demo.add_argument("--keep", action="store_true", help="leave it running and print the addresses")
    simulate = verbs.add_parser("simulate", help="run a stand-in for a partner")
    simulate.add_argument("partner", choices=PARTNERS)
    simulate.add_argument("--host", default="127.0.0.1")
    simulate.add_argument("--port", type=int, default=8090)
    simulate.add_argument("--tick", type=float, metavar="SECONDS", help="how often its worker runs; default 300, or 5")
    simulate.add_argument("--contract", metavar="NAME", help="genviral: v3, v1; posteverywhere: new, sdk, old")
    verbs.add_parser("version", help="print the version")
    add_client(verbs)
    add_rehearsals(verbs)
    add_operating(verbs)
    return parser


def _add_copy(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Create the configured database or bring it up to date. With --from or --to: copy all of one database into an "
        "empty one, and go on where a copy ended when run again."
    )
    left_out = "; env:NAME takes a variable, which hides a password. Left out, it is the configured database"
    parser.add_argument("--from", dest="source", metavar="URL", help=f"the database to read{left_out}")
    parser.add_argument("--to", dest="target", metavar="URL", help="the database to fill, as above")


def _add_backup(parser: argparse.ArgumentParser) -> None:
    parser.description = "Copy the configured database of SQLite, and check the copy. The service may go on."
    add_config(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="where to; in a folder it gets a name with the time")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.add_argument("--keep", type=_count, metavar="N", help="leave the newest N copies in the folder")


def _add_restore(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Put a copy in the place of the configured database, which nobody may use. Without FILE: say that other tools "
        "have put it back, such as those of PostgreSQL. At the next start unfinished posts are looked for first."
    )
    add_config(parser)
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="what `bridge backup` made")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _add_init(parser: argparse.ArgumentParser) -> None:
    parser.description = "Try a partner's key, and write bridge.yaml with a name for each of its accounts."
    parser.add_argument("--partner", choices=PARTNERS, help="asked for when left out")
    parser.add_argument("--token-env", metavar="NAME", help="the variable that has the key, and goes on having it")
    parser.add_argument("--base-url", metavar="URL", help="where the partner is, such as a simulator")
    parser.add_argument("--endpoint", metavar="URL", help="where events are to go; a secret for it is made")
    parser.add_argument("--out", type=Path, default=Path("bridge.yaml"), metavar="FILE", help="default: %(default)s")
    parser.add_argument(
        "--force", action="store_true", help="replace files that are there; they are kept as NAME.old, NAME.old.2 ..."
    )
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask what has a default")


def _add_preview(parser: argparse.ArgumentParser) -> None:
    parser.description = "Show what the running service would make of a payload. Nothing is stored or sent."
    add_config(parser)
    parser.add_argument("source", help="the name under `sources`")
    parser.add_argument("file", type=Path, help="the body as it is sent; - reads standard input")
    parser.add_argument("--header", "-H", action="append", default=[], metavar="'NAME: VALUE'", help="as the sender's")
    parser.add_argument("--query", default="", metavar="TEXT", help="what stands after ? in the address")
    parser.add_argument("--url", metavar="URL", help="where the service is; else `server` of the configuration")
    parser.add_argument("--token-env", default="BRIDGE_TOKEN", metavar="NAME", help="the token's variable: %(default)s")
    parser.add_argument("--json", action="store_true", help="show everything, as JSON")


def _add_slack(parser: argparse.ArgumentParser) -> None:
    things = parser.add_subparsers(dest="thing", required=True, metavar="WHAT")
    text = (
        "Print the manifest of the Slack app for this configuration: paste it where Slack makes apps from a manifest."
    )
    manifest = things.add_parser("manifest", help="print the manifest of the app", description=text)
    add_config(manifest)
    manifest.add_argument("--name", metavar="NAME", help="the source of the kind slack, when there are several")
    manifest.add_argument("--app", default="bridge", metavar="TEXT", help="what the app is called: %(default)s")
    manifest.add_argument(
        "--no-step", action="store_true", help="leave out the step for workflows: a plan without them"
    )
    manifest.add_argument("--json", action="store_true", help="as JSON instead of YAML")
