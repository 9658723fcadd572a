"""What an item comes to whose object may have posts already: a post, a change, a cancel, or nothing.

Everything is decided over rows as they were read and written with their versions: where one of them changed meanwhile,
nothing is kept, and the caller decides anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from bridge.core import actions, succession
from bridge.core.directory import Wanted
from bridge.core.errors import FailureReason, Fault, Problem
from bridge.core.mapping import page_of
from bridge.core.model import Command, Event, Intent, Json, Post, PostState, SourceObject, Target
from bridge.core.objects import (
    Known,
    Move,
    Standing,
    changes,
    decide,
    moved_on,
    names_of,
    newest,
    under_names,
)
from bridge.core.planning import Part
from bridge.core.request import PublishRequest, invalid
from bridge.core.step import Step
from bridge.core.times import loosely, parse_when
from bridge.flows import Kit
from bridge.flows.ingest._events import Plan, Said, intent_of, is_our_key, soon_free, tell_refusal
from bridge.flows.ingest._plan import judge, plan
from bridge.metrics import EventOutcome

_DIFFERENT = Fault(
    "caption",
    "would differ between the accounts of one post",
    "Cancel the post; the next event of the object then makes it anew.",
)

_EARLY = timedelta(minutes=5)
"""A sender that publishes so long before its own schedule means it: less may be its clock."""


async def look_up(kit: Kit, said: Said, request: PublishRequest | None) -> Known:
    """Read what became of an item's object, under whichever of its names."""
    names = _names(said, request)
    rows = tuple(await kit.store.objects(said.source, names))
    row = newest(_own(said, rows, names[0]), names[0])
    if row is None or row.event_id is None:
        return Known(row, names=names, rows=rows)
    found = await kit.store.event(row.event_id)
    if found is None or not found[1]:
        return Known(row, pruned=True, names=names, rows=rows)
    posts, commands = tuple(found[1]), {post.id: await kit.store.commands(post.id) for post in found[1]}
    elders = {one for listed in commands.values() for command in listed for one in succession.elders(command)}
    if elders:
        posts += tuple((await kit.store.posts(sorted(elders))).values())
        commands |= {post_id: await kit.store.commands(post_id) for post_id in elders}
    return Known(row, posts, commands, found[0].key, names=names, rows=rows)


def _own(said: Said, rows: Sequence[SourceObject], object_id: str) -> list[SourceObject]:
    """Leave out what is another object of the hook at the same page; what a feed saw there is this one."""
    return [row for row in rows if said.item.listed or row.id == object_id or row.listed]


def _names(said: Said, request: PublishRequest | None) -> tuple[str, ...]:
    """Return the names of an item's object: without a feed its id alone, since objects may share a page there."""
    rules, object_id = said.hook_rules, said.item.object_id or ""
    if not rules.feed:
        return (object_id,)
    url = page_of(said.item, rules) if request is None else str(request.context.get("url", ""))
    return names_of(object_id, url)


async def plan_object(kit: Kit, said: Said, event: Event, request: PublishRequest | None, seen: Known) -> Plan:
    """Decide what an item comes to; `request` is what it asks for, None when it takes something back."""
    move = decide(seen, event.intent, event.revision, said.hook_rules.repeat)
    if move is Move.SKIP and any(_is_early(said, event, seen, post, request) for post in seen.posts):
        move = Move.CHANGE
    if move is Move.POST and _is_late(said, seen):
        move = Move.SKIP
    if move is Move.NOTHING and request is not None and _is_mended(said, seen):
        move, event = Move.POST, replace(event, intent=intent_of(request))
    match move:
        case Move.STALE:
            done = Plan(replace(event, reason="stale"), outcome="stale")
        case Move.POST if request is not None:
            done = plan(kit, said, event, request)
            done = replace(done, write=succession.behind(done.write, seen.all(Standing.LEAVING)))
        case Move.CHANGE if request is not None:
            step = Step(kit.moment(), await kit.world())
            done = _Work(kit, step, said, event, seen).change(request)
        case Move.CANCEL:
            step = Step(kit.moment(), await kit.world())
            done = _Work(kit, step, said, event, seen).cancel()
        case Move.SKIP:
            done = _skip(event, seen)
        case _:
            done = Plan(replace(event, reason="nothing_posted"), outcome="ignored", note=said.item.note)
            if event.intent is Intent.UPDATE:
                # A change that overtook its publish must not make that one stale; what was taken back stays so.
                return done
    return _with_row(said, _showing(_letting_go(done, seen), seen), seen, hidden=said.item.withheld)


