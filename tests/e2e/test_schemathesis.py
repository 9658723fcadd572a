"""Schemathesis reads `/openapi.json` of the real service and tries what it says: every answer is one that it names.

No answer is a 5xx; status, content type, headers and schema are as described. What is tried is the same in every run.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi import checks as openapi_checks

from bridge.simulator import DEMO_TOKEN
from bridge.simulator.genviral import INSTAGRAM, TIKTOK
from bridge.web._table import ADMIN, PUBLIC, Operation
from tests.e2e.process import PATIENCE_S, Process, running, write_config

pytestmark = pytest.mark.slow

TOKEN = "schemathesis-token-0123456789"
SECRETS = {
    "E2E_TOKEN": TOKEN,
    "E2E_PARTNER": DEMO_TOKEN,
    "E2E_SIGNING": "whsec_" + "QUJD" * 10,
    "BRIDGE_SECRET_KEY": Fernet.generate_key().decode(),
}
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
NOBODY = "http://127.0.0.1:9/hook"
"""Where events go: nothing listens there. No other port may be reached: a URL that was made up may be somebody's."""

POST = {"caption": "Hello", "media": "https://cdn.example.com/v.mp4", "accounts": ["brand"], "dedupe": False}
WORKING: Mapping[str, Mapping[str, Any]] = {
    "/v1/publish": POST,
    "/v1/preview": {"source": "blog", "body": {"title": "Hello"}},
    "/hooks/{source}": {"title": "Hello", "accounts": ["brand"]},
    "/v1/posts/{id}": {"caption": "Hello again"},
    "/v1/endpoints": {"url": NOBODY, "events": ["post.*"]},
    "/v1/endpoints/{name}": {"description": "Changed", "timeout": "5s"},
    "/v1/endpoints/{name}/enable": {"replay": True},
    "/v1/endpoints/{name}/rotate-secret": {},
    "/v1/subscriptions": {"url": NOBODY, "events": ["post.posted"]},
    "/v1/deliveries/replay": {"endpoint": "ops", "state": "dead"},
}
"""Bodies that work, by path: what is made up by a description alone seldom does."""

EXAMPLES = 25
"""How many requests are made for each operation, of those that fit its description and of those that do not."""

