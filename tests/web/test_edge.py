"""What every route shares: tokens, problems, headers, metrics, probes."""

from dataclasses import replace

import httpx
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Router
from structlog.testing import capture_logs

from bridge.core.errors import Conflict, StoreBusy, StoreFull
from bridge.tracing import current, enter
from bridge.web import ROUTES, public_app
from bridge.web._edge import Edge
from bridge.web._table import PUBLIC
from tests.web.room import problem

pytestmark = pytest.mark.anyio


class Bare(Router):
    """A router whose answers are a function's."""

    def __init__(self, app):
        super().__init__()
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


GUARDED = [(one.method, one.path, one.scope) for one in PUBLIC if one.scope]


def example(path):
    return path.replace("{id}", "x").replace("{name}", "x")


async def test_every_route_asks_for_a_token_with_its_scope(room):
    strangers = {"read": "writer", "publish": "reader", "admin": "zapier"}
    for method, path, scope in GUARDED:
        nobody, unknown, other = [
            await room.call(method, example(path), token) for token in (None, "nobody", strangers[scope])
        ]

        problem(nobody, 401, "no_token")
        problem(unknown, 401, "unknown_token")
        assert nobody.headers["www-authenticate"] == unknown.headers["www-authenticate"] == "Bearer"
        assert scope in problem(other, 403, "scope")["detail"]

    counted = room.web.metrics.render().decode()
    for reason in ("no_token", "unknown_token", "scope"):
        assert f'bridge_auth_failures_total{{reason="{reason}",source="api"}} {len(GUARDED)}.0' in counted


async def test_an_unknown_path_is_a_problem_and_no_redirect(room):
    for path in ("/nowhere", "/v1/posts/", "/v1", "/livez"):
        problem(await room.call("GET", path), 404, "no_such_path")


async def test_a_wrong_method_names_the_right_ones(room):
    answer = await room.call("PUT", "/v1/posts/x")

    assert problem(answer, 405, "method_not_allowed")["allow"] == ["DELETE", "GET", "HEAD", "PATCH"]
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH"


@pytest.mark.parametrize(
    ("error", "status", "slug", "wait"),
    [
        (StoreBusy("locked"), 503, "storage_unavailable", "5"),
        (StoreFull("no space"), 503, "storage_full", "5"),
        (Conflict("gave up after 5 tries"), 409, "changed_meanwhile", "1"),
        (RuntimeError("token gva_live_abc.def is bad"), 500, "internal", None),
    ],
)
async def test_what_goes_wrong_inside_is_told_without_details(room, error, status, slug, wait):
    async def broken(*_):
        raise error

    with capture_logs() as lines:
        answer = await call_with(room, broken)

    problem(answer, status, slug)
    assert answer.headers.get("retry-after") == wait
    assert str(error) not in answer.text
    assert (status == 500) == any(line["event"] == "http.failed" for line in lines)


async def call_with(room, handler):
    app = public_app(room.web)
    route = next(route for route in app.routes if route.path == "/v1/posts")
    route.app._handler = handler
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bridge") as client:
        return await client.get("/v1/posts", headers={"Authorization": "Bearer secret-of-zapier"})


async def test_every_answer_has_the_headers_that_keep_it_safe(room):
    for path in ("/v1/posts", "/nowhere", "/openapi.json", "/v1/publish"):
        answer = await room.call("GET", path)

        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


async def test_requests_are_counted_by_template_and_logged_without_their_query(room):
    with capture_logs() as lines:
        await room.call("GET", "/v1/posts/post_secret?key=hidden")
        await room.call("GET", "/nowhere/post_secret")

    counted = room.web.metrics.render().decode()
    assert 'bridge_http_requests_total{method="GET",route="/v1/posts/{id}",status_class="4xx"} 1.0' in counted
    assert 'bridge_http_requests_total{method="GET",route="other",status_class="4xx"} 1.0' in counted
    assert "post_secret" not in counted
    answered = [line for line in lines if line["event"] == "http.answered"]
    assert [line["route"] for line in answered] == ["/v1/posts/{id}", "other"]
    assert [line["log_level"] for line in answered] == ["debug", "debug"]
    assert "hidden" not in str(lines)
    assert "secret" not in str(answered)


async def test_the_probes_say_what_is_wrong(room):
    assert (await room.admin.get("/livez")).json() == {"status": "live"}
    assert (await room.admin.get("/readyz")).json() == {"status": "ready"}
    room.checks.alive = False
    room.checks.failing = {"store": "a write did not succeed"}

    live, ready = await room.admin.get("/livez"), await room.admin.get("/readyz")

    assert (live.status_code, live.json()["status"]) == (503, "not live")
    assert ready.status_code == 503
    assert ready.json() == {"status": "not ready", "failing": {"store": "a write did not succeed"}}


async def test_metrics_are_read_by_prometheus(room):
    await room.publish()

    answer = await room.admin.get("/metrics")

    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    known = {(s.labels["route"], s.labels["method"]) for s in families["bridge_http_requests"].samples}
    assert known == set(ROUTES)
    accepted = [s for s in families["bridge_events"].samples if s.labels == {"source": "api", "outcome": "accepted"}]
    assert [sample.value for sample in accepted] == [1.0]


async def test_the_admin_listener_has_no_api_and_the_public_one_no_probes(room):
    assert (await room.admin.get("/v1/posts")).status_code == 404
    assert (await room.public.get("/metrics")).status_code == 404


async def test_one_listener_may_serve_both(room):
    app = public_app(replace(room.web, with_admin=True))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bridge") as client:
        assert [(await client.get(path)).status_code for path in ("/livez", "/readyz", "/metrics")] == [200, 200, 200]
        assert "/metrics" in (await client.get("/openapi.json")).json()["paths"]


async def test_what_is_raised_after_the_answer_began_closes_the_connection(room):
    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half way")

    sent = []

    async def send(message):
        sent.append(message)

    with pytest.raises(RuntimeError):
        await Edge(Bare(half), room.web.metrics)({"type": "http", "method": "GET", "path": "/"}, None, send)

    assert [message["type"] for message in sent] == ["http.response.start"]


async def test_a_request_is_not_of_the_trace_of_the_one_before_it(room):
    """The task of a request that was sent right behind another one begins as that one's."""
    seen = []

    async def app(scope, receive, send):
        seen.append(current())

    enter("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    await Edge(Bare(app), room.web.metrics)({"type": "http", "method": "GET", "path": "/"}, None, None)

    assert seen == [None]


async def test_what_is_no_request_passes_through(room):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    await Edge(Bare(app), room.web.metrics)({"type": "lifespan"}, None, None)

    assert seen == ["lifespan"]


async def test_no_answer_shows_a_secret(room):
    """`room.call` looks through every answer; here it looks through all there are."""
    made = await room.published()
    await room.fail_deliveries()
    delivery = (await room.get("/v1/deliveries"))["items"][0]["id"]
    paths = ["posts", f"posts/{made['id']}", "events", f"events/{made['event_id']}", "accounts", "causes", "endpoints"]
    paths += ["deliveries", f"deliveries/{delivery}", "event-types"]

    shown = [await room.get(f"/v1/{path}", "admin") for path in paths]

    assert b"Authorization" not in orjson.dumps(shown)
    assert "secret-of" not in (await room.admin.get("/metrics")).text
