"""Slack's Block Kit: text that cannot forge anything, in blocks within their limits.

Sources, read 2026-11: https://docs.slack.dev/reference/block-kit/blocks (50 blocks a message, 3,000 characters a
section, 150 a header, 255 a `block_id`, each of which may stand once),
https://docs.slack.dev/reference/block-kit/block-elements/button-element (75 characters of text, 2,000 of value),
https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object (100, 300, 30 and 30),
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
MOST_BUTTON, MOST_VALUE = 75, 2_000
_GAP = re.compile(r"\n{3,}")
_USER = re.compile(r"[UW][A-Z0-9]{2,20}", re.ASCII)
_ORDINARY = re.compile(r"[\w.,:()@/ -]+", re.ASCII)
_JOINERS = "\u200c\u200d"
"""Signs without a look of their own that Persian and emoji are written with."""


def plain(text: object, most: int) -> str:
    """Return foreign text as one line, out of which no mention, link, date or line of its own comes.

    Control characters, and those that turn the direction of writing, are left out.
    """
    return cut(escape(" ".join(_printed(str(text)).split()), quote=False), most)


def passage(text: object, most: int) -> str:
    """Return foreign text as a quotation that keeps its lines, and forges no more than `plain` lets it."""
    lines = "\n".join(" ".join(_printed(line).split()) for line in str(text).strip()[: most * 2].splitlines())
    quoted = "\n".join(f"> {escape(line, quote=False)}" for line in _GAP.sub("\n\n", lines).split("\n"))
    return cut(quoted, most)


def cut(shown: str, most: int) -> str:
    """Return escaped text within a number of characters, with a sign where it was cut; no `&amp;` is cut in two."""
    if len(shown) <= most:
        return shown
    kept = shown[: most - 1]
    return (kept if kept.rfind("&") <= kept.rfind(";") else kept[: kept.rfind("&")]) + "…"


def link(url: str, text: str) -> str:
    """Return a link when the address is one that a browser opens and Slack takes; else the text alone."""
    safe = escape(quote(url, safe="/:?#[]@!$&'()*+,;=%~-._"), quote=False)
    fits = len(safe) <= MOST_LINK and urlsplit(safe).scheme in ("http", "https")
    return f"<{safe}|{text}>" if fits else text


def mention(user: str) -> str:
    """Return a mention of a person by their id; nothing for what is none."""
    return f"<@{user}>" if _USER.fullmatch(user) else ""


def instant(at: str | datetime) -> str:
    """Return an instant that Slack shows in the reader's own time."""
    when = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(UTC)
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


def context(name: str, text: str) -> Block:
    """Return small print, made as the lines of a `section`."""
    return {
        "type": "context", "block_id": name, "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}],
    }  # fmt: skip


def words(text: str) -> dict[str, object]:
    """Return text that is shown as it is; words of ours, without emoji codes."""
    return {"type": "plain_text", "text": text, "emoji": False}


def button(action: str, value: str, text: str, *, style: str = "", confirm: tuple[str, str] | None = None) -> Block:
    """Return a button; `confirm` is what whoever presses it is asked, and what is on the button that goes on."""
    made: Block = {"type": "button", "action_id": action, "value": value, "text": words(text)}
    if style:
        made["style"] = style
    if confirm is not None:
        question, go_on = confirm
        dialog = {"title": words(text), "text": words(question), "confirm": words(go_on), "deny": words("Go back")}
        made["confirm"] = dialog | ({"style": "danger"} if style == "danger" else {})
    return made


def image(name: str, url: str, alt_text: str) -> Block:
    """Return an image; Slack fetches it by itself, so its address must be open to everybody."""
    return {"type": "image", "block_id": name, "image_url": url, "alt_text": alt_text}


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
