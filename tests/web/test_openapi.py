"""`/openapi.json`: it names what is served, and holds together."""

import re

import pytest
from starlette.routing import Route

from bridge.core.events import EVENT_TYPES
from bridge.web import _HANDLERS, ROUTES, public_app
from bridge.web._table import ADMIN, PUBLIC
from bridge.web.console import CONSOLE
from bridge.web.openapi import PARAMETERS, SCHEMAS, document
from tests.schemas import faults
from tests.web.room import problem

pytestmark = pytest.mark.anyio

DOCUMENT = document((*PUBLIC, *ADMIN))
OPERATIONS = [
    (path, method, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]


def references(value):
    if isinstance(value, dict):
        return [value["$ref"]] if "$ref" in value else [ref for item in value.values() for ref in references(item)]
    return [ref for item in value for ref in references(item)] if isinstance(value, list | tuple) else []


async def test_it_is_served_to_everybody(room):
    answer = await room.call("GET", "/openapi.json", None)

    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.0"
    assert answer.json()["info"]["version"]
    problem(await room.call("POST", "/openapi.json", None), 405, "method_not_allowed")


def test_every_operation_has_a_handler_and_every_handler_an_operation():
    names = [operation.name for operation in (*PUBLIC, *ADMIN)]

    assert len(set(names)) == len(names)
    assert set(names) == set(_HANDLERS) | {"publish", "receive_hook", "put_hook", "openapi"}


async def test_it_names_exactly_what_is_served(room):
    served = {
        (route.path, method)
        for route in public_app(room.web).routes
        if isinstance(route, Route)
        # What a hook takes is for its source to say: POST and PUT for most.
        for method in (route.methods or {"POST", "PUT"}) - {"HEAD"}
    }

    assert served == {(one.path, one.method) for one in PUBLIC}
    assert {(path, method.upper()) for path, method, _ in OPERATIONS} == set(ROUTES) - set(CONSOLE)


def test_every_reference_leads_somewhere():
    parts = ((kind, name) for kind in ("schemas", "headers") for name in DOCUMENT["components"][kind])

    assert set(references(DOCUMENT)) == {f"#/components/{kind}/{name}" for kind, name in parts}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=lambda value: str(value)[:30])
def test_an_operation_is_whole(path, method, operation):
    parameters = operation["parameters"]
    in_path = [one["name"] for one in parameters if one["in"] == "path"]

    assert in_path == re.findall(r"{(\w+)}", path)
    assert len({(one["in"], one["name"]) for one in parameters}) == len(parameters)
    assert all(one["schema"] for one in parameters)
    assert operation["summary"].endswith(".")
    assert any(status.startswith("2") for status in operation["responses"])
    assert "default" not in operation["responses"], "what may be answered is named, status by status"
    assert operation["security"] == ([] if not path.startswith("/v1") else operation["security"])
    assert operation["security"] or not path.startswith("/v1")


def test_it_says_what_is_sent_and_what_the_answers_mean():
    assert list(DOCUMENT["webhooks"]) == list(EVENT_TYPES)
    assert document(ADMIN)["webhooks"] == {}
    for name, methods in DOCUMENT["webhooks"].items():
        sent = methods["post"]
        assert [one["name"] for one in sent["parameters"]] == ["webhook-id", "webhook-timestamp", "webhook-signature"]
        assert set(sent["responses"]) == {"2XX", "410", "429", "503", "default"}
        body = sent["requestBody"]["content"]["application/json"]
        assert faults(body["examples"]["example"]["value"]) == []
        assert body["schema"]["properties"]["type"]["const"] == name


@pytest.mark.parametrize("operation", [one for one in PUBLIC if one.scope], ids=lambda one: one.name)
async def test_an_unknown_parameter_is_refused_everywhere(room, operation):
    path = re.sub(r"{\w+}", "nothing", operation.path)

    answer = await room.call(operation.method, f"{path}?stat=parked", "admin")
    assert problem(answer, 422, "invalid_request")["errors"][0]["field"] == "stat"


def test_every_described_parameter_is_used():
    used = {name for operation in PUBLIC for name in operation.query}

    assert set(PARAMETERS) <= used


async def test_answers_have_what_their_schemas_require(room):
    made = await room.published()
    await room.lose_account()
    examples = {
        "Published": (await room.publish(caption="again")).json(),
        "Post": (await room.get("/v1/posts"))["items"][0],
        "PostWithTimeline": await room.get(f"/v1/posts/{made['id']}"),
        "Command": (await room.get(f"/v1/posts/{made['id']}"))["commands"][0],
        "Event": (await room.get("/v1/events"))["items"][0],
        "EventWithPosts": await room.get(f"/v1/events/{made['event_id']}"),
        "Account": (await room.get("/v1/accounts"))["items"][0],
        "Cause": (await room.get("/v1/causes"))["items"][0],
        "Endpoint": (await room.get("/v1/endpoints"))["items"][0],
        "Delivery": (await room.get("/v1/deliveries"))["items"][0],
        "Problem": (await room.call("GET", "/v1/posts/none")).json(),
    }

    for name, example in examples.items():
        assert set(SCHEMAS[name]["required"]) <= set(example), name
