"""Whatever is sent to the source `slack`, it is read or refused with a reason."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from tests.core.builders import problem_of
from tests.sources.chatting import FORM, SAMPLES, command, read, said
from tests.sources.reading import anything

WORDS = (
    *(
        "type",
        "event",
        "event_callback",
        "message",
        "app_mention",
        "function_executed",
        "user",
        "text",
        "channel",
        "ts",
    ),
    *("files", "command", "view", "state", "values", "callback_id", "bridge_publish", "bridge_edit", "block_actions"),
    *(
        "actions",
        "action_id",
        "bridge:retry",
        "view_submission",
        "message_action",
        "shortcut",
        "bridge_publish_message",
    ),
    *(
        "inputs",
        "function",
        "blocks",
        "private_metadata",
        "authorizations",
        "mimetype",
        "image/png",
        "<@U1> a | b",
        "im",
    ),
)


def never_crashes(body: object, headers: Mapping[str, str] | None = None) -> None:
    problem = problem_of(lambda: read(body, headers))
    assert problem is None or 400 <= problem.status < 500


@given(anything(*WORDS))
def test_no_json_crashes_it(data):
    never_crashes(data)


@given(st.binary(max_size=300), st.sampled_from(["application/json", FORM["content-type"], "text/plain", ""]))
def test_no_bytes_crash_it(body, content_type):
    never_crashes(body, {"content-type": content_type})


@given(st.data())
def test_no_change_of_a_real_request_crashes_it(data):
    """One value somewhere in a sample becomes something else."""
    name = data.draw(st.sampled_from([name for name in SAMPLES if name.endswith(".form") and "command" not in name]))
    whole = json.loads(dict(parse_qsl(SAMPLES[name]["bytes"].decode()))["payload"])
    at, path = whole, []
    while isinstance(at, (dict, list)) and at and (not path or data.draw(st.booleans())):
        path.append(data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at)))))
        parent, at = at, at[path[-1]]
    parent[path[-1]] = data.draw(anything("x") | st.none() | st.text(max_size=5) | st.integers(-(2**63), 2**63))

    never_crashes(whole)


@given(st.text(max_size=60))
def test_no_command_crashes_it(text):
    parsed = command(text)
    assert parsed.items or said(parsed)
