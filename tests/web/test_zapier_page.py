"""docs/zapier.md: what it tells people to send is taken, as it stands there."""

import json
import re
from typing import Any

import pytest

from bridge.core.catalogue import catalogue
from tests.test_docs import DOCS, blocks, curls, text_of
from tests.web.room import Room
from tests.web.test_publish_typed import FLAT

pytestmark = pytest.mark.anyio

PAGE = text_of(DOCS / "zapier.md")
BODIES = blocks(PAGE, "json")
CALLS = [curl for curl in curls() if curl.page == "docs/zapier.md"]


def part(heading: str) -> str:
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_a_first_post_takes_ten_lines():
    lines = re.findall(r"^\d+\. .*(?:\n   .*)*", part("From a Zap to a first post"), re.MULTILINE)

    assert 0 < len(lines) <= 10
    assert "means accepted by the partner, not live" in PAGE


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("as_form", [False, True], ids=["json", "form"])
async def test_each_body_is_published(room: Room, body: str, as_form: bool):
    fields = json.loads(body.replace("{{ $json.link }}", "https://example.com/hello"))
    texts = {name: value if isinstance(value, str) else ", ".join(value) for name, value in fields.items()}
    sent: dict[str, Any] = {"data": texts} if as_form else {"json": fields}

    answer = await room.call("POST", "/v1/publish", **sent)

    assert answer.status_code == 202, answer.text
    assert "brand-tiktok" in answer.json()["accounts_text"]


@pytest.mark.parametrize("curl", CALLS, ids=lambda curl: f"{curl.method} {curl.path}")
async def test_each_call_is_answered(room: Room, curl):
    more = {"json": json.loads(curl.data)} if curl.data else {}
    answer = await room.call(curl.method, curl.path, "admin", params=curl.query, **more)

    assert answer.is_success, answer.text
    if curl.method == "GET":
        assert all("id" in one for one in answer.json())
    else:
        assert answer.json()["format"] == "flat"


def test_the_fields_of_the_answer_are_those_that_it_has():
    rows = re.findall(r"^\| (`.*?) \|", part("The fields").partition("The answer's own fields")[2], re.MULTILINE)

    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named | {"event_id"} == set(FLAT)


def test_the_types_that_a_catch_hook_wants_are_types():
    wanted = re.search(r"events: \[(post\.posted.*)\]", PAGE)

    assert wanted is not None
    known = set(catalogue())
    assert {one.strip('" ') for one in wanted[1].split(",")} <= known | {"attention.*"}
