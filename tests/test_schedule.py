"""The schedule: ticks run when due, one at a time, and no failure of a tick ends it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from bridge.core.errors import StoreError
from bridge.schedule import Schedule

pytestmark = pytest.mark.anyio

SOON = timedelta(milliseconds=5)
NEVER = timedelta(days=1)


class Results(list):
    """What the schedule reported: (job, result) pairs, which a test may wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def __call__(self, job: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.append((job, result))
        self._news.set()

    async def until(self, count: int, of: tuple[str, str]) -> None:
        async with asyncio.timeout(5):
            while self.count(of) < count:
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def results():
    return Results()


@pytest.fixture
async def schedule(results):
    schedule = Schedule(results)
    yield schedule
    await schedule.stop(timedelta())


async def nothing() -> None:
    pass


async def test_a_job_runs_at_once_and_again(schedule, results):
    schedule.every("watch", SOON, nothing)
    schedule.start()

    await results.until(3, ("watch", "succeeded"))


async def test_a_job_goes_on_where_the_schedule_before_left_it(results):
    earlier = Schedule(results)
    for name in ("rare", "soon"):
        earlier.every(name, NEVER, nothing, first=NEVER / 2)
    earlier.start()
    due = dict(earlier.due)
    await earlier.stop()
    schedule = Schedule(results, earlier=earlier)
    schedule.every("rare", NEVER, nothing)
    schedule.every("soon", SOON, nothing, first=NEVER)
    schedule.every("new", NEVER, nothing)
    schedule.start()
    await results.until(1, ("soon", "succeeded"))
    await results.until(1, ("new", "succeeded"))
    await schedule.stop()

    assert schedule.due["rare"] == earlier.due["rare"] == due["rare"]
    assert ("rare", "succeeded") not in results


async def test_a_job_that_was_due_while_there_was_no_schedule_runs_at_once(results):
    earlier, begun = Schedule(results), asyncio.Event()
    earlier.every("watch", NEVER, begun.wait)
    due = dict(earlier.due)
    earlier.start()
    await earlier.stop(timedelta())
    schedule = Schedule(results, earlier=earlier)
    schedule.every("watch", NEVER, nothing, first=NEVER)
    schedule.start()
    assert due == {}
    assert schedule.due["watch"] <= datetime.now(UTC)
    await schedule.stop()


async def test_a_job_may_begin_later(schedule, results):
    schedule.every("later", SOON, nothing, first=NEVER)
    schedule.every("sooner", SOON, nothing, jitter=SOON)
    schedule.start()

    await results.until(3, ("sooner", "succeeded"))

    assert ("later", "succeeded") not in results


async def test_a_failing_job_is_logged_counted_and_runs_again(schedule, results):
    async def fail() -> None:
        raise ValueError("why")

    with structlog.testing.capture_logs() as lines:
        schedule.every("deliver", SOON, fail)
        schedule.every("other", SOON, nothing)
        schedule.start()
        await results.until(2, ("deliver", "failed"))
        await results.until(2, ("other", "succeeded"))

    assert schedule.alive
    assert (lines[0]["event"], lines[0]["job"], lines[0]["log_level"]) == ("schedule.job_failed", "deliver", "error")


async def test_a_job_that_the_database_refuses_is_a_warning_without_a_trace(schedule, results):
    async def fail() -> None:
        raise StoreError("the database is gone")

    with structlog.testing.capture_logs() as lines:
        schedule.every("deliver", SOON, fail)
        schedule.start()
        await results.until(2, ("deliver", "failed"))

    assert (lines[0]["event"], lines[0]["log_level"]) == ("schedule.job_failed", "warning")
    assert lines[0]["error"] == "the database is gone"
    assert "exc_info" not in lines[0]


async def test_a_job_never_runs_twice_at_once(schedule, results):
    release = asyncio.Event()
    schedule.every("slow", SOON, release.wait)
    schedule.start()

    await results.until(2, ("slow", "skipped"))
    assert ("slow", "succeeded") not in results
    release.set()

    await results.until(2, ("slow", "succeeded"))


async def test_run_now_waits_its_turn_and_for_the_end(schedule, results):
    first, order = asyncio.Event(), []

    async def job() -> None:
        order.append("begin")
        await first.wait()
        order.append("end")

    schedule.every("publish", NEVER, job)
    schedule.start()
    running = [asyncio.create_task(schedule.run_now("publish")) for _ in range(2)]
    await asyncio.sleep(0)
    first.set()
    await asyncio.gather(*running)

    assert order[:4] == ["begin", "end"] * 2
    assert results.count(("publish", "succeeded")) >= 2


async def test_run_now_reports_a_failure_instead_of_raising_it(schedule, results):
    async def fail() -> None:
        raise ValueError("why")

    schedule.every("publish", NEVER, fail, first=NEVER)
    with structlog.testing.capture_logs():
        await schedule.run_now("publish")

    assert results == [("publish", "failed")]


async def test_two_jobs_of_one_name_are_refused(schedule):
    schedule.every("watch", SOON, nothing)

    with pytest.raises(ValueError, match="watch"):
        schedule.every("watch", SOON, nothing)


async def test_an_unknown_job_cannot_be_run(schedule):
    with pytest.raises(KeyError):
        await schedule.run_now("nothing")


async def test_it_is_alive_between_start_and_stop(schedule):
    assert not schedule.alive
    schedule.start()
    assert schedule.alive
    await schedule.stop()
    assert not schedule.alive
    await schedule.stop()


async def test_stopping_waits_for_a_run_under_way(schedule, results):
    begun, release = asyncio.Event(), asyncio.Event()

    async def job() -> None:
        begun.set()
        await release.wait()

    schedule.every("publish", SOON, job)
    schedule.start()
    await begun.wait()
    stopping = asyncio.create_task(schedule.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    release.set()
    await stopping

    assert results.count(("publish", "succeeded")) == 1


async def test_stopping_cancels_what_takes_too_long(schedule, results):
    begun = asyncio.Event()

    async def stuck() -> None:
        begun.set()
        await asyncio.Event().wait()

    schedule.every("publish", NEVER, stuck)
    schedule.start()
    await begun.wait()
    with structlog.testing.capture_logs() as lines:
        await schedule.stop(SOON)

    assert [line["event"] for line in lines] == ["schedule.job_canceled"]
    assert results == []
