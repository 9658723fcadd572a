"""The client's part of the command line, made of its table. Loads nothing but the standard library."""

import argparse
from pathlib import Path
from typing import Any

from bridge.cli.client._nouns import NOUNS, POST_STATES, PUBLISH, VERBS
from bridge.cli.client._words import Flag, Verb

Verbs = Any  # What `add_subparsers` returns has no name in the standard library.

_INSTANT = "an age such as 2h or 7d, or ISO 8601 with an offset"
SHELLS = ("bash", "zsh", "fish", "tcsh")


def add_client(verbs: Verbs) -> None:
    """Add every verb that speaks to a running service."""
    for noun, text in NOUNS.items():
        own = verbs.add_parser(noun, help=text, description=f"{text[0].upper()}{text[1:]}.")
        deeds = own.add_subparsers(dest="deed", required=True, metavar="DEED")
        for verb in VERBS:
            if verb.noun == noun:
                _add_verb(deeds, verb.name, verb)
    _add_verb(verbs, "publish", PUBLISH)
    _add_replay(verbs.add_parser("replay", help="send deliveries again, and watch how far it is"))
    _add_tail(verbs.add_parser("tail", help="show events as they happen, one a line"))
    _add_profile(verbs.add_parser("profile", help="keep the addresses and tokens of services"))
    _add_completion(verbs.add_parser("completion", help="print what lets a shell complete these words"))


def _add_verb(deeds: Verbs, name: str, verb: Verb) -> None:
    text = f"{verb.help[0].upper()}{verb.help[1:]}."
    parser = deeds.add_parser(
        name, help=verb.help, description=text, epilog=f"Example: {verb.example}", aliases=verb.also
    )
    parser.set_defaults(code=f"bridge.cli.client.{verb.code}", does=verb)
    if verb.asked:
        parser.add_argument("asked", nargs="+" if verb.several else 1, metavar=verb.asked.upper())
    for flag in (*verb.query, *(verb.body or ())):
        _add_flag(parser, flag)
    if verb.body is not None:
        parser.add_argument("--body", type=Path, metavar="FILE", help="the fields as a JSON object; - reads them here")
        if verb.method == "PATCH":
            parser.add_argument("--null", action="append", default=[], metavar="FIELD", help="clear this field")
    if verb.waits is not None:
        default = f"; {verb.waits} by itself" if verb.waits else ""
        text = f"stay up to so many seconds, 120 at most, until it is known how it went{default}"
        parser.add_argument("--wait", type=_seconds, default=verb.waits, metavar="SECONDS", help=text)
    if verb.pages:
        _add_pages(parser)
    if verb.asks:
        parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    add_connection(parser)


def _add_flag(parser: argparse.ArgumentParser, flag: Flag) -> None:
    given: dict[str, Any] = {"dest": flag.dest, "help": flag.help}
    if flag.kind in ("switch", "off"):
        parser.add_argument(flag.option, action="store_const", const=flag.kind == "switch", **given)
    elif flag.kind in ("words", "pairs", "header"):
        parser.add_argument(flag.option, action="append", metavar=flag.metavar, **given)
    elif flag.choices:
        parser.add_argument(flag.option, choices=flag.choices, metavar=flag.metavar, **given)
        parser.epilog = _with_choices(parser.epilog, flag)
    else:
        parser.add_argument(flag.option, metavar=flag.metavar, **given)


def _with_choices(epilog: str | None, flag: Flag) -> str:
    return f"{flag.option} is one of {', '.join(flag.choices)}. {epilog or ''}".rstrip()


def _add_pages(parser: argparse.ArgumentParser) -> None:
    _add_flag(parser, Flag("since", f"made from then on: {_INSTANT}", "instant", "TIME"))
    _add_flag(parser, Flag("until", "made before then", "instant", "TIME"))
    parser.add_argument("--limit", type=_count, default=50, metavar="N", help="so many rows at most: %(default)s")
    parser.add_argument("--all", action="store_true", help="every row, however many pages")
    parser.add_argument("--before", metavar="CURSOR", help="go on where another list ended")
    parser.add_argument("--ids", action="store_true", help="print the ids alone, one a line")


