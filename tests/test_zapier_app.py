"""The private Zapier app shows what the service sends: its samples are written by the code.

`python -m tests.test_zapier_app` writes them again.
"""

from pathlib import Path
from typing import Any

import orjson

from bridge.core import formats
from bridge.core.catalogue import catalogue, samples
from bridge.core.model import Intent
from bridge.flows.ingest import Result
from bridge.ports import Accepted
from bridge.web.publish import _shape as published
from tests.test_docs import Story

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "integrations" / "zapier" / "samples.json"
AGAIN = "write it again: python -m tests.test_zapier_app"


def written() -> bytes:
    """The file as the code gives it now."""
    events = {entry.type: _event(entry.type, entry.description) for entry in catalogue().values()}
    found = {"publish": _published(), "events": events}
    return orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n"


def _event(event_type: str, description: str) -> dict[str, Any]:
    body = formats.body(formats.FLAT, samples()[event_type])
    assert body is not None
    return {"description": description, "sample": orjson.loads(body)}


def _published() -> dict[str, Any]:
    """The answer to a request that the partner has taken."""
    story = Story()
    accepted = Accepted(story.event.id, (story.post.id,))
    shape = published(Result(accepted, Intent.PUBLISH, "accepted", (story.post,)), (story.post,))
    found: dict[str, Any] = orjson.loads(orjson.dumps(shape, option=orjson.OPT_UTC_Z))
    return {name: value for name, value in found.items() if name not in ("posts", "warnings")}


def test_the_samples_of_the_app_are_those_of_the_catalogue():
    assert SAMPLES.read_bytes() == written(), AGAIN


def test_each_item_that_a_trigger_lists_has_an_id_that_stays():
    for event_type, event in samples().items():
        body = orjson.loads(formats.body(formats.FLAT, event) or b"{}")
        assert body["id"] == event.id, event_type


if __name__ == "__main__":
    SAMPLES.write_bytes(written())
