"""`bridge profile add | list | use | remove`: the addresses and tokens of services, in a file of the user's own."""

import argparse
import getpass
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tomlkit import TOMLDocument, document, dumps, inline_table, parse, table
from tomlkit.items import InlineTable

from bridge.cli.client._ended import ended
from bridge.cli.client._failed import Failed
from bridge.cli.client._looks import list_of
from bridge.cli.client._profile import LOCAL, checked, path, profiles
from bridge.cli.client._tables import Paper
from bridge.cli.client._text import as_json
from bridge.cli.client._words import Exit


def run(arguments: argparse.Namespace) -> Exit:
    """Do what was asked of the profiles."""
    deeds = {"add": _add, "list": _list, "use": _use, "remove": _remove}
    return ended(lambda: deeds[arguments.deed](arguments))


def _add(arguments: argparse.Namespace) -> Exit:
    if not arguments.name.strip():
        raise Failed("A profile has a name.", Exit.USAGE)
    url = checked(arguments.url, None).url
    kept = table()
    kept["url"] = url
    if arguments.token_env is not None:
        kept["token_env"] = arguments.token_env
    elif arguments.token_file is not None:
        kept["token"] = _file(arguments.token_file)
    else:
        kept["token"] = _asked()
    tree = _tree()
    tree.setdefault("profiles", table(is_super_table=True))[arguments.name] = kept
    tree.setdefault("use", arguments.name)
    _write(tree)
    print(f"Kept in {path()}. It is {'in use' if tree['use'] == arguments.name else 'not in use: bridge profile use'}.")
    return Exit.OK


def _file(file: Path) -> InlineTable:
    if not file.expanduser().is_file():
        raise Failed(f"There is no file {file}.", Exit.USAGE)
    found = inline_table()
    found["file"] = str(file.expanduser().resolve())
    return found


def _asked() -> str:
    try:
        token = getpass.getpass("Token (not shown): ") if sys.stdin.isatty() else sys.stdin.readline()
    except EOFError:
        token = ""
    if not token.strip():
        raise Failed("There is no token. Type it, send it on standard input, or name its place.", Exit.USAGE)
    return token.strip()


def _list(arguments: argparse.Namespace) -> Exit:
    tree = profiles()
    kept = [_shown(name, one, tree.get("use")) for name, one in tree.get("profiles", {}).items()]
    paper = Paper.of(sys.stdout)
    if arguments.json:
        for one in kept:
            paper.say(as_json(one))
    elif kept:
        list_of(paper, "profiles", kept)
    else:
        sys.stderr.write(f"There is no profile: {LOCAL} is asked. Keep one with `bridge profile add`.\n")
    return Exit.OK


def _shown(name: str, one: Mapping[str, Any], used: str | None) -> dict[str, Any]:
    """A profile without its secret: where its token is."""
    token = one.get("token")
    where = f"in {token.get('file')}" if isinstance(token, Mapping) else "kept here" if token else "none"
    return {
        "name": name,
        "use": name == used,
        "url": one.get("url"),
        "token": f"in ${one['token_env']}" if "token_env" in one else where,
    }


def _use(arguments: argparse.Namespace) -> Exit:
    tree = _tree()
    _must_have(tree, arguments.name)
    tree["use"] = arguments.name
    _write(tree)
    return Exit.OK


def _remove(arguments: argparse.Namespace) -> Exit:
    tree = _tree()
    _must_have(tree, arguments.name)
    del tree["profiles"][arguments.name]
    if tree.get("use") == arguments.name:
        del tree["use"]
    _write(tree)
    return Exit.OK


def _must_have(tree: Mapping[str, Any], name: str) -> None:
    there = tree.get("profiles", {})
    if name not in there:
        raise Failed(f"There is no profile {name!r}. There are: {', '.join(there) or 'none'}.", Exit.NOT_FOUND)


def _tree() -> TOMLDocument:
    """Return the file with its comments."""
    profiles()  # Says what is wrong with it.
    return parse(path().read_text(encoding="utf-8")) if path().exists() else document()


def _write(tree: TOMLDocument) -> None:
    """Put the file in place at once, for its owner alone."""
    file = path().resolve()  # A link to where it is kept stays one.
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=file.parent, prefix=".profiles-")
        with os.fdopen(number, "w", encoding="utf-8") as beside:
            beside.write(dumps(tree))
        Path(name).replace(file)
    except OSError as error:
        raise Failed(f"{file} cannot be written: {error.strerror}.", Exit.USAGE) from None