CHECKS = [
    not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
QUIET = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


UNABLE = {
    "confirm_post": "No post here has an outcome that nobody knows.",
    "reconnect_account": "The partner makes no link for an account of this network.",
    "close_cause": "Only a person closes the cause of a source, and no source here has a brake.",
}
"""Operations that cannot succeed in the room that is prepared here, and why."""


@dataclass(frozen=True)
class Service:
    """The service that runs, its partner's controls, what it says of itself, and a connection to it."""

    url: str
    controls: str
    described: BaseSchema
    session: requests.Session

    def get(self, path: str) -> Any:
        """Get what is listed at a path, or nothing."""
        return self.read(path).get("items", [])

    def read(self, path: str) -> Any:
        """Get what is at a path; an empty object when that is refused."""
        answer = self.session.get(self.url + path, headers=HEADERS, timeout=10)
        return answer.json() if answer.ok else {}

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make something, which has to succeed."""
        given = {} if body is None else {"json": body}
        answer = self.session.post(self.url + path, headers=HEADERS, timeout=30, **given)
        assert answer.ok, answer.text
        return answer.json()

    def names(self, path: str) -> Mapping[str, list[str]]:
        """Return what is really there for the placeholders of a path."""
        found = {
            "source": ["blog"],
            "type": [one["type"] for one in self.get("/v1/event-types")],
            "name": [one["name"] for one in self.get("/v1/endpoints")],
        }
        [placeholder] = re.findall(r"{(\w+)}", path) or [""]
        of = "/v1/posts" if path.startswith("/v1/subjects") else path.partition("/{")[0]
        return {placeholder: found.get(placeholder) or [one["id"] for one in self.get(of)]} if placeholder else {}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one of each, which has published a post."""
    folder = tmp_path_factory.mktemp("described")
    with ExitStack() as stack:
        simulator = stack.enter_context(running(folder / "simulator", "simulate", "genviral", "--port=0", "--tick=0.1"))
        config = configured(folder, partner(simulator))
        served = stack.enter_context(running(folder / "log", "serve", "-c", str(config), environ=SECRETS))
        [url] = served.addresses()
        session = stack.enter_context(requests.Session())
        session.trust_env = False
        document = session.get(f"{url}/openapi.json", timeout=10).json()
        service = Service(url, address(simulator) + "/_control", schemathesis.openapi.from_dict(document), session)
        served.until(lambda: service.get("/v1/accounts"), "the accounts")
        session.post(f"{url}/v1/publish?wait=20", json=POST, headers=HEADERS, timeout=30).raise_for_status()
        served.until(lambda: service.get("/v1/deliveries"), "a delivery")
        session.post(f"{service.controls}/accounts/{INSTAGRAM}/pause", json={}, timeout=10).raise_for_status()
        for path in ("/v1/endpoints", "/v1/subscriptions"):
            session.post(url + path, json=WORKING[path], headers=HEADERS, timeout=10).raise_for_status()
        yield service


def address(simulator: Process) -> str:
    line = simulator.until(lambda: "token" in simulator.log.read_text() and simulator.log.read_text(), "the address")
    return line.partition("Genviral simulator on ")[2].partition("/api")[0]


def partner(simulator: Process) -> dict[str, Any]:
    url = f"{address(simulator)}/api/partner/v1"
    return {"kind": "genviral", "token": {"env": "E2E_PARTNER"}, "rate": 100, "base_url": url}


def configured(folder: Path, genviral: dict[str, Any]) -> Path:
    return write_config(
        folder,
        tokens=[{"name": "all", "token": {"env": "E2E_TOKEN"}, "scopes": ["publish", "read", "admin"]}],
        partners={"genviral": genviral},
        accounts={
            "brand": {"partner": "genviral", "id": TIKTOK},
            "resting": {"partner": "genviral", "id": INSTAGRAM},
        },
        sources={"blog": {"kind": "generic", "auth": "none"}},
        endpoints={"ops": {"url": NOBODY, "secret": {"env": "E2E_SIGNING"}}},
        watch={"accounts_every": "200ms", "tick": "200ms", "first_poll": "200ms", "max_poll": "500ms"},
        network={"allow": ["127.0.0.0/8"], "allow_http": True, "ports": [9]},
    )


# A stream does not come to an end.
EVERY = tuple(one for one in (*PUBLIC, *ADMIN) if one.name != "stream")


def test_it_describes_all_that_it_serves(service: Service):
    told = {(path, method.upper()) for path in service.described for method in service.described[path]}

    assert told == {(one.path, one.method) for one in (*PUBLIC, *ADMIN)}


@pytest.mark.parametrize("operation", EVERY, ids=lambda one: one.name)
def test_every_operation_succeeds_where_it_can(service: Service, operation: Operation):
    # What is made up elsewhere may have disabled it.
    service.post("/v1/endpoints/ops/enable", {})
    name = ready(service, operation)
    placeholders = re.findall(r"{(\w+)}", operation.path)
    assert bool(name) == bool(placeholders), "a path has one placeholder or none"
    body = WORKING.get(operation.path) if operation.body else None
    case = service.described[operation.path][operation.method].Case(
        path_parameters=dict.fromkeys(placeholders, name),
        **({"body": dict(body or {}), "media_type": "application/json"} if operation.body else {}),
    )
    answer = case.call(service.url, service.session, HEADERS, timeout=20)
    case.validate_response(answer, checks=CHECKS, headers=HEADERS)
    assert (answer.status_code < 300) is (operation.name not in UNABLE), answer.text


def ready(service: Service, operation: Operation) -> str:
    """Make what an operation is about, of its own, and return its name; empty when it is about nothing."""
    before, _, name = operation.path.partition("{")
    return MAKERS[before](service, operation.name) if name else ""


def a_cause(service: Service, _operation: str) -> str:
    a_post(service, "send_post")
    return str(service.get("/v1/causes")[0]["id"])


def an_endpoint(service: Service, _operation: str) -> str:
    return str(service.post("/v1/endpoints", WORKING["/v1/endpoints"])["name"])


def a_dead_delivery(service: Service, operation: str) -> str:
    name = an_endpoint(service, operation)
    service.post(f"/v1/endpoints/{name}/test")
    service.post(f"/v1/endpoints/{name}/disable")
    [dead] = eventually(lambda: service.get(f"/v1/deliveries?endpoint={name}&state=dead"), "the delivery is dead")
    service.post(f"/v1/endpoints/{name}/enable", {})
    return str(dead["id"])


def a_post(service: Service, operation: str) -> str:
    """Publish a post that an operation can work on."""
    changes: dict[str, Any] = {}
    if operation in ("edit_post", "cancel_post"):
        changes = {"scheduled_at": "2099-01-01T00:00:00Z"}
    elif operation in ("send_post", "drop_post"):
        changes = {"accounts": ["resting"]}
    elif operation == "retry_post":
        outcome = {"account_id": TIKTOK, "outcomes": [{"kind": "fail", "text": "It violates the guidelines"}]}
        service.session.post(f"{service.controls}/outcomes", json=outcome, timeout=10).raise_for_status()
    [post] = service.post("/v1/publish?wait=20", POST | changes)["posts"]
    wanted = {"retry_post": "failed", "erase_subject": "posted"}.get(operation, "")
    eventually(lambda: wanted in service.read(f"/v1/posts/{post['id']}")["state"], f"the post is {wanted}")
    return str(post["id"])


def eventually(found: Callable[[], Any], what: str) -> Any:
    """Wait until something is there, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (there := found()):
        assert time.monotonic() < deadline, f"{what}: that did not come"
        time.sleep(0.05)
    return there


MAKERS: Mapping[str, Callable[[Service, str], str]] = {
    "/v1/posts/": a_post,
    "/v1/subjects/": a_post,
    "/v1/events/": lambda service, _: str(service.get("/v1/events")[0]["id"]),
    "/v1/accounts/": lambda *_: f"genviral:{TIKTOK}",
    "/v1/causes/": a_cause,
    "/v1/endpoints/": an_endpoint,
    "/v1/subscriptions/": lambda service, _: str(service.post("/v1/subscriptions", WORKING["/v1/subscriptions"])["id"]),
    "/v1/deliveries/": a_dead_delivery,
    "/v1/replays/": lambda service, _: str(service.post("/v1/deliveries/replay", {"endpoint": "ops"})["id"]),
    "/v1/samples/": lambda *_: "post.posted",
    "/hooks/": lambda *_: "blog",
}
"""What makes the thing that stands in a path, by what stands before it."""


FITTING = [(one, GenerationMode.POSITIVE) for one in EVERY]
# Where neither a token nor anything else is asked for, nothing can be wrong.
WRONG = [(one, GenerationMode.NEGATIVE) for one in EVERY if one.scope or one.body]


@pytest.mark.parametrize(
    ("operation", "mode"), [*FITTING, *WRONG], ids=lambda one: getattr(one, "name", None) or str(one.value)
)
def test_every_answer_is_as_described(service: Service, operation: Operation, mode: GenerationMode):
    described, names = service.described[operation.path][operation.method], service.names(operation.path)
    statuses: Counter[int] = Counter()

    @QUIET
    @given(described.as_strategy(generation_mode=mode), st.data())
    def answers(case: Case, data: st.DataObject) -> None:
        for placeholder, known in names.items():
            if known and data.draw(st.booleans()):
                case.path_parameters[placeholder] = data.draw(st.sampled_from(known))
        if (
            mode is GenerationMode.POSITIVE
            and operation.body
            and operation.path in WORKING
            and data.draw(st.booleans())
        ):
            case.body, case.media_type = dict(WORKING[operation.path]), "application/json"
        tame(case)
        answer = case.call(service.url, service.session, HEADERS, timeout=20)
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS, headers=HEADERS)

    answers()
    print(f"{operation.method} {operation.path}, {mode}: {dict(statuses)}")


def tame(case: Case) -> None:
    """Wait for nothing, and send nothing to where nobody asked for it."""
    if case.query and "wait" in case.query:
        case.query["wait"] = "10ms"
    if isinstance(case.body, dict) and re.match("https?://", str(case.body.get("url", ""))):
        case.body["url"] = NOBODY
