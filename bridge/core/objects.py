"""One social post per object: what an item comes to, given what became of its object before.

Senders repeat themselves, send a page again with each edit, and keep no order; what they say is judged by the object's
revision and by where its posts stand.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from bridge.core.errors import FailureClass, FailureReason
from bridge.core.hook_rules import Repeat
from bridge.core.model import Command, CommandKind, Intent, Post, PostState, SourceObject
from bridge.core.request import is_url
from bridge.core.states import UNSETTLED
from bridge.core.transitions import LIVE

_ENDED = frozenset({PostState.REJECTED, PostState.CANCELED, PostState.VANISHED})
_OPEN = frozenset({PostState.ACCEPTED, PostState.PARKED, PostState.DRAFT, PostState.SCHEDULED, PostState.PENDING})
_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECONDS = 10**11
"""A number of seconds that large lies in the year 5138: whoever writes one means milliseconds."""
_EXACT = re.compile(r"(\d{1,10})\.(\d{6})", re.ASCII)
"""Seconds since 1970 with their microseconds, as Slack numbers messages."""
_SECONDS = 10**8
"""A smaller number is a count of versions, not a time."""
_LONGEST_NAME = 255
"""A database refuses an index entry of a few thousand characters."""
_MARKS = frozenset({"fbclid", "gclid", "ref"})
"""What is hung on an address to count visitors by, besides `utm_` and more; it makes no other page of it."""


class Standing(Enum):
    """Where a post stands for its object.

    Nothing of it is or will be live, its cancel is under way, it can still be changed, or it is out. One that a person
    dropped counts as out: what is saved again does not undo that by itself.
    """

    VOID = auto()
    LEAVING = auto()
    WAITING = auto()
    OUT = auto()


class Move(Enum):
    """What an item comes to."""

    POST = auto()
    CHANGE = auto()
    CANCEL = auto()
    SKIP = auto()
    STALE = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Known:
    """What became of an object: its row, and the posts of its last event, each with its commands.

    Among the posts are those that one of them waits for. `key` is what that event is known again by. `pruned` says that
    it is not kept any more: it counts as posted. `names` are those the object has now, and `rows` what is stored under
    any of them.
    """

    row: SourceObject | None = None
    posts: tuple[Post, ...] = ()
    commands: Mapping[str, Sequence[Command]] = field(default_factory=dict)
    key: str | None = None
    pruned: bool = False
    names: tuple[str, ...] = ()
    rows: tuple[SourceObject, ...] = ()

    def standing(self, post: Post) -> Standing:
        """Say where one of the posts stands."""
        return standing(post, self.commands.get(post.id, ()))

    def was_dropped(self, post: Post) -> bool:
        """Say whether a person ended one of the posts."""
        return was_dropped(post, self.commands.get(post.id, ()))

    def has(self, wanted: Standing) -> bool:
        """Say whether any post stands like that."""
        return bool(self.all(wanted))

    def all(self, wanted: Standing) -> list[Post]:
        """Return the posts that stand like that."""
        return [post for post in self.posts if self.standing(post) is wanted]

    def can_stay(self, post: Post) -> bool:
        """Say whether a post that is leaving can be kept: nobody has begun to take it back."""
        cancels = _cancels(self.commands.get(post.id, ()))
        return bool(cancels) and post.state is not PostState.FAILED and all(map(_is_untouched, cancels))


def standing(post: Post, commands: Sequence[Command]) -> Standing:
    """Say where a post stands; one that may be live counts as out."""
    was_live = any(target.state in LIVE or target.published_at is not None for target in post.targets)
    if was_dropped(post, commands):
        return Standing.OUT
    if post.state in _ENDED:
        return Standing.OUT if was_live else Standing.VOID
    if post.state is PostState.FAILED and not was_live:
        unclear = any(target.failure is FailureClass.AMBIGUOUS for target in post.targets)
        found = Standing.OUT if unclear else Standing.VOID if post.gave_up else Standing.WAITING
    else:
        found = Standing.WAITING if post.state in _OPEN else Standing.OUT
    return Standing.LEAVING if found is Standing.WAITING and _is_leaving(post, commands) else found


def was_dropped(post: Post, commands: Sequence[Command]) -> bool:
    """Say whether a person ended a post, or the last retry of one that failed."""
    if post.state is PostState.REJECTED:
        return post.reason is FailureReason.DROPPED
    retries = [command for command in commands if command.kind is CommandKind.RETRY]
    last = max(retries, key=lambda command: command.number, default=None)
    return post.gave_up and last is not None and last.reason is FailureReason.DROPPED


def _is_leaving(post: Post, commands: Sequence[Command]) -> bool:
    """Say whether a cancel is not settled, or its partner refused it and the post was not read since."""
    return bool(_cancels(commands)) or post.reason is FailureReason.CANCELED


def _cancels(commands: Sequence[Command]) -> list[Command]:
    return [command for command in commands if command.kind is CommandKind.CANCEL and command.state in UNSETTLED]


def _is_untouched(command: Command) -> bool:
    return not command.calls and command.body is None and command.lease_until is None


def decide(known: Known, intent: Intent, revision: str | None, repeat: Repeat) -> Move:
    """Say what an item of this intent and revision comes to; never more than one post is waiting for an object."""
    seen = known.row.revision if known.row is not None else None
    waiting, out = known.has(Standing.WAITING), known.pruned or known.has(Standing.OUT)
    if is_newer(seen, revision):
        return Move.STALE
    if intent in (Intent.UNPUBLISH, Intent.DELETE):
        return Move.CANCEL if waiting or out else Move.NOTHING
    if intent is Intent.UPDATE:
        change = waiting or (out and repeat == "update" and not known.pruned)
        return Move.CHANGE if change else Move.SKIP if out else Move.NOTHING
    leaving = known.all(Standing.LEAVING)
    if leaving and all(map(known.can_stay, leaving)):
        return Move.CHANGE
    if not waiting and not out:
        return Move.POST
    is_new = revision is None or revision != seen
    if waiting:
        # What the sender publishes now was scheduled for now: to touch it would be a race with its going out.
        change = intent is Intent.SCHEDULE if repeat == "skip" else is_new
        return Move.CHANGE if change else Move.SKIP
    if repeat == "skip" or not is_new or (repeat == "update" and known.pruned):
        return Move.SKIP
    return Move.CHANGE if repeat == "update" else Move.POST


def is_newer(revision: str | None, than: str | None) -> bool:
    """Say whether a revision is known to be later than another one of the same object.

    Known are instants (ISO 8601, or seconds, with six decimals or none, or milliseconds since 1970) and numbers that
    count up. Of anything else, and of a time with an offset against one without, nobody can tell.
    """
    one, other = _comparable(revision), _comparable(than)
    return one is not None and other is not None and type(one) is type(other) and _is_later(one, other)


def _is_later(one: Any, other: Any) -> bool:
    aware = [value.tzinfo is not None for value in (one, other) if isinstance(value, datetime)]
    return bool(one > other) if len(set(aware)) < 2 else False


def _comparable(revision: str | None) -> datetime | int | None:
    text = (revision or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return _instant(int(text)) if int(text) >= _SECONDS else int(text)
    if exact := _EXACT.fullmatch(text):
        return _EPOCH + timedelta(seconds=int(exact[1]), microseconds=int(exact[2]))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _instant(number: int) -> datetime | None:
    seconds = number / 1000 if number >= _MILLISECONDS else number
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None


def names_of(object_id: str, url: str) -> tuple[str, ...]:
    """Return the names of an object that more than one way in tells of: its id there, and the address of its page.

    Each way has ids of its own, so it is the page that they have in common. What is written of the object is written
    under each name: whoever comes by another way at the same moment then collides, and decides anew. A very long name
    is hashed.
    """
    own, page = _short(object_id), page_name(url)
    return (own,) if page is None or page == own else (own, page)


def page_name(url: str) -> str | None:
    """Return what the forms of a page's address have in common, None of what is no page of its own.

    Neither `www.`, http or https, a slash at the end, a fragment nor what counts visitors makes it another page.
    """
    try:
        parts = urlsplit(url.strip())
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
        path = quote(unquote(parts.path).rstrip("/"))
        said = sorted(pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _is_mark(pair[0]))
        query = f"?{urlencode(said)}" if said else ""
    except ValueError:
        return None
    # The front page is what senders give of whatever has no page: it would make all of that one.
    is_page = is_url(url.strip()) and (path or query)
    return _short(f"url:{(parts.hostname or '').removeprefix('www.')}{port}{path}{query}") if is_page else None


def _short(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    return f"sha256:{sha256(name.encode(errors='replace')).hexdigest()}"


def _is_mark(name: str) -> bool:
    return name.lower().startswith("utm_") or name.lower() in _MARKS


def newest(rows: Iterable[SourceObject], object_id: str) -> SourceObject | None:
    """Return the row of an object among those of its names: one that made posts goes first, then that of its own id."""
    return max(rows, key=lambda row: (row.event_id is not None, row.id == object_id, row.seen_at), default=None)


def moved_on(row: SourceObject, revision: str | None, event_id: str | None, *, listed: bool = False) -> SourceObject:
    """Return the row as it is after an item: nothing that is known is forgotten, and no revision goes back."""
    later = revision is not None and not is_newer(row.revision, revision)
    return replace(
        row,
        revision=revision if later else row.revision,
        event_id=event_id or row.event_id,
        listed=listed and (event_id is not None or row.listed or row.event_id is None),
    )


def under_names(row: SourceObject, names: Iterable[str], rows: Iterable[SourceObject]) -> tuple[SourceObject, ...]:
    """Return what has to be written so that each name leads to what `row` says; `rows` are stored under them."""
    stored = {one.id: one for one in rows}
    found = []
    for name in names:
        old = stored.get(name)
        if old is None:
            found.append(replace(row, id=name, version=1))
        elif (old.revision, old.event_id, old.listed) != (row.revision, row.event_id, row.listed):
            found.append(replace(row, id=name, version=old.version + 1))
    return tuple(found)


def changes(before: Mapping[str, Any], content: Mapping[str, Any], scheduled_at: datetime | None) -> dict[str, Any]:
    """Return what an update has to say: the caption, the media and the schedule, as far as they differ.

    `before` is the content that the post has or was asked to have, with `scheduled_at`; a field that is gone is None.
    No schedule given leaves the one there is.
    """
    found = {name: content.get(name) for name in ("caption", "media") if content.get(name) != before.get(name)}
    at = before.get("scheduled_at")
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    return found | ({"scheduled_at": scheduled_at} if scheduled_at is not None and scheduled_at != known else {})
