"""What the contract of the store says, on dicts and lists: written from its docstrings, not from any statement."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

from bridge.core.model import AttemptOutcome, Command, CommandKind, Delivery, Event, Lane, Post, WorkState, Write
from bridge.ports import Acceptance, Accepted, Settled, Settlement

OPEN = (WorkState.DUE, WorkState.PARKED)


def _is_due(work: Command | Delivery, now: datetime) -> bool:
    free = work.lease_until is None or work.lease_until <= now
    return work.state is WorkState.DUE and work.due_at <= now and free


@dataclass
class Imagined:
    """The rows as they must be; `deliveries` are named by the database, so they are learned from it."""

    ordered: Collection[str]
    destinations: Collection[str]
    events: dict[str, Event] = field(default_factory=dict)
    posts: dict[str, Post] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)
    told: dict[str, tuple[str, int]] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    untaught: list[tuple[str, str]] = field(default_factory=list)
    attempts: dict[tuple[str, int], AttemptOutcome] = field(default_factory=dict)
    leases: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    held: dict[str, datetime] = field(default_factory=dict)

    def accept(self, items: Sequence[Acceptance], now: datetime) -> list[Accepted]:
        return [self._accept(item, now) for item in items]

    def _accept(self, item: Acceptance, now: datetime) -> Accepted:
        event = item.event
        holders = [
            one for one in self.events.values() if event.key and (one.scope, one.key) == (event.scope, event.key)
        ]
        for holder in holders:
            if holder.key_until is None or holder.key_until > now:
                posts = tuple(post.id for post in self.posts.values() if post.event_id == holder.id)
                same = holder.fingerprint == event.fingerprint
                return Accepted(holder.id, posts, duplicate=same, conflict=not same)
            self.events[holder.id] = replace(holder, key=None)
        self.events[event.id] = event
        assert self.record([item.write]) == [True]
        return Accepted(event.id, tuple(post.id for post in item.write.posts))

    def record(self, writes: Sequence[Write]) -> list[bool]:
        return [self._record(write) for write in writes]

    def _record(self, write: Write) -> bool:
        if not self.fits(write):
            return False
        self.posts.update((post.id, post) for post in write.posts)
        self.commands.update((command.id, command) for command in write.commands)
        for attempt in write.attempts:
            self.attempts[attempt.subject_id, attempt.number] = attempt.outcome
        for event in write.events:
            self.told[event.id] = (event.subject, event.sequence)
            self.untaught += [(event.id, name) for name in self.destinations]
        return True

    def fits(self, write: Write) -> bool:
        rows: list[tuple[dict[str, Post] | dict[str, Command], Post | Command]] = []
        rows += [(self.posts, post) for post in write.posts]
        rows += [(self.commands, command) for command in write.commands]
        for stored, row in rows:
            known = stored.get(row.id)
            if (known.version if known else 0) != row.version - 1:
                return False
        if any((event.subject, event.sequence) in self.told.values() for event in write.events):
            return False
        after = {**self.posts, **{post.id: post for post in write.posts}}
        taken = [(post.partner, post.partner_id) for post in after.values() if post.partner_id is not None]
        return len(set(taken)) == len(taken)

    def claimable(self, partners: Collection[str], now: datetime) -> list[Command]:
        found: list[Command] = []
        by_post = sorted(self.commands.values(), key=lambda one: (one.post_id, one.number))
        for _, group in groupby(by_post, key=lambda one: one.post_id):
            line = list(group)
            leased = [one for one in line if one.state is WorkState.DUE and one.lease_until and one.lease_until > now]
            due = [one for one in line if _is_due(one, now)]
            first = due[0] if due and not leased else None
            if first and not any(_must_wait(first, one) for one in line) and first.partner in partners:
                found.append(first)
        return [one for one in found if not self.held.get(one.partner, now) > now]

    def claim_command(self, claimed: Command, now: datetime, lease: timedelta) -> Command:
        taken = replace(claimed, version=claimed.version + 1, lease_until=now + lease)
        self.commands[taken.id] = taken
        self._lose(taken.id)
        return taken

    def _lose(self, subject_id: str) -> None:
        for key, outcome in self.attempts.items():
            if key[0] == subject_id and outcome is AttemptOutcome.STARTED:
                self.attempts[key] = AttemptOutcome.LOST

    def claimable_deliveries(self, lane: Lane, now: datetime) -> list[Delivery]:
        due = [one for one in self.deliveries.values() if one.lane is lane and _is_due(one, now)]
        return [one for one in due if not any(self._goes_before(other, one) for other in self.deliveries.values())]

    def _goes_before(self, other: Delivery, one: Delivery) -> bool:
        if one.destination not in self.ordered or other.state is not WorkState.DUE:
            return False
        same = (other.destination, other.subject) == (one.destination, one.subject)
        return same and other.sequence < one.sequence

    def claim_delivery(self, claimed: Delivery, now: datetime, lease: timedelta) -> Delivery:
        raised = {"version": claimed.version + 1, "calls": claimed.calls + 1}
        taken = replace(claimed, lease_until=now + lease, **raised)
        self.deliveries[taken.id] = taken
        self._lose(taken.id)
        self.attempts[taken.id, taken.calls] = AttemptOutcome.STARTED
        return taken

    def settle(self, items: Sequence[Settlement]) -> list[Settled]:
        return [self._settle(item) for item in items]

    def _settle(self, item: Settlement) -> Settled:
        delivery = item.delivery
        if self.deliveries[delivery.id].version != delivery.version - 1:
            return Settled.NOT_OURS
        if not self.fits(item.write):
            return Settled.OVERTAKEN
        self._record(item.write)
        self.deliveries[delivery.id] = replace(delivery, lease_until=None)
        self.attempts[delivery.id, item.attempt.number] = item.attempt.outcome
        return Settled.KEPT

    def replay(self, ids: Collection[str], now: datetime) -> int:
        chosen = [self.deliveries[one] for one in ids if self.deliveries[one].state not in OPEN]
        for one in chosen:
            again = {"state": WorkState.DUE, "lane": Lane.AGAIN, "due_at": now, "settled_at": None, "lease_until": None}
            self.deliveries[one.id] = replace(one, attempts=0, reason=None, version=one.version + 1, **again)
        return len(chosen)

    def renew(self, commands: Collection[str], deliveries: Collection[str], until: datetime) -> None:
        for rows, ids in ((self.commands, commands), (self.deliveries, deliveries)):
            for one in ids:
                row = rows[one]  # type: ignore[index]
                if row.lease_until is not None and row.lease_until < until:
                    rows[one] = replace(row, lease_until=until)  # type: ignore[index]

    def lease(self, name: str, holder: str, seconds: float, now: datetime) -> bool:
        owner, until = self.leases.get(name, (holder, now))
        if owner != holder and until > now:
            return False
        if seconds:
            self.leases[name] = (holder, now + timedelta(seconds=seconds))
        else:
            self.leases.pop(name, None)
        return True

    def may_go(self, before: datetime) -> tuple[set[str], set[str], set[str]]:
        """Return which events, posts and deliveries may be gone after a prune of all that is older."""
        open_posts = {one.post_id for one in self.commands.values() if one.state in OPEN}
        posts = {
            one.id
            for one in self.posts.values()
            if one.ended_at and one.ended_at < before and not one.poll_at and one.id not in open_posts
        }
        kept = {post.event_id for post in self.posts.values() if post.id not in posts}
        events = {one.id for one in self.events.values() if one.received_at < before and one.id not in kept}
        sent = {one.id for one in self.deliveries.values() if one.state not in OPEN and one.created_at < before}
        return events, posts, sent


def _must_wait(first: Command, other: Command) -> bool:
    """Of two updates the later waits for the earlier one, whatever that one waits for."""
    both = first.kind is other.kind is CommandKind.UPDATE
    return both and other.number < first.number and other.state in OPEN
