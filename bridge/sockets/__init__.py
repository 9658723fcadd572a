"""Socket Mode: what Slack sends comes over a WebSocket that we open ourselves, so no public address is needed.

Each envelope becomes a request to its source like those to `/hooks/NAME`, and is acknowledged once what it caused is
committed. What could not be stored is not acknowledged: Slack sends its events again. Nobody sends a command or a form
again but the person at it, who is told. Source, read 2026-11:
https://docs.slack.dev/apis/events-api/using-socket-mode/.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

import orjson
import structlog

from bridge.core.errors import BridgeError, Problem
from bridge.core.model import RawRequest, Verified
from bridge.core.slack import Workspace
from bridge.flows.ingest import Answer
from bridge.metrics import Metrics
from bridge.ports import Clock, Reply
from bridge.sockets._envelopes import Envelope, told
from bridge.sockets._line import Line, Refused

Receive = Callable[[str, RawRequest, Verified], Awaitable[Answer]]

log = structlog.get_logger("bridge")

_AT_ONCE = 64
"""How many envelopes of all workspaces are taken at once; what comes beside them is declined."""
_MOST_OWED = 512
"""How many answers may wait on one connection; what comes beside them gets none."""
_OWED_S, _NEXT_S = 5.0, 2.0
_LEAST_S = 0.2
"""What hanging up gets when nothing is left of the time to stop in."""
_STOOD_S = 10.0
"""A connection that stood for so long was a good one, so the next failure is the first in a row."""
_LONGEST = timedelta(minutes=1)
_REFUSED, _LONGEST_REFUSED = timedelta(seconds=30), timedelta(minutes=10)
"""Between two tries with a token that Slack refused: a person has to act first."""

_AGAIN = "Nothing came of it: send it again in a moment."
_STOPPING = Problem(503, "draining", f"bridge is being restarted. {_AGAIN}")
_OVERLOADED = Problem(429, "queue_full", f"bridge has too much to do right now. {_AGAIN}")
_UNREADABLE = Problem(
    400, "invalid_json", "bridge cannot read that. Write it again without the characters that are odd."
)


class Sockets:
    """Keeps one connection to each workspace, and hands on what comes.

    Args:
        workspaces: those with `socket`.
        receive: takes one request, with its proof; a Slack that is connected with our own token needs no signature.
        metrics: shows which connections stand.
        clock: says when something came.
        first_pause: after the second failure in a row; it doubles with each. After the first there is none.
    """

    def __init__(
        self,
        workspaces: Sequence[Workspace],
        receive: Receive,
        metrics: Metrics,
        clock: Clock,
        *,
        first_pause: timedelta = timedelta(seconds=1),
    ) -> None:
        self._workspaces, self._receive, self._metrics, self._clock = tuple(workspaces), receive, metrics, clock
        self._first_pause, self._stopping, self._taking = first_pause, False, 0
        self._lines: dict[str, Line] = {}
        self._met = {workspace.name: asyncio.Event() for workspace in self._workspaces}
        self._keepers: list[asyncio.Task[None]] = []
        self._answers: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def alive(self) -> bool:
        """Whether every connection is looked after, be it up or not; when stopping none is any more."""
        return self._stopping or not any(keeper.done() for keeper in self._keepers)

    def start(self) -> None:
        """Begin to connect, without waiting for it."""
        self._keepers = [asyncio.create_task(self._keep(workspace)) for workspace in self._workspaces]

    async def met(self, limit: timedelta) -> None:
        """Wait until each workspace has had a connection, so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit.total_seconds()):
                await asyncio.gather(*(met.wait() for met in self._met.values()))

    def refuse(self) -> None:
        """Take nothing new from now on, and hang up once nothing is owed, so that Slack uses another process."""
        if self._stopping:
            return
        self._stopping = True
        for keeper in self._keepers:
            keeper.cancel()
        for line in self._lines.values():
            self._retire(line, None)

    async def stop(self, limit: timedelta) -> None:
        """Take nothing new; finish and acknowledge what is under way, and hang up, within `limit`."""
        self.refuse()
        loop = asyncio.get_running_loop()
        ends = loop.time() + limit.total_seconds()
        if self._answers:
            await asyncio.wait(tuple(self._answers), timeout=limit.total_seconds())
        ending = (*self._keepers, *self._answers)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(max(ends, loop.time() + _LEAST_S)):
                await asyncio.gather(*self._retiring, return_exceptions=True)

    async def _keep(self, workspace: Workspace) -> None:
        """Hold a connection for as long as we run, and open another whenever it ends, whatever it ends of."""
        failures = 0
        while True:
            try:
                stood = await self._once(workspace)
            except Refused as refused:
                failures += 1
                pause = self._told(workspace.name, refused, failures)
            except Exception as error:  # The outermost step: without a keeper nobody would ever connect again.
                failures += 1
                pause = self._pause(failures + 1)
                log.error("socket.failed", source=workspace.name, exc_info=error)
            else:
                failures = 0 if stood else failures + 1
                pause = self._pause(failures)
            await asyncio.sleep(pause.total_seconds())

    async def _once(self, workspace: Workspace) -> bool:
        """Open a connection and use it until it is over; say whether it stood for a while."""
        line = Line(workspace, self._heard)
        try:
            await line.open()
        except BaseException:
            await line.hang_up()
            raise
        return await self._hold(line)

    async def _hold(self, line: Line) -> bool:
        """Use a connection until it is over; say whether it stood for a while.

        The one before is hung up only now: Slack says some time before that it will close one.
        """
        before, self._lines[line.name], began = self._lines.get(line.name), line, monotonic()
        if before:
            before.followed.set()
            self._retire(before, _OWED_S)
        self._met[line.name].set()
        self._metrics.socket(line.name, connected=True)
        log.info("socket.connected", source=line.name)
        try:
            await line.over.wait()
        finally:
            self._metrics.socket(line.name, connected=False)
        log.info("socket.lost", source=line.name, reason=line.why, seconds=round(monotonic() - began, 1))
        return monotonic() - began >= _STOOD_S

    def _told(self, name: str, refused: Refused, failures: int) -> timedelta:
        """Log why there is no connection, and return how long to wait before the next try."""
        pause = max(self._pause(failures + 1), refused.wait)
        if refused.by_slack:
            pause = min(max(pause, _REFUSED * 2 ** min(failures - 1, 10)), _LONGEST_REFUSED)
        known = {"source": name, "reason": refused.reason, "next_try_s": pause.total_seconds()}
        if refused.by_slack:
            remedy = f"Check sources.{name}.app_token: an app-level token of this app, with connections:write."
            log.error("socket.refused", **known, remedy=remedy)
        else:
            log.warning("socket.refused", **known)
        return pause

    def _pause(self, failures: int) -> timedelta:
        return min(self._first_pause * 2 ** min(failures - 2, 10), _LONGEST) if failures > 1 else timedelta()

    def _retire(self, line: Line, limit_s: float | None) -> None:
        task = asyncio.create_task(line.hang_up_once_paid(limit_s))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _heard(self, line: Line, came: Envelope) -> None:
        declined = _STOPPING if self._stopping else _OVERLOADED if self._taking >= _AT_ONCE else None
        if len(line.owed) >= _MOST_OWED:
            log.warning("socket.not_acknowledged", source=line.name, type=came.type, reason="queue_full")
            return
        self._taking += declined is None
        task = asyncio.create_task(self._answer(line, came, declined))
        for tasks in (self._answers, line.owed):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _answer(self, line: Line, came: Envelope, declined: Problem | None) -> None:
        """Take what came, then acknowledge it: Slack waits 3 seconds for that."""
        began = monotonic()
        if declined:
            payload, reason = _declined(line.name, came, declined)
        else:
            try:
                payload, reason = await self._taken(line.name, came)
            finally:
                self._taking -= 1
        reason = reason or await self._acknowledge(line, came, payload if came.answered else None)
        if reason:
            log.warning("socket.not_acknowledged", source=line.name, type=came.type, reason=reason)
        else:
            log.debug("socket.acknowledged", source=line.name, type=came.type, seconds=round(monotonic() - began, 3))

    async def _acknowledge(self, line: Line, came: Envelope, payload: dict[str, Any] | None) -> str:
        """Acknowledge what came, where its connection was cut by the next one; return why that was impossible."""
        reason = await line.acknowledge(came, payload)
        if not reason or self._stopping:
            return reason
        try:
            await asyncio.wait_for(line.followed.wait(), _NEXT_S)
        except TimeoutError:
            return reason
        return await self._lines[line.name].acknowledge(came, payload)

    async def _taken(self, name: str, came: Envelope) -> tuple[dict[str, Any] | None, str]:
        """Return what to acknowledge an envelope with, and why it is not to be acknowledged, if it is not."""
        if not came.body:
            return _declined(name, came, _UNREADABLE)
        json = (("content-type", "application/json"),)
        raw = RawRequest("POST", f"/hooks/{name}", "", "", json, came.body, self._clock())
        verified = Verified(raw, name, f"source:{name}", how="Socket Mode")
        try:
            answer = await self._receive(name, raw, verified)
            return _payload(answer.reply), ""
        except Problem as problem:
            return _declined(name, came, problem)
        except BridgeError as error:
            return None, type(error).__name__
        except Exception as error:  # The outermost step: one bad envelope must not end the connection.
            log.error("socket.failed", source=name, type=came.type, exc_info=error)
            return None, "internal"


def _declined(name: str, came: Envelope, problem: Problem) -> tuple[dict[str, Any] | None, str]:
    """Events come again when they are not acknowledged; nobody but the person at it sends a command or a form again."""
    payload = told(came, problem)
    if payload is None and problem.status in (429, 503):
        return None, problem.slug
    log.warning("socket.declined", source=name, type=came.type, reason=problem.slug)
    return payload, ""


def _payload(reply: Reply) -> dict[str, Any] | None:
    """Return what an answer over HTTP would have said, for an envelope that takes one."""
    if not reply.body:
        return None
    if not reply.content_type.startswith("application/json"):
        return {"text": reply.body.decode("utf-8", "replace")}
    said = orjson.loads(reply.body)
    return said if isinstance(said, dict) else None
