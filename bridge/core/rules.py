"""The rules that flows decide by, with defaults that suit a first run; the configuration's sections of the same names.

Each field carries its help, which the settings reference shows, so the words here are for the operator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from bridge.core.model import Json
from bridge.core.platforms import platform_word
from bridge.core.request import read_media
from bridge.core.times import zone
from bridge.core.units import Duration, Size

Positive = Annotated[Duration, Field(gt=timedelta())]
"""A duration that may not be zero."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A share of something, 0 to 1."""


def _several(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else (value,)


Secrets = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
"""One secret, or several while one is being replaced; the field that has it is left out of `repr`."""


def _by_platform(texts: Mapping[str, str]) -> Mapping[str, str]:
    words = {platform_word(name): text for name, text in texts.items()}
    if len(words) < len(texts):
        raise ValueError("must name each platform once (twitter is x)")
    return words


def _zone(name: str | None) -> str | None:
    if name is not None and zone(name) is None:
        raise ValueError("must be an IANA zone, such as Europe/Berlin")
    return name


Captions = Annotated[Mapping[str, str], AfterValidator(_by_platform)]
"""Texts by `platforms.platform_word`."""

Media = Annotated[
    Json | None,
    BeforeValidator(read_media),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}},
                {"type": "object"},
                {"type": "null"},
            ]
        }
    ),
]
"""Media in the form of a publish request; in a file also one URL or a list of URLs."""

Zone = Annotated[str | None, AfterValidator(_zone)]
"""The name of an IANA zone."""


def _off(value: object) -> object:
    return "off" if value is False else value


