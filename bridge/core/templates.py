"""The templates and conditions of a configuration.

They are Jinja. A name that nobody knows is a fault; what a path does not lead to is empty, because senders leave out
what they do not have. Filters of ours: `truncate_words`, `strip_html` (or `striptags`), `hashtags`, `date`;
`core.sandbox` lists the rest.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError, nodes, pass_context
from jinja2.environment import TemplateExpression
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context

from bridge.core.platforms import most_hashtags
from bridge.core.sandbox import BUDGET, MOST_CHARACTERS, Budget, Sandbox, as_text, drawn, of_text
from bridge.core.texts import plain
from bridge.core.times import loosely

_APOSTROPHE = re.compile("['’]")
_LINK = re.compile(r"https?://", re.IGNORECASE)
_LEADING_LINK = re.compile(r"\s*https?://\S*\s*", re.IGNORECASE)
_SHARP, _PLUS = re.compile(r"(?<![^\W_])([^\W\d_])#(?!\w)"), re.compile(r"(?<=[^\W_])\+{1,2}(?!\w)")
_LONGEST_FORM = 100
_FAILURES = (
    TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError, MemoryError,
)  # fmt: skip


def _truncate_words(text: object, most: int) -> str:
    """Cut a text to at most `most` characters at a word's end, with an ellipsis; a link stays whole or goes.

    Where the text begins with a link that is too long, what comes after it is cut.
    """
    words = as_text(text)
    if len(words) <= most or most < 1:
        return words[: max(most, 0)]
    if (link := _LEADING_LINK.match(words)) and len(link[0].rstrip()) > most:
        return _truncate_words(words[link.end() :], most)
    room = words[: most - 1]
    if not room[-1:].isspace() and not words[most - 1].isspace():
        before = room.rsplit(None, 1)
        link = _LINK.search(words, len(room) - len(before[-1])) if before else None
        if len(before) > 1 or room[:1].isspace():
            room = room[: len(room) - len(before[-1])]
        elif link and link.start() < most - 1:
            room = room[: link.start()]
    room = room.rstrip()
    if not _LINK.search(room, room.rfind(" ") + 1):
        return f"{room}…"
    return f"{room} …" if len(room) + 2 <= most else room


@pass_context
def _hashtags(context: Context, tags: object, most: int | None = None) -> str:
    """Return tags as hashtags: `social media` is `#SocialMedia`; as many as suit the platform, or fewer."""
    given = tags.split(",") if isinstance(tags, str) else tags if isinstance(tags, Iterable) else ()
    found: dict[str, str] = {}
    for word in filter(None, (_hashtag(as_text(tag)) for tag in drawn(context, given))):
        found.setdefault(word.casefold(), word)
    bounds = [bound for bound in (most, most_hashtags(context.get("platform") or "")) if bound is not None]
    return " ".join([*found.values()][: max(0, min(bounds, default=len(found)))])


def _hashtag(tag: str) -> str:
    """Return a tag as a hashtag; networks link none that has no letter. Letters keep their marks (हिन्दी).

    What ends in signs that tell it from others has them as words: `C#` is `#CSharp`, `C++` is `#CPlusPlus`.
    """
    said = _PLUS.sub(lambda signs: " Plus" * len(signs[0]), _SHARP.sub(r"\1 Sharp", _APOSTROPHE.sub("", tag)))
    kept = "".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in said)
    words = [word[:1].upper() + word[1:] if word.islower() else word for word in kept.split()]
    joined = "".join(words)
    return f"#{joined}" if any(sign.isalpha() for sign in joined) else ""


def _date(text: object, form: str = "%Y-%m-%d") -> str:
    """Write a date and time in a form of strftime, in its own zone; what is none stays as it is."""
    if len(form) > _LONGEST_FORM:
        raise ValueError(f"the form of a date has at most {_LONGEST_FORM} characters")
    moment = loosely(as_text(text))
    return datetime.fromisoformat(moment).strftime(form) if moment else as_text(text)


def _filled(value: object) -> object:
    """Fail for what would show nothing."""
    if not as_text(value).strip():
        raise ValueError("a part of it is empty")
    return value


_SANDBOX = Sandbox(
    {
        "truncate_words": of_text(_truncate_words),
        "strip_html": of_text(plain),
        "striptags": of_text(plain),
        "hashtags": _hashtags,
        "date": of_text(_date),
        "_filled": of_text(_filled),
    }
)


@dataclass(frozen=True, slots=True)
class _Made:
    """A template that was parsed; `names` are what it looks up."""

    template: Template
    names: frozenset[str]
    filters: frozenset[str]


@lru_cache(maxsize=256)
def _made(text: str, *, whole: bool = False) -> _Made:
    tree = _SANDBOX.parse(text)
    names, filters = find_undeclared_variables(tree), {node.name for node in tree.find_all(nodes.Filter)}
    for output in list(tree.find_all(nodes.Output)) if whole else ():
        output.nodes = [
            one if isinstance(one, nodes.TemplateData) else nodes.Filter(one, "_filled", [], [], None, None, lineno=1)
            for one in output.nodes
        ]
    tree.set_environment(_SANDBOX)
    return _Made(_SANDBOX.from_string(tree), frozenset(names), frozenset(filters))


@lru_cache(maxsize=256)
def _condition(text: str) -> tuple[TemplateExpression, frozenset[str]]:
    expression = _SANDBOX.compile_expression(text, undefined_to_none=False)
    return expression, _made(f"{{{{ {text} }}}}").names


def is_by_platform(template: str) -> bool:
    """Say whether what a template gives depends on the platform; one that cannot be read does not."""
    try:
        made = _made(template)
    except TemplateError:
        return False
    return "platform" in made.names or "hashtags" in made.filters


def render(template: str, names: Mapping[str, Any], *, whole: bool = False) -> tuple[str, str]:
    """Return what a template gives without space around it, and what was wrong with it ("" for nothing).

    One that is to be `whole` gives nothing where anything in it is empty.
    """
    try:
        made = _made(template, whole=whole)
        if problem := _unknown(made.names, names.keys()):
            return "", problem
        found, size = list[str](), 0
        for piece in made.template.generate(names, **{BUDGET: Budget()}):
            found.append(piece)
            size += len(piece)
            if size > MOST_CHARACTERS:
                return "", f"it makes more than {MOST_CHARACTERS} characters"
    except _FAILURES as error:
        return "", _told(error)
    return "".join(found).strip(), ""


def holds(condition: str, names: Mapping[str, Any]) -> tuple[bool, str]:
    """Say whether a condition holds, and what was wrong with it; one with something wrong does not hold."""
    try:
        expression, looked_up = _condition(condition)
        if problem := _unknown(looked_up, names.keys()):
            return False, problem
        return bool(expression(names, **{BUDGET: Budget()})), ""
    except _FAILURES as error:
        return False, _told(error)


def template_problem(template: str, names: Mapping[str, Any], *, unsure: str = "") -> str:
    """Return what is wrong with a template as far as samples of the names tell, "" for nothing.

    One that looks `unsure` up is not tried: nobody knows what will be there.
    """
    try:
        made = _made(template)
    except _FAILURES as error:
        return _told(error)
    return _unknown(made.names, names.keys()) if unsure in made.names else render(template, names)[1]


def condition_problem(condition: str, names: AbstractSet[str]) -> str:
    """Return what is wrong with a condition whatever it is asked of: its grammar, or a name that there is not."""
    try:
        return _unknown(_condition(condition)[1], names)
    except _FAILURES as error:
        return _told(error)


def _unknown(looked_up: frozenset[str], names: AbstractSet[str]) -> str:
    missing = sorted(looked_up - names)
    return f"{missing[0]!r} is undefined" if missing else ""


def _told(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
