"""Publish: due commands -> partner -> receipt, or later, or parked, or ended with a reason."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bridge.core import looking, meanwhile, restoring, succession
from bridge.core.adopting import merge
from bridge.core.errors import Conflict, FailureClass, FailureReason, PartnerError, StoreError, TooManyPosts
from bridge.core.model import Attempt, Command, CommandKind, Post, Receipt, WorkState
from bridge.core.objects import Known
from bridge.core.publishing import ended_attempt, fail, park_doubt, park_late, prepare, refuse, start, succeed
from bridge.core.resume import reject
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.step import Step
from bridge.flows import LEASE, TRIES, Kit, Pump, log
from bridge.metrics import CommandOutcome
from bridge.ports import ClaimedCommand, Later, Partner
from bridge.tracing import enter

Refresh = Callable[[str, frozenset[str]], Awaitable[object]]
"""Reads a key's accounts now; the ids are those that the partner has just refused."""


Fetch = Callable[[ClaimedCommand], Awaitable[Command | None]]
"""Takes a fetch as far as it goes now; None when there is nothing to report."""


class Publisher:
    """Takes commands to their partners; those of the kind `fetch` are taken by `fetch`."""

    def __init__(self, kit: Kit, rules: PublishRules, watch: WatchRules, refresh: Refresh, fetch: Fetch) -> None:
        self.kit, self.rules, self.watch, self.refresh, self.fetch = kit, rules, watch, refresh, fetch
        self.pump = Pump(self.claim, self.act, most=32, renew=self._renew, ids=lambda one: (one.command.id,))

    async def claim(self, room: int) -> Sequence[ClaimedCommand]:
        """Claim due commands of every key."""
        due = self.kit.store.claim_commands(self.kit.clock(), room, LEASE, self.kit.partners.keys())
        return await self.kit.counted(due)

    async def _renew(self, claimed: Collection[ClaimedCommand]) -> None:
        await self.kit.store.renew([one.command.id for one in claimed], (), LEASE)

    async def act(self, claimed: ClaimedCommand) -> None:
        """Take one command as far as it goes now; its outcome is one log line."""
        command, began = claimed.command, time.perf_counter()
        enter(claimed.post.traceparent)
        try:
            settled = await self.kit.counted(self._act(claimed) if self.kit.spans is None else self._traced(claimed))
        except (Conflict, StoreError) as error:
            log.warning("command.not_settled", command_id=command.id, post_id=command.post_id, error=str(error))
            self.kit.metrics.command(command.partner, command.kind, "stale")
            return
        except Exception as error:  # noqa: BLE001  # The outermost step: a fault of ours must not go round for ever.
            log.exception("command.failed", command_id=command.id, post_id=command.post_id)
            settled = await self._settle_internal(claimed, error)
        if settled is not None:
            self._report(settled, time.perf_counter() - began)

    async def _traced(self, claimed: ClaimedCommand) -> Command | None:
        assert self.kit.spans is not None
        with self.kit.spans.command(claimed.command, claimed.post.traceparent) as span:
            settled = await self._act(claimed)
            if settled is not None:
                span.settled(_OUTCOMES[settled.state][0], settled.reason)
        return settled

    async def _act(self, claimed: ClaimedCommand) -> Command | None:
        if claimed.command.kind is CommandKind.FETCH:
            return await self.fetch(claimed)
        partner = self.kit.partners[claimed.command.partner]
        step = Step(self.kit.moment(), await self.kit.world())
        if await self._gives_way(step, claimed) or not prepare(step, claimed.command, claimed.post, self.rules):
            kept = await self.kit.record(step)
            return step.see(claimed.command) if kept else None
        claimed = self._suspected(partner, claimed)
        if not self._must_find(partner, claimed.command):
            return await self._send(partner, claimed)
        return await self._look(partner, claimed)

    def _suspected(self, partner: Partner, claimed: ClaimedCommand) -> ClaimedCommand:
        """Have what comes in the days after a restore looked for first, as it may be a repetition."""
        restore, now, window = self.kit.store.restored, self.kit.clock(), self.rules.dedupe_window
        if restore is None or not restoring.is_suspect(claimed.command, restore, now, window):
            return claimed
        return replace(claimed, command=restoring.suspect(claimed.command, restore, now, partner.looks[-1], window))

    async def _gives_way(self, step: Step, claimed: ClaimedCommand) -> bool:
        """Whether a publish does not go now for posts whose place it takes."""
        ids = succession.elders(claimed.command)
        if not ids or claimed.command.body is not None:
            return False
        # Their commands are read first: a cancel that is settled in between is then seen as under way.
        commands = {post_id: await self.kit.store.commands(post_id) for post_id in ids}
        known = Known(posts=tuple((await self.kit.store.posts(ids)).values()), commands=commands)
        longest = self.rules.expires_after
        return succession.gives_way(step, claimed.command, claimed.post, known, longest=longest)

    def _must_find(self, partner: Partner, command: Command) -> bool:
        """Whether an answer was lost and its bytes may not simply be sent again."""
        if command.kind is not CommandKind.PUBLISH or command.body is None:
            return False
        doubt = looking.refusal(command) is not None or restoring.is_in_doubt(command)
        return doubt or partner.must_find(command, self.kit.clock())

    async def _look(self, partner: Partner, claimed: ClaimedCommand) -> Command | None:
        """Look for a lost create when it is time, and take it as sent if it is there."""
        if looking.is_told_absent(claimed.command):
            return await self._not_there(partner, claimed)
        due_at = looking.next_look(claimed.command, partner.looks)
        if due_at > self.kit.clock():
            return await self._later(claimed.command, lambda step, command: looking.wait(step, command, due_at))
        try:
            found = await self._find(partner, claimed)
        except PartnerError as error:
            return await self._put_off(claimed, error)
        if found is not None:
            return await self._settle(claimed, found, None, looked=True)
        return await self._absent(partner, claimed)

    async def _absent(self, partner: Partner, claimed: ClaimedCommand) -> Command | None:
        """Nothing was found: look once more, send the bytes again, or end what was refused for good."""
        command, refusal = claimed.command, looking.refusal(claimed.command)
        if not looking.is_absent(command, partner.looks):
            return await self._later(command, lambda step, command: looking.look_again(step, command, partner.looks))
        if refusal is None and (restoring.waits_again(command) or not looking.is_late(command)):
            return await self._not_there(partner, claimed)

        def decide(step: Step, posts: Mapping[str, Post]) -> Command:
            if refusal is not None:
                refuse(step, command, posts[command.post_id], refusal)
            else:
                park_late(step, command, posts[command.post_id])
            return step.see(command)

        return await self.kit.step(decide, [command.post_id])

    async def _not_there(self, partner: Partner, claimed: ClaimedCommand) -> Command | None:
        """Send the bytes again; of which nothing is known, the request is made anew when it is its turn.

        What was asked of the post meanwhile is done before.
        """
        command = claimed.command
        if restoring.lacks_bytes(command) or meanwhile.is_asked(await self.kit.store.commands(command.post_id)):
            return await self._stand_again(command)
        return await self._send(partner, claimed, absent=True)

    async def _stand_again(self, command: Command) -> Command | None:
        """Let a publish stand as one that was not sent; None when it ended because it was taken back."""
        for _ in range(TRIES):
            step = Step(self.kit.moment(), await self.kit.world())
            post = (await self.kit.store.posts([command.post_id]))[command.post_id]
            meanwhile.stand_again(step, command, post, await self.kit.store.commands(post.id))
            if await self.kit.record(step):
                return step.see(command) if step.see(command).state is not WorkState.DEAD else None
        raise Conflict("the post changed each time")

    async def _find(self, partner: Partner, claimed: ClaimedCommand) -> Receipt | None:
        """Look for a lost create: the oldest post like it that is no other post of ours.

        Raises:
            PartnerError: as for every call; `AMBIGUOUS` while what is there may be another's.
        """
        command = claimed.command
        found = await self._shown(partner, claimed)
        # What is on its way is read before what is known: a create that is settled in between is then seen as known.
        rival = await self._rival(claimed) if found else None
        free = [receipt for receipt in found if await self._other(command, receipt) is None]
        if free and rival is not None:
            raise _unclear(f"a post like it is being sent as {rival}, and may be what the partner shows")
        if free and not await self._was_known(claimed):
            raise _unclear("the partner has a post like it, made after the copy of the database that was restored")
        if free and not any(receipt.sure for receipt in free):
            raise _unclear("the partner shows a post that may be it, but not all of what was sent")
        return next((receipt for receipt in free if receipt.sure), None)

    async def _shown(self, partner: Partner, claimed: ClaimedCommand) -> Sequence[Receipt]:
        try:
            return await partner.find(claimed.command, claimed.post)
        except TooManyPosts:
            # What is new may not wait for days because much was posted between a copy and its restore.
            if await self._was_known(claimed):
                raise
            return ()

    async def _was_known(self, claimed: ClaimedCommand) -> bool:
        """Whether what is found may be taken for it: the copy that was put back had it, or there was none."""
        since = claimed.command.sent_at
        if since is None or not restoring.came_later(claimed.command):
            return True
        found = await self.kit.store.event(claimed.post.event_id)
        return found is not None and found[0].received_at <= since

    async def _rival(self, claimed: ClaimedCommand) -> str | None:
        """Return a post of ours that looks the same and is on its way right now: what was found may be that one."""
        unsure = await self.kit.store.unsure(claimed.command.partner)
        others = (one for one in unsure if one.post.id != claimed.post.id and looking.is_on_its_way(one.command))
        return next((one.post.id for one in others if looking.is_alike(claimed.post, one.post)), None)

    async def _other(self, command: Command, receipt: Receipt) -> str | None:
        """Return which other post that was sent through us the partner's post is already."""
        known = await self._known(command, receipt)
        return known.id if known is not None and not known.adopted else None

    async def _known(self, command: Command, receipt: Receipt) -> Post | None:
        """Return what the partner's post is here already, beside the post of the command."""
        known = await self.kit.store.post_id(command.partner, receipt.partner_id) if receipt.partner_id else None
        return (await self.kit.store.posts([known])).get(known) if known and known != command.post_id else None

    async def _send(self, partner: Partner, claimed: ClaimedCommand, *, absent: bool = False) -> Command | None:
        """Call and settle. Bytes whose answer may be lost are sent again as they are.

        The attempt is written when the call's turn has come, right before it: of what waits for its turn nothing is
        noted, and who lost the command meanwhile does not call.
        """
        command, now = claimed.command, self.kit.clock()
        body = command.body
        if body is None:
            try:
                built = partner.build(command, claimed.post, now)
            except PartnerError as error:
                return await self._settle(claimed, error, None)
            if isinstance(built, Later):
                return await self._wait(command, built.until)
            body = built.body
        step = Step(self.kit.moment())
        was_lost = command.body is not None
        start(step, command, body, absent=absent)
        write = step.write()
        started = ClaimedCommand(write.commands[0], claimed.post)
        has_begun = False

        async def begin() -> None:
            nonlocal has_begun
            if not has_begun and not await self.kit.record(step):
                raise Conflict("the command is not ours any more")
            has_begun = True

        try:
            result: Receipt | PartnerError = await partner.send(started.command, claimed.post, body, begin)
        except PartnerError as error:
            result = error
        if not has_begun:
            return await self._settle(claimed, result, None, lost=was_lost)
        return await self._after(partner, started, result, now, was_lost=was_lost)

    async def _after(
        self,
        partner: Partner,
        claimed: ClaimedCommand,
        result: Receipt | PartnerError,
        began: datetime,
        *,
        was_lost: bool,
    ) -> Command:
        """Settle a call, looking first where its answer leaves a doubt."""
        if isinstance(result, Receipt):
            return await self._settle(claimed, result, began)
        found = None
        refused = not result.maybe_stored and not result.key_wide and result.reason is not FailureReason.RATE_LIMITED
        looked = was_lost and refused and claimed.command.kind is CommandKind.PUBLISH
        if looked:
            try:
                found = await self._find(partner, claimed)
            except PartnerError as error:
                return await self._put_off(claimed, error, ended_attempt(claimed.command, began, result, began))
        if found is not None:
            return await self._settle(claimed, found, began, looked=True)
        if result.reason is FailureReason.UNKNOWN_ACCOUNTS and claimed.command.kind is CommandKind.PUBLISH:
            await self.refresh(claimed.command.partner, frozenset(target.account for target in claimed.post.targets))
        return await self._settle(claimed, result, began, lost=was_lost, looked=looked)

    async def _settle(
        self,
        claimed: ClaimedCommand,
        result: Receipt | PartnerError,
        began: datetime | None,
        *,
        lost: bool = False,
        looked: bool = False,
    ) -> Command:
        """Record what a call changed, over the post as it is now; `looked` says that it was looked for by list."""
        command = claimed.command
        known = None
        if isinstance(result, Receipt) and command.kind is CommandKind.PUBLISH:
            known = await self.kit.insist(lambda: self._known(command, result))
        work = await self.kit.store.commands(known.id) if known is not None and known.adopted else []

        def decide(step: Step, posts: Mapping[str, Post]) -> Command:
            post = posts[command.post_id]
            if began is not None:
                step.attempt(ended_attempt(command, step.now, result, began))
            if isinstance(result, PartnerError):
                fail(step, command, post, result, self.rules, watch=self.watch, lost=lost, absent=looked)
            elif known is not None and not known.adopted and not looked:
                _is_another(step, command, post, known.id)
            else:
                if known is not None and known.adopted and posts[known.id].partner_id is not None:
                    merge(step, posts[known.id], work, post.id)
                succeed(step, command, post, result, self.watch)
            return step.see(command)

        posts = [command.post_id, *([known.id] if known is not None else [])]
        settled = await self.kit.insist(lambda: self.kit.step(decide, posts))
        self._hold(command.partner, result)
        return settled

    async def _settle_internal(self, claimed: ClaimedCommand, error: Exception) -> Command | None:
        """Settle a command that met a fault of ours: final before its first attempt, else tried again within budget."""
        command = claimed.command
        found = next((one for one in await self.kit.store.commands(command.post_id) if one.id == command.id), None)
        if found is None or found.state is not WorkState.DUE or found.lease_until is None:
            return None
        if found.version - command.version != found.calls - command.calls:
            return None  # Beside our own start of a call, which raised both, somebody else has written it.
        started, sent = found.calls > command.calls, found.body is not None
        failure = FailureClass.RETRYABLE if sent else FailureClass.TERMINAL
        internal = PartnerError(FailureReason.INTERNAL, failure, maybe_stored=sent, detail=type(error).__name__)
        counted = found if started else replace(found, attempts=found.attempts + 1)
        return await self._settle(
            ClaimedCommand(counted, claimed.post), internal, self.kit.clock() if started else None, lost=sent
        )

    def _hold(self, name: str, result: Receipt | PartnerError) -> None:
        if isinstance(result, PartnerError) and result.retry_after is not None:
            self.kit.partners[name].hold(self.kit.clock() + result.retry_after)

    async def _wait(self, command: Command, until: datetime) -> Command | None:
        """Put a command off, without using up a try."""
        return await self._later(command, lambda step, one: step.edit(one, due_at=until, lease_until=None))

    async def _later(self, command: Command, put: Callable[[Step, Command], object]) -> Command | None:
        """Record that a command has to wait; None when it was changed meanwhile."""
        step = Step(self.kit.moment())
        put(step, command)
        return step.see(command) if await self.kit.record(step) else None

    async def _put_off(self, claimed: ClaimedCommand, error: PartnerError, made: Attempt | None = None) -> Command:
        """Look again later; `made` is the attempt that left the doubt."""

        def decide(step: Step, posts: Mapping[str, Post]) -> Command:
            if made is not None:
                step.attempt(replace(made, finished_at=step.now))
            looking.put_off(step, claimed.command, error, self.rules, self.watch)
            unclear = error.failure is FailureClass.AMBIGUOUS and restoring.came_later(claimed.command)
            if unclear or looking.is_doubtful(claimed.command, error, step.now):
                park_doubt(step, step.see(claimed.command), posts[claimed.command.post_id], error)
            return step.see(claimed.command)

        return await self.kit.step(decide, [claimed.command.post_id])

    def _report(self, command: Command, took_s: float) -> None:
        """One line and one count for a unit of work."""
        outcome, event, level = _OUTCOMES[command.state]
        failed = None if command.state is WorkState.DONE else command.reason
        self.kit.metrics.command(command.partner, command.kind, outcome, failed)
        getattr(log, level)(
            event,
            command_id=command.id,
            post_id=command.post_id,
            kind=command.kind,
            partner=command.partner,
            attempt=command.attempts,
            outcome=outcome,
            reason=command.reason,
            detail=command.detail,
            next_at=command.due_at if command.state is WorkState.DUE else None,
            took_s=round(took_s, 3),
        )


_OUTCOMES: dict[WorkState, tuple[CommandOutcome, str, str]] = {
    WorkState.DONE: ("done", "command.done", "info"),
    WorkState.DUE: ("later", "command.put_off", "warning"),
    WorkState.PARKED: ("parked", "command.parked", "warning"),
    WorkState.DEAD: ("dead", "command.gave_up", "error"),
}


def _unclear(detail: str) -> PartnerError:
    return PartnerError(FailureReason.UNKNOWN_OUTCOME, FailureClass.AMBIGUOUS, detail=detail)


def _is_another(step: Step, command: Command, post: Post, other: str) -> None:
    """The partner answers with a post that another of ours already is: the `external_id` was used before."""
    step.edit(
        command, state=WorkState.DEAD, reason=FailureReason.CONFLICT, settled_at=step.now, lease_until=None, body=None
    )
    reject(step, post, FailureReason.CONFLICT, f"the partner knows this external_id as our post {other}", same_as=other)
