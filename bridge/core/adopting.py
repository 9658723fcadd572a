"""Posts that were not sent through us: which of them become ours to watch, and what ends when one was ours after all.

A stranger may be a post of ours whose answer was lost. While that is possible it is not adopted; should it be found out
later, our post takes its place.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from bridge.core.accounts import ask_person
from bridge.core.errors import FailureReason
from bridge.core.looking import plain
from bridge.core.model import (
    ADOPTED,
    Command,
    Event,
    Intent,
    Post,
    PostState,
    Stranger,
    Target,
    WorkState,
)
from bridge.core.polling import ENDED, MISSED
from bridge.core.states import UNSETTLED, USABLE
from bridge.core.step import Step, account_cause
from bridge.core.transitions import Watching, observe

IN_DOUBT = timedelta(hours=24)
"""How long after we gave it up a create may still turn out to have been stored; later a person is asked first."""


def may_be_ours(step: Step, stranger: Stranger, unsure: Iterable[Post]) -> bool:
    """Say whether a stranger may be one of these posts, whose answer was lost: same caption, and an account in common.

    A stranger that shows no accounts may be on any of them.
    """
    shown = {row.account for row in stranger.snapshot.targets}
    caption = plain(stranger.content.get("caption"))
    return any(
        plain(post.content.get("caption")) == caption
        and (not shown or not shown.isdisjoint(target.account for target in post.targets))
        for post in unsure
        if post.ended_at is None or step.now - post.ended_at < IN_DOUBT
    )


def is_worth_watching(stranger: Stranger) -> bool:
    """Say whether there is anything to watch: a post that is gone already was never seen here."""
    return stranger.snapshot.state is not PostState.VANISHED


def adopt(step: Step, key: str, stranger: Stranger, name_of: Callable[[str, str], str], rules: Watching) -> Event:
    """Add a stranger as a post that is watched, and return the event that stands for its coming.

    Its state is told, with no previous one. The event's key makes it once only. An account that is known to be dead and
    has this post before it opens its cause.
    """
    shown = stranger.snapshot
    event = _event(step, f"adopt:{key}:{shown.partner_id}")
    rows = tuple(_target(step, key, row.account, row.platform, name_of) for row in shown.targets)
    post = step.add(
        Post(
            id=step.moment.new_id("post"),
            event_id=event.id,
            partner=key,
            external_id="",
            source=ADOPTED,
            content=stranger.content,
            targets=rows,
            created_at=step.now,
            changed_at=step.now,
            wanted_at=shown.scheduled_at or shown.created_at or step.now,
            partner_id=shown.partner_id,
        )
    )
    observe(step, post, shown, rules, first=True)
    _warn_of_dead_accounts(step, step.see(post))
    return event


def _event(step: Step, key: str) -> Event:
    return Event(
        id=step.moment.new_id("evt"),
        source=ADOPTED,
        scope=ADOPTED,
        key=key,
        key_until=None,
        fingerprint=key,
        intent=Intent.ADOPT,
        received_at=step.now,
        content_type="",
        body=b"",
        request={},
    )


def _target(step: Step, key: str, account_id: str, platform: str, name_of: Callable[[str, str], str]) -> Target:
    account = step.world.accounts.get(f"{key}:{account_id}")
    return Target(account_id, name_of(key, account_id), account.platform if account is not None else platform)


def _warn_of_dead_accounts(step: Step, post: Post) -> None:
    if post.state in ENDED or post.state in MISSED:
        return
    for target in post.targets:
        account = step.world.accounts.get(f"{post.partner}:{target.account}")
        if account is None or account.state in USABLE:
            continue
        known = step.world.causes.get(account_cause(account.partner, account.id))
        if known is None or not known.open:
            step.edit(account)  # Only while it is still as it was seen: else it may be back already.
        ask_person(step, account, account.detail or account.state, [post.id])


def merge(step: Step, adopted: Post, commands: Sequence[Command], ours: str) -> None:
    """End an adopted post that turns out to be `ours`: it gives its place at the partner up, and its end is told.

    It is to be written before our post takes that place: there is one post of ours for each of the partner's.
    """
    before = adopted.state
    ended = {"changed_at": step.now, "ended_at": step.now, "poll_at": None, "in_flight_since": None}
    detail = f"it was sent through bridge and goes on as {ours}"
    post = step.edit(adopted, partner_id=None, state=PostState.VANISHED, error=detail, **ended)
    step.tell_post(post, "post.vanished", before, detail=detail, same_as=ours, partner_id=adopted.partner_id)
    for command in commands:
        if command.state in UNSETTLED:
            done = {"state": WorkState.DEAD, "reason": FailureReason.CONFLICT, "settled_at": step.now}
            step.edit(command, lease_until=None, **done)
