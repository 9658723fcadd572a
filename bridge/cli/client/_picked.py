"""`bridge accounts show` and `bridge causes show`: one of a list, for the API has no address for one alone."""

import argparse
from collections.abc import Iterator
from typing import Any

from bridge.cli.client._do import guarded, tell
from bridge.cli.client._failed import Failed
from bridge.cli.client._http import Api
from bridge.cli.client._tables import Paper
from bridge.cli.client._words import Exit, Verb


def run(arguments: argparse.Namespace) -> Exit:
    """Show the one that is meant."""
    return guarded(arguments, _show)


def _show(arguments: argparse.Namespace, api: Api, paper: Paper) -> Exit:
    verb: Verb = arguments.does
    [asked] = arguments.asked
    found = [item for item in _all(api, verb) if asked in _names(item)]
    if not found:
        raise Failed(
            f"There is no {verb.asked} {asked!r}. `bridge {verb.noun} list` shows what there is.", Exit.NOT_FOUND
        )
    if len(found) > 1:
        keys = ", ".join(f"{item['partner']}:{item['id']}" for item in found)
        raise Failed(f"{asked!r} is several: {keys}. Name one of them.", Exit.REFUSED)
    tell(paper, verb.look, found[0], plain=arguments.json)
    return Exit.OK


def _all(api: Api, verb: Verb) -> Iterator[Any]:
    path = verb.path.partition("{")[0]
    yield from api.get(path)["items"]
    if verb.noun == "causes":
        yield from api.get(path, {"state": "closed"})["items"]


def _names(item: Any) -> tuple[str, ...]:
    return (item.get("name", ""), item["id"], f"{item['partner']}:{item['id']}")
