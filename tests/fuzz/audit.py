"""What must hold after any bad day: promises 2 to 5 of the design, counted at the partners and at the receiver."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.core.errors import FailureReason
from bridge.core.model import Post, PostState, TargetState
from tests.crash.audit import gaps, query, untold
from tests.fuzz.town import Town

TERMINAL = "This content violates our community guidelines"
"""The text of a failure that no repetition mends."""

BREAKER = 5
"""So many failures of one content at PostEverywhere, and it is refused from then on."""

ENDED = frozenset(
    {
        PostState.POSTED,
        PostState.PARTIAL,
        PostState.FAILED,
        PostState.CANCELED,
        PostState.REJECTED,
        PostState.VANISHED,
    }
)


@dataclass
class Wish:
    """Something a sender wants published, once; `event_id` is there when bridge has answered with a success."""

    number: int
    fields: dict[str, Any]
    event_id: str | None = None

    @property
    def key(self) -> str:
        return f"wish-{self.number}"

    @property
    def caption(self) -> str:
        return str(self.fields["caption"])


@dataclass
class Day:
    """What happened: the wishes, and the posts that a person had tried again."""

    town: Town
    wishes: list[Wish] = field(default_factory=list)
    by_hand: set[str] = field(default_factory=set)


async def broken(day: Day) -> list[str]:
    """Return every promise that does not hold; empty is well."""
    posts = await day.town.posts()
    found = [fault for wish in day.wishes for fault in one_intent(day, wish, posts)]
    found += published_twice(day)
    found += [*untold(day.town), *gaps(day.town)]
    found += [*dropped_in_silence(day, posts), *misjudged(day, posts)]
    return found


def one_intent(day: Day, wish: Wish, posts: Sequence[Post]) -> Iterator[str]:
    """Each post of ours that reached its partner is one post there; one that did not is none."""
    ours = [post for post in posts if post.event_id == wish.event_id]
    if wish.event_id is None or not ours:
        yield f"{wish.caption} was never taken"
    for key in sorted({post.partner for post in ours}):
        mine = [post for post in ours if post.partner == key]
        known = {post.partner_id for post in mine if post.partner_id is not None}
        # What was given up while its answer was lost may be there: its reason says so.
        unsure = sum(post.partner_id is None and post.reason is FailureReason.LOST for post in mine)
        made = created(day.town, key, wish.caption)
        if not len(known) <= made <= len(known) + unsure:
            states = [(post.id, post.state, post.reason, post.partner_id) for post in mine]
            yield f"{wish.caption}: {made} creates at {key} for {states}"


def created(town: Town, key: str, caption: str) -> int:
    """How many posts with this caption a partner has ever stored."""
    entries = [entry for entry in town.simulators[key].journal.of("create") if entry.worked]
    if key == "gv":
        return sum(entry.caption == caption and not entry.duplicate for entry in entries)
    return sum(entry.content == caption for entry in entries)


def published_twice(day: Day) -> list[str]:
    """Nothing appears twice on a network, and what we call posted appears."""
    went = Counter((one.post_id, one.account_id) for one in day.town.gv.world.publications)
    went += Counter((one.content, one.account_id) for one in day.town.pe.world.publications)
    return [f"{what} was published {times} times" for what, times in went.items() if times > 1]


def dropped_in_silence(day: Day, posts: Sequence[Post]) -> Iterator[str]:
    """Work is done, dead with a reason, or parked for a person who was asked; and every post has come to its end."""
    told = {
        row[0] for row in query(day.town.database, "select post_id from outbound_events where type = 'post.parked'")
    }
    work = "select id, state, reason, cause, post_id from commands where state != 'done'"
    for command, state, reason, cause, post_id in query(day.town.database, work):
        if state == "due" or not reason or (state == "parked" and post_id not in told):
            yield f"command {command} is {state} for {reason!r} {cause!r}"
    for row in query(day.town.database, "select id, state, reason from deliveries where state != 'done'"):
        if row[1] != "dead" or not row[2]:
            yield f"delivery {row}"
    closed = "join causes on causes.id = commands.cause where commands.state = 'parked' and closed_at is not null"
    mended = f"select commands.id from commands {closed}"
    for (command,) in query(day.town.database, mended):
        yield f"command {command} waits for a cause that is gone"
    for post in posts:
        if post.state not in ENDED and not (post.state is PostState.PARKED and post.id in told):
            yield f"{post.id} never ended: {post.state} {post.reason}"
        if post.state in (PostState.FAILED, PostState.PARTIAL) and not (post.gave_up or post.id in told):
            yield f"{post.id} is {post.state}, and nobody was told that it stays so"


def misjudged(day: Day, posts: Sequence[Post]) -> Iterator[str]:
    """A retry asks for nothing that no retry mends, and stays below PostEverywhere's breaker."""
    ours = {(post.partner, post.partner_id): post.id for post in posts}
    for asked in day.town.retries:
        post_id = ours.get((asked.key, asked.partner_id))
        if post_id in day.by_hand:
            continue
        if asked.error == TERMINAL:
            yield f"{post_id} was retried for {asked.account}, although: {asked.error}"
        if asked.key == "pe" and asked.attempts + 1 >= BREAKER:
            yield f"{post_id} was retried for {asked.account} after {asked.attempts} attempts"
    for post in posts:
        for target in post.targets:
            sent = post.partner_id is not None and target.state is TargetState.POSTED
            if sent and not day.town.is_live(post, target.account):
                yield f"{post.id} counts as posted to {target.account}, and is not there"
