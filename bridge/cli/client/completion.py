"""`bridge completion SHELL`: the script that lets a shell complete the words of bridge."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import shtab

from bridge.cli.client._words import Exit


def run(arguments: argparse.Namespace) -> Exit:
    """Print the script."""
    from bridge.cli import _parser

    parser = _parser()
    for action in _actions(parser):
        if action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # Where shtab looks for it.
    sys.stdout.write(shtab.complete(parser, arguments.shell))
    return Exit.OK


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