def _is_mended(said: Said, seen: Known) -> bool:
    """Say whether a person changed in a chat what they asked for, and what they had written before made no post."""
    refused = all(post.state is PostState.REJECTED and post.reason is FailureReason.INVALID for post in seen.posts)
    return said.item.intent is Intent.UPDATE and said.item.reply_to is not None and refused and not seen.pruned


def _showing(done: Plan, seen: Known) -> Plan:
    """Have whoever asked shown the posts that there are already, where nothing was made beside them."""
    if done.outcome not in ("changed", "skipped", "stale") or not seen.posts or seen.row is None:
        return done
    return replace(done, shown=seen.row.event_id or "")


def _letting_go(done: Plan, seen: Known) -> Plan:
    """Let what was taken back be published again as it was: then it is no repetition of the first."""
    event_id = seen.row.event_id if seen.row is not None else None
    takes_back = done.event.intent in (Intent.UNPUBLISH, Intent.DELETE) and done.outcome != "stale"
    if not takes_back or event_id is None or not is_our_key(seen.key) or seen.has(Standing.OUT):
        return done
    return replace(done, write=replace(done.write, free_keys=(event_id,)))


def plan_left_out(said: Said, event: Event, seen: Known, reason: str) -> Plan:
    """Keep an event that the configuration leaves out, and note that a feed is to leave its object out, too."""
    done = Plan(replace(event, reason=reason), outcome="ignored", note=said.item.note)
    return _with_row(said, done, seen, hidden=True)


def _with_row(said: Said, done: Plan, seen: Known, *, hidden: bool = False) -> Plan:
    row = _row(said, done, seen)
    rows = under_names(replace(row, listed=row.listed or (hidden and row.event_id is None)), seen.names, seen.rows)
    return replace(done, write=replace(done.write, objects=rows)) if rows else done


def _is_late(said: Said, seen: Known) -> bool:
    """Say whether a hook is the first to tell of what a feed had posted, and of nothing that was published later."""
    row, item = seen.row, said.item
    if row is None or not row.listed or item.listed or not (seen.pruned or seen.has(Standing.OUT)):
        return False
    published, _, _ = parse_when(loosely(item.published_at) or "", said.rules.timezone)
    return published is None or published <= row.seen_at


def _is_early(said: Said, event: Event, seen: Known, post: Post, request: PublishRequest | None) -> bool:
    """Say whether a sender publishes well before the time for which it had a post scheduled."""
    if request is None or request.scheduled_at is not None:
        return False
    if event.intent is not Intent.PUBLISH or post.scheduled_at is None or said.hook_rules.schedule != "cms":
        return False
    waits = seen.standing(post) is Standing.WAITING or seen.can_stay(post)
    return waits and post.scheduled_at - said.now > _EARLY


def _skip(event: Event, seen: Known) -> Plan:
    earlier = seen.row.event_id if seen.row is not None else None
    dropped = [post for post in seen.posts if seen.was_dropped(post)]
    if dropped and len(dropped) == len(seen.posts):
        who = _dropped_by(seen.commands.get(dropped[0].id, ()))
        note = f"It was dropped by {who}. Publish it over the API or from a chat if it is to go out after all."
        return Plan(replace(event, reason=f"dropped by {who}: {earlier}"), outcome="skipped", note=note)
    word = "already_posted" if seen.pruned or seen.has(Standing.OUT) else "already_waiting"
    return Plan(replace(event, reason=f"{word}: {earlier}"), outcome="skipped")


def _dropped_by(commands: Sequence[Command]) -> str:
    """Return who dropped a post, as far as it is known."""
    dropped = [one.payload for one in commands if one.reason is FailureReason.DROPPED and "by" in one.payload]
    return str(dropped[-1]["by"]) if dropped else actions.PERSON


def _row(said: Said, done: Plan, seen: Known) -> SourceObject:
    """Return what is known of the object after this."""
    item, made = said.item, any(post.event_id == done.event.id for post in done.write.posts)
    row = seen.row or SourceObject(said.source, item.object_id or "", said.now, item.revision)
    event_id = done.event.id if made else None
    return replace(moved_on(row, item.revision, event_id, listed=item.listed), seen_at=said.now)


