"""What people write in Slack, as plain text for social networks: no escapes, no ids of Slack, no marks, real emoji.

Slack escapes `&`, `<` and `>`, and writes links, people and channels between angle brackets: `<https://x.example|a
label>`, `<@U1>`, `<#C1|news>`, `<!here>`, `<!subteam^S1|@team>`, `<!date^1392734382^{date}|a fallback>`.
Source: https://docs.slack.dev/messaging/formatting-message-text, read 2026-11.
"""

import re
from collections.abc import Mapping

from bridge.core.slack.shortcodes import with_emoji

_OPEN, _CLOSE, _GONE = "\ue000", "\ue001", "\ue002"
"""Stand around the number of a piece that nothing may touch, and where something was left out; of no text."""

_SAID, _CALLED, _LABELLED = "\ue004", "\ue005", "\ue006"
"""Begins what Slack put in for an id or an address, and ends a name of something, or the label of a link."""

_STRANGE = re.compile(f"[{_OPEN}-{_LABELLED}\0]")
_MARKS = re.compile(f"[{_SAID}-{_LABELLED}]")
_SPAN = re.compile(f"{_SAID}[^{_CALLED}{_LABELLED}]*[{_CALLED}{_LABELLED}]")
_LABEL = re.compile(f"{_SAID}[^{_CALLED}{_LABELLED}]*{_LABELLED} ?")
_TOKEN = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_MENTION = re.compile(r"<@([A-Z0-9]+)[|>]")
_CODE = re.compile(r"```\n?(.+?)\n?```|`([^`\n]+)`", re.DOTALL)
_ADDRESS = re.compile(r"https?://[^\s<>|\ue000-\ue002]*[^\s<>|*_~.,;:!?)\]}'\"\ue000-\ue002]", re.IGNORECASE)
_LINK = re.compile(r"(?:https?|ftp|slack|mailto|tel|sms):.+", re.IGNORECASE | re.DOTALL)
_QUOTE = re.compile(r"^(?:&gt;)+ ?", re.MULTILINE)
_MARK = re.compile(
    r"""(?<![^\s(\[{"'“‘*_~])([*_~])(?=[^\s-])((?:(?!\1)[^\n])+)(?<=[^\s-])\1(?![^\s.,;:!?…)\]}"'”’*_~-])""",
)
"""`*bold*`, `_italic_` and `~struck~`, where they stand by themselves: not `2 * 3 * 4`, `snake_case`, `*-a, b-*`."""
_NESTED = 3
_PIECE = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_LEFT_OUT = re.compile(rf"[ \t]?(?:{_GONE}[ \t]?)*{_GONE}(?=[\s.,;:!?)]|$)|(?:{_GONE}[ \t]?)+")
_ENTITY = re.compile(r"&(amp|lt|gt);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">"}


def mentions(text: str) -> tuple[str, ...]:
    """Return the ids of the people whom a text of Slack mentions, each once."""
    return tuple(dict.fromkeys(_MENTION.findall(text)))


def unescaped(text: str, names: Mapping[str, str]) -> str:
    """Return a text of Slack as it reads outside of it.

    People are called by `names`, by their ids, without an `@`: on a network that would be somebody else. Whoever is not
    in it, and whom `<!here>` calls, is left out. A link is its address, after its label where that says more.
    """
    return unmarked(_read(text, names)).strip()


def commanded(text: str, names: Mapping[str, str]) -> str:
    """Return a text of Slack for `command.read_command`: names, labels and dates are marked, and no bar of them counts.

    Whoever chose the name of a person or the title of a page did not ask for a post.
    """
    return _SPAN.sub(lambda span: span[0].replace("|", "\\|"), _read(text, names))


def is_marked(text: str) -> bool:
    """Say whether something in a text of `commanded` is of somebody else than whoever wrote it."""
    return _SAID in text


def unmarked(text: str) -> str:
    """Return a text of `commanded` as it reads."""
    return _MARKS.sub("", text)


def without_labels(text: str) -> str:
    """Return a text of `commanded` with the bare addresses of its links."""
    return _LABEL.sub("", text)


def _read(text: str, names: Mapping[str, str]) -> str:
    kept: list[str] = []

    def keep(piece: str) -> str:
        kept.append(piece)
        return f"{_OPEN}{len(kept) - 1}{_CLOSE}"

    def token(found: re.Match[str]) -> str:
        said = _said(found[1], found[2], found[3] or "", names)
        return found[0] if said is None else keep(said) if said else _GONE

    plain = _STRANGE.sub("", text)
    plain = _CODE.sub(lambda code: keep(_TOKEN.sub(_bare, code[1] or code[2])), plain)
    plain = _TOKEN.sub(token, plain)
    plain = _ADDRESS.sub(lambda address: keep(address[0]), plain).replace("<@", "@")
    plain = _QUOTE.sub("", plain)
    for _ in range(_NESTED):
        plain, found = _MARK.subn(r"\2", plain)
        if not found:
            break
    plain = with_emoji(_LEFT_OUT.sub("", plain))
    plain = _PIECE.sub(lambda piece: kept[int(piece[1])], plain)
    # A label may be code, which is a piece of a piece.
    plain = _PIECE.sub(lambda piece: kept[int(piece[1])], plain)
    return _ENTITY.sub(lambda entity: _ENTITIES[entity[1]], plain).strip()


def as_typed(text: str) -> str:
    """Return what was typed into a form of Slack, where nothing is escaped, with emoji for their shortcodes."""
    pieces = re.split(f"({_ADDRESS.pattern})", text, flags=re.IGNORECASE)
    return "".join(piece if place % 2 else with_emoji(piece) for place, piece in enumerate(pieces))


def _said(sign: str, inside: str, label: str, names: Mapping[str, str]) -> str | None:
    """Return what stands between angle brackets as people say it, "" for nothing; None where it is none of Slack's."""
    match sign:
        case "@":
            return _called(names.get(inside, "")) or _called(label)
        case "#":
            return _called(f"#{label.removeprefix('#')}") if label.strip("#") else ""
        case "!":
            return _called(label) if "^" in inside else ""
        case _:
            return _link(inside, label) if _LINK.fullmatch(inside) else None


def _called(name: str) -> str:
    """Return what something is called, on one line: an `@` in it would call somebody on a network."""
    plain = " ".join(_STRANGE.sub("", name).replace("@", "").split())
    return f"{_SAID}{plain}{_CALLED}" if plain else ""


def _link(address: str, label: str) -> str:
    scheme, _, rest = address.partition(":")
    if scheme.lower() in ("mailto", "tel", "sms"):
        address = rest
    shown = label.strip()
    if not shown or _same(shown, address):
        return address
    return f"{_SAID}{shown}{_LABELLED} {address}"


def _same(label: str, address: str) -> bool:
    """Say whether a label is the address as it was typed: Slack adds the scheme."""
    return re.sub(r"^https?://|[\s/().-]+", "", label.lower()) == re.sub(r"^https?://|[\s/().-]+", "", address.lower())


def _bare(found: re.Match[str]) -> str:
    """Return what stands between angle brackets inside code, where only addresses do."""
    return f"{_SAID}{found[3]}{_CALLED}" if found[3] else found[2]
