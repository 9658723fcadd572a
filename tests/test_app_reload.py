"""A configuration that changes while the service runs: real files, a real database, a simulated partner."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from bridge.app import KINDS, Reloader, Service, serving
from bridge.core.errors import StoreBusy
from bridge.core.model import Endpoint, Write
from bridge.core.redact import Redactor
from bridge.settings import Settings, load
from bridge.simulator.genviral import DEMO_TOKEN, TIKTOK, GenviralSimulator
from bridge.simulator.genviral import app as simulated

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ENVIRON = {"PARTNER": DEMO_TOKEN, "OTHER": "gva_live_other.0123456789abcdef", "SIGNING": "whsec_" + "QUJD" * 10}
OLD, NEW = "the-first-token-0123456789", "the-second-token-0123456789"
PARTNER = {"kind": "genviral", "token": {"env": "PARTNER"}, "base_url": "http://sim/api/partner/v1", "rate": 100}
OPS = {"url": "https://ops.example/hook", "secret": {"env": "SIGNING"}}
WISH = {"caption": "Hello", "media": "https://cdn.example.com/v.mp4", "accounts": ["brand"]}


@dataclass
class Place:
    """A folder with a configuration, and the service that runs by it."""

    folder: Path
    tree: dict[str, Any]
    sim: GenviralSimulator = field(default_factory=GenviralSimulator)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    heeded: list[tuple[str, Redactor]] = field(default_factory=list)
    service: Service = field(init=False)
    reloader: Reloader = field(init=False)

    @property
    def config(self) -> Path:
        return self.folder / "bridge.yaml"

    def write(self, **sections: Any) -> None:
        self.tree |= sections
        self.config.write_text(yaml.safe_dump(self.tree))

    def read(self, again: Path | None = None) -> Settings:
        return load(again or self.config, ENVIRON, KINDS, again=bool(again))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Place"]:
        settings, transport = self.read(), httpx.ASGITransport(simulated(self.sim))
        async with serving(settings, transport=transport, heed=self._heed) as self.service:
            self.reloader = Reloader(self.service, settings, self.read, self.asked, look_s=0.01)
            yield self

    def _heed(self, settings: Settings, redactor: Redactor) -> None:
        self.heeded.append((settings.log.level, redactor))

    async def call(self, method: str, path: str, token: str = OLD, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.service.public)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge", headers=headers) as client:
            return await client.request(method, path, **more)

    def value(self, name: str, **labels: str) -> float | None:
        families = text_string_to_metric_families(self.service.metrics.render().decode())
        found = [sample for family in families for sample in family.samples if sample.name == f"bridge_{name}"]
        return next((sample.value for sample in found if sample.labels == labels), None)

    async def ready(self) -> tuple[int, dict[str, Any]]:
        answer = await self.call("GET", "/readyz")
        return answer.status_code, dict(answer.json())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "token").write_text(OLD)
    place = Place(tmp_path, {})
    place.write(
        server={"port": 0},
        database={"url": f"sqlite:///{tmp_path / 'bridge.db'}"},
        tokens=[{"name": "cms", "token": {"file": "token"}, "scopes": ["admin", "publish", "read"]}],
        partners={"gv": PARTNER},
        accounts={"brand": {"partner": "gv", "id": TIKTOK}},
    )
    return place


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # What is waited for is not ours to signal.
            await asyncio.sleep(0.005)


async def test_a_rotated_secret_counts_and_the_old_one_stays_hidden(place):
    async with place.serving():
        (place.folder / "token").write_text(NEW)
        assert await place.reloader.reload() == "applied"

        old, new = [(await place.call("GET", "/v1/posts", token)).status_code for token in (OLD, NEW)]

    assert (old, new) == (401, 200)
    _, redactor = place.heeded[-1]
    assert redactor.text(f"{OLD} {NEW}") == "[redacted] [redacted]"


async def test_a_fault_keeps_what_runs_and_is_told_until_it_is_mended(place):
    async with place.serving():
        place.write(watch={"tick": "soon"}, publsh={})
        with capture_logs() as lines:
            assert [await place.reloader.reload(), await place.reloader.reload()] == ["refused"] * 2
        status, shown = await place.ready()
        refused = (await place.call("GET", "/v1/posts")).status_code, place.value("config_last_reload_successful")

        del place.tree["publsh"]
        place.write(watch={"tick": "4s"})
        assert await place.reloader.reload() == "applied"
        mended = await place.ready()

    faults = [line["error"].partition(":")[0] for line in lines if line["event"] == "config.reload_refused"]
    assert sorted(faults) == ["publsh", "watch.tick"]
    assert (status, shown["status"]) == (200, "ready")
    assert shown["config"]["faults"] == 2
    assert shown["config"]["since"]
    assert refused == (200, 0)
    assert mended == (200, {"status": "ready"})
    assert place.value("config_last_reload_successful") == 1
    assert place.value("config_reloads_total", result="refused") == 2
    assert place.service.settings.watch.tick == timedelta(seconds=4)


async def test_what_was_read_and_is_the_same_changes_nothing(place):
    async with place.serving():
        bridge = place.service.bridge
        place.config.touch()

        assert await place.reloader.reload() == "unchanged"
        assert place.service.bridge is bridge


async def test_what_needs_a_restart_is_named_and_the_rest_applies(place):
    async with place.serving():
        url = place.service.settings.database.url
        place.write(server={"port": 9, "max_body": "1MB"}, database={"url": "sqlite:///other.db"})
        with capture_logs() as lines:
            assert await place.reloader.reload() == "applied"
        shown, warned = await place.ready(), place.value("config_warnings")
        settings = place.service.settings
        place.write(server={"port": 0, "max_body": "1MB"}, database={"url": url})
        assert await place.reloader.reload() == "unchanged"
        after = place.value("config_warnings")

    told = [line["warning"] for line in lines if line["event"] == "config.warned"]
    assert [text for text in told if "restart" in text] == [
        "server.port: is another now, but needs a restart",
        "database.url: is another now, but needs a restart",
    ]
    assert (settings.server.port, settings.server.max_body, settings.database.url) == (0, 1_000_000, url)
    assert (shown[0], shown[1]["config"]["needs_restart"]) == (200, ["server.port", "database.url"])
    assert warned - after == 2


async def test_names_come_and_go_and_counts_stay(place):
    async with place.serving():
        place.service.metrics.partner_call("gv", "list", "ok", 0.1)
        other = {"kind": "posteverywhere", "token": {"env": "OTHER"}, "base_url": "http://sim/api/v1"}
        second = other | {"calls": 30}
        place.write(partners={"gv": PARTNER, "second": second}, endpoints={"ops": OPS})
        assert await place.reloader.reload() == "applied"
        new = (
            place.value("partner_key_blocked", partner="second"),
            place.value("deliveries_total", endpoint="ops", outcome="done"),
            place.value("partner_rate_limit", partner="second"),
        )
        place.write(partners={"second": second}, accounts={})
        assert await place.reloader.reload() == "applied"

        assert new == (0, 0, 0.5)
        assert place.value("partner_key_blocked", partner="gv") is None
        assert place.value("partner_rate_limit", partner="gv") is None
        assert place.value("partner_requests_total", partner="gv", operation="list", outcome="ok") >= 1
        assert place.value("last_successful_poll_timestamp_seconds", partner="second", what="posts") > 0


async def test_a_partner_that_stays_keeps_its_budget_and_one_that_changes_is_closed(place):
    async with place.serving():
        first = place.service.bridge.kit.partners["gv"]
        closed = asyncio.Event()
        close = first.close

        async def noted() -> None:
            await close()
            closed.set()

        first.close = noted
        place.write(watch={"tick": "4s"})
        await place.reloader.reload()
        kept = place.service.bridge.kit.partners["gv"]
        place.write(partners={"gv": PARTNER | {"rate": 50}})
        await place.reloader.reload()

        assert kept is first
        assert place.service.bridge.kit.partners["gv"] is not first
        await asyncio.wait_for(closed.wait(), 10)


async def test_a_configuration_that_the_database_contradicts_is_refused(place):
    async with place.serving():
        bridge = place.service.bridge
        made = Endpoint("ops", "https://made.example/hook", configured=False, owner="cms")
        await place.service.store.record([Write(endpoints=(made,))])
        place.write(endpoints={"ops": OPS})

        assert await place.reloader.reload() == "refused"
        assert place.service.bridge is bridge
        assert bridge.live()
        assert place.service.note["refused"][0]["field"] == "endpoints.ops"


async def test_when_the_new_one_cannot_start_the_old_one_starts_again(place):
    async with place.serving():
        store = place.service.store
        fetch, fails = store.endpoints, ["the new one", "the old one"]

        async def endpoints() -> dict[str, Endpoint]:
            if fails and not place.service.bridge.schedule.alive:
                raise StoreBusy(fails.pop(0))
            return await fetch()

        store.endpoints = endpoints
        place.write(watch={"tick": "4s"})
        with capture_logs() as lines:
            assert await place.reloader.reload() == "refused"
            await until(lambda: place.service.bridge.schedule.alive)

        assert [line["error"] for line in lines if line["event"] == "config.not_resumed"] == ["the old one"]
        assert place.service.settings.watch.tick == timedelta(seconds=5)
        assert place.service.live()
        assert (await place.ready())[0] == 200
        assert await place.reloader.reload() == "applied"


async def test_a_caller_who_waits_is_answered_with_what_became_of_it(place):
    place.sim.fault("slow", "create", delay_s=0.5)
    async with place.serving():
        await place.service.bridge.schedule.run_now("accounts")
        caller = asyncio.create_task(place.call("POST", "/v1/publish?wait=20", json=WISH))
        await until(lambda: place.sim.journal.of("create"))
        place.write(watch={"tick": "4s"})
        assert await place.reloader.reload() == "applied"
        answer = await caller

    assert answer.status_code == 200, answer.text
    assert len([entry for entry in place.sim.journal.of("create") if entry.worked]) == 1


async def test_while_the_old_one_ends_requests_are_taken_and_probes_are_well(place):
    place.sim.fault("slow", "create", delay_s=1.0)
    async with place.serving():
        await place.service.bridge.schedule.run_now("accounts")
        await place.call("POST", "/v1/publish", json=WISH)
        await until(lambda: place.sim.journal.of("create"))
        place.write(watch={"tick": "4s"})
        reloading, statuses = asyncio.create_task(place.reloader.reload()), []
        while not reloading.done():
            statuses.append(await place.call("POST", "/v1/publish", json=WISH | {"caption": f"{len(statuses)}"}))
            assert (await place.ready(), place.service.live()) == ((200, {"status": "ready"}), True)
            await asyncio.sleep(0.02)

    assert {answer.status_code for answer in statuses} == {202}
    assert len(statuses) > 1


async def test_it_can_be_stopped_in_the_middle(place):
    place.write(server={"port": 0, "drain": "1s"})
    place.sim.fault("slow", "create", delay_s=30)
    async with asyncio.timeout(10):
        async with place.serving():
            await place.service.bridge.schedule.run_now("accounts")
            await place.call("POST", "/v1/publish", json=WISH)
            await until(lambda: place.sim.journal.of("create"))
            place.write(watch={"tick": "4s"})
            following = asyncio.create_task(place.reloader.run())
            place.asked.set()
            await until(lambda: not place.service.bridge.schedule.alive)
            following.cancel()


async def test_a_configuration_that_kubernetes_swaps_is_followed(place):
    """A mounted file is a link through `..data`, which is pointed to another folder in one step."""
    mounted = place.folder / "mounted"
    mounted.mkdir()

    def mount(name: str, **sections: Any) -> None:
        (mounted / name).mkdir()
        (mounted / name / "bridge.yaml").write_text(yaml.safe_dump(place.tree | sections))
        (mounted / "..data_tmp").symlink_to(name)
        (mounted / "..data_tmp").replace(mounted / "..data")

    mount("..2026_01")
    (mounted / "bridge.yaml").symlink_to("..data/bridge.yaml")
    (mounted / "token").write_text(OLD)
    place.read = lambda again=None: load(again or mounted / "bridge.yaml", ENVIRON, KINDS)
    async with place.serving():
        following = asyncio.create_task(place.reloader.run())
        mount("..2026_02", watch={"tick": "4s"})
        await until(lambda: place.service.settings.watch.tick == timedelta(seconds=4))
        mount("..2026_03", watch={"tick": "soon"})
        await until(lambda: place.service.note)
        mount("..2026_04", watch={"tick": "3s"})
        await until(lambda: place.service.settings.watch.tick == timedelta(seconds=3))
        following.cancel()

    assert place.service.note == {}
    assert place.value("config_reloads_total", result="applied") == 2


async def test_a_file_is_read_once_it_stands_still(place):
    async with place.serving():
        looks = [await place.reloader.due()]
        for text in ("a", "ab", "ab"):
            place.config.write_text(text) if text != place.config.read_text() else None
            looks.append(await place.reloader.due())
        await place.reloader.reload()
        looks.append(await place.reloader.due())

    assert looks == [False, False, False, True, False]


async def test_a_secret_that_comes_later_mends_a_refused_configuration(place):
    async with place.serving():
        following = asyncio.create_task(place.reloader.run())
        place.write(tokens=[{"name": "cms", "token": {"file": "later"}, "scopes": ["admin"]}])
        await until(lambda: place.service.note)
        (place.folder / "later").write_text(NEW)
        await until(lambda: not place.service.note)
        following.cancel()

        assert (await place.call("GET", "/v1/posts", NEW)).status_code == 200


async def test_what_is_asked_for_meanwhile_is_done_once_more(place):
    reads, read, loop = 0, place.read, asyncio.get_running_loop()

    def counted(again: Path | None = None) -> Settings:
        nonlocal reads
        reads += 1
        for _ in range(3 if reads == 2 else 0):
            loop.call_soon_threadsafe(place.asked.set)
        return read(again)

    place.read = counted
    async with place.serving():
        following = asyncio.create_task(place.reloader.run())
        place.asked.set()
        await until(lambda: place.value("config_reloads_total", result="unchanged") == 2)
        await asyncio.sleep(0.05)
        following.cancel()

    assert reads == 3  # Before the start, when asked for, and for all that was asked for meanwhile.