Preflight = Annotated[Literal["reject", "warn", "off"], BeforeValidator(_off)]
"""What is done about a request that is certain to fail; YAML reads a bare `off` as false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRules:
    """What a request gets that does not say it itself, and how strictly it is looked at; of one source each."""

    accounts: Annotated[
        tuple[str, ...], Field(description="Accounts (names, patterns, partner ids) of a request that names none.")
    ] = ()
    caption: Annotated[
        str | None,
        Field(
            description="Caption template of a request that has no caption; sees title, url, excerpt, tags, platform."
        ),
    ] = None
    captions: Annotated[
        Captions, Field(description="Caption templates by platform, such as x; each goes before the one of all.")
    ] = field(default_factory=dict)
    media_default: Annotated[
        Media, Field(description="Media of a request without any, for the accounts that do not take text alone.")
    ] = None
    preflight: Annotated[
        Preflight,
        Field(description="What is certain to fail: reject it, take it with warnings, or do not look."),
    ] = "reject"
    timezone: Annotated[Zone, Field(description="IANA zone of a time that has no offset and no timezone.")] = None
    hold: Annotated[
        Positive | None,
        Field(description="How long a post waits here before it goes out by itself, for whoever has second thoughts."),
    ] = None
    approve: Annotated[
        str | None,
        Field(
            min_length=2,
            description="Slack channel where a card asks for approval; nothing goes out before. #social or an id; with "
            "several Slack sources NAME:#social.",
        ),
    ] = None
    card: Annotated[
        str | None,
        Field(min_length=2, description="Slack channel where a card shows what is held, as in approve."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRules(SourceRules):
    """How a publish request becomes posts, and how long bridge goes on trying to hand one to its partner."""

    dedupe_window: Annotated[
        Duration,
        Field(description="How long a request without a key counts as a repetition when its content is the same."),
    ] = timedelta(hours=72)
    max_late: Annotated[
        Duration,
        Field(description="Parked work later than this does not go out by itself: a person sends or drops it."),
    ] = timedelta(hours=6)
    resume_gap: Annotated[
        Duration, Field(description="Pause between two posts of one account when parked work resumes.")
    ] = timedelta(minutes=10)
    give_up_after: Annotated[
        Positive, Field(description="How long a command is tried before its post ends as rejected.")
    ] = timedelta(hours=24)
    expires_after: Annotated[
        Positive, Field(description="How long work stays parked before its post ends as rejected.")
    ] = timedelta(days=7)
    backoff_first: Annotated[
        Positive, Field(description="Pause before the second try of a command; it doubles with each try.")
    ] = timedelta(seconds=2)
    backoff_max: Annotated[Positive, Field(description="Longest pause between two tries of a command.")] = timedelta(
        minutes=5
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRules:
    """When posts and accounts are read again, and what a missing answer means."""

    tick: Annotated[Positive, Field(description="How often bridge looks for posts that are due to be read.")] = (
        timedelta(seconds=5)
    )
    accounts_every: Annotated[Positive, Field(description="How often the accounts of a partner are listed.")] = (
        timedelta(seconds=60)
    )
    first_poll: Annotated[
        Positive, Field(description="Pause before a post in flight is read again, at first; it stretches from there.")
    ] = timedelta(seconds=60)
    max_poll: Annotated[Positive, Field(description="Longest pause between two reads of a post in flight.")] = (
        timedelta(seconds=300)
    )
    misses_before_disconnected: Annotated[
        int, Field(ge=1, description="Listings in a row that must miss an account before it counts as disconnected.")
    ] = 2
    stuck_after: Annotated[
        Positive, Field(description="A post in flight for longer than this is told as post.stuck.")
    ] = timedelta(minutes=30)
    last_read_after: Annotated[
        Duration, Field(description="How long after its end a post is read for the last time.")
    ] = timedelta(minutes=10)
    probe_every: Annotated[
        Positive, Field(description="Pause between two probes of a key or plan that a person must mend.")
    ] = timedelta(minutes=5)
    adopt: Annotated[
        Literal["none", "all"],
        Field(description="Which posts that were not sent through bridge are watched too: none, or all of a key."),
    ] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """When a post that failed on its network is retried by itself."""

    delays: Annotated[
        tuple[Duration, ...],
        Field(description="Pause before each automatic retry of a failed account; an empty list turns them off."),
    ] = (timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=45))
    jitter: Annotated[
        Share, Field(description="Share of a delay that chance may add, so that retries do not come all at once.")
    ] = 0.1
    ambiguous: Annotated[
        Literal["park", "retry"],
        Field(description="A failure that may be live after all: park it for a person, or retry and risk a double."),
    ] = "park"
    ambiguous_reread: Annotated[
        Duration, Field(description="How long such a post is read again before that is decided.")
    ] = timedelta(minutes=15)
    adopted: Annotated[
        bool, Field(description="Whether posts that were not sent through bridge (watch.adopt) are retried, too.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverRules:
    """How outbound events are delivered to endpoints."""

    schedule: Annotated[
        tuple[Duration, ...],
        Field(min_length=1, description="Pause before each attempt, the first included; then it is a dead letter."),
    ] = (
        timedelta(),
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=5),
        timedelta(hours=10),
        timedelta(hours=14),
        timedelta(hours=20),
        timedelta(hours=24),
    )
    jitter: Annotated[Share, Field(description="Share of a pause that chance may add.")] = 0.1
    timeout: Annotated[
        Positive, Field(description="How long one attempt may take, from connecting to the end of the answer.")
    ] = timedelta(seconds=15)
    retry_after_cap: Annotated[Duration, Field(description="The longest Retry-After that is obeyed.")] = timedelta(
        hours=24
    )
    concurrency: Annotated[
        int,
        Field(
            ge=4,
            le=2000,
            description="Attempts at once; of what is free an endpoint gets a part, so none starves others.",
        ),
    ] = 256
    disable_after: Annotated[
        Positive, Field(description="An endpoint that has done nothing but fail for so long is disabled.")
    ] = timedelta(days=5)
    replay_rate: Annotated[
        int, Field(ge=1, le=10_000, description="How many deliveries a second a replay makes due.")
    ] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRules:
    """What bridge fetches of media that a partner cannot take from their address: private, ending, other formats."""

    max_image: Annotated[
        Size,
        Field(ge=1_000, description="An image with more bytes is refused; up to that it is made to fit its partner."),
    ] = 50_000_000
    max_video: Annotated[
        Size,
        Field(ge=1_000, description="A video with more bytes is refused, as is one with more than its partner takes."),
    ] = 500_000_000
    max_pixels: Annotated[
        int,
        Field(
            ge=10_000,
            le=500_000_000,
            description="An image with more pixels is refused undecoded (JPEG: twice, WebP: four fifths of it). "
            "Decoding takes up to 16 bytes a pixel, of one image at a time.",
        ),
    ] = 25_000_000
    timeout: Annotated[
        Positive, Field(le=timedelta(minutes=3), description="How long the download of one file may take.")
    ] = timedelta(seconds=60)
    concurrency: Annotated[
        int,
        Field(
            ge=1,
            le=12,
            description="Downloads at once, two of them from one host; each file needs its size in the directory for "
            "temporary files.",
        ),
    ] = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where new work is refused (429 or 503 with Retry-After) instead of swallowed."""

    queue: Annotated[
        int, Field(ge=1, description="Commands and deliveries that may wait before new events are refused.")
    ] = 100_000
    free_disk: Annotated[
        Size, Field(description="Free space on the database's disk below which new events are refused.")
    ] = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long ended history is kept. An event is never deleted before its posts."""

    events: Annotated[Positive, Field(description="How long events and deliveries are kept.")] = timedelta(days=30)
    attempts: Annotated[Positive, Field(description="How long attempts are kept.")] = timedelta(days=30)
    posts: Annotated[Positive, Field(description="How long posts that have ended are kept.")] = timedelta(days=180)
    audit: Annotated[
        Positive, Field(description="How long it is kept who asked for which change, over the API and in the console.")
    ] = timedelta(days=365)
