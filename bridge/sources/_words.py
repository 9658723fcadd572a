"""What words and flags of senders mean: `post.published` is a publish, `delete_post` a delete, `in review` nothing."""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from bridge.core.model import Intent

WORDS: Mapping[Intent, tuple[str, ...]] = MappingProxyType(
    {
        Intent.PUBLISH: (
            "publish", "published", "post", "posted", "live", "release", "released", "republish", "republished",
        ),
        Intent.SCHEDULE: ("schedule", "scheduled", "future"),
        Intent.UPDATE: ("update", "updated", "edit", "edited", "changed"),
        Intent.UNPUBLISH: ("unpublish", "unpublished", "archive", "archived", "withdrawn"),
        Intent.DELETE: ("delete", "deleted", "remove", "removed", "trash", "trashed"),
        Intent.TEST: ("test", "ping"),
        Intent.IGNORE: ("draft", "drafted", "pending", "ignore"),
    }
)  # fmt: skip
"""Intent -> the words of an event, an action or a status that mean it; `post.published` means `published`."""

OUT = ("public", "active", "online", "sent", "on", "true", "yes", "1")
"""Words of a status, besides those that publish, that mean that a thing is out."""

MADE = ("create", "created", "add", "added", "new", "insert", "inserted", "save", "saved", "transition")
"""Words of an event that leave open whether the thing is out: its status says."""

_MEANT = {word: intent for intent, words in WORDS.items() for word in words}
_ASKS = (Intent.PUBLISH, Intent.SCHEDULE, Intent.UPDATE)
_PARTS = re.compile(r"[./:]")
_WORD = re.compile(r"[^\W_]+")
_THINGS = frozenset({"post", "release"})
"""Words that say what a thing is unless they stand alone."""
_NEGATIONS = frozenset(
    {
        "not", "un", "non", "no", "never", "pre", "ready", "going", "about", "will", "before", "request", "requested",
        "fail", "failed", "failure", "error", "cancel", "canceled", "cancelled", "reject", "rejected", "denied",
        "comment", "meta",
    }
)  # fmt: skip
"""Words beside which no other means what it says."""
_TAKES = (Intent.DELETE, Intent.UNPUBLISH, Intent.TEST, Intent.UPDATE)
_WORDED = ("value", "name", "label", "title", "slug", "type")
_ODD = "(no text)"
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_GAP = re.compile(r"[\s\-_]+")
_TRUE, _FALSE = ("true", "yes", "1", "on", "y", "t"), ("false", "no", "0", "off", "n", "f")
_LONGEST_WORD = 255
_LONGEST_NAME = 40


def snake(name: str) -> str:
    """Write a name in small letters with `_` between its words."""
    return _GAP.sub("_", _HUMP.sub("_", name.strip()[:_LONGEST_WORD])).lower()


def meaning(word: str) -> Intent | None:
    """Return what a word for an event means by itself: `publish`, `post.published`, `delete_post`; None: unknown.

    Its last word that says something counts, unless one takes a thing away, tests or edits. What is posted, and `not`
    or `failed`, turn nothing else into a publish: `comment_post` and `not_published` are unknown.
    """
    plain = snake(word)
    if plain in _MEANT:
        return _MEANT[plain]
    parts = _aimed(_WORD.findall(plain))
    if _NEGATIONS.intersection(parts):
        return None
    found = [_MEANT[part] for part in parts if part in _MEANT and part not in _THINGS]
    return next((intent for intent in _TAKES if intent in found), found[-1] if found else None)


def _aimed(parts: list[str]) -> list[str]:
    """Return what `draft_to_publish` comes to; `publish_to_linkedin` only says where."""
    if "to" not in parts or _NEGATIONS.intersection(parts):
        return parts
    place = len(parts) - parts[::-1].index("to")
    return parts[place:] if any(part in _MEANT for part in parts[place:]) else parts[: place - 1]


def is_withdrawn(status: str) -> bool:
    """Say whether a word for where a thing stands means that nobody is to see it, any more or yet."""
    return bool(status) and _standing(status) not in (*_ASKS, Intent.TEST)


def intent_of(values: Mapping[str, Any]) -> tuple[Intent, str]:
    """Return what is wanted, by the event, the status and the flags, and a note where that is nothing for its word.

    What says neither wants to be published; an event or a status whose word is not known wants nothing.
    """
    if flag(values.get("dry_run")):
        return Intent.TEST, ""
    event, status = _telling(values.get("event"), meaning), status_of(values)
    asked, stands = meaning(event), _standing(status)
    if asked not in (None, *_ASKS):
        return asked or Intent.IGNORE, ""
    if _is_draft(values):
        return Intent.IGNORE, "It is a draft: draft is true, or published is false."
    if status and stands not in (*_ASKS, Intent.TEST):
        return stands or Intent.IGNORE, _unread("status", status)
    if event and asked is None and not (status and frozenset(MADE).intersection(_WORD.findall(snake(event)))):
        return Intent.IGNORE, _unread("event", event)
    return asked or stands or Intent.PUBLISH, ""


def _telling(value: Any, judge: Callable[[str], Intent | None]) -> str:
    """Return the word that counts: of several the first that asks for no post. What is there says something."""
    words = [text for one in each(value) if (text := as_text(first_of(one, *_WORDED)))]
    if not words:
        return "" if value in (None, "") else _ODD
    return next((word for word in words if judge(word) not in _ASKS), words[0])


def status_of(values: Mapping[str, Any]) -> str:
    """Return the word of a status that counts."""
    return _telling(values.get("status"), _standing)


def _is_draft(values: Mapping[str, Any]) -> bool:
    """Whether a flag says so: a `draft` that is not plainly false does, and `published` that is."""
    draft, published = values.get("draft"), values.get("published_at")
    closed = flag(published) is False or _standing(as_text(published)) in (Intent.IGNORE, Intent.UNPUBLISH)
    return closed or (draft not in (None, "") and flag(draft) is not False)


def _standing(status: str) -> Intent | None:
    """Return what a status means. Only whole words count: `not published` is none of them."""
    plain = snake(status)
    return Intent.PUBLISH if plain in OUT else _MEANT.get(plain) or _MEANT.get(_PARTS.split(plain)[-1])


def _unread(name: str, word: str) -> str:
    """Say why nothing is published because of a word, and how it would be."""
    shown = word[:_LONGEST_NAME]
    known = ", ".join((*WORDS[Intent.PUBLISH][:5], *(OUT[:3] if name == "status" else ())))
    how = f'intents: {{publish: ["{shown}"]}}'
    also = " and fields: {event: status}" if name == "status" else ""
    return f"The {name} {shown!r} does not say that it is published, as {known} do. If it means that, set {how}{also}."


def flag(value: Any) -> bool | None:
    """Return what a flag says, however it is written; None of what is none."""
    word = as_text(value).lower()
    return True if word in _TRUE else False if word in _FALSE else None


def as_text(value: Any) -> str:
    """Return a text or number as text, and anything else as an empty one."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, (bool, int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return ""


def each(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else (value,)


def first_of(value: Any, *names: str) -> Any:
    """Return the first of these fields of an object, and anything else as it is."""
    if isinstance(value, Mapping):
        return next((value[name] for name in names if value.get(name)), None)
    return value
