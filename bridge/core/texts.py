"""Plain text out of what content systems write: HTML with its paragraphs kept, entities decoded once.

The standard library's HTML parser is not used, because text that is made for it (`<a<a<a...`) costs it the square of
its length; here each character is looked at a fixed number of times.
"""

import re
from collections.abc import Iterator
from html import unescape

_MARK = re.compile(r"<(?:(/?)([a-zA-Z][a-zA-Z0-9-]*)|!--|[!?])")
_TAG_END = re.compile(r">|=\s*([\"'])")
_SILENT = {
    name: re.compile(f"</{name}", re.IGNORECASE)
    for name in ("script", "style", "title", "template", "noscript", "iframe")
}
"""Elements whose content nobody reads, and where each ends."""

_PARAGRAPHS = frozenset(
    {
        "p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "dl", "pre", "table", "figure",
        "hr",
    }
)  # fmt: skip
_LINES = frozenset(
    {
        "br", "li", "div", "tr", "dt", "dd", "figcaption", "section", "article", "header", "footer", "main",
        "aside", "nav", "address", "details", "summary", "option",
    }
)  # fmt: skip
_INLINE = frozenset(
    {
        "a", "abbr", "b", "big", "cite", "code", "del", "dfn", "em", "font", "i", "img", "ins", "kbd", "mark",
        "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
    }
)  # fmt: skip
_TAGS = _PARAGRAPHS | _LINES | _INLINE
_BLOCKS = re.compile(rf"</?(?:{'|'.join(sorted(_PARAGRAPHS | _LINES))})[\s/>]", re.IGNORECASE)

_SPACE, _GAP, _BLANK = re.compile(r"\s+"), re.compile(r"[^\S\n]+"), re.compile(r"\n{3,}")
_HUGE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")
_AMPERSAND = re.compile(r"&(?:amp|#0{0,6}38|#[xX]0{0,6}26);")


def decoded(text: str) -> str:
    """Return a text with its entities decoded, once: `&amp;lt;` is `&lt;`."""
    # Python refuses to read a number of more than 4300 digits, and no character has one of 8.
    return unescape(_HUGE.sub("\ufffd", text)) if "&" in text else text


def address(text: str) -> str:
    """Return an address with its ampersands decoded and nothing else: there is no sign in `?a=1&copy=2`."""
    return _AMPERSAND.sub("&", text.strip()).replace(" ", "%20")


def line(text: str) -> str:
    """Return a heading as one line of plain text; what only looks like a tag (`Vec<String>`) is kept."""
    kept = "".join("" if tag in _TAGS else decoded(piece) for tag, piece in _pieces(text))
    return _SPACE.sub(" ", kept).strip()


def plain(html: str) -> str:
    """Return HTML as plain text: a blank line between paragraphs, a line for each item, no scripts, no comments.

    Text without any block, such as Markdown, keeps its own lines.
    """
    space, found, gap = _SPACE if _BLOCKS.search(html) else _GAP, list[str](), 0
    for tag, piece in _pieces(html):
        if tag in _SILENT and not piece.startswith("</"):
            break
        if tag:
            gap = _wider(gap, tag)
            continue
        text = space.sub(" ", decoded(piece))
        found.append("\n" * gap + text if text != " " else " ")
        gap = gap if text == " " else 0
    lines = (_GAP.sub(" ", each).strip() for each in "".join(found).split("\n"))
    return _BLANK.sub("\n\n", "\n".join(lines)).strip()


def _wider(gap: int, tag: str) -> int:
    """Return how many lines end before the next word: each `br` adds one, blocks that begin or end share theirs."""
    if tag == "br":
        return min(gap + 1, 2)
    return 2 if tag in _PARAGRAPHS else max(gap, 1) if tag in _LINES else gap


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield the text between tags as ("", text), and each tag as (its name, what was written).

    A silent element that ends is left out with its content; of one that does not, the tag alone is yielded.
    """
    at, spent = 0, set[str]()
    while mark := _MARK.search(text, at):
        if mark.start() > at:
            yield "", text[at : mark.start()]
        end = _end(text, mark, spent)
        if end < 0:
            if mark[0] != "<!--":
                yield "", text[mark.start() :]
            return
        name = (mark[2] or "").lower()
        silent = None if mark[1] or name in spent or name not in _SILENT else _SILENT[name].search(text, end)
        if silent is not None:
            end = text.find(">", silent.end()) + 1 or len(text)
        elif name:
            if name in _SILENT and not mark[1]:
                spent.add(name)
            yield name, text[mark.start() : end]
        at = end
    if at < len(text):
        yield "", text[at:]


def _end(text: str, mark: re.Match[str], spent: set[str]) -> int:
    """Return where a tag or comment ends, -1 if nowhere; `spent` gathers what does not come again in this text."""
    if not mark[2]:
        close = "-->" if mark[0] == "<!--" else ">"
        found = text.find(close, mark.end())
        return found + len(close) if found >= 0 else -1
    at = mark.end()
    while part := _TAG_END.search(text, at):
        quote, at = part[1], part.end()
        if quote is None:
            return at
        closed = -1 if quote in spent else text.find(quote, at)
        if closed < 0:
            spent.add(quote)
        else:
            at = closed + 1
    return -1
