"""One trace from a request to the webhook that tells of it, over a restart, as a real collector gets it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
import yaml

from bridge.core.traces import trace_id
from bridge.simulator import running
from bridge.simulator.faults import Fault, FaultKind
from tests.collector import Collector
from tests.crash.audit import query
from tests.crash.town import ACCOUNTS, SECRETS, Starter, Town, open_town, until
from tests.e2e.process import Process, write_config

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = trace_id(TRACEPARENT)
POSTED = "post.posted"


@asynccontextmanager
async def traced(folder: Path, starter: Starter, **changes: object) -> AsyncIterator[tuple[Town, Collector]]:
    """Open a town that exports its traces to a collector."""
    collector = Collector()
    async with running(collector.app()) as url, open_town(folder, starter) as town:
        tree = yaml.safe_load(town.config.read_text())
        tree["tracing"] = {"enabled": True, "collector": url, "headers": {"X-Key": {"env": "TOWN_HOOK"}}} | changes
        tree["endpoints"]["town"]["events"] = ["post.*"]
        town.config.write_text(yaml.safe_dump(tree))
        yield town, collector


async def begin(town: Town) -> None:
    assert await town.start()
    await until("the accounts", lambda: query(town.database, "select 1 from accounts"))


async def publish(town: Town, **headers: str) -> str:
    """Ask for a post and return the id of its event."""
    headers |= {"Authorization": f"Bearer {SECRETS['TOWN_TOKEN']}"}
    body = {"caption": "Something private", "media": "https://cdn.example.com/v.mp4", "accounts": list(ACCOUNTS[:2])}
    answer = await town.http.post(f"{town.url}/v1/publish?wait=0", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["event_id"])


def told(town: Town, event_type: str = POSTED) -> dict[str, str]:
    """Return the headers of the webhook of a type; empty while it has not come."""
    return next((one.headers for one in town.receiver.received if one.json["type"] == event_type), {})


async def test_a_trace_goes_on_from_the_request_over_a_restart_to_the_webhook(tmp_path: Path, starter: Starter):
    async with traced(tmp_path, starter) as (town, collector):
        await begin(town)
        town.simulator.faults.add(Fault(FaultKind.SERVER_ERROR, "create", times=-1))
        event_id = await publish(town, traceparent=TRACEPARENT)
        await until("a failed call", lambda: query(town.database, "select 1 from attempts where status = 500"))
        assert await town.stop() == 0
        town.simulator.faults.clear()

        await begin(town)
        headers = await until("the webhook", lambda: told(town))
        assert await town.stop() == 0

    spans = collector.of(TRACE)
    [request] = [span for span in spans if span.kind == "SERVER"]
    assert request.goes_on_from(TRACEPARENT)
    assert (request.name, request.attributes["http.response.status_code"]) == ("POST /v1/publish", 202)
    [accept] = [span for span in spans if span.name == "accept api"]
    assert accept.parent == request.id
    assert accept.attributes["bridge.event_id"] == event_id
    tries = [span for span in spans if span.name == "publish genviral"]
    assert {span.parent for span in tries} == {accept.id}
    assert (tries[0].failed, tries[0].attributes["error.type"], tries[-1].failed) == (True, "server_error", False)
    calls = [span for span in spans if span.name == "POST create"]
    assert [call.parent for call in calls] == [one.id for one in tries]
    assert (calls[0].attributes["http.response.status_code"], calls[-1].attributes["bridge.partner"]) == (
        500,
        "genviral",
    )
    [posted] = [span for span in spans if span.name == f"tell {POSTED}"]
    assert posted.parent in (accept.id, tries[-1].id)
    [sent] = [span for span in spans if span.attributes.get("bridge.type") == POSTED]
    assert (sent.name, sent.parent, sent.kind) == ("send town", posted.id, "CLIENT")
    assert headers["traceparent"] == f"00-{TRACE}-{sent.id}-01"
    assert all(span.ended >= span.began for span in spans)
    # A poll belongs to nobody's trace, and nobody traces probes.
    assert {span.trace for span in collector.spans if span.name.startswith(("GET ", "POST "))} == {TRACE}


async def test_what_is_secret_or_content_is_in_no_span(tmp_path: Path, starter: Starter):
    async with traced(tmp_path, starter) as (town, collector):
        await begin(town)
        await publish(town, traceparent=TRACEPARENT)
        await until("the webhook", lambda: told(town))
        await town.http.get(f"{town.url}/v1/nothing/{SECRETS['TOWN_HOOK']}?token=query-secret")
        assert await town.stop() == 0

    sent = b"".join(collector.bodies)
    assert collector.headers["x-key"] == SECRETS["TOWN_HOOK"]
    for word in (*SECRETS.values(), "Something private", "cdn.example.com", "query-secret", "/hook/town"):
        assert word.encode() not in sent
    assert {span.service for span in collector.spans} == {"bridge"}


async def test_log_lines_name_the_trace_that_the_spans_are_of(tmp_path: Path, starter: Starter):
    async with traced(tmp_path, starter) as (town, _):
        await begin(town)
        await publish(town, traceparent=TRACEPARENT)
        await until("the webhook", lambda: told(town))
        assert await town.stop() == 0
        lines = [orjson.loads(line) for line in town.log.read_bytes().splitlines()]

    of_trace = {line["event"] for line in lines if line.get("trace_id") == TRACE}
    assert {"event.accepted", "command.done", "delivery.attempted"} <= of_trace
    assert {line["event"] for line in lines if "trace_id" not in line} >= {"service.started", "service.stopped"}


async def test_a_collector_that_is_gone_slows_nothing_and_is_told_of_once(tmp_path: Path, starter: Starter):
    async with traced(tmp_path, starter, collector="http://127.0.0.1:9") as (town, _):
        await begin(town)
        await publish(town)
        await until("the webhook", lambda: told(town))
        began = asyncio.get_running_loop().time()
        assert await town.stop() == 0
        assert asyncio.get_running_loop().time() - began < 5
        lines = [orjson.loads(line) for line in town.log.read_bytes().splitlines()]

    [lost] = [line for line in lines if line["event"] == "tracing.spans_lost"]
    assert lost["level"] == "warning"
    assert sum(lost.get(reason, 0) for reason in ("export_failed", "stopped")) > 5
    assert not any("opentelemetry" in line.get("logger", "") for line in lines)


def test_a_service_that_traces_nothing_has_nothing_of_opentelemetry_in_memory(tmp_path: Path):
    log = tmp_path / "log"
    process = Process(log, "serve", "-c", str(write_config(tmp_path)), module="tests.e2e.loaded")
    process.addresses()
    assert process.end() == 0
    loaded = log.read_text().splitlines()[-1].split()
    assert "bridge.tracing" in loaded
    assert not [
        name for name in loaded if name.startswith(("opentelemetry", "google", "requests", "bridge.tracing._s"))
    ]


async def test_a_request_sent_right_behind_another_is_not_of_its_trace(tmp_path: Path, starter: Starter):
    async with traced(tmp_path, starter, enabled=False) as (town, _):
        await begin(town)
        body = orjson.dumps({"caption": "x", "media": "https://cdn.example.com/v.mp4", "accounts": [ACCOUNTS[0]]})
        head = f"POST /v1/publish?wait=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRETS['TOWN_TOKEN']}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        parts = [
            f"Idempotency-Key: {key}\r\n{more}\r\n"
            for key, more in (("a", f"traceparent: {TRACEPARENT}\r\n"), ("b", ""))
        ]
        reader, writer = await asyncio.open_connection(*town.url.removeprefix("http://").split(":"))
        writer.write(b"".join(f"{head}{part}".encode() + body for part in parts))
        for _ in parts:
            assert b" 202 " in await reader.readuntil(b"\r\n\r\n")
            # The body is smaller than what the stream holds; it is read with the next head.
        writer.close()
        found = query(town.database, "select traceparent from events where source = 'api' order by received_at")
        assert await town.stop() == 0
    assert sorted(str(*row) for row in found) == [TRACEPARENT, "None"]


async def test_without_tracing_the_senders_trace_is_passed_on_and_logged(tmp_path: Path, starter: Starter):
    async with traced(tmp_path, starter, enabled=False) as (town, collector):
        await begin(town)
        await publish(town, traceparent=TRACEPARENT)
        headers = await until("the webhook", lambda: told(town))
        assert await town.stop() == 0
        lines = [orjson.loads(line) for line in town.log.read_bytes().splitlines()]

    assert headers["traceparent"] == TRACEPARENT
    assert not collector.spans
    assert {"event.accepted", "command.done", "delivery.attempted"} <= {
        line["event"] for line in lines if line.get("trace_id") == TRACE
    }
