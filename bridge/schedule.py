"""Says when each tick runs, and nothing more: a typed wrapper over APScheduler 3.

A tick that takes longer than its interval is not run twice at once: the runs it overlaps are left out. A tick that
fails is logged and counted, and runs again when it is next due.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from bridge.core.errors import StoreError

Job = Callable[[], Awaitable[object]]

_NO_TIME = timedelta()
_BEAT = timedelta(seconds=5)
_ALIVE_FOR = timedelta(seconds=30)


class Schedule:
    """Runs jobs at intervals in the running event loop; made, filled, started and stopped once.

    Args:
        on_result: told of each run: the job's name, `succeeded`, `failed` or `skipped`, and how many seconds it took (0
            when skipped).
        earlier: one that has stopped when this is filled: its jobs go on here when they are next due, so that one that
            is rarely due comes to run, and none runs twice in a moment, however often schedules follow each other.
    """

    def __init__(self, on_result: Callable[[str, str, float], None], *, earlier: "Schedule | None" = None) -> None:
        self._on_result, self._earlier = on_result, earlier
        self._due: Mapping[str, datetime] = {}
        self._log = structlog.get_logger()
        self._jobs: dict[str, Job] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._running: set[asyncio.Task[object]] = set()
        self._stopping = False
        self._beaten_at = 0.0
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        self._scheduler.add_listener(self._skipped, EVENT_JOB_MAX_INSTANCES)
        self._scheduler.add_job(self._beat, IntervalTrigger(seconds=_BEAT.total_seconds(), timezone=UTC))

    def every(
        self, name: str, interval: timedelta, job: Job, *, jitter: timedelta = _NO_TIME, first: timedelta = _NO_TIME
    ) -> None:
        """Run `job` every `interval`, each time up to `jitter` later, for the first time `first` after now.

        One that the earlier schedule had runs when it was due there, or one interval after now if that is sooner.

        Raises:
            ValueError: there is a job of that name already.
        """
        if name in self._jobs:
            raise ValueError(f"there are two jobs named {name}")
        self._jobs[name] = job
        self._locks[name] = asyncio.Lock()
        self._scheduler.add_job(
            partial(self._tick, name),
            IntervalTrigger(seconds=interval.total_seconds(), jitter=jitter.total_seconds() or None, timezone=UTC),
            id=name,
            name=name,
            next_run_time=self._begins(name, interval, first),
        )

    def _begins(self, name: str, interval: timedelta, first: timedelta) -> datetime:
        now = datetime.now(UTC)
        due = self._earlier.due.get(name) if self._earlier else None
        return now + first if due is None else min(max(due, now), now + interval)

    @property
    def due(self) -> Mapping[str, datetime]:
        """When each job is due next, or was to be when this stopped."""
        jobs = self._scheduler.get_jobs() if self._scheduler.running else ()
        return {job.id: job.next_run_time for job in jobs if job.id in self._jobs} or self._due

    def start(self) -> None:
        """Begin to run the jobs, in the running event loop."""
        self._earlier = None  # Else each would keep all before it.
        self._beat_now()
        self._scheduler.start()

    async def stop(self, limit: timedelta = timedelta(seconds=5)) -> None:
        """Start no further run, wait for those under way up to `limit`, then cancel them. May be called twice."""
        if not self._scheduler.running:
            return
        self._stopping = True
        self._scheduler.pause()
        under_way = self._running - {asyncio.current_task()}
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=limit.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._due = self.due
        self._scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # APScheduler shuts down in the next turn of the loop.

    @property
    def alive(self) -> bool:
        """Whether the clockwork still turns: it runs, and its own beat was felt within the last 30 s."""
        recent = time.monotonic() - self._beaten_at < _ALIVE_FOR.total_seconds()
        return bool(self._scheduler.running) and recent

    async def run_now(self, name: str) -> None:
        """Run a job at once, after a run of it that is under way, and return when it has ended.

        Its interval is not changed. An error in it is logged and counted like any other, not raised.
        """
        await self._run(name)

    async def _tick(self, name: str) -> None:
        try:
            await self._run(name)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            self._log.warning("schedule.job_canceled", job=name)

    async def _run(self, name: str) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
        try:
            async with self._locks[name]:
                await self._settle(name)
        finally:
            if task is not None:
                self._running.discard(task)

    async def _settle(self, name: str) -> None:
        started = time.perf_counter()
        try:
            await self._jobs[name]()
        except StoreError as error:  # Every tick meets a database that is gone, and no trace says more of it.
            seconds = time.perf_counter() - started
            self._log.warning("schedule.job_failed", job=name, seconds=round(seconds, 6), error=str(error))
            self._on_result(name, "failed", seconds)
        except Exception:  # noqa: BLE001  # The outermost step of every tick: one failure must not end the schedule.
            seconds = time.perf_counter() - started
            self._log.exception("schedule.job_failed", job=name, seconds=round(seconds, 6), reason="internal")
            self._on_result(name, "failed", seconds)
        else:
            self._on_result(name, "succeeded", time.perf_counter() - started)

    def _skipped(self, event: JobSubmissionEvent) -> None:
        if event.job_id in self._jobs:
            self._on_result(event.job_id, "skipped", 0.0)

    async def _beat(self) -> None:
        self._beat_now()

    def _beat_now(self) -> None:
        self._beaten_at = time.monotonic()
