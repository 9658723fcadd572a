"""The fields of an endpoint that people fill in, in the configuration and over the API: one set of rules for both."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError, WithJsonSchema

from bridge.core.endpoints import CONDITIONS
from bridge.core.errors import FailureReason, Fault
from bridge.core.events import EVENT_TYPES, matches
from bridge.core.formats import GATHERS, SLACK
from bridge.core.mistakes import Mistaken, nearest, problem
from bridge.core.model import Endpoint
from bridge.core.patterns import MOST, sound
from bridge.core.platforms import KNOWN, family, platform_word
from bridge.core.targets import Reachable, shown, url_faults
from bridge.core.units import Duration

MOST_HEADERS, MOST_VALUE = 20, 4_000
"""How many headers of its own an endpoint may have, and how many characters each of them."""

MOST_FAULTS = 50
"""How many faults are told at once, and how many unknown names are looked up."""

OWN_SOURCES = ("api", "adopted")
"""Sources that are not configured."""

_MOST_CONDITIONS = 20  # There are only five, and a few may be mistaken.
_SHOW = 60
"""How many characters of a word or a name are told, or looked up."""
_SLACK_EVENTS, _SLACK_GROUP = ("attention.*",), timedelta(seconds=30)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)
_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?", re.ASCII)
_TAKEN = frozenset(
    {
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
        "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers that say how a message is carried, or what it is, which is not an endpoint's to say."""


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _at_most(most: int) -> BeforeValidator:
    """Refuse what has too many items before anything looks at each of them."""

    def check(value: object) -> object:
        if isinstance(value, (Mapping, list, tuple)) and len(value) > most:
            raise Mistaken(f"must have at most {most} items, not {len(value)}", "Leave out what is not needed.")
        return value

    return BeforeValidator(check)


def _type_pattern(text: str) -> str:
    if not any(matches([sound(text)], event_type) for event_type in EVENT_TYPES):
        raise Mistaken("matches no event type", nearest(text[:_SHOW], EVENT_TYPES))
    return text


