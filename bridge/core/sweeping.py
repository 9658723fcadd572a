"""What a sweep of a feed does with what it finds there: which entries are posted, and why the others are not.

A feed says what its site has published, so whoever reads it learns of what a hook did not tell. It is asked for that
and nothing else: an object that is known already, however it became so, is left to its hook.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bridge.core.errors import BridgeError, FailureReason
from bridge.core.hook_rules import HookRules
from bridge.core.mapping import page_of
from bridge.core.model import FeedState, Item, SourceObject
from bridge.core.objects import names_of, newest, under_names

BRAKED_FOR = timedelta(hours=1)
"""The span that `brake` counts entries in."""

SOON = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=6)
LONGEST_ASKED = timedelta(days=1)
GONE_PAUSE = timedelta(days=1)


class FeedError(BridgeError):
    """A sweep that did not end well.

    Args:
        reason: the closed word for logs.
        detail: what is known beyond that, without the query of any address.
        retry_after: how long we are asked to wait.
        ours: the feed is not to blame: it is we who could not store what is in it.
    """

    def __init__(
        self, reason: FailureReason, detail: str, *, retry_after: timedelta | None = None, ours: bool = False
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.retry_after, self.ours = reason, detail, retry_after, ours


@dataclass(frozen=True, slots=True)
class Document:
    """What was read of a feed; `skipped` counts entries that have neither an id nor a link."""

    items: tuple[Item, ...]
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is to be done with the entries of a feed.

    `posts` go in this order, oldest first, up to `room` at once and the others for a person. `noted` were dealt with by
    being left alone. `outcomes` counts the others by a word of the metric: of what is known, only what became so since
    the last sweep; what `waits` is looked at again, so the next sweep must not be told that nothing has changed.
    """

    posts: tuple[Item, ...] = ()
    noted: tuple[Item, ...] = ()
    outcomes: Mapping[str, int] = field(default_factory=dict)
    room: int = 0


def when(item: Item) -> datetime | None:
    """Return when an entry was published; None when it does not say so in full."""
    try:
        moment = datetime.fromisoformat(item.published_at)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def is_too_old(item: Item, max_age: timedelta, now: datetime) -> bool:
    """Say whether an entry is history; one without a date is not: it was not there when the feed was last read."""
    published = when(item)
    return published is not None and now - published > max_age


