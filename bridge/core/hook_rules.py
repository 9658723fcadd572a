"""The configuration that every source behind `/hooks/NAME` has, whatever its kind.

Each field carries its help, which the settings reference shows, so the words here are for the operator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from bridge.core.errors import Problem
from bridge.core.model import Json
from bridge.core.request import parse_request
from bridge.core.rules import Captions, Positive, Secrets, SourceRules
from bridge.core.units import Duration, format_duration, parse_duration

_CONSTANT = ("media", "music_url", "tiktok", "pinterest", "settings", "title", "url", "excerpt", "tags")
"""Fields that a configuration may give to every post."""


def _constants(value: object) -> Json:
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of fields of a publish request")
    strange = next((name for name in value if name not in _CONSTANT), None)
    if strange is not None:
        raise ValueError(f"{str(strange)[:60]!r} is not for every post; it may hold {', '.join(_CONSTANT)}")
    try:
        return parse_request(value).content
    except Problem as problem:
        fault = problem.errors[0]
        raise ValueError(f"{fault.field} {fault.problem}; {fault.remedy}") from None


def _schedule(value: object) -> object:
    if value in ("cms", "now"):
        return value
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError("must be cms, now, or a duration with a unit, such as 30m") from None


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


_TEXT = {"type": "string"}
Words = Annotated[
    tuple[str, ...],
    BeforeValidator(_several),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}),
]
"""A list of words, or one."""

Constants = Annotated[Json, BeforeValidator(_constants), WithJsonSchema({"type": "object"})]
"""Fields of a publish request, as they are read, that a configuration gives to every post."""

Schedule = Annotated[
    timedelta | str,
    BeforeValidator(_schedule),
    PlainSerializer(lambda value: value if isinstance(value, str) else format_duration(value), when_used="json"),
    WithJsonSchema({"type": "string", "$comment": "`cms`, `now` or duration"}),
]

Repeat = Literal["skip", "update", "repost"]

SIGNATURE = "signature"
NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What differs for one partner."""

    caption: Annotated[str | None, Field(description="Caption template.")] = None
    captions: Annotated[Captions, Field(description="Caption templates by platform.")] = field(default_factory=dict)
    content: Annotated[
        Constants, Field(description="Fields of a publish request that every post there gets; goes before content.")
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRules(SourceRules):
    """What every kind of source can be told."""

    secret: Annotated[
        Secrets | None,
        Field(description="What the sender proves itself with, as a secret; several while it is replaced."),
    ] = field(default=None, repr=False)
    auth: Annotated[
        str | None,
        Field(
            pattern=r"^(signature|bearer|basic|none|(header|query|body):[A-Za-z0-9_.-]+)$",
            description="How: signature, bearer, basic (the password, or USER:PASSWORD), header:NAME, query:NAME, "
            "body:PATH, or none. Left out: as is usual for the kind.",
        ),
    ] = None
    caption: Annotated[
        str | None,
        Field(description="Caption template of what has no caption; left out: the title, else the text, and the link."),
    ] = None
    when: Annotated[
        Words,
        Field(description="Conditions that must all hold, as template expressions: \"'social' in tags\"."),
    ] = ()
    media: Annotated[
        Words,
        Field(description="Paths to media, the first that holds any: image, images, raw.post.og_image. []: none."),
    ] = ("image",)
    site: Annotated[
        str | None,
        Field(
            pattern=r"^https?://",
            description="Address that relative links and images of the sender begin with; what begins with / begins at "
            "its host.",
        ),
    ] = None
    link: Annotated[
        str | None,
        Field(
            description="Template of the page's address, where the sender gives none or another one, such as "
            "https://www.example.com/{{ raw.entry.slug }}."
        ),
    ] = None
    accounts_by_tag: Annotated[
        Mapping[str, Words],
        Field(description="Accounts by tag or category, in any case; goes before accounts."),
    ] = field(default_factory=dict)
    accounts_from: Annotated[
        str | None,
        Field(
            description="Path to a field with accounts, such as raw.social; goes before both. A field that is there "
            "and empty means none, and nothing is posted."
        ),
    ] = None
    schedule: Annotated[
        Schedule,
        Field(
            description="When it goes out: at the time that the sender schedules (cms), when it publishes (now), or so "
            "long after that."
        ),
    ] = "cms"
    content: Annotated[
        Constants,
        Field(
            description="Fields of a publish request that every post gets, such as tiktok or settings; they go before "
            "what is found on the sender's page, not before the fields of a publish request that it sends itself."
        ),
    ] = field(default_factory=dict)
    by_partner: Annotated[
        Mapping[str, Override], Field(description="What differs for a partner, by its name under partners.")
    ] = field(default_factory=dict)
    repeat: Annotated[
        Repeat,
        Field(
            description="An object that was posted and is published again: skip it, update its post while the partner "
            "allows that, or repost it."
        ),
    ] = "skip"
    feed: Annotated[
        str | None,
        Field(
            pattern=r"^https?://",
            description="Address of the sender's RSS, Atom or JSON feed, read for what a hook missed.",
        ),
    ] = None
    feed_every: Annotated[Positive, Field(description="How often the feed is read.")] = timedelta(minutes=15)
    feed_after: Annotated[
        Duration, Field(description="How old an entry of the feed must be, so that its hook goes first.")
    ] = timedelta(minutes=10)
    max_age: Annotated[Positive, Field(description="Entries of the feed that are older are skipped.")] = timedelta(
        hours=48
    )
    brake: Annotated[
        int, Field(ge=1, description="How many entries of the feed are posted in an hour; the rest waits for a person.")
    ] = 10