def _conditions(where: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    if "platform" not in where:
        return where
    return {**where, "platform": tuple(map(platform_word, where["platform"]))}


_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_Words = Annotated[
    tuple[Annotated[str, AfterValidator(sound)], ...],
    BeforeValidator(_several),
    _at_most(MOST),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, _TEXTS]}),
]
EventPattern = Annotated[str, AfterValidator(_type_pattern)]
Where = Annotated[Mapping[str, _Words], _at_most(_MOST_CONDITIONS), AfterValidator(_conditions)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFields:
    """What an endpoint is, but for its secrets and its name. `events` and `group` that are left out follow the format.

    `url` and `headers` may be secrets themselves.
    """

    url: Annotated[str, Field(description="Where to; https unless allow_http. It may be a secret.")] = field(repr=False)
    description: Annotated[str, Field(max_length=500, description="What it is for; nobody but people reads it.")] = ""
    events: Annotated[
        Annotated[tuple[EventPattern, ...], Field(min_length=1), BeforeValidator(_several), _at_most(MOST)] | None,
        Field(description="Types wanted, such as post.failed or attention.*; left out: *, for slack attention.*."),
    ] = None
    where: Annotated[
        Where,
        Field(
            description="Conditions that must all hold, on partner, platform, account, source, reason: a word each, or "
            "a list of which one must fit; * is any characters."
        ),
    ] = field(default_factory=dict)
    format: Annotated[
        Literal["standard", "cloudevents", "slack", "flat"],
        Field(
            description="What is sent: standard (Standard Webhooks), cloudevents (the same as structured CloudEvents), "
            "slack (a message for an incoming webhook) or flat (one level of keys)."
        ),
    ] = "standard"
    headers: Annotated[
        Mapping[str, str], _at_most(MOST_HEADERS), Field(description="Headers of its own; a value may be a secret.")
    ] = field(default_factory=dict, repr=False)
    rate: Annotated[
        Annotated[float, Field(ge=0.001, le=10_000)] | None,
        Field(
            description="Deliveries a second at most, of each replica: 5, or 0.5 for one in two seconds; left out: any."
        ),
    ] = None
    ordering: Annotated[
        Literal["none", "subject"],
        Field(description="Which events keep their order: those of one post or account (subject), or none."),
    ] = "none"
    timeout: Annotated[
        Annotated[Duration, Field(gt=timedelta(), le=timedelta(minutes=2))] | None,
        Field(description="How long one attempt may take; left out: deliver.timeout."),
    ] = None
    schedule: Annotated[
        Annotated[tuple[Duration, ...], _at_most(100), Field(min_length=1)] | None,
        Field(description="Pause before each attempt, the first included; left out: deliver.schedule."),
    ] = None
    group: Annotated[
        Annotated[Duration, Field(le=timedelta(hours=1))] | None,
        Field(description="What happens within this time is one message; left out: 0s, for slack 30s."),
    ] = None
    allow_http: Annotated[bool, Field(description="Whether its address may be plain http.")] = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the fields of an endpoint may name: partners, sources, platforms beyond the usual, and what is reachable.

    None instead of partners or sources: nobody knows them, and whatever is named may be there.
    """

    partners: Collection[str] | None = None
    sources: Collection[str] | None = None
    platforms: Collection[str] = ()
    reachable: Reachable = field(default_factory=Reachable)


def read(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Read raw fields, each by itself: give the sound ones, as `EndpointFields` has them, and all faults of the others.

    Null stands for the default. What the fields say together is for `faults_of`.
    """
    read: dict[str, Any] = {}
    adapters, defaults = _adapters(), _defaults()
    faults = unknown((name for name in given if name not in adapters), adapters, "is not a field here")
    for name, value in given.items():
        if value is None and name in defaults:
            read[name] = defaults[name]
        elif name in adapters:
            try:
                read[name] = adapters[name].validate_python(value)
            except ValidationError as error:
                faults += _faults(name, error.errors(include_url=False, include_input=False))
    return read, faults


def unknown(names: Iterable[str], known: Collection[str], problem: str = "is not a known field") -> list[Fault]:
    """Return a fault for each of some names that nobody knows; of more than are told, only that they are there."""
    return [
        Fault(name[:_SHOW], problem, nearest(name[:_SHOW], known) if place < MOST_FAULTS else "")
        for place, name in enumerate(names)
    ]


def told(faults: Sequence[Fault]) -> Sequence[Fault]:
    """Return as many faults as are told at once, and of the others how many there are."""
    more = len(faults) - MOST_FAULTS
    if more <= 0:
        return faults
    return [*faults[:MOST_FAULTS], Fault("", f"has {more} more faults", "Correct these first, then send it again.")]


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    return {name: TypeAdapter(hint) for name, hint in get_type_hints(EndpointFields, include_extras=True).items()}


def _defaults() -> dict[str, Any]:
    plain = {one.name: one.default for one in fields(EndpointFields) if one.default is not MISSING}
    made = {one.name: one.default_factory() for one in fields(EndpointFields) if one.default_factory is not MISSING}
    return plain | made


def help_of(name: str) -> str:
    """Return what a field means, in the words of the settings reference."""
    return str(_adapters()[name].json_schema().get("description", ""))


def _faults(name: str, details: list[Any]) -> list[Fault]:
    # A list counts as too short for each item that is wrong.
    return [_fault(name, one) for one in details if one["type"] != "too_short" or len(details) == 1]


def _fault(name: str, detail: Any) -> Fault:
    steps = [step for step in detail["loc"] if step != "[key]"]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step[:_SHOW]}" for step in steps)
    remedy = getattr(detail.get("ctx", {}).get("error"), "remedy", None)
    return Fault(f"{name}{path}", problem(detail).rstrip("."), remedy or f"What it is: {help_of(name)}")


def faults_of(endpoint: EndpointFields, known: Known) -> list[Fault]:
    """Return everything wrong with fields that are sound by themselves."""
    reachable = replace(known.reachable, allow_http=endpoint.allow_http or known.reachable.allow_http)
    return [
        *url_faults(endpoint.url, reachable, allow_http="allow_http: true"),
        *(_number_faults(endpoint) or where_faults(endpoint.where, known)),
        *header_faults(endpoint.headers),
        *_group_faults(endpoint),
    ]


def _number_faults(endpoint: EndpointFields) -> list[Fault]:
    of_where = sum(map(len, endpoint.where.values()))
    many = len(endpoint.events or ()) + of_where
    if many <= MOST:
        return []
    said = f"is one of {many} patterns in events and where"
    # Told of both: of a change only what was sent counts.
    names = [name for name, count in (("events", len(endpoint.events or ())), ("where", of_where)) if count]
    return [Fault(name, said, f"Use {MOST} in all: * stands for any characters.") for name in names]


def _group_faults(endpoint: EndpointFields) -> Iterator[Fault]:
    if endpoint.group and endpoint.format not in GATHERS:
        problem = f"the format {endpoint.format} cannot say several things in one message"
        yield Fault("group", problem, f"Leave it out, or use the format {GATHERS[0]}.")