def add_connection(parser: argparse.ArgumentParser, *, as_json: str = "print the API's JSON, one thing a line") -> None:
    """Add what says which service is asked, and by whom."""
    group = parser.add_argument_group("the service")
    group.add_argument("--url", metavar="URL", help="where it is; else BRIDGE_URL, else the profile's")
    group.add_argument(
        "--token", metavar="TOKEN", help="seen by others in `ps`: rather BRIDGE_TOKEN, or a profile that names a file"
    )
    group.add_argument("--profile", metavar="NAME", help="which profile; else BRIDGE_PROFILE, else the one in use")
    parser.add_argument("--json", action="store_true", help=as_json)


def _add_replay(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Send settled deliveries again: what a filter finds, or with --missed all that an endpoint wants and did not "
        "get. It goes on in the service when this ends."
    )
    parser.epilog = "Example: bridge replay --since 2h --endpoint ops"
    parser.set_defaults(code="bridge.cli.client.replay")
    for flag in REPLAY:
        _add_flag(parser, flag)
    parser.add_argument("--missed", action="store_true", help="all that --endpoint did not get since --since")
    parser.add_argument("--all", action="store_true", help="without any filter: every dead delivery there is")
    parser.add_argument("--no-wait", action="store_true", help="begin it, and do not watch")
    add_connection(parser)


REPLAY = (
    Flag("endpoint", "to this endpoint", metavar="NAME"),
    Flag("since", f"made from then on: {_INSTANT}", "instant", "TIME"),
    Flag("until", "made before then", "instant", "TIME"),
    Flag("state", "dead, which it is by itself, or done", metavar="STATE", choices=("dead", "done")),
    Flag("type", "of this type, such as post.failed", metavar="TYPE"),
    Flag("partner", "of this partner key", metavar="KEY"),
    Flag("source", "from this source", metavar="NAME"),
    Flag("reason", "dead for this reason, such as exhausted", metavar="REASON"),
)


def _add_tail(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Show outbound events as they happen, one a line. A connection that is lost is made again, and goes on where "
        "it ended. Filters of one kind are alternatives; those of several kinds must all hold."
    )
    parser.epilog = "Example: bridge tail --type 'post.*' --account brand-tiktok"
    parser.set_defaults(code="bridge.cli.client.tail")
    for name, text, metavar in (
        ("type", "types or patterns, such as 'post.*'; may be repeated", "TYPE"),
        ("post", "about this post", "ID"),
        ("account", "about this account: our name, or the partner's id", "NAME"),
        ("source", "of what this source sent", "NAME"),
        ("partner", "of this partner key", "KEY"),
    ):
        parser.add_argument(f"--{name}", action="append", default=[], metavar=metavar, help=text)
    parser.add_argument("--after", metavar="CURSOR", help="begin after this event, as a stream names it")
    parser.add_argument("--count", type=_count, metavar="N", help="end after so many")
    add_connection(parser, as_json="print each event as JSON, one a line")


def _add_profile(parser: argparse.ArgumentParser) -> None:
    parser.description = "Keep the addresses and tokens of services in a file of yours, so that a name is enough."
    deeds = parser.add_subparsers(dest="deed", required=True, metavar="DEED")
    add = deeds.add_parser("add", help="keep a service, or change what is kept of it")
    add.description = "Keep a service. Without a flag for the token it is asked for, or read from standard input."
    add.add_argument("name", metavar="NAME")
    add.add_argument("--url", required=True, metavar="URL", help="where the service is")
    which = add.add_mutually_exclusive_group()
    which.add_argument("--token-file", type=Path, metavar="FILE", help="the token stays in this file")
    which.add_argument("--token-env", metavar="NAME", help="the token stays in this variable")
    lists = deeds.add_parser("list", help="list the profiles")
    lists.add_argument("--json", action="store_true", help="as JSON, one a line")
    deeds.add_parser("use", help="take this profile when nothing is said").add_argument("name", metavar="NAME")
    deeds.add_parser("remove", help="forget a profile").add_argument("name", metavar="NAME")
    for deed in deeds.choices.values():
        deed.set_defaults(code="bridge.cli.client.profile")


def _add_completion(parser: argparse.ArgumentParser) -> None:
    parser.description = "Print what lets a shell complete the words of bridge; put it where the shell looks for it."
    parser.epilog = "Example: bridge completion bash > ~/.local/share/bash-completion/completions/bridge"
    parser.set_defaults(code="bridge.cli.client.completion")
    parser.add_argument("shell", choices=SHELLS)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _seconds(text: str) -> int:
    number = text.removesuffix("s")
    if not number.isdecimal() or int(number) > 120:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to 120")
    return int(number)


__all__ = ["POST_STATES", "REPLAY", "SHELLS", "add_client", "add_connection"]
