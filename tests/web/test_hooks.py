"""`POST /hooks/{source}`: which sources there are, what is read of a request, and what is answered."""

import hmac

import pytest
from structlog.testing import capture_logs

from bridge.sources import build
from bridge.sources.generic import GenericConfig
from bridge.sources.posteverywhere import PostEverywhereHooks
from tests.web.room import VIDEO, problem

pytestmark = pytest.mark.anyio

BLOG = GenericConfig(secret=("secret-of-zapier",), accounts=("brand-tiktok",), caption="{{ title }}")
HOOKS = PostEverywhereHooks(secret=("whsec_hooks",), partner="genviral")


@pytest.fixture
async def hooks(room):
    """The room with two sources, whose requests are counted."""
    ingest = room.web.ingest
    given = {**ingest.sources, "blog": build("blog", BLOG), "pe": build("pe", HOOKS)}
    room.web.ingest.sources = given
    room.web.ingest._own = {**ingest._own, "blog": BLOG}
    return room


async def test_what_a_source_sends_is_taken_with_200(hooks):
    answer = await hooks.call("POST", "/hooks/blog", json={"title": "Holiday drops", "media": VIDEO})

    told = answer.json()
    assert (answer.status_code, told["duplicate"], told["status"]) == (200, False, "accepted")
    assert told["posts"][0]["accounts"] == ["brand-tiktok"]
    shown = await hooks.get(f"/v1/events/{told['event_id']}")
    assert (shown["source"], shown["verified"]) == ("blog", {"by": "source", "name": "blog"})


async def test_a_repetition_is_a_200_too(hooks):
    sent = {"title": "Holiday drops", "media": VIDEO}
    first = (await hooks.call("POST", "/hooks/blog", json=sent)).json()
    again = (await hooks.call("POST", "/hooks/blog", json=sent)).json()

    assert (again["duplicate"], again["event_id"]) == (True, first["event_id"])


async def test_what_made_no_post_is_answered_with_the_reason(hooks):
    told = (await hooks.call("POST", "/hooks/blog", json={"titel": "x"})).json()

    assert "titel is not a known field" in told["reason"]
    assert [one["field"] for one in told["warnings"]] == ["titel"]
    assert "posts" not in told


async def test_a_hint_is_answered_shortly(hooks):
    body = b'{"event": "post.published", "event_id": "e1", "data": {"post_id": "p1"}}'
    signature = "sha256=" + hmac.new(b"whsec_hooks", body, "sha256").hexdigest()
    answers = [
        await hooks.call("POST", "/hooks/pe", None, content=body, headers={"X-PostEverywhere-Signature": signature})
        for _ in range(2)
    ]

    assert [set(answer.json()) for answer in answers] == [{"event_id", "duplicate"}] * 2
    assert [(answer.status_code, answer.json()["duplicate"]) for answer in answers] == [(200, False), (200, True)]


@pytest.mark.parametrize("name", ["nobody", "api", "adopted"])
async def test_an_unknown_source_is_not_found(hooks, name):
    problem(await hooks.call("POST", f"/hooks/{name}", json={}), 404, "no_such_source")


async def test_a_source_is_only_sent_to(hooks):
    told = problem(await hooks.call("GET", "/hooks/blog"), 405, "method_not_allowed")

    assert told["allow"] == ["POST"]


async def test_a_sender_that_proves_nothing_is_counted_by_why_and_not_told(hooks):
    with capture_logs() as lines:
        for token in (None, "nobody"):
            problem(await hooks.call("POST", "/hooks/blog", token, json={}), 401, "not_verified")

    counted = hooks.web.metrics.render().decode()
    assert 'bridge_auth_failures_total{reason="unsigned",source="other"} 1.0' in counted
    assert 'bridge_auth_failures_total{reason="forged",source="other"} 1.0' in counted
    assert [line["status"] for line in lines if line["event"] == "event.refused"] == [401, 401]


@pytest.mark.parametrize(
    ("sent", "status", "slug"),
    [
        ({"content": b"x" * 10_001}, 413, "too_large"),
        ({"content": b"{}", "headers": {"Content-Encoding": "gzip"}}, 415, "unsupported_encoding"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "invalid_json"),
        ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_media_type"),
    ],
)
async def test_a_body_has_limits(hooks, sent, status, slug):
    problem(await hooks.call("POST", "/hooks/blog", **sent), status, slug)


async def test_a_full_queue_is_told_to_sources_too(hooks):
    hooks.web.ingest.load.queue = 100_000
    answer = await hooks.call("POST", "/hooks/blog", json={"title": "x"})

    problem(answer, 429, "queue_full")
    assert answer.headers["retry-after"] == "30"