def oldest_first(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return entries in the order they came in; one without a date stays with the one that it follows in the feed."""
    at, places = datetime.max.replace(tzinfo=UTC), []
    for index, item in enumerate(items):
        at = when(item) or at
        places.append((at, -index))
    return tuple(items[-index] for _, index in sorted(places))


def names(item: Item, rules: HookRules) -> tuple[str, ...]:
    """Return the names that an entry may be known by."""
    return names_of(item.object_id or item.url, page_of(item, rules))


def begin(stored: FeedState | None, source: str, url: str) -> FeedState:
    """Return where the sweeps of a source's feed stand; another address is another feed, which begins anew.

    Its version is 0 while there is no row.
    """
    if stored is None:
        return FeedState(source, url, version=0)
    return stored if stored.url == url else FeedState(source, url, sent=stored.sent, version=stored.version)


def is_due(state: FeedState, rules: HookRules, now: datetime) -> bool:
    """Say whether a feed is to be read again, were it not for an earlier failure.

    One that was read in the future is: the clock was wrong then, and may have been so by days.
    """
    return state.swept_at is None or not timedelta() <= now - state.swept_at < rules.feed_every


def decide(
    state: FeedState,
    items: Sequence[Item],
    known: Iterable[SourceObject],
    rules: HookRules,
    *,
    now: datetime,
    hooked: bool,
) -> Sweep:
    """Decide about each entry.

    Args:
        state: where the sweeps stand; one that never ended well makes this the first, which posts nothing.
        items: the entries, each object once.
        known: the source's objects that have a name of any of them.
        rules: those of the source.
        now: the present instant.
        hooked: whether the source also pushes, and so goes first with what is younger than `feed_after`.
    """
    seen, since = list(known), state.swept_at
    new = unknown(items, seen, rules)
    by_hook = [one for one in seen if one.event_id is not None and (since is None or one.seen_at > since)]
    outcomes = Counter(known=len(items) - len(unknown(items, by_hook, rules)))
    if since is None:
        outcomes["first_sweep"] = len(new)
        return Sweep(noted=tuple(new), outcomes=outcomes)
    posts, left = [], []
    for item in oldest_first(new):
        published = when(item)
        if is_too_old(item, rules.max_age, now):
            left.append(item)
        elif hooked and published is not None and now - published < rules.feed_after:
            outcomes["waits"] += 1
        else:
            posts.append(item)
    outcomes["too_old"] = len(left)
    return Sweep(tuple(posts), tuple(left), outcomes, room=max(0, rules.brake - len(lately(state, now))))


def unknown(items: Iterable[Item], known: Iterable[SourceObject], rules: HookRules) -> list[Item]:
    """Return the entries that none of these objects is.

    What a hook only told of as a draft, or took back, may have been published since without a word.
    """
    found = {one.id for one in known if one.event_id is not None or one.listed}
    return [item for item in items if found.isdisjoint(names(item, rules))]


def noted(
    source: str, item: Item, own: Sequence[str], known: Mapping[str, SourceObject], now: datetime
) -> tuple[SourceObject, ...]:
    """Return what has to be written so that an entry is known by each of its `own` names.

    Where nothing is known of it a hook may still make something of it. `known` are objects by id.
    """
    stored = [known[name] for name in own if name in known]
    row = newest(stored, own[0]) or SourceObject(source, own[0], now, item.revision, listed=True)
    return under_names(row, [name for name in own if name not in known], ())


def lately(state: FeedState, now: datetime) -> tuple[str, ...]:
    """Return the instants of what sweeps posted in the last hour."""
    return tuple(at for at in state.sent if now - datetime.fromisoformat(at) < BRAKED_FOR)


def refusal(status: int, place: str, retry_after: timedelta | None) -> FeedError:
    """Return what an answer means that is no feed."""
    detail = f"{place} answered {status}"
    match status:
        case 410:
            return FeedError(FailureReason.GONE, f"{detail}: the feed is gone for good; change or remove `feed`")
        case 404:
            return FeedError(FailureReason.NOT_FOUND, detail)
        case 401:
            return FeedError(FailureReason.UNAUTHORIZED, detail)
        case 403:
            return FeedError(FailureReason.FORBIDDEN, detail)
        case 429:
            return FeedError(FailureReason.RATE_LIMITED, detail, retry_after=retry_after)
    reason = FailureReason.SERVER_ERROR if status >= 500 else FailureReason.CLIENT_ERROR
    return FeedError(reason, detail, retry_after=retry_after)


def pause(error: FeedError, failures: int, rules: HookRules) -> timedelta:
    """Return how long a feed is left alone that could not be read `failures` times in a row.

    `feed_every`, twice as long with each further failure up to 6 h, and never less than its server asks for; one that
    is gone is looked at once a day. What failed on our side is tried again soon.
    """
    asked = min(error.retry_after or timedelta(), LONGEST_ASKED)
    if error.ours:
        return max(asked, SOON)
    if error.reason is FailureReason.GONE:
        return max(GONE_PAUSE, rules.feed_every)
    doubled = rules.feed_every * (1 << min(failures - 1, 10))
    return max(rules.feed_every, min(doubled, LONGEST_PAUSE), asked)


def longest_pause(rules: HookRules) -> timedelta:
    """Return how long a feed is left alone at most, whatever failed."""
    return max(rules.feed_every, LONGEST_PAUSE, LONGEST_ASKED, GONE_PAUSE)
