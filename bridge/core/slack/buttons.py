"""The buttons below a message: what whoever presses one may ask of the posts of its event.

What may be asked is found out by asking: each action is tried on a step that nobody writes. So no button is shown that
every post would refuse, whatever the rules of `core.actions` are. The value of a button is the id of its message; that
of Approve goes on with a mark of what the message shows, `ID|MARK`: nobody approves what they have not seen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

import orjson

from bridge.core import actions
from bridge.core.block_kit import Block, button
from bridge.core.errors import FailureReason, Problem
from bridge.core.holding import is_held_change
from bridge.core.model import Command, Post, PostState, Target
from bridge.core.polling import MISSED
from bridge.core.slack.standing import Word, word_of_post
from bridge.core.step import Moment, Step

ACTION = "bridge:"
"""What the `action_id` of each of our buttons begins with; the verb follows."""

Commands = Mapping[str, Sequence[Command]]
"""The commands of posts, by the ids of these."""

_LOOKED_AT = (FailureReason.HELD, FailureReason.NEEDS_APPROVAL)
_CHANGE = {"caption": "another"}

_TRIALS: Mapping[str, Callable[[Step, Post, Sequence[Command]], object]] = {
    "approve": actions.send,
    "send": actions.send,
    "live": actions.is_live,
    "retry": actions.retry,
    "edit": lambda step, post, commands: actions.edit(step, post, commands, _CHANGE, None),
    "drop": actions.drop,
    "cancel": actions.cancel,
}
"""Verb -> the action whose refusal hides its button, in the order of the buttons."""

_LOOKS: Mapping[str, tuple[str, str, tuple[str, str] | None]] = {
    "approve": ("Approve", "primary", None),
    "send": ("Send now", "primary", None),
    "live": (
        "It is live",
        "",
        ("Did you see it there? It then counts as posted and is not sent again.", "It is live"),
    ),
    "retry": ("Retry", "primary", None),
    "edit": ("Edit", "", None),
    "drop": ("Drop", "danger", ("It will not be posted. This cannot be undone.", "Drop it")),
    "cancel": ("Cancel", "danger", ("What has not gone out yet will not be posted.", "Cancel it")),
}
_ONLY_CHANGES = ("The change is given up. The post stays as it was.", "Drop it")
_AGAIN = ("It may be live already. Look at the account before you send it again.", "Send it again")


def verbs(posts: Sequence[Post], commands: Commands, now: datetime) -> list[str]:
    """Return what may be asked of at least one of these posts, in the order in which it is shown."""
    found = {verb for post in posts for verb in _verbs_of(post, commands.get(post.id, ()), now)}
    return [verb for verb in _TRIALS if verb in found]


def buttons(message_id: str, posts: Sequence[Post], commands: Commands, now: datetime) -> Iterator[Block]:
    """Give a button for each of the `verbs`."""
    doubted = any(post.state is PostState.UNKNOWN for post in posts)
    changes = not any(post.state is PostState.PARKED for post in posts)
    for verb in verbs(posts, commands, now):
        text, style, confirm = _LOOKS[verb]
        if verb == "retry" and doubted:
            confirm = _AGAIN
        elif verb == "drop" and changes and any(has_held_change(post, commands.get(post.id, ())) for post in posts):
            confirm = _ONLY_CHANGES
        value = f"{message_id}|{mark(posts, commands)}" if verb == "approve" else message_id
        yield button(f"{ACTION}{verb}", value, text, style=style, confirm=confirm)


def read_value(value: str) -> tuple[str, str]:
    """Return the id of the message and the mark in the value of a button; a mark is not in all of them."""
    message_id, _, seen = value.partition("|")
    return message_id, seen


def mark(posts: Sequence[Post], commands: Commands) -> str:
    """Return a short mark of what a message shows of posts: what they say, where and when."""
    shown = (as_asked(post, commands.get(post.id, ())) for post in posts)
    said = sorted([one.id, one.content, one.scheduled_at, [row.account for row in one.targets]] for one in shown)
    return sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:20]


def has_held_change(post: Post, commands: Sequence[Command]) -> bool:
    """Say whether a change of a post waits for approval."""
    return any(is_held_change(command, post) for command in commands)


def as_asked(post: Post, commands: Sequence[Command]) -> Post:
    """Return a post as it will be once the changes of it are approved that wait for that."""
    changes = actions.under_way([command for command in commands if is_held_change(command, post)])
    if not changes:
        return post
    accounts, at = changes.pop("accounts", None), changes.pop("scheduled_at", post.scheduled_at)
    known = {row.account: row for row in post.targets}
    rows = post.targets if accounts is None else tuple(known.get(one["id"], Target(one["id"])) for one in accounts)
    content = {name: value for name, value in {**post.content, **changes}.items() if value is not None}
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    return replace(post, content=content, scheduled_at=when, targets=rows)


def _verbs_of(post: Post, commands: Sequence[Command], now: datetime) -> list[str]:
    offered = [*(("approve", "drop") if has_held_change(post, commands) else ()), *_offered(post)]
    return [verb for verb in dict.fromkeys(offered) if _is_allowed(verb, post, commands, now)]


def _offered(post: Post) -> Sequence[str]:
    """Return what makes sense to ask of a post as it stands; of two words for the same only one.

    What a person dropped stays dropped here: whoever wants it after all asks for it anew.
    """
    if post.state is PostState.REJECTED and post.reason is FailureReason.DROPPED:
        return ()
    if post.state is PostState.PARKED:
        return ("approve", "edit", "drop") if post.reason in _LOOKED_AT else ("send", "live", "drop")
    if post.state not in MISSED:
        return ("retry", "cancel") if post.state is not PostState.UNKNOWN else ("retry",)
    word = word_of_post(post)
    if word is Word.WAITING:
        return ("send", "live", "drop")
    return ("retry", "cancel") if word is Word.RETRYING else ("retry",)


def _is_allowed(verb: str, post: Post, commands: Sequence[Command], now: datetime) -> bool:
    step = Step(Moment(now, lambda prefix: prefix, lambda: 0.0))
    try:
        _TRIALS[verb](step, post, commands)
    except Problem:
        return False
    return True
