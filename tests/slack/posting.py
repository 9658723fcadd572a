"""How messages come to stand in the stand-in's channels, and at which rate."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.slack.methods import Refused
from tests.slack.seen import ADDRESS_LIVES, ADDRESS_USES, Channel, Json, Said

if TYPE_CHECKING:
    from tests.slack.standin import Slack

_TEXT, _BLOCKS = 40_000, 50
_KEPT = ("text", "blocks", "metadata")


class Posting:
    """Posts and changes messages: one a second and channel after a short burst, as the page on rate limits says."""

    def __init__(self, slack: "Slack", burst: int) -> None:
        self.slack, self.burst = slack, burst
        self._room: dict[str, tuple[float, datetime]] = {}
        self.closed_after: timedelta | None = None
        """After how long the workspace lets nobody edit a message (`edit_window_closed`); None: never."""

    def post(self, given: Json) -> Said:
        """chat.postMessage."""
        channel = self._channel(given)
        thread = str(given.get("thread_ts") or "")
        message = self._judged(given)
        self._paced(channel.id)
        return self._say(channel, message, thread=thread)

    def update(self, given: Json) -> Said:
        """chat.update: of messages that the app posted with its token, and only in a channel's own id."""
        channel = self.slack.channels.get(str(given.get("channel", "")))
        if channel is None:
            raise Refused("channel_not_found")
        said = self.slack.find(channel.id, str(given.get("ts", "")))
        if said is None:
            raise Refused("message_not_found")
        if said.by != "bot":
            raise Refused("cant_update_message")
        if channel.archived:
            raise Refused("is_inactive")
        posted_at = float(said.ts)
        if self.closed_after is not None and self.slack.now().timestamp() - posted_at > self.closed_after.seconds:
            raise Refused("edit_window_closed")
        message = self._judged(given)
        self._paced(channel.id)
        kept = {"metadata": said.now["metadata"]} if "metadata" in said.now else {}
        said.versions.append(kept | message)
        return said

    def whisper(self, given: Json) -> Said:
        """chat.postEphemeral."""
        channel = self._channel(given)
        user = str(given.get("user", ""))
        if user not in self.slack.users:
            raise Refused("user_not_in_channel")
        message = self._judged(given)
        self._paced(channel.id)
        return self._say(channel, message, to=user, thread=str(given.get("thread_ts") or ""))

    def respond(self, path: str, message: Json) -> None:
        """A `response_url`: five uses within thirty minutes; it may replace only the message that it came of."""
        address = self.slack.addresses.get(path)
        if address is None:
            raise Refused("no_such_url", status=404)
        if self.slack.now() - address.made_at > ADDRESS_LIVES:
            raise Refused("expired_url", status=404)
        if address.uses >= ADDRESS_USES:
            raise Refused("used_url", status=404)
        channel = self.slack.channels.get(address.channel)
        if channel is None:
            raise Refused("channel_not_found", status=404)
        if channel.archived:
            raise Refused("channel_is_archived", status=410)
        said = self._judged(message, status=400)
        address.uses += 1
        if message.get("replace_original") and address.original:
            if not self._replaced(channel, address.original, said):
                raise Refused("message_not_found", status=404)
            return
        to = "" if message.get("response_type") == "in_channel" else address.user
        self._say(channel, said, to=to, by="response_url", thread=str(message.get("thread_ts") or ""))

    def _replaced(self, channel: Channel, ts: str, message: Json) -> bool:
        original = next((one for one in channel.said if one.ts == ts and not one.deleted), None)
        if original is not None:
            kept = {"metadata": original.now["metadata"]} if "metadata" in original.now else {}
            original.versions.append(kept | message)
        return original is not None

    def hook(self, path: str, message: Json) -> None:
        """An incoming webhook: its errors are plain text with a status each."""
        if path not in self.slack.hooks:
            raise Refused("no_service", status=404)
        channel = self.slack.channels.get(self.slack.hooks[path])
        if channel is None:
            raise Refused("channel_not_found", status=404)
        if channel.archived:
            raise Refused("channel_is_archived", status=410)
        said = self._judged(message, status=400)
        self._paced(channel.id, plain=True)
        self._say(channel, said, by="webhook")

    def _channel(self, given: Json) -> Channel:
        channel = self.slack.channel(str(given.get("channel", "")))
        if channel is None:
            raise Refused("channel_not_found")
        if channel.archived:
            raise Refused("is_archived")
        if not channel.member:
            raise Refused("not_in_channel")
        return channel

    def _judged(self, given: Json, status: int = 200) -> Json:
        text, blocks = given.get("text"), given.get("blocks")
        if not text and not blocks:
            raise Refused("no_text", status=status)
        if text is not None and len(str(text)) > _TEXT:
            raise Refused("msg_too_long", status=status)
        if blocks is not None and (faults := self._faults(given, blocks)):
            self.slack.faults.extend(faults)
            raise Refused("invalid_blocks", status=status, response_metadata={"messages": faults})
        return {name: given[name] for name in _KEPT if name in given}

    def _faults(self, given: Json, blocks: Any) -> list[str]:
        if not isinstance(blocks, list) or len(blocks) > _BLOCKS:
            return ["blocks are no list of at most 50"]
        if not all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in blocks):
            return ["a block without a type"]
        return self.slack.judge("message", given) if self.slack.judge is not None else []

    def _say(self, channel: Channel, message: Json, *, to: str = "", by: str = "bot", thread: str = "") -> Said:
        ts = self.slack.ts(self.slack.now())
        channel.said.append(said := Said(ts, channel.id, [message], by=by, thread=thread, to=to))
        return said

    def _paced(self, channel: str, *, plain: bool = False) -> None:
        """Take one of the channel's messages of this second.

        Raises:
            Refused: there is none left.
        """
        now = self.slack.now()
        left, at = self._room.get(channel, (float(self.burst), now))
        left = min(left + max((now - at).total_seconds(), 0.0), float(self.burst))
        if left < 1:
            self._room[channel] = (left, now)
            raise Refused("rate_limited" if plain else "ratelimited", status=429, retry_after=1)
        self._room[channel] = (left - 1, now)
