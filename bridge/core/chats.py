"""Which chat, and which channel there, a configuration means."""

import re
from collections.abc import Collection

from bridge.core.inbound import Card
from bridge.core.mistakes import nearest

_ID = re.compile(r"[CGDUW][A-Z0-9]{2,20}")
_NAME = re.compile(r"#[^\s#:,<>@A-Z]{1,80}")
"""A channel's name is in small letters, of any script. https://slack.com/help/articles/201402297 (read 2026-11)."""

_CHAT = "a source of the kind slack with a bot_token"


def card(place: str, chats: Collection[str]) -> Card:
    """Read where a card goes: `#social`, an id of a channel or person, or either after `NAME:` of a chat's source.

    Args:
        place: as it is configured.
        chats: the names of the sources that are chats and can be posted to.

    Raises:
        ValueError: with what is wrong, a line feed, and what would be right.
    """
    name, separator, channel = place.rpartition(":")
    if not (_ID.fullmatch(channel) or _NAME.fullmatch(channel)):
        raise ValueError(f"{channel[:60]!r} is no channel of Slack\nWrite #social, or its id, such as C0123ABC.")
    if not chats:
        raise ValueError(f"needs {_CHAT}\nAdd one under sources, or leave this out.")
    if separator and name not in chats:
        raise ValueError(f"{name[:60]!r} is not {_CHAT}\n{nearest(name, chats)}")
    if not separator and len(chats) > 1:
        several = ", ".join(f"{chat}:{channel}" for chat in sorted(chats)[:4])
        raise ValueError(f"may be in any of {len(chats)} sources of the kind slack\nName one: {several}.")
    return Card(name if separator else next(iter(chats)), channel)
