"""When a post has ended, and when it is read next."""

from datetime import datetime, timedelta

from bridge.core.model import Post, PostState, TargetState
from bridge.core.rules import WatchRules
from bridge.core.step import Step

ENDED = frozenset({PostState.POSTED, PostState.CANCELED, PostState.VANISHED, PostState.REJECTED})
MISSED = frozenset({PostState.FAILED, PostState.PARTIAL})
_ONE_DAY = timedelta(days=1)


def finish(step: Step, post: Post, rules: WatchRules) -> None:
    """Set when the post ended and when it is read next."""
    ended = post.state in ENDED or (post.state in MISSED and post.gave_up)
    post = step.edit(post, ended_at=(post.ended_at or step.now) if ended else None)
    step.edit(post, poll_at=next_poll(post, step.now, rules))


def next_poll(post: Post, now: datetime, rules: WatchRules) -> datetime | None:
    """Return when a post is read next; None when it is not watched any more.

    In flight: first_poll, stretching with a fifth of its age to max_poll. Scheduled: max_poll until shortly before its
    time. Ended: once more after `last_read_after`; while a posted target has no URL, again at twice the age for a day.
    """
    if post.partner_id is None or post.state in (PostState.REJECTED, PostState.CANCELED, PostState.VANISHED):
        return None
    if post.ended_at is not None:
        return _last_reads(post, post.ended_at, now, rules)
    if post.state is PostState.SCHEDULED and post.scheduled_at is not None and post.scheduled_at > now:
        return max(min(now + rules.max_poll, post.scheduled_at), now + rules.first_poll)
    if post.state in MISSED:
        looking = any(target.state is TargetState.FAILED and not target.choice for target in post.targets)
        return now + (rules.first_poll if looking else rules.max_poll)
    if post.state is PostState.DRAFT:
        return now + rules.max_poll
    since = post.in_flight_since or post.scheduled_at or now
    return now + min(max((now - since) / 5, rules.first_poll), rules.max_poll)


def _last_reads(post: Post, ended_at: datetime, now: datetime, rules: WatchRules) -> datetime | None:
    age = now - ended_at
    if age < rules.last_read_after:
        return ended_at + rules.last_read_after
    unlinked = any(target.state is TargetState.POSTED and not target.url for target in post.targets)
    return now + age if unlinked and age < _ONE_DAY else None
