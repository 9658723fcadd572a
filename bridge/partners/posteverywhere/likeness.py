"""Whether a listed post is one that was sent: nothing names it, so what it shows is compared with what was sent.

What a post does not show says nothing; accounts, time and media tell posts apart; a text or setting that came back
changed leaves a doubt, because the vendor may have changed it: it shortens links, cuts texts, and fills settings in.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

import orjson

from bridge.core.looking import plain
from bridge.core.model import Json
from bridge.partners._replies import read_time
from bridge.partners.posteverywhere import replies

_SEARCHED_WORDS = 6
_SEARCHED_CHARACTERS = 60
_AT_ONCE = timedelta(minutes=2)
_SAME_TIME = timedelta(seconds=60)
_CUT_AFTER = 20
"""A text of fewer letters and digits is not taken for the beginning of a longer one that was cut."""
_LINK = re.compile(r"https?://\S+|\bwww\.\S+|\b(?:[\w-]+\.)+[a-z]{2,}/\S*", re.IGNORECASE)


class Fit(IntEnum):
    """How well a post fits what was sent; the worst of its parts counts."""

    NO = 0
    PERHAPS = 1
    YES = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a lost create is known by. `blocks` is what was sent for single platforms.

    `planned`: nothing is known of what was sent, but what was to be. It may have gone at once after its time, to some
    of its accounts, and with media that were stored there later (None) or anew.
    """

    content: str
    accounts: frozenset[str]
    scheduled_at: datetime | None
    media: tuple[str, ...] | None = ()
    blocks: Mapping[str, Json] | None = None
    planned: bool = False

    @classmethod
    def of(cls, body: bytes, *, planned: bool = False) -> "Wanted":
        """Read it out of the bytes that were sent, or would have been."""
        sent = orjson.loads(body)
        accounts = frozenset(str(one) for one in sent.get("account_ids") or [])
        media = _media(sent) or (None if planned else ())
        return cls(plain(sent.get("content")), accounts, replies.schedule_of(sent), media, _blocks(sent), planned)

    def search(self) -> str | None:
        """Return the words to search for; None where there is no text."""
        words = (self.content or " ".join(_texts(self.blocks))).split()[:_SEARCHED_WORDS]
        return " ".join(words)[:_SEARCHED_CHARACTERS] or None

    def fit(self, data: Json) -> Fit:
        """Say whether a listed post is it. One without schedule may have been given the moment of its creation."""
        fit = Fit.YES
        for part in (self._accounts, self._time, self._media, self._text, self._settings):
            fit = min(fit, part(data))
            if fit is Fit.NO:
                break
        return fit

    def _time(self, data: Json) -> Fit:
        at, created_at = replies.schedule_of(data), read_time(data.get("created_at"))
        at_once = created_at is not None and (at is None or at <= created_at + _AT_ONCE)
        if self.scheduled_at is None:
            return Fit.YES if at is None or at_once else Fit.NO
        if self.planned and at_once and created_at is not None and created_at >= self.scheduled_at - _AT_ONCE:
            return Fit.YES
        if at is None:
            return Fit.PERHAPS
        return Fit.YES if abs(at - self.scheduled_at) < _SAME_TIME else Fit.NO

    def _accounts(self, data: Json) -> Fit:
        shown = _accounts(data)
        if shown is None or (self.planned and shown != self.accounts and not shown.isdisjoint(self.accounts)):
            return Fit.PERHAPS
        return Fit.YES if shown == self.accounts else Fit.NO

    def _media(self, data: Json) -> Fit:
        shown = _media(data)
        if shown is None or self.media is None or sorted(shown) == sorted(self.media):
            return Fit.YES
        return Fit.NO if shown and not self.planned else Fit.PERHAPS

    def _text(self, data: Json) -> Fit:
        shown, theirs = plain(data.get("content")), _texts(_blocks(data))
        ours = [self.content] if self.content else _texts(self.blocks)
        if shown or not ours:
            return max((text_fit(one, shown) for one in ours), default=Fit.NO if shown else Fit.YES)
        if theirs:
            return min(max(text_fit(one, other) for other in theirs) for one in ours)
        return Fit.NO if self.content and isinstance(data.get("content"), str) else Fit.PERHAPS

    def _settings(self, data: Json) -> Fit:
        shown = _blocks(data)
        if shown is None or not self.blocks:
            return Fit.YES
        return min(_block_fit(block, shown.get(platform) or {}) for platform, block in self.blocks.items())


def text_fit(sent: str, shown: str) -> Fit:
    """Compare two texts; the same letters and digits without links, or the beginning of them, leave a doubt."""
    if plain(sent) == plain(shown):
        return Fit.YES
    short, long = sorted((_bare(sent), _bare(shown)), key=len)
    is_cut = len(short) >= _CUT_AFTER and long.startswith(short)
    return Fit.PERHAPS if short == long or is_cut else Fit.NO


def _bare(text: str) -> str:
    """Return the letters and digits of a text, links left out: what a vendor that makes it pretty does not change."""
    composed = unicodedata.normalize("NFKC", html.unescape(text)).casefold()
    return "".join(one for one in _LINK.sub(" ", composed) if one.isalnum())


def _block_fit(sent: Json, shown: Json) -> Fit:
    """Compare what was sent for one platform: another text is another post, another setting a doubt."""
    texts = plain(sent.get("content")), plain(shown.get("content"))
    fit = text_fit(*texts) if all(texts) else Fit.YES
    said, known = {**sent, **_settings(sent)}, {**shown, **_settings(shown)}
    other = [name for name in said if name not in ("settings", "content") and not _same(said[name], known.get(name))]
    return min(fit, Fit.PERHAPS) if other else fit


def _settings(block: Json) -> Json:
    settings = block.get("settings")
    return settings if isinstance(settings, Mapping) else {}


def _same(sent: Any, shown: Any) -> bool:
    if isinstance(sent, str) and isinstance(shown, str):
        return plain(sent).casefold() == plain(shown).casefold()
    return bool(sent == shown)


def _blocks(data: Json) -> Mapping[str, Json] | None:
    blocks = data.get("platform_content")
    if not isinstance(blocks, Mapping):
        return None
    return {platform: block for platform, block in blocks.items() if isinstance(block, Mapping)}


def _texts(blocks: Mapping[str, Json] | None) -> list[str]:
    found = (plain(block.get("content")) for _, block in sorted((blocks or {}).items()))
    return [text for text in found if text]


def _media(data: Json) -> tuple[str, ...] | None:
    """Return the ids of a post's files; None when it does not show them, empty when it shows that there are none."""
    ids, files = data.get("media_ids"), data.get("media")
    if isinstance(ids, list) and ids:
        return tuple(map(str, ids))
    if isinstance(files, list):
        return tuple(_handles(files))
    return () if isinstance(ids, list) else None


def _handles(files: Iterable[Any]) -> Iterable[str]:
    return (str(one.get("media_id") or one.get("id")) for one in files if isinstance(one, Mapping))


def _accounts(data: Json) -> frozenset[str] | None:
    ids = data.get("account_ids")
    if isinstance(ids, list) and ids:
        return frozenset(str(one) for one in ids)
    rows = replies.rows_of(data)
    return frozenset(replies.account_of(row) or "" for row in rows) if rows else None
