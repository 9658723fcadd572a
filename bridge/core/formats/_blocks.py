"""Slack's Block Kit: text that cannot forge anything, in blocks within their limits.

Sources, read 2026-11: https://docs.slack.dev/reference/block-kit/blocks (50 blocks a message, 3,000 characters a
section, 150 a header, 255 a `block_id`, each of which may stand once),
https://docs.slack.dev/reference/block-kit/composition-objects/text-object (`verbatim`), and
https://docs.slack.dev/messaging/formatting-message-text (what must be escaped, links, dates). That a message as a whole
is refused from about 13,200 characters on is told by https://github.com/slackapi/bolt-js/issues/2509 alone.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from urllib.parse import quote, urlsplit

import orjson

Block = dict[str, object]

MOST_BLOCKS, MOST_TEXT, MOST_ID = 50, 3_000, 255
MOST_IN_ALL, MOST_LINK = 12_000, 300
_ORDINARY = re.compile(r"[\w.,:()@/ -]+", re.ASCII)
_JOINERS = "\u200c\u200d"
"""Signs without a look of their own that Persian and emoji are written with."""


def plain(text: object, most: int) -> str:
    """Return foreign text as one line, out of which no mention, link, date or line of its own comes.

    Control characters, and those that turn the direction of writing, are left out.
    """
    shown = escape(" ".join(_printed(str(text)).split()), quote=False)
    if len(shown) <= most:
        return shown
    cut = shown[: most - 1]
    # Nothing is cut in the middle of `&amp;`.
    return (cut if cut.rfind("&") <= cut.rfind(";") else cut[: cut.rfind("&")]) + "…"


def link(url: str, text: str) -> str:
    """Return a link when the address is one that a browser opens and Slack takes; else the text alone."""
    safe = escape(quote(url, safe="/:?#[]@!$&'()*+,;=%~-._"), quote=False)
    fits = len(safe) <= MOST_LINK and urlsplit(safe).scheme in ("http", "https")
    return f"<{safe}|{text}>" if fits else text


def instant(at: str) -> str:
    """Return an instant that Slack shows in the reader's own time."""
    when = datetime.fromisoformat(at).astimezone(UTC)
    return f"<!date^{int(when.timestamp())}^{{date_short_pretty}} {{time}}|{when:%Y-%m-%d %H:%M} UTC>"


def joined(pieces: Iterable[str], most: int) -> str:
    """Return pieces with commas between, as many as fit whole, and how many are left."""
    kept, left, length = [], 0, 0
    for piece in pieces:
        length += len(piece) + 2
        if left or length > most:
            left += 1
        else:
            kept.append(piece)
    return ", ".join(kept) + (f" and {left} more" if left else "")


def block_id(words: str) -> str:
    """Return words as the id of a block; such as are too long, or hold odd signs, are told by their hash."""
    if len(words) <= MOST_ID and _ORDINARY.fullmatch(words):
        return words
    return f"{words.partition(':')[0]}:{sha256(words.encode()).hexdigest()}"


def section(name: str, lines: Iterable[str]) -> Block:
    """Return a section whose lines are ours, with what is foreign in them made `plain`."""
    # With `verbatim` Slack makes no links and mentions of what only looks like them.
    text = {"type": "mrkdwn", "text": "\n".join(lines), "verbatim": True}
    return {"type": "section", "block_id": name, "text": text}


def header(text: str) -> Block:
    """Return a headline of ours."""
    return {"type": "header", "text": {"type": "plain_text", "text": text}}


def length(block: Block) -> int:
    """Return how much of a message a block takes, in characters."""
    return len(orjson.dumps(block).decode())


def message(text: str, blocks: Iterable[Block]) -> bytes:
    """Return the body for an incoming webhook; `text` is what notifications show."""
    return orjson.dumps({"text": text, "blocks": list(blocks), "unfurl_links": False, "unfurl_media": False})


def _printed(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        one for one in text if one.isspace() or one in _JOINERS or unicodedata.category(one) not in ("Cc", "Cf")
    )
