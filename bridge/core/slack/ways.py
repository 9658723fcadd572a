"""Which way a message in Slack is brought up to date, and what follows when that way is refused.

In this order: a message that we posted is changed (`chat.update`); whoever asked is answered at their `response_url`
while it takes answers; with a bot token a message is posted, in the channel or else to the person; an incoming webhook
posts one. Where each telling is a message of its own, only what is worth one is told. A step of a workflow has no
message: it is ended, once, and with an error when Slack takes no success.

Sources, read 2026-11: https://docs.slack.dev/interactivity/handling-user-interaction (five answers in thirty minutes),
https://docs.slack.dev/reference/methods/chat.update and https://docs.slack.dev/messaging/message-metadata.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from bridge.core.errors import FailureReason
from bridge.core.inbound import STEP
from bridge.core.model import Message
from bridge.core.slack import Workspace
from bridge.core.slack.api import FAIL, RESPONSE_URL, SUCCEED, Answer, Meaning, WebCall, request, to_address
from bridge.core.slack.api import WEBHOOK as HOOK
from bridge.core.slack.cards import Face
from bridge.core.slack.standing import Word

ADDRESS_USES = 5
"""How many answers a `response_url` takes."""

METADATA = "bridge_message"
"""The `event_type` of the metadata that our messages carry, by which one is found whose `ts` never came back."""

_MOST_ERROR = 3_000
_GOOD_ENDS = (Word.POSTED, Word.DRAFT)
_STEP_ENDS = (*_GOOD_ENDS, Word.WAITING)
_NOT_TAKEN = "Slack did not take what this step gives on. What became of it: "


class Way(StrEnum):
    """How a message is brought up to date. `quiet`: it need not be; `stuck`: it cannot be."""

    UPDATE = "chat.update"
    ADDRESS = "response_url"
    POST = "chat.postMessage"
    HOOK = "webhook"
    END = "functions.complete"
    FAIL = "functions.completeError"
    QUIET = "quiet"
    STUCK = "stuck"


def choose(message: Message, face: Face, workspace: Workspace, now: datetime, closed: Collection[Way] = ()) -> Way:
    """Return the way that a face goes now; `closed` are those that were refused a moment ago."""
    if message.kind == STEP:
        if not message.address or not (face.ended or face.word in _STEP_ENDS):
            return Way.QUIET
        return Way.FAIL if Way.END in closed else Way.END
    if message.ts and workspace.bot_token and Way.UPDATE not in closed:
        return Way.UPDATE
    others = [way for way in (Way.POST, Way.HOOK) if way not in closed and _is_open(way, message, workspace)]
    if has_address(message, now) and Way.ADDRESS not in closed:
        if not message.replaces and not face.telling:
            return Way.QUIET
        # The last use is for how it ends, when nothing else could say that.
        spare = message.uses + 1 < ADDRESS_USES or face.ended or bool(others)
        return Way.ADDRESS if spare else Way.QUIET
    # One that was begun to be posted may be there, and is looked for.
    if not face.telling and not (message.begun_at is not None and Way.POST in others):
        return Way.QUIET
    return others[0] if others else Way.STUCK


def has_address(message: Message, now: datetime) -> bool:
    """Say whether the `response_url` of a message still takes answers."""
    ends = message.address_until
    return bool(message.address) and message.uses < ADDRESS_USES and (ends is None or now < ends)


def _is_open(way: Way, message: Message, workspace: Workspace) -> bool:
    if way is Way.HOOK:
        return bool(workspace.webhook)
    return bool(workspace.bot_token and (message.channel or message.user))


def is_end(way: Way) -> bool:
    """Say whether a way ends a step of a workflow."""
    return way in (Way.END, Way.FAIL)


def is_of_a_place(way: Way) -> bool:
    """Say whether one who is told to wait on a way waits for one channel or address, not for the workspace."""
    return way in (Way.POST, Way.ADDRESS, Way.HOOK)


def is_name(channel: str) -> bool:
    """Say whether a channel is known by its name alone, where nothing that was posted can be found or changed."""
    return channel.startswith("#")


def place(message: Message, way: Way) -> str:
    """Return what stands for where a message goes: no more than one a second goes to one place."""
    return way.value if way is Way.HOOK else message.channel or message.user or message.id


def write(way: Way, message: Message, face: Face, workspace: Workspace, links: Sequence[str] = ()) -> WebCall:
    """Write the call that shows a face; `links` are where the posts are live, for the steps after one that ends."""
    shown: dict[str, Any] = {"text": face.text, "blocks": face.blocks}
    metadata = {"event_type": METADATA, "event_payload": {"id": message.id}}
    plain = {"unfurl_links": False, "unfurl_media": False}
    match way:
        case Way.UPDATE:
            given = {"channel": message.channel, "ts": message.ts, "metadata": metadata} | shown
            return request(workspace, Way.UPDATE, given)
        case Way.POST:
            where: dict[str, Any] = {"channel": message.channel or message.user, "thread_ts": message.thread or None}
            return request(workspace, Way.POST, where | {"metadata": metadata} | shown | plain)
        case Way.ADDRESS:
            below = {"response_type": "ephemeral"} | ({"thread_ts": message.thread} if message.thread else {})
            said = shown | {"replace_original": message.replaces} | ({} if message.replaces else below)
            return to_address(RESPONSE_URL, message.address, said)
        case Way.HOOK:
            return to_address(HOOK, workspace.webhook, shown | plain)
        case _:
            return _end(way, message, face, workspace, links)


def _end(way: Way, message: Message, face: Face, workspace: Workspace, links: Sequence[str]) -> WebCall:
    run: dict[str, Any] = {"function_execution_id": message.execution}
    text = "\n".join([face.text, *links])
    if face.word in _GOOD_ENDS and way is Way.END:
        outputs = {"event_id": message.event_id, "status": face.word, "text": text}
        return request(workspace, SUCCEED, run | {"outputs": outputs}, token=message.address)
    error = {"error": (face.text if way is Way.END else _NOT_TAKEN + text)[:_MOST_ERROR]}
    return request(workspace, FAIL, run | error, token=message.address)


def without_images(face: Face) -> Face:
    """Return a face that says the same: Slack refuses a message with an image that it cannot fetch."""
    return replace(face, blocks=tuple(block for block in face.blocks if block["type"] != "image"))


def begun(message: Message, way: Way, now: datetime) -> Message:
    """Return a message as it stands while a call is under way: what is not known to have failed may have worked.

    So nobody knows what it shows, until an answer says it.
    """
    unsure = replace(message, shown="")
    if way is Way.ADDRESS:
        return replace(unsure, uses=message.uses + 1)
    return replace(unsure, begun_at=now) if way is Way.POST else unsure


def unasked(message: Message, way: Way, shown: str) -> Message:
    """Return a message after a call by which nothing was done: it shows what it has shown before."""
    same = replace(message, shown=shown)
    if way is Way.ADDRESS:
        return replace(same, uses=max(message.uses - 1, 0))
    return replace(same, begun_at=None) if way is Way.POST else same


def doubted(message: Message, way: Way) -> Message:
    """Return a message after an answer that leaves open whether anything was done.

    Slack itself counts the answers of an address, and says when there were five.
    """
    return replace(message, uses=max(message.uses - 1, 0)) if way is Way.ADDRESS else message


def not_made(message: Message, way: Way, meaning: Meaning, shown: str) -> Message:
    """Return a message after a refusal; a step that is over has no more use for its token."""
    row = unasked(message, way, shown)
    return replace(row, address="") if is_end(way) and meaning is Meaning.OVER else row


def passed(message: Message, face: Face) -> Message:
    """Return a message after what is not worth a call. What is, and could not be told, stays to be told."""
    same = message.said.partition(":")[0] == face.word
    return message if face.telling or same else replace(message, said=face.noted)


def shown(message: Message, way: Way, answer: Answer, face: Face, mark: str) -> Message:
    """Return a message after a call that worked; `mark` stands for what it shows now."""
    told = replace(message, shown=mark, said=face.noted)
    if way is Way.POST:
        ts, channel = str(answer.data.get("ts") or ""), str(answer.data.get("channel") or message.channel)
        return replace(told, ts=ts, channel=channel, begun_at=None)
    return replace(told, address="") if is_end(way) else told


def refused(message: Message, way: Way, meaning: Meaning) -> Message | None:
    """Return a message after a refusal that leaves another way; None when this way is not to be tried again."""
    if way is Way.ADDRESS:
        return replace(message, address="", address_until=None, replaces=False)
    if meaning is Meaning.LOST:
        return replace(message, ts="")
    if way not in (Way.UPDATE, Way.POST):
        return None
    lost = replace(message, ts="", begun_at=None)
    # What is known of a direct message is its channel, which begins with D.
    if message.user and message.channel != message.user and not message.channel.startswith("D"):
        return replace(lost, channel=message.user, thread="")
    return lost if way is Way.UPDATE else None


def found(message: Message, ts: str) -> Message:
    """Return a message that was posted although the answer never came."""
    return replace(message, ts=ts, begun_at=None)


def without_spent(message: Message, now: datetime) -> Message:
    """Return a message without an address that takes no more answers: a secret is kept no longer than it is of use."""
    if message.kind == STEP or not message.address or has_address(message, now):
        return message
    return replace(message, address="", address_until=None)


def why_stuck(workspace: Workspace, last: str) -> tuple[FailureReason, str]:
    """Return why nobody can be told, and what to do about it; `last` is what Slack said last."""
    if last:
        return FailureReason.FORBIDDEN, f"Slack says {last}, and there is no other way: invite the app to the channel"
    if workspace.bot_token:
        return FailureReason.INVALID, "nothing says in which channel or to whom to tell it"
    return FailureReason.EXPIRED, (
        "a command takes five answers within 30 minutes; to tell what comes later, set `bot_token` or `webhook`"
    )
