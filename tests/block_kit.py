"""Holds a message against the limits of Slack's Block Kit, and finds what in it is not ours."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

_OURS = re.compile(r"<https?://[^|<>\s]+\|[^<>]*>|<!date\^\d+\^\{date_short_pretty} \{time}\|[\d :-]+ UTC>")
"""What may stand between angle brackets in a message."""

_MOST = 13_000
_KEYS = {"text", "blocks", "unfurl_links", "unfurl_media"}


def texts(message: Any) -> list[str]:
    """Return what the blocks of a message say."""
    return [block["text"]["text"] for block in message["blocks"]]


def block_faults(message: Any) -> list[str]:
    """Say what Slack would refuse of a message, and which of its marks could be forged."""
    try:
        return list(_faults(message))
    except (KeyError, TypeError, AttributeError) as error:
        return [f"slack: {type(error).__name__} {error}"]


def _faults(message: Any) -> Iterator[str]:
    blocks = message["blocks"]
    if message.keys() != _KEYS:
        yield f"slack: keys {sorted(message)}"
    if not 0 < len(message["text"]) <= 1_000:
        yield f"slack: a text of {len(message['text'])} characters"
    if not 1 <= len(blocks) <= 50 or len(orjson.dumps(blocks).decode()) > _MOST:
        yield f"slack: {len(blocks)} blocks of {len(orjson.dumps(blocks).decode())} characters"
    names = [block["block_id"] for block in blocks if "block_id" in block]
    if len(set(names)) < len(names) or not all(0 < len(name) <= 255 for name in names):
        yield f"slack: block ids {names}"
    for block in blocks:
        yield from _block_faults(block)
    for text in [message["text"], *texts(message)]:
        if re.search(r"[<>]|&(?!amp;|lt;|gt;)", _OURS.sub("", text)):
            yield f"slack: a mark that is not ours in {text!r}"


def _block_faults(block: Any) -> Iterator[str]:
    text = block["text"]
    if block["type"] == "header":
        if text["type"] != "plain_text" or not 0 < len(text["text"]) <= 150:
            yield f"slack: header {text}"
    elif block["type"] != "section" or not 0 < len(text["text"]) <= 3_000:
        yield f"slack: {block['type']} of {len(text['text'])} characters"
    elif text | {"type": "mrkdwn", "verbatim": True} != text:
        yield f"slack: not verbatim: {text}"
