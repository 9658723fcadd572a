"""How an event stands as a whole, in one word, whatever becomes of each of its posts."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from bridge.core.errors import FailureReason
from bridge.core.model import Event, Intent, Message, Post, PostState, Target, TargetState
from bridge.core.polling import ENDED, MISSED
from bridge.core.retry import Choice


class Word(StrEnum):
    """Where an event stands. `waiting` needs a person; `held` goes by itself; `ignored` was never to be posted."""

    ACCEPTED = "accepted"
    HELD = "held"
    WAITING = "waiting"
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PUBLISHING = "publishing"
    RETRYING = "retrying"
    POSTED = "posted"
    PARTIAL = "partial"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELED = "canceled"
    VANISHED = "vanished"
    UNKNOWN = "unknown"
    IGNORED = "ignored"


QUIET = frozenset({Word.ACCEPTED, Word.DRAFT, Word.PUBLISHING, Word.RETRYING})
"""Words that pass by themselves, and are not worth a message of their own."""

_OPEN = (
    Word.WAITING, Word.HELD, Word.RETRYING, Word.PUBLISHING, Word.ACCEPTED, Word.SCHEDULED, Word.DRAFT,
)  # fmt: skip
"""Words of what is not over, that which a person should hear of first."""

_OF_STATE = {
    PostState.ACCEPTED: Word.ACCEPTED,
    PostState.DRAFT: Word.DRAFT,
    PostState.SCHEDULED: Word.SCHEDULED,
    PostState.PENDING: Word.PUBLISHING,
    PostState.PUBLISHING: Word.PUBLISHING,
    PostState.POSTED: Word.POSTED,
    PostState.REJECTED: Word.REJECTED,
    PostState.CANCELED: Word.CANCELED,
    PostState.VANISHED: Word.VANISHED,
    PostState.UNKNOWN: Word.UNKNOWN,
}
_MAKES_POSTS = (Intent.PUBLISH, Intent.SCHEDULE, Intent.NEEDS_FETCH, Intent.NEEDS_MAPPING)


def word_of(event: Event, posts: Sequence[Post]) -> Word:
    """Return the word for an event and all that was made of it."""
    if posts:
        return _joined({word_of_post(post) for post in posts})
    if event.reason is None:
        return Word.ACCEPTED
    return Word.REJECTED if event.intent in _MAKES_POSTS else Word.IGNORED


def word_of_post(post: Post) -> Word:
    """Return the word for one post; one that failed is not over while any of its accounts may still come right."""
    if post.state is PostState.PARKED:
        return Word.HELD if post.reason is FailureReason.HELD else Word.WAITING
    if post.state not in MISSED:
        return _OF_STATE[post.state]
    failed = [target for target in post.targets if target.state is TargetState.FAILED]
    if any(target.choice == Choice.PARK for target in failed):
        return Word.WAITING
    if not post.gave_up and any(target.choice != Choice.GIVE_UP for target in failed):
        return Word.RETRYING
    return Word.PARTIAL if post.state is PostState.PARTIAL else Word.FAILED


def has_ended(event: Event, posts: Sequence[Post]) -> bool:
    """Say whether nothing more changes by itself, nor waits for a person."""
    if not posts:
        return event.reason is not None or event.intent is not Intent.NEEDS_FETCH
    return all(_is_over(post) for post in posts)


def has_links(posts: Iterable[Post]) -> bool:
    """Say whether it is known where everything is live, as far as that will ever be known."""
    known = list(posts)
    live = [target for post in known for target in post.targets if target.state is TargetState.POSTED]
    found = [target for target in live if target.url]
    return bool(found) and (len(found) == len(live) or all(post.poll_at is None for post in known))


def is_forgotten(message: Message, event: Event, posts: Sequence[Post]) -> bool:
    """Say whether an event made posts that are there no more, so that nothing is known of what became of them."""
    if posts or event.reason is not None or event.intent not in _MAKES_POSTS:
        return False
    return event.intent is not Intent.NEEDS_FETCH or message.said not in ("", Word.ACCEPTED)


def is_again(target: Target) -> bool:
    """Say whether a failed account is tried again by itself."""
    return target.state is TargetState.FAILED and target.choice in (Choice.RETRY, Choice.WAIT)


def _is_over(post: Post) -> bool:
    if word_of_post(post) is Word.WAITING:
        return False
    return post.state in ENDED or post.ended_at is not None or (post.state in MISSED and post.gave_up)


def _joined(words: Iterable[Word]) -> Word:
    found = set(words)
    if len(found) == 1:
        return found.pop()
    for word in _OPEN:
        if word in found:
            return word
    if found & {Word.POSTED, Word.PARTIAL}:
        return Word.PARTIAL
    return Word.FAILED if found & {Word.FAILED, Word.REJECTED, Word.UNKNOWN} else Word.CANCELED
