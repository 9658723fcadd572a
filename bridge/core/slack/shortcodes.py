"""Emoji as Slack writes them (`:tada:`, `:thumbsup::skin-tone-3:`, `:flag-de:`), as Unicode.

Names are those of https://github.com/iamcal/emoji-data, which differ here and there from those that the library
`emoji` knows. Source: https://docs.slack.dev/messaging/formatting-message-text, read 2026-11.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from types import MappingProxyType

_CODE = re.compile(r":([^\W_][\w+'&-]*|[+-]1):(?::skin-tone-([2-6]):)?")
_RUN = re.compile(rf"(?<![:\d])(?:{_CODE.pattern})+(?![\w:])")
"""Codes that nothing goes on after: `a::b`, `user:key:value` and `10:30:00` are none."""
_TONE = ord("\N{EMOJI MODIFIER FITZPATRICK TYPE-1-2}") - 2
_FLAG = ord("\N{REGIONAL INDICATOR SYMBOL LETTER A}") - ord("a")
_VARIANT = "\N{VARIATION SELECTOR-16}"
_OTHERWISE = MappingProxyType(
    {
        "simple_smile": "slightly_smiling_face", "man-woman-boy": "family_man_woman_boy",
        "man-woman-girl": "family_man_woman_girl", "flag-england": "england", "flag-scotland": "scotland",
        "flag-wales": "wales", "thinking_face": "thinking", "hugging_face": "hugs",
        "mostly_sunny": "sun_behind_small_cloud",
    }
)  # fmt: skip
_WORD = re.compile(r"\w")


def with_emoji(text: str) -> str:
    """Return a text with Unicode for each shortcode; one that nobody knows is left out where it is plainly one.

    `10:30:00` has none, and neither has `see:this:there`.
    """
    if text.count(":") < 2:
        return text
    spaced = re.compile(rf"[ \t]?{_DROPPED}(?=[ \t]|$)|{_DROPPED}", re.MULTILINE)
    return spaced.sub("", _RUN.sub(_read_run, text.replace(_DROPPED, "")))


_DROPPED = "\ue003"


def _read_run(found: re.Match[str]) -> str:
    return "".join(map(_read, _CODE.finditer(found.string, found.start(), found.end())))


def _read(found: re.Match[str]) -> str:
    emoji = _named(found[1])
    if emoji:
        return _toned(emoji, int(found[2])) if found[2] else emoji
    text, start, end = found.string, found.start(), found.end()
    inside = bool(_WORD.match(text[start - 1 : start]) or _WORD.match(text[end : end + 1]))
    return found[0] if inside or not re.search(r"[^\W\d]", found[1]) else _DROPPED


@lru_cache(maxsize=4096)
def _named(name: str) -> str:
    """Return the emoji of that name, or an empty text."""
    import emoji  # Its tables are large, and most texts need none.

    for one in _spellings(name.lower()):
        found = emoji.emojize(f":{one}:", language="alias")
        if not found.startswith(":"):
            return found
    country = name.lower().removeprefix("flag-").removeprefix("flag_")
    if country != name.lower() and re.fullmatch("[a-z]{2}", country):
        flag = "".join(chr(_FLAG + ord(letter)) for letter in country)
        return flag if emoji.is_emoji(flag) else ""
    return ""


def _spellings(name: str) -> Iterator[str]:
    yield from (name, _OTHERWISE.get(name, name))
    sex = {"male": "man", "female": "woman"}.get(name.partition("-")[0])
    if sex:
        yield f"{sex}_{name.partition('-')[2]}".replace("-", "_")
    yield name.replace("-", "_")
    yield name.replace("_", "-")


def _toned(emoji: str, tone: int) -> str:
    """Return an emoji of a person in a colour of skin, where there is one."""
    from emoji import is_emoji

    toned = emoji[0] + chr(_TONE + tone) + emoji[1:].removeprefix(_VARIANT)
    return toned if is_emoji(toned) else emoji
