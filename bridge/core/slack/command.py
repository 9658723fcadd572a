"""What people write after `/publish`: `caption | url | accounts | time`, all but the caption in any order.

Each part is known by what it looks like, or by its name: `accounts: a, b`, `time: tomorrow 9am`, `image: https://...`.
What looks like nothing else names accounts, so that a slip is refused as an account that there is not.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import Any

from bridge.core.errors import Fault
from bridge.core.media import ending
from bridge.core.model import Json
from bridge.core.request import IMAGE, VIDEO, invalid, is_url
from bridge.core.slack.text import is_marked, unmarked, without_labels
from bridge.core.times import spoken

_NAMES = MappingProxyType(
    {
        "caption": "caption", "text": "caption", "title": "title", "url": "url", "link": "url",
        "accounts": "accounts", "account": "accounts", "to": "accounts", "time": "scheduled_at", "when": "scheduled_at",
        "at": "scheduled_at", "schedule": "scheduled_at", "image": "image", "images": "image", "photo": "image",
        "photos": "image", "picture": "image", "video": "video", "media": "media",
    }
)  # fmt: skip
"""Name of a part -> what it is."""

_BAR = re.compile(r"(?<!\\)\|")
_NAMED = re.compile(r"([A-Za-z]+)\s*:(?!//)\s*(.*)", re.DOTALL)
_ADDRESS = re.compile(r"https?://[^\s<>]+", re.IGNORECASE)
_HAS_ADDRESS = re.compile("https?://", re.IGNORECASE)
_BARE_ADDRESS = re.compile(r"(?:www\.[\w-]+(?:\.[\w-]+)+|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?=/))(?:/\S*)?", re.IGNORECASE)
_TIMELY = re.compile(
    r"(?:now|in \d+|in an?|today|tonight|tomorrow|(?:next |on )?(?:mon|tue|wed|thu|fri|sat|sun)(?:[a-z]*day)?)(?!\S)"
    r"|.*\b\d{1,2}:\d{2}\b|.*\b\d{1,2} ?[ap]\.?m\b|\d{4}-\d{2}-\d{2}\b|\d{1,2}[./]\d{1,2}[./]\d{2,4}\b",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s+|,\s*(?=https?://|www\.)", re.IGNORECASE)
_MOST_PARTS, _MOST_ACCOUNTS = 12, 100
_ACCOUNT = re.compile(r'"([^"]+)"|([^\s,]+)')
_QUOTES = str.maketrans(dict.fromkeys("“”„«»", '"'))
_HELP = frozenset({"", "help", "?", "-h", "--help", "usage"})
_BAR_FORM = "A bar inside the caption is written \\|."
_TIME_FORM = 'Say for example "in 2h", "tomorrow 9am", "monday 10:00" or "2031-03-01 18:00".'


def is_help(text: str) -> bool:
    """Say whether somebody asks how this is used."""
    return text.strip().lower() in _HELP


def usage(command: str) -> str:
    """Return how a command, or a mention of the app, is used, in under 250 characters."""
    return (
        f"{command} caption | link or image | accounts | time - all but the caption in any order, or left out. "
        f"Example: {command} We are live! | https://example.com | brand-x, brand-linkedin | tomorrow 9am"
    )


def read_command(text: str, *, now: datetime, timezone: str | None) -> Json:
    """Return what is asked for as fields of a publish request; only those that are said.

    `text` is plain, or one of `text.commanded`; `\\|` in it is a bar of the caption. `timezone` is where whoever writes
    is; it is among the fields where the time depends on it. `again` as a part of its own says that a repetition is
    meant.

    Raises:
        Problem: 422, something is said twice in two ways, stands where nobody can tell what it is, or cannot be read.
    """
    reader, parts = _Reader(now, timezone), _BAR.split(text, maxsplit=_MOST_PARTS)
    if len(parts) > _MOST_PARTS:
        raise invalid([Fault("text", f"has more than {_MOST_PARTS} parts", _BAR_FORM)])
    for place, part in enumerate(parts):
        reader.take(part.replace("\\|", "|").strip(), first=not place)
    if reader.faults:
        raise invalid(reader.faults)
    return reader.fields()


class _Reader:
    """Gathers what the parts of one command are."""

    def __init__(self, now: datetime, timezone: str | None) -> None:
        self.now, self.timezone = now, timezone
        self.faults: list[Fault] = []
        self._single: dict[str, Any] = {}
        self._accounts: list[str] = []
        self._media: list[str] = []
        self._kind = ""

    def take(self, part: str, *, first: bool) -> None:
        """Find out what a part is, and keep it."""
        named = _NAMED.fullmatch(part)
        what = _NAMES.get(named[1].lower()) if named else None
        if named and what and (not first or self._is_plain(named[1].lower(), what, named[2].strip())):
            self._name(what, named[2].strip())
        elif first:
            self._first(part)
        elif part := self._own(part):
            self._unnamed(part)

    def _unnamed(self, part: str) -> None:
        """Take a part for what it looks like."""
        if part.lower() == "again":
            self._single["dedupe"] = False
        elif addresses := self._addresses(part):
            self._place(addresses)
        elif _HAS_ADDRESS.search(part):
            return
        elif (when := spoken(part, self.now, self.timezone)) is not None or _TIMELY.match(part):
            self._time(part, when)
        else:
            self._name_accounts(part)

    def fields(self) -> dict[str, Any]:
        """Return what was found, by the names of a publish request."""
        found = dict(self._single)
        if self._accounts:
            found["accounts"] = list(dict.fromkeys(self._accounts))
        if self._media:
            found["media"] = self._as_media(list(dict.fromkeys(self._media)))
        return found

    def _own(self, part: str) -> str:
        """Return what is not for people to read as whoever writes it wrote it; empty when that is a fault."""
        bare = without_labels(part)
        if not is_marked(bare):
            return bare
        problem = f"has a part with a person, a channel or a date: {unmarked(bare)[:60]!r}"
        self.faults.append(Fault("text", problem, "They can stand in the caption only."))
        return ""

    def _addresses(self, part: str) -> list[str]:
        """Return the addresses in a part that is about nothing else; it is a fault when there is something else."""
        found: list[str] = []
        for word in _BETWEEN.split(part):
            bare = word.strip(",;")
            if address := _address(bare):
                found.append(address)
            elif bare and bare not in _FILLERS:
                break
        else:
            return found
        if _HAS_ADDRESS.search(part):
            problem = f"{part[:60]!r} holds an address and something else"
            self.faults.append(Fault("url", problem, "Put a | between them."))
        return []

    def _is_plain(self, name: str, what: str, said: str) -> bool:
        """Say whether the first part is one with a name: captions begin with `To:` and `Text:`, too."""
        match what:
            case "url" | "image" | "video" | "media":
                return bool(said) and all(map(is_url, said.split()))
            case "scheduled_at":
                return spoken(said, self.now, self.timezone) is not None
            case _:
                return name in ("caption", "account", "accounts")

    def _name(self, what: str, said: str) -> None:
        match what:
            case "caption" | "title" if text := unmarked(said).strip():
                self._set(what, text)
            case _ if what in ("caption", "title") or not (said := self._own(said)):
                return
            case "accounts":
                self._name_accounts(said)
            case "scheduled_at":
                self._time(said, spoken(said, self.now, self.timezone))
            case "image" | "video" | "media":
                self._kind = self._kind if what == "media" else what
                self._media += self._addresses(said) or [said]
            case _:
                for address in self._addresses(said) or [said]:
                    self._set("url", address)

    def _name_accounts(self, said: str) -> None:
        self._accounts += islice(_accounts(said), _MOST_ACCOUNTS + 1)
        if len(self._accounts) > _MOST_ACCOUNTS:
            self.faults.append(Fault("accounts", f"are more than {_MOST_ACCOUNTS}", "Name a group of them: brand-*."))

    def _first(self, part: str) -> None:
        """Take the first part for the caption, unless it is nothing but addresses."""
        if all(map(is_url, part.split())):
            self._place(part.split())
        elif caption := unmarked(part).strip():
            self._set("caption", caption)

    def _place(self, addresses: list[str]) -> None:
        for address in addresses:
            if ending(address)[1:] in (*IMAGE, *VIDEO):
                self._media.append(address)
            else:
                self._set("url", address)

    def _time(self, said: str, when: str | None) -> None:
        if when is None:
            self.faults.append(Fault("scheduled_at", f"{said[:60]!r} is not a plain time", _TIME_FORM))
        elif said.lower() in ("now", "right now", "immediately"):
            return
        else:
            self._set("scheduled_at", when)
            if self.timezone and datetime.fromisoformat(when).tzinfo is None:
                self._single["timezone"] = self.timezone

    def _set(self, name: str, value: str) -> None:
        known = self._single.setdefault(name, value)
        if known != value:
            problem = f"is said twice: {known[:40]!r} and {value[:40]!r}"
            self.faults.append(Fault(name, problem, f"Say it once. {_BAR_FORM}"))

    def _as_media(self, addresses: list[str]) -> Any:
        """Return media as a request takes them; a name says what an address without an ending is."""
        if self._kind == "video" and len(addresses) == 1:
            return {"type": "video", "url": addresses[0]}
        if self._kind == "image":
            return {"type": "slideshow", "urls": addresses}
        return addresses


def _address(word: str) -> str:
    """Return the address that a word is, which may lack its scheme; empty when it is none."""
    if _ADDRESS.fullmatch(word):
        return word
    return f"https://{word}" if _BARE_ADDRESS.fullmatch(word) else ""


def _accounts(part: str) -> Iterator[str]:
    """Give the names in a part: after commas, or between spaces; quotes hold one together."""
    plain = part.translate(_QUOTES)
    if "," in plain and '"' not in plain:
        names: Iterator[str] = (name.strip() for name in re.split(r"[,\n]", plain))
    else:
        names = (quoted or bare for quoted, bare in _ACCOUNT.findall(plain))
    yield from (name for one in names if (name := one.strip().strip("'").removeprefix("@")) and name not in _FILLERS)


_FILLERS = frozenset({"and", "&", "+"})


def with_link(fields: Mapping[str, Any]) -> Json:
    """Return fields whose caption ends with their link: people who give both mean that it can be followed."""
    caption, url = fields.get("caption"), fields.get("url")
    if not (isinstance(caption, str) and caption.strip() and isinstance(url, str) and url):
        return fields
    return fields if url in caption else {**fields, "caption": f"{caption.rstrip()}\n{url}"}
