"""Lost: a message that was begun to be posted, and whose answer never came, is looked for by its metadata.

Sources, read 2026-11: https://docs.slack.dev/messaging/message-metadata,
https://docs.slack.dev/reference/methods/conversations.history and .../conversations.replies.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from bridge.core.delivering import Outcome
from bridge.core.model import Message
from bridge.core.slack import Workspace, ways
from bridge.core.slack.api import Answer, WebCall, request
from bridge.flows.reply._calls import Calls, unsure
from bridge.flows.reply._channels import next_cursor

_PAGES, _PAGE = 5, 200
_CLOCKS_APART = timedelta(minutes=5)
_OPEN = "conversations.open"


async def find(
    calls: Calls, workspace: Workspace, message: Message, renew: Callable[[], Awaitable[Outcome | None]]
) -> tuple[str, str] | Outcome:
    """Return the ts of our message, empty where there is none or nobody may look, and its channel; or why not now.

    `renew` keeps the message ours while one page comes after the other.

    Raises:
        NetError: there was no answer.
    """
    channel, cursor = message.channel or message.user, ""
    if channel == message.user:
        answer = await calls.ask(workspace, request(workspace, _OPEN, {"users": channel}))
        opened = answer.data.get("channel")
        if not answer.ok or not isinstance(opened, dict):
            return unsure(answer, _OPEN) or ("", channel)
        channel = str(opened.get("id", ""))
    for page in range(_PAGES):
        if page and (overtaken := await renew()) is not None:
            return overtaken
        call = _history(workspace, message, channel, cursor)
        answer = await calls.ask(workspace, call)
        if not answer.ok:
            return unsure(answer, call.what) or ("", message.channel)
        if ts := _ours(answer, message.id):
            return ts, channel
        if not (cursor := next_cursor(answer)):
            break
    return "", message.channel


def _history(workspace: Workspace, message: Message, channel: str, cursor: str) -> WebCall:
    begun = message.begun_at or message.created_at
    given = {
        "channel": channel,
        "oldest": f"{(begun - _CLOCKS_APART).timestamp():.6f}",
        "include_all_metadata": True,
        "limit": _PAGE,
        "cursor": cursor or None,
    }
    if message.thread:
        return request(workspace, "conversations.replies", given | {"ts": message.thread})
    return request(workspace, "conversations.history", given)


def _ours(answer: Answer, message_id: str) -> str:
    """Return the ts of the message that carries our metadata, empty when none of these does."""
    listed = answer.data.get("messages")
    for one in listed if isinstance(listed, list) else []:
        metadata = one.get("metadata") if isinstance(one, dict) else None
        if not isinstance(metadata, dict) or metadata.get("event_type") != ways.METADATA:
            continue
        payload = metadata.get("event_payload")
        if isinstance(payload, dict) and payload.get("id") == message_id:
            return str(one.get("ts") or "")
    return ""