def where_faults(where: Mapping[str, tuple[str, ...]], known: Known) -> Iterator[Fault]:
    """Yield what is wrong with the conditions of an endpoint; patterns with wildcards may name what is yet to come."""
    platforms = {*KNOWN, *map(family, known.platforms)}
    choices = {
        "partner": known.partners,
        "source": None if known.sources is None else (*known.sources, *OWN_SOURCES),
        "platform": platforms,
        "reason": [str(reason) for reason in FailureReason],
    }
    for name, patterns in where.items():
        if name not in CONDITIONS:
            yield Fault(f"where.{name[:_SHOW]}", "is not a condition", nearest(name[:_SHOW], CONDITIONS))
            continue
        named = choices.get(name)
        for pattern in patterns:
            word = family(pattern) if name == "platform" else pattern
            if not pattern:
                yield Fault(f"where.{name}", "is empty", "Leave it out, or name something; * is anything.")
            elif named is not None and "*" not in pattern and word not in named:
                problem = f"{pattern[:_SHOW]!r} is no {name} that is known here"
                yield Fault(f"where.{name}", problem, nearest(word[:_SHOW], named))


def header_faults(headers: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what is wrong with headers of an endpoint's own; no value is told."""
    seen: set[str] = set()
    for name, value in headers.items():
        path, word = f"headers.{name[:_SHOW]}", name.lower()
        if not _TOKEN.fullmatch(name):
            yield Fault(path, "is not the name of a header", "Write letters, digits and -, such as X-Team.")
        elif word in _TAKEN or word.startswith("webhook-"):
            yield Fault(path, "is a header that bridge sets itself", "Leave it out, or choose another name.")
        elif word in seen:
            yield Fault(path, "is there twice", "Keep one of the two: small and capital letters are the same here.")
        elif len(value) > MOST_VALUE or not _VALUE.fullmatch(value):
            remedy = f"Write up to {MOST_VALUE} characters of ASCII, without line ends, or spaces around them."
            yield Fault(path, "is not the value of a header", remedy)
        seen.add(word)


def columns(endpoint: EndpointFields) -> dict[str, Any]:
    """Return the fields as `Endpoint` has them, those that were left out filled in.

    The headers are kept apart, and of the address all but what may be shown.
    """
    group = endpoint.group if endpoint.group is not None else _SLACK_GROUP
    return {
        "url": shown(endpoint.url),
        "description": endpoint.description,
        "events": endpoint.events or _events_of(endpoint.format),
        "where": {name: list(patterns) for name, patterns in endpoint.where.items()},
        "format": endpoint.format,
        "rate": endpoint.rate,
        "ordering": endpoint.ordering,
        "timeout_s": endpoint.timeout.total_seconds() if endpoint.timeout else None,
        "schedule_s": tuple(pause.total_seconds() for pause in endpoint.schedule or ()),
        "group_s": group.total_seconds() if endpoint.format in GATHERS else 0.0,
        "allow_http": endpoint.allow_http,
    }


def _events_of(name: str) -> tuple[str, ...]:
    return _SLACK_EVENTS if name == SLACK else ("*",)


def following(endpoint: EndpointFields, name: str) -> dict[str, None]:
    """Return which fields of an endpoint follow it to another format: those that it has by itself in the present one.

    How much is gathered follows, too, where the other format cannot say several things in one message.
    """
    usual = _SLACK_GROUP if endpoint.format in GATHERS else timedelta()
    fields = {
        "events": endpoint.events == _events_of(endpoint.format),
        "group": endpoint.group == usual or name not in GATHERS,
    }
    return {name: None for name, follows in fields.items() if follows}


def fields_of(endpoint: Endpoint, headers: Mapping[str, str]) -> EndpointFields:
    """Return the fields of an endpoint that there is, to change some of them: the inverse of `columns`.

    Its `url` is what may be shown of it.
    """
    return EndpointFields(
        url=endpoint.url,
        description=endpoint.description,
        events=endpoint.events,
        where={name: tuple(patterns) for name, patterns in endpoint.where.items()},
        format=endpoint.format,  # type: ignore[arg-type]  # A row holds only what was read.
        headers=headers,
        rate=endpoint.rate,
        ordering=endpoint.ordering,  # type: ignore[arg-type]  # As above.
        timeout=timedelta(seconds=endpoint.timeout_s) if endpoint.timeout_s else None,
        schedule=tuple(timedelta(seconds=pause) for pause in endpoint.schedule_s) or None,
        group=timedelta(seconds=endpoint.group_s),
        allow_http=endpoint.allow_http,
    )
