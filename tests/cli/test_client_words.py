"""The client has a verb for every operation of the API, in the API's words; its help and tables stay as they are."""

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from bridge.cli import _parser
from bridge.cli.client._nouns import ACCOUNT_STATES, FORMATS, INTENTS, POST_STATES, PUBLISH, VERBS
from bridge.cli.client._words import MEANINGS, Exit
from bridge.core import formats
from bridge.core.endpoint_request import CHANGEABLE, NEW
from bridge.core.model import AccountState, Intent, PostState
from bridge.core.replaying import FIELDS as REPLAY_FIELDS
from bridge.core.request import FIELDS as PUBLISH_FIELDS
from bridge.core.states import RETIRED
from bridge.web._query import PAGE
from bridge.web._table import PUBLIC
from tests.cli.drawn import AGAIN, GOLDENS, drawn, shown

PARSER = _parser()
ROOT = Path(__file__).parents[2]
OPERATIONS = {operation.name: operation for operation in PUBLIC}
ELSEWHERE = {
    "receive_hook", "put_hook", "preview", "key_set", "openapi", "replay_deliveries", "stream",
}  # fmt: skip
"""Operations for machines, or of verbs that are not in the table: `send`, `preview`, `replay`, `tail`."""
CALLS = [verb for verb in (*VERBS, PUBLISH) if verb.operation in OPERATIONS]


def test_every_operation_of_the_api_has_a_verb():
    assert {verb.operation for verb in (*VERBS, PUBLISH)} | ELSEWHERE >= set(OPERATIONS)


@pytest.mark.parametrize("verb", CALLS, ids=lambda verb: verb.full)
def test_a_verb_asks_as_the_api_wants_it(verb):
    operation = OPERATIONS[verb.operation]
    path = verb.path.partition("{")[0] if verb.code == "_picked" else verb.path
    query = {flag.name for flag in verb.query} | (set(PAGE) if verb.pages else set())
    query |= {"wait"} if verb.waits is not None else set()
    assert (verb.method, path) == (operation.method, operation.path)
    assert query == (set() if verb.code == "_picked" else set(operation.query))
    assert (verb.body is None) == (operation.body is None)


def fields(name: str) -> set[str]:
    [verb] = [verb for verb in (*VERBS, PUBLISH) if verb.full == name]
    return {flag.name for flag in verb.body or ()}


def test_the_fields_of_bodies_are_those_of_the_api():
    assert fields("bridge endpoints create") == set(NEW) - {"secret"}  # A secret has no place in `ps`: --body has it.
    assert fields("bridge endpoints edit") == set(CHANGEABLE) - {"enabled"}
    assert fields("bridge publish") == set(PUBLISH_FIELDS) - {"text"}
    assert fields("bridge posts edit") <= set(PUBLISH_FIELDS)
    assert set(REPLAY_FIELDS) == {
        "endpoint", "state", "type", "partner", "source", "reason", "since", "until", "missed_since", "all",
    }  # fmt: skip


def test_the_words_to_choose_from_are_those_of_the_code():
    assert tuple(PostState) == POST_STATES
    assert tuple(Intent) == INTENTS
    assert (*AccountState, RETIRED) == ACCOUNT_STATES
    assert set(FORMATS) == set(formats.FORMATS)


def test_every_status_has_a_meaning():
    assert list(MEANINGS) == list(Exit)


def commands() -> Iterator[str]:
    """Every command of the client that a page shows, and the examples of the table."""
    yield from (verb.example for verb in (*VERBS, PUBLISH))
    for path in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]:
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE):
            yield from re.findall(r"^bridge [^|>\n]+", block.replace("\\\n", " "), re.MULTILINE)


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_command_that_is_shown_would_be_understood(command):
    assert PARSER.parse_args(shlex.split(command)[1:]).verb


@pytest.fixture(scope="module")
def now() -> dict[str, str]:
    return dict(drawn())


@pytest.mark.parametrize("name", sorted(str(path.relative_to(GOLDENS)) for path in GOLDENS.rglob("*.txt")))
def test_help_and_tables_look_as_they_did(name, now):
    assert now.get(name) == (GOLDENS / name).read_text(), AGAIN


def test_every_picture_has_its_golden(now):
    assert sorted(now) == sorted(str(path.relative_to(GOLDENS)) for path in GOLDENS.rglob("*.txt")), AGAIN


@pytest.mark.parametrize("look", ["posts", "events", "endpoints", "accounts", "replays", "types"])
@pytest.mark.parametrize("width", [80, 100, 132])
def test_a_list_fits_its_terminal(look, width):
    assert max(map(cell_len, shown(look, width=width).splitlines())) <= width


def test_nothing_that_others_wrote_steers_the_terminal():
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown("posts"))


def test_what_only_the_client_needs_is_not_loaded_for_anything_else():
    code = "import sys, bridge.cli as c; c.main(['version']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stdout.splitlines()[-1]))
    assert not loaded & {"httpx", "httpx_sse", "rich", "shtab", "tomlkit", "platformdirs", "pydantic", "orjson"}