@dataclass(slots=True)
class _Work:
    """Does to the posts of an object what an item asks for, and gathers what cannot be done."""

    kit: Kit
    step: Step
    said: Said
    event: Event
    seen: Known
    changed: int = 0
    left: int = 0
    faults: list[Fault] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Json] = field(default_factory=list)

    def cancel(self) -> Plan:
        """Take back what can still be taken back."""
        self.left += self.seen.pruned
        for post in self._kept:
            match self.seen.standing(post):
                case Standing.WAITING:
                    self._try(post, self._cancel_one)
                case Standing.OUT:
                    self.left += 1
        return self._plan()

    @property
    def _kept(self) -> list[Post]:
        """The posts that nobody dropped: of those nothing is out, and nothing is to be changed."""
        return [post for post in self.seen.posts if not self.seen.was_dropped(post)]

    def change(self, request: PublishRequest) -> Plan:
        """Give the posts what the sender says now: those that wait and, if so configured, those that are out.

        One that nobody has begun to take back stays.
        """
        also_out = self.said.hook_rules.repeat == "update"
        for post in self._kept:
            stands, stays = self.seen.standing(post), self.seen.can_stay(post)
            if stays or stands is Standing.WAITING or (stands is Standing.OUT and also_out):
                self._try(post, partial(self._change_one, request))
            elif stands is Standing.OUT:
                self.left += 1
        return self._plan()

    def _try(self, post: Post, act: Callable[[Post], bool]) -> None:
        try:
            self.changed += act(post)
        except Problem as problem:
            self.problems.append(problem)

    def _cancel_one(self, post: Post) -> bool:
        actions.cancel(self.step, post, self.seen.commands.get(post.id, ()), later=True)
        return True

    def _change_one(self, request: PublishRequest, post: Post) -> bool:
        """Change one post as far as it differs, unless it would then be certain to fail.

        Raises:
            Problem: 409 when it cannot be changed now.
        """
        part = self._part(self._timed(request), post)
        if part is None:
            return False
        commands = self.seen.commands.get(post.id, ())
        before = {"scheduled_at": post.scheduled_at, **post.content, **actions.under_way(commands)}
        changed = changes(before, part.content, self._timed(request).scheduled_at)
        if _is_early(self.said, self.event, self.seen, post, request):
            changed["scheduled_at"] = None
        stays = self.seen.can_stay(post)
        if stays:
            actions.keep(self.step, commands)
        if not changed:
            return stays
        media = changed.get("media")
        partner = self.kit.partners[post.partner]
        hosts = partner.to_host({"media": media}, part.accounts) if media is not None else ()
        approve = self.said.rules.approve or ""
        actions.edit(self.step, post, commands, changed, None, hosts=hosts, later=True, approve=approve)
        return True

    def _timed(self, request: PublishRequest) -> PublishRequest:
        """Leave out a time that has passed: it went out then; and a delay, which counts from the first publish."""
        at = request.scheduled_at
        delayed = isinstance(self.said.hook_rules.schedule, timedelta) and self.event.intent is not Intent.SCHEDULE
        return request if at is None or (at > self.step.now and not delayed) else replace(request, scheduled_at=None)

    def _part(self, request: PublishRequest, post: Post) -> Part | None:
        """Return what the accounts of a post get now; None when that is not one thing, or certain to fail."""
        if post.partner not in self.kit.partners:
            detail = f"There is no key {post.partner!r} under `partners` any more, so its posts cannot be changed."
            raise Problem(409, "partner_not_configured", detail)
        wanted = [self._wanted(post, row) for row in post.targets]
        judged = judge(self.kit, self.step.now, request, self.said.rules, wanted)
        self.warnings += (warning for warning in judged.warnings if warning not in self.warnings)
        faults: Sequence[Fault] = [_DIFFERENT] if len(judged.parts) != 1 else judged.parts[0].faults
        self.faults += (fault for fault in faults if fault not in self.faults)
        return None if faults else judged.parts[0]

    def _wanted(self, post: Post, row: Target) -> Wanted:
        account = self.kit.book.directory.current(post.partner, row.account)
        return Wanted(row.name, post.partner, account.id if account is not None else row.account, account)

    def _plan(self) -> Plan:
        """Return what the item comes to."""
        if self.seen.posts and not self._kept:
            return _skip(self.event, self.seen)
        event, reason = replace(self.event, warnings=tuple(self.warnings)), None
        outcome: EventOutcome = "changed"
        if self.faults:
            reason = invalid(self.faults).detail
            tell_refusal(self.step, event, FailureReason.INVALID, self.faults, error=reason)
            if not self.changed:
                outcome, event = "invalid", soon_free(event)
        elif not self.changed:
            outcome = "skipped"
            reason = self.problems[0].slug if self.problems else "already_posted" if self.left else "unchanged"
        return Plan(replace(event, reason=reason), self.step.write(), outcome, self._note())

    def _note(self) -> str:
        said = [problem.detail for problem in self.problems]
        if self.left:
            said.append(f"{self.left} of its posts went out already and stay as they are.")
        return " ".join(dict.fromkeys(said))
