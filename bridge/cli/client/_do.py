"""Runs the verbs of the table: makes the request, asks before what cannot be taken back, shows the answer."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from bridge.cli.client._failed import Failed
from bridge.cli.client._http import Api, path_of
from bridge.cli.client._looks import id_of, list_of, now
from bridge.cli.client._pages import PAGES
from bridge.cli.client._profile import service
from bridge.cli.client._tables import Paper
from bridge.cli.client._text import as_json, asked_instant
from bridge.cli.client._words import Exit, Flag, Verb


def run(arguments: argparse.Namespace) -> Exit:
    """Do what was asked, and say how it ended."""
    return guarded(arguments, _asked_of)


def guarded(arguments: argparse.Namespace, deed: Callable[[argparse.Namespace, Api, Paper], Exit]) -> Exit:
    """Run a deed with the service that is meant; a failure is told in words."""
    from bridge.cli.client._ended import ended

    def asked() -> Exit:
        with Api(service(arguments)) as api:
            return deed(arguments, api, Paper.of(sys.stdout))

    return ended(asked)


def _asked_of(arguments: argparse.Namespace, api: Api, paper: Paper) -> Exit:
    verb: Verb = arguments.does
    query = {flag.name: text for flag in verb.query if (text := _text_of(flag, arguments)) is not None}
    if verb.pages:
        return _list(arguments, api, paper, verb, query)
    body = body_of(verb, arguments)
    things = arguments.asked if verb.asked else [""]
    _agree(verb, arguments, things)
    worst = Exit.OK
    for thing in things:
        try:
            answer = api.ask(
                verb.method, path_of(verb.path, thing), query=query, body=body, wait_s=getattr(arguments, "wait", 0)
            )
        except Failed as failed:
            if len(things) == 1:
                raise
            sys.stderr.write(f"{thing}: {failed}\n")
            worst = max(worst, failed.how)
            continue
        said = {"id": thing} if verb.look in ("gone", "replayed") else api.json(answer)
        tell(paper, verb.look, said, plain=arguments.json)
        worst = max(worst, _how(verb, said))
    return worst


def _how(verb: Verb, said: Any) -> Exit:
    """A test is well only when its attempt was."""
    if verb.look == "tested" and (said["attempt"] is None or said["attempt"]["outcome"] != "ok"):
        return Exit.REFUSED
    return Exit.OK


def tell(paper: Paper, look: str, said: Any, *, plain: bool) -> None:
    """Show an answer: as JSON with one thing a line, as a list, or as one thing."""
    items = said["items"] if isinstance(said, Mapping) and "items" in said else said if isinstance(said, list) else None
    if plain or look == "raw":
        for one in [said] if items is None else items:
            paper.say(as_json(one))
    elif items:
        list_of(paper, look, items)
    elif items is not None:
        sys.stderr.write("There is none.\n")
    elif look in PAGES:
        PAGES[look](paper, said)
    else:
        list_of(paper, look, [said])


def _list(arguments: argparse.Namespace, api: Api, paper: Paper, verb: Verb, query: dict[str, str]) -> Exit:
    query |= {name: asked for name in ("since", "until") if (asked := _when(getattr(arguments, f"field_{name}")))}
    if arguments.before:
        query["before"] = arguments.before
    items, cursor = [], None
    for item, cursor in api.rows(verb.path, query, None if arguments.all else arguments.limit):  # noqa: B007  # The last one counts.
        if arguments.json or arguments.ids:
            paper.say(as_json(item) if arguments.json else id_of(item))
        else:
            items.append(item)
    if not (arguments.json or arguments.ids):
        tell(paper, verb.look, items, plain=False)
    if cursor is not None:
        sys.stderr.write(f"There are more: --all, or go on with --before {cursor}\n")
    return Exit.OK


def _when(text: str | None) -> str | None:
    return asked_instant(text, now()) if text else None


def _text_of(flag: Flag, arguments: argparse.Namespace) -> str | None:
    """Return a parameter as the address has it."""
    given = getattr(arguments, flag.dest)
    return _when(given) if flag.kind == "instant" else given


def body_of(verb: Verb, arguments: argparse.Namespace) -> dict[str, Any] | None:
    """Return the JSON body: what a file has, with the flags over it; None where the verb has none.

    Raises:
        Failed: it cannot be read, or there is nothing in it although something must be.
    """
    if not verb.body:
        return None
    body = _read(arguments.body) if arguments.body is not None else {}
    body |= {
        flag.name: _value(flag, given) for flag in verb.body if (given := getattr(arguments, flag.dest)) is not None
    }
    body |= dict.fromkeys(getattr(arguments, "null", ()))
    if not body and verb.name in ("edit", "create", ""):
        raise Failed(
            f"Nothing was given to {verb.name or verb.noun}. `{verb.full} --help` names the fields.", Exit.USAGE
        )
    return body


def _read(file: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error.strerror}.", Exit.USAGE) from None
    except orjson.JSONDecodeError as error:
        raise Failed(f"{_named(file)} is not JSON: {error}.", Exit.USAGE) from None
    if not isinstance(found, dict):
        raise Failed(f"{_named(file)} is no JSON object.", Exit.USAGE)
    return found


def _named(file: Path) -> str:
    return "What came on standard input" if str(file) == "-" else str(file)


def _value(flag: Flag, given: Any) -> Any:
    match flag.kind:
        case "words":
            return [word for text in given for word in _words(text)]
        case "pairs":
            pairs = [_pair(flag, text, "=") for text in given]
            return {name: [word for at, text in pairs if at == name for word in _words(text)] for name, _ in pairs}
        case "header":
            return dict(_pair(flag, text, ":") for text in given)
        case "json" | "number":
            try:
                return orjson.loads(given)
            except orjson.JSONDecodeError:
                raise Failed(
                    f"{flag.option} {given[:40]!r} is no {'JSON' if flag.kind == 'json' else 'number'}.", Exit.USAGE
                ) from None
        case _:
            return given


def _words(text: str) -> Iterator[str]:
    return (word.strip() for word in text.split(",") if word.strip())


def _pair(flag: Flag, text: str, mark: str) -> tuple[str, str]:
    name, found, value = text.partition(mark)
    if not found or not name.strip():
        raise Failed(f"{flag.option} {text[:20]!r} has no {mark!r}. Write {flag.option} {flag.metavar}.", Exit.USAGE)
    return name.strip(), value.strip()


def _agree(verb: Verb, arguments: argparse.Namespace, things: list[str]) -> None:
    """Ask before what cannot be taken back.

    Raises:
        Failed: nobody can be asked, or whoever was does not want it.
    """
    if not verb.asks or arguments.yes:
        return
    if not sys.stdin.isatty():
        raise Failed(f"`{verb.full}` asks first, and nobody can be asked here: add --yes.", Exit.USAGE)
    sys.stderr.write(f"{verb.asks.format(', '.join(things))} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failed("Nothing was done.", Exit.REFUSED)
