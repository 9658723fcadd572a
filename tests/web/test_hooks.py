"""`POST /hooks/{source}`: which sources there are, what is read of a request, and what is answered."""

import asyncio
import hmac
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bridge.core.hook_rules import HookRules
from bridge.ports import Reply
from bridge.sources import build
from bridge.sources._kind import Hook
from bridge.sources.posteverywhere import PostEverywhereHooks
from tests.flows.town import OWN, THINGS
from tests.web.room import VIDEO, problem

pytestmark = pytest.mark.anyio

MEDIA = {"type": "video", "url": VIDEO}
THINGS_ARE = HookRules(secret=("secret-of-zapier",), accounts=("brand-tiktok",), content={"media": MEDIA})
POSTED = {"intent": "publish", "title": "Holiday drops", "id": "7", "rev": "1"}


def _ask(raw, _rules):
    allow = (("WebHook-Allowed-Origin", raw.header("webhook-request-origin") or ""),)
    return Reply(200, b"", headers=allow) if raw.method == "OPTIONS" else None


EVENTS = replace(THINGS, name="events", reply=Reply(204, b""), methods=("POST",), probe=_ask)
PLAIN = replace(THINGS, name="plain", reply=Reply(200, b"ok", "text/plain", (("X-Seen", "yes"),)))
BLOG = HookRules(secret=("secret-of-zapier",), accounts=("brand-tiktok",), caption="{{ title }}")
HOOKS = PostEverywhereHooks(secret=("whsec_hooks",), partner="genviral")


@pytest.fixture
async def hooks(room):
    """The room with two sources, whose requests are counted."""
    ingest = room.web.ingest
    things = {kind.name: Hook(kind.name, kind, THINGS_ARE) for kind in (THINGS, EVENTS, PLAIN)}
    given = {**ingest.sources, **things, "blog": Hook("blog", OWN, BLOG), "pe": build("pe", "posteverywhere", HOOKS)}
    room.web.ingest.sources = given
    ingest._own = {**ingest._own, **dict.fromkeys(things, THINGS_ARE), "blog": BLOG}
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

    assert [set(answer.json()) for answer in answers] == [{"event_id", "duplicate", "intent"}] * 2
    assert [(answer.status_code, answer.json()["duplicate"]) for answer in answers] == [(200, False), (200, True)]


@pytest.mark.parametrize("name", ["nobody", "api", "adopted"])
async def test_an_unknown_source_is_not_found(hooks, name):
    problem(await hooks.call("POST", f"/hooks/{name}", json={}), 404, "no_such_source")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PATCH", "OPTIONS"])
async def test_a_source_is_only_sent_to(hooks, method):
    answer = await hooks.call(method, "/hooks/blog")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, PUT")
    if method != "HEAD":
        assert problem(answer, 405, "method_not_allowed")["allow"] == ["POST", "PUT"]


async def test_a_sender_may_put(hooks):
    answer = await hooks.call("PUT", "/hooks/things", json=POSTED)

    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    counted = hooks.web.metrics.render().decode()
    assert 'http_requests_total{method="PUT",route="/hooks/{source}",status_class="2xx"} 1.0' in counted


async def test_the_kind_says_which_methods_are_meant(hooks):
    assert (await hooks.call("PUT", "/hooks/events", json=POSTED)).headers["allow"] == "POST"


async def test_a_question_that_is_no_event_is_answered_without_proof(hooks):
    asked = {"WebHook-Request-Origin": "events.example.com"}
    answer = await hooks.call("OPTIONS", "/hooks/events", None, headers=asked)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["webhook-allowed-origin"] == "events.example.com"
    problem(await hooks.call("OPTIONS", "/hooks/things", None, headers=asked), 405, "method_not_allowed")


async def test_an_answer_without_content_has_none(hooks):
    answer = await hooks.call("POST", "/hooks/events", json=POSTED)

    assert (answer.status_code, answer.content) == (204, b"")
    assert not {"content-type", "content-length"} & set(answer.headers)
    assert len(await hooks.get("/v1/events")) == 2


async def test_an_answer_is_the_one_that_the_sender_wants(hooks):
    answer = await hooks.call("POST", "/hooks/plain", json=POSTED)

    assert (answer.status_code, answer.text, answer.headers["x-seen"]) == (200, "ok", "yes")
    assert answer.headers["content-type"] == "text/plain"


async def test_of_several_items_each_is_answered(hooks):
    told = (await hooks.call("POST", "/hooks/things", json=[POSTED, POSTED | {"id": "8", "intent": "test"}])).json()

    assert [(one["intent"], "posts" in one) for one in told["events"]] == [("publish", True), ("test", False)]
    assert (await hooks.call("POST", "/hooks/things", json=[])).json() == {"events": []}


async def test_what_a_person_should_know_is_answered(hooks):
    sent = {"intent": "needs_fetch", "title": "", "note": "Put a step in between that fetches it."}
    told = (await hooks.call("POST", "/hooks/things", json=sent)).json()

    assert (told["intent"], told["note"]) == ("needs_fetch", sent["note"])
    assert "reason" not in told


@pytest.mark.parametrize("path", ["/hooks/blog/", "/hooks/blog/x", "/hooks/", "/hooks"])
async def test_there_is_no_redirect_to_a_source(hooks, path):
    problem(await hooks.call("POST", path, json={}), 404, "no_such_path")


async def test_the_answer_is_sent_while_the_partner_does_not_answer(hooks):
    """A publish of another post waits for its answer all the while."""
    hooks.sim.fault("slow", "create", delay_s=3600)
    await hooks.publish()
    sending = asyncio.create_task(hooks.work())
    async with asyncio.timeout(5):
        answer = await hooks.call("POST", "/hooks/blog", json={"title": "Holiday drops", "media": VIDEO})
    assert (answer.json()["status"], sending.done()) == ("accepted", False)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


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
