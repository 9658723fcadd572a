"""What the client of the command line shows: its help, its lists and pages, its parts of docs/cli.md.

`python -m tests.cli.drawn` writes the goldens again.
"""

import argparse
from collections.abc import Iterator, Mapping
from datetime import UTC
from functools import cache, partial
from io import StringIO
from pathlib import Path
from typing import Any

import orjson

from bridge.cli import _parser
from bridge.cli.client._do import tell
from bridge.cli.client._failed import failure
from bridge.cli.client._nouns import NOUNS, PUBLISH, VERBS
from bridge.cli.client._tables import Paper
from bridge.cli.client._words import MEANINGS
from bridge.cli.client.tail import line

HERE = Path(__file__).parent
GOLDENS = HERE / "goldens"
AGAIN = "look at it, then write it again: python -m tests.cli.drawn"
LISTS = ("posts", "events", "deliveries", "endpoints", "accounts", "causes", "replays", "types", "audit", "sources")
ONES = (
    "post", "event", "delivery", "account", "thing", "tested", "secret", "published", "acted", "enabled", "link",
    "numbers",
)  # fmt: skip
HELPED = (*NOUNS, "publish", "replay", "tail", "profile", "completion")


@cache
def samples() -> Mapping[str, Any]:
    """What the API answers, by how it is shown."""
    found: dict[str, Any] = orjson.loads((HERE / "samples.json").read_bytes())
    return found


def shown(look: str, *, width: int | None = None, colour: bool = False) -> str:
    """Show a sample as a verb with this look does."""
    paper = Paper(StringIO(), width, colour, UTC)
    said = samples()[look]
    tell(paper, look, {"items": said} if look in LISTS else said, plain=False)
    assert isinstance(paper.out, StringIO)
    return paper.out.getvalue()


def helped(verb: str) -> str:
    """The help of a verb, and of each of its deeds, 100 columns wide."""
    parser = _below(_parser())[verb]
    deeds = {id(deed): deed for deed in _below(parser).values()}
    for one in (parser, *deeds.values()):
        one.formatter_class = partial(argparse.HelpFormatter, width=100)
    return "\n".join(one.format_help() for one in (parser, *deeds.values()))


def _below(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return found[0].choices if found else {}


def problem() -> str:
    """How a problem with faults is told."""
    fault = {"field": "acounts", "problem": "is not a known field", "remedy": "Did you mean 'accounts'?"}
    other = {"field": "caption", "problem": "is missing", "remedy": "Send `caption`."}
    told = {"type": "urn:bridge:problem:invalid_request", "title": "Invalid request", "detail": "", "status": 422}
    none = {"type": "urn:bridge:problem:no_such_post", "title": "No such post", "detail": "There is no post 'x'."}
    busy = {"type": "urn:bridge:problem:queue_full", "title": "Queue full", "detail": "More than 9 wait.", "errors": []}
    failures = (
        failure(422, told | {"errors": [fault, other]}, None), failure(404, none, None), failure(429, busy, "7"),
    )  # fmt: skip
    return "".join(f"{one}\n" for one in failures)


def tailed() -> str:
    """How events are told as they happen."""
    paper = Paper(StringIO(), zone=UTC)
    return "".join(f"{line(paper, body)}\n" for body in samples()["told"])


def drawn() -> Iterator[tuple[str, str]]:
    """Every golden: its file and what stands in it."""
    for verb in HELPED:
        yield f"help/{verb}.txt", helped(verb)
    for look in LISTS:
        yield f"lists/{look}.txt", shown(look) + "--- 80 columns\n" + shown(look, width=80)
    yield "lists/posts-in-colour.txt", shown("posts", width=100, colour=True).replace("\x1b", "ESC")
    for look in ONES:
        yield f"pages/{look}.txt", shown(look, width=100)
    yield "problem.txt", problem()
    yield "tail.txt", tailed()


def exits() -> str:
    """The table of exit statuses for docs/cli.md."""
    rows = [f"| {int(how)} | {text} |" for how, text in MEANINGS.items()]
    return "\n".join(["| Status | Means |", "| --- | --- |", *rows])


def verbs() -> str:
    """The table of verbs for docs/cli.md."""
    rows = [
        f"| `{verb.full}{f' {verb.asked.upper()}' if verb.asked else ''}` | {verb.help} | `{verb.example}` |"
        for verb in (*VERBS, PUBLISH)
    ]
    return "\n".join(["| Verb | Does | Example |", "| --- | --- | --- |", *rows])


if __name__ == "__main__":
    for name, text in drawn():
        (GOLDENS / name).parent.mkdir(parents=True, exist_ok=True)
        (GOLDENS / name).write_text(text, encoding="utf-8")
