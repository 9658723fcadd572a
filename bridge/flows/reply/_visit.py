"""One visit to a message: it is looked at, and calls are made, until it shows what is true or nothing more can be done.

Each round begins with the row and the posts as they are then, and makes one call at most.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

import orjson

from bridge.core.delivering import Outcome
from bridge.core.errors import FailureReason
from bridge.core.model import Event, Message, Post
from bridge.core.slack import Workspace, ways
from bridge.core.slack.api import SUCCEED, Answer, Meaning, WebCall, meaning
from bridge.core.slack.cards import Face, face
from bridge.core.slack.pace import PATIENCE, Pace
from bridge.core.slack.standing import is_forgotten
from bridge.core.slack.ways import Way
from bridge.flows import Kit, log
from bridge.flows.reply import _lost
from bridge.flows.reply._calls import Calls, cut, failed
from bridge.flows.reply._channels import Channels
from bridge.flows.reply._lease import Lease
from bridge.net import NetError

_SOON = Outcome(wait=timedelta(seconds=1))
"""Somebody else is at it."""

_NOTHING = Outcome(alone=True)
"""There is nothing to do; nobody was asked, so nothing is known of Slack."""

_ROUNDS = 8
"""How many calls one message takes at most: what is lost is looked for, and one way after the other is tried."""

_MAYBE_SENT = frozenset({FailureReason.TIMEOUT, FailureReason.CLOSED, FailureReason.PROTOCOL})


@dataclass(frozen=True, slots=True)
class Shared:
    """What all visits of a process share; `sleep` waits for a turn, the rest is as `Replier` is given it."""

    kit: Kit
    workspaces: Mapping[str, Workspace]
    approvers: Mapping[str, Sequence[str]]
    pace: Pace
    channels: Channels
    sleep: Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Sight:
    """What a message is to show; `mark` stands for it, `links` are where its posts are live."""

    face: Face
    mark: str
    links: tuple[str, ...]


class Visit:
    """One message, brought up to date once."""

    def __init__(self, shared: Shared, calls: Calls, lease: Lease) -> None:
        self.shared, self.calls, self.lease, self.kit = shared, calls, lease, shared.kit
        self._closed: set[Way] = set()
        self._turn = self._last = ""
        self._images = True

    async def make(self) -> Outcome:
        """Show what is true now."""
        for _ in range(_ROUNDS):
            message = await self.lease.read()
            if message is None:
                return _over(FailureReason.ERASED, "there is no such message any more")
            if self.lease.is_anothers(message):
                return _SOON
            outcome = await self._round(message)
            if outcome is not None:
                return outcome
        return Outcome(FailureReason.CLIENT_ERROR, alone=True, detail=f"no way led anywhere; last was {self._last}")

    async def _round(self, message: Message) -> Outcome | None:
        """Make the next call; None when there is another to make."""
        workspace = self.shared.workspaces.get(message.source)
        if workspace is None:
            detail = f"no Slack source is called {message.source!r} any more"
            return _over(FailureReason.ENDPOINT_DISABLED, detail)
        known = await self.kit.store.event(message.event_id)
        if known is None:
            return _over(FailureReason.ERASED, "the event of this message is gone")
        if is_forgotten(message, *known):
            return await self._leave(message, _NOTHING)
        sight = await self._look(message, *known)
        if sight.mark == message.shown:
            return await self._leave(message, _NOTHING)
        way = ways.choose(message, sight.face, workspace, self.kit.clock(), self._closed)
        if way is Way.QUIET:
            return await self._leave(message, _NOTHING, ways.passed(message, sight.face))
        if way is Way.STUCK:
            reason, detail = ways.why_stuck(workspace, self._last)
            return await self._leave(message, _over(reason, detail))
        try:
            return await self._go(message, way, sight, workspace)
        except NetError as error:
            return await self._settle(message, lambda row: row, cut(error))

    async def _go(self, message: Message, way: Way, sight: _Sight, workspace: Workspace) -> Outcome | None:
        """Go one way when it is our turn there."""
        before = message
        if way is Way.POST and ways.is_name(message.channel):
            found = await self.shared.channels.id_of(self.calls, workspace, message.channel)
            if isinstance(found, Outcome):
                return await self._leave(message, found)
            message = replace(message, channel=found or message.channel)
        waited = await self._paced(message, way)
        if waited is not None:
            return None if waited.works else await self._leave(before, waited)
        if way is Way.POST and message.begun_at is not None:
            return await self._look_for(message, workspace)
        return await self._call(message, way, sight, workspace)

    async def _look(self, message: Message, event: Event, posts: Sequence[Post]) -> _Sight:
        commands = {post.id: await self.kit.store.commands(post.id) for post in posts}
        approvers = self.shared.approvers.get(message.source, ())
        shown = face(message, event, posts, self.kit.clock(), commands=commands, approvers=approvers)
        links = tuple(target.url for post in posts for target in post.targets if target.url)
        return _Sight(shown, _mark(shown), links)

    async def _paced(self, message: Message, way: Way) -> Outcome | None:
        """Wait for the turn of a channel; None when it is ours now, a success when it came after a while."""
        turn = _turn(message, way)
        if ways.is_end(way) or turn == self._turn:
            return None
        wait = self.shared.pace.take(turn, self.kit.clock())
        if wait >= PATIENCE:
            return Outcome(wait=wait)
        self._turn = turn
        if not wait:
            return None
        await self.shared.sleep(wait.total_seconds())
        return Outcome()

    # Calls.

    async def _call(self, message: Message, way: Way, sight: _Sight, workspace: Workspace) -> Outcome | None:
        if not await self.lease.take(ways.begun(message, way, self.kit.clock())):
            return _SOON
        shown = sight.face if self._images else ways.without_images(sight.face)
        call, self._turn = ways.write(way, message, shown, workspace, sight.links), ""
        try:
            answer = await self.calls.ask(workspace, call)
        except NetError as error:
            if error.reason in _MAYBE_SENT:
                raise
            return await self._settle(message, lambda row: ways.unasked(row, way, message.shown), cut(error))
        if meaning(answer, call.what)[0] is Meaning.DONE:
            log.info("reply.shown", message_id=message.id, source=message.source, way=way, word=sight.face.word)
            done = Outcome(status=answer.status)
            return await self._settle(message, lambda row: ways.shown(row, way, answer, sight.face, sight.mark), done)
        log.warning("reply.refused", message_id=message.id, source=message.source, way=call.what, error=answer.error)
        return await self._refused(message, way, call, answer)

    async def _refused(self, message: Message, way: Way, call: WebCall, answer: Answer) -> Outcome | None:
        """Say what follows a refusal; None when there is something else to try at once."""
        meant, reason = meaning(answer, call.what)
        if meant is Meaning.OVER and answer.error == "invalid_blocks" and self._images:
            self._images = False
            await self._undo(message, way)
            return None
        if meant is Meaning.OVER and call.what == SUCCEED and answer.error != "function_execution_not_found":
            # A step that is not ended hangs for ever.
            self._closed.add(way)
            await self._undo(message, way)
            return None
        if meant in (Meaning.ELSEWHERE, Meaning.LOST):
            await self._go_on(message, way, meant, answer)
            return None
        outcome = failed(answer, call.what)
        if reason is FailureReason.RATE_LIMITED and ways.is_of_a_place(way):
            wait = self.shared.pace.pause(_turn(message, way), answer.retry_after, self.kit.clock())
            outcome = replace(outcome, wait=wait)
        if meant is Meaning.LATER and reason is not FailureReason.RATE_LIMITED:
            return await self._settle(message, lambda row: ways.doubted(row, way), outcome)
        return await self._settle(message, lambda row: ways.not_made(row, way, meant, message.shown), outcome)

    async def _undo(self, message: Message, way: Way) -> None:
        """Note that nothing was done, and let the next round go another way."""
        await self.lease.settle(message, lambda row: ways.unasked(row, way, message.shown), leave=False)

    async def _go_on(self, message: Message, way: Way, meant: Meaning, answer: Answer) -> None:
        """Note that a way is closed, and let the next round find another."""
        self._last = answer.error or f"status {answer.status}"
        if ways.refused(message, way, meant) is None:
            self._closed.add(way)
            await self._undo(message, way)
            return
        await self.lease.settle(message, lambda row: ways.refused(row, way, meant) or row, leave=False)

    async def _look_for(self, message: Message, workspace: Workspace) -> Outcome | None:
        """Find a message that may have been posted; where it is not, or may not be looked for, it is posted anew."""
        if not await self.lease.take(message):
            return _SOON
        found = await _lost.find(self.calls, workspace, message, self._renewed)
        if isinstance(found, Outcome):
            return await self._settle(message, lambda row: row, found)
        ts, channel = found
        log.info("reply.looked_for", message_id=message.id, source=message.source, found=bool(ts))
        await self.lease.settle(message, lambda row: ways.found(replace(row, channel=channel), ts), leave=False)
        return None

    async def _renewed(self) -> Outcome | None:
        return None if await self.lease.renew() else _SOON

    # The row.

    async def _leave(self, message: Message, outcome: Outcome, after: Message | None = None) -> Outcome:
        return outcome if await self.lease.leave(message, after or message) else _SOON

    async def _settle(self, message: Message, change: Callable[[Message], Message], outcome: Outcome) -> Outcome:
        """Write what became of a call; whoever was overtaken meanwhile looks again, whatever came of it."""
        return outcome if await self.lease.settle(message, change) else _SOON


def _over(reason: FailureReason, detail: str) -> Outcome:
    return Outcome(reason, final=True, alone=True, detail=detail)


def _turn(message: Message, way: Way) -> str:
    return f"{message.source}:{ways.place(message, way)}"


def _mark(shown: Face) -> str:
    return sha256(orjson.dumps([shown.text, shown.blocks])).hexdigest()[:32]
