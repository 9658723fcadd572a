"""The sections of the configuration as frozen dataclasses; each field carries its help, its bounds and its default.

A field that `repr` leaves out is a secret: in a file it is a reference (`{env: NAME}`, `{file: PATH}`), not the value.
A `url` and `headers` may stand in the file, but stay out of `repr` too.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from bridge.core.directory import NamedAccount
from bridge.core.endpoint_fields import EndpointFields
from bridge.core.rules import DeliverRules, Limits, MediaRules, PublishRules, Retention, RetryRules, Secrets, WatchRules
from bridge.core.targets import WEB_PORTS, Reachable
from bridge.core.units import Duration, Size
from bridge.settings._files import Stamp

Scope = Literal["publish", "read", "admin"]


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value)  # type: ignore[arg-type]  # Anything else is a ValueError too.
    except ValueError:
        raise ValueError("must be a network such as 10.0.0.0/8 or fd00::/8, without host bits") from None


def _parted(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for text in texts for key in text.replace(",", " ").split())


Network = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(_network),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "$comment": "network"}),
]
Port = Annotated[int, Field(ge=0, le=65535)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """The second listener: probes and metrics, apart from the API."""

    port: Annotated[Port, Field(description="Port of the probes and metrics.")]
    host: Annotated[str, Field(description="Address to listen on; empty means that of the server.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where bridge listens."""

    host: Annotated[
        str, Field(min_length=1, description="Address to listen on; 0.0.0.0 is every address of the machine.")
    ] = "127.0.0.1"
    port: Annotated[Port, Field(description="Port of events, API and console; 0 takes any free one.")] = 8080
    public_url: Annotated[
        str | None, Field(description="The address that senders use, when it is not the one bridge listens on.")
    ] = None
    max_body: Annotated[Size, Field(ge=1_000, description="Requests larger than this are refused (413).")] = 2_000_000
    secret_key: Annotated[
        Secrets,
        AfterValidator(_parted),
        Field(
            description="What encrypts addresses and secrets of endpoints that are made over the API: 32 bytes in "
            "URL-safe base64; several while it is being replaced: the first encrypts, each decrypts. Left out: the "
            "variable BRIDGE_SECRET_KEY (with commas between several), or the file that BRIDGE_SECRET_KEY_FILE names."
        ),
    ] = field(default=(), repr=False)
    signing_key: Annotated[
        Secrets,
        AfterValidator(_parted),
        Field(
            description="A private Ed25519 key: whsk_ and 32 bytes in base64; several while it is being replaced. With "
            "it every request to an endpoint also has a v1a signature, which anybody can verify with the public key "
            "at /.well-known/jwks.json."
        ),
    ] = field(default=(), repr=False)
    drain: Annotated[
        Duration, Field(description="How long running work may take to finish after SIGTERM, then it is released.")
    ] = timedelta(seconds=10)
    admin: Annotated[
        Admin | None,
        Field(description="A listener of their own for probes and metrics; otherwise they share this one."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where everything is kept. The file of SQLite is made, and brought up to date, when bridge starts."""

    url: Annotated[
        str,
        Field(description="Where: sqlite:///PATH or postgresql://HOST/NAME; with a password it is given as a secret."),
    ] = field(default="sqlite:///bridge.db", repr=False)
    notify: Annotated[
        bool,
        Field(
            description="Whether replicas tell each other at once of new work (LISTEN and NOTIFY), and statements are "
            "prepared; off for a proxy that pools transactions, such as PgBouncer: then work of others is found within "
            "a second. PostgreSQL only."
        ),
    ] = True
    ephemeral: Annotated[
        bool,
        Field(
            description="Whether bridge may keep its file where a Kubernetes pod loses it: in an emptyDir, in memory, "
            "or in the container itself. Otherwise it does not start there, because what it has acknowledged would be "
            "gone with the pod. SQLite only."
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Who may call /v1, and what for."""

    name: Annotated[str, Field(description="How logs and events call this caller; its idempotency keys are its own.")]
    token: Annotated[
        Secrets, Field(description="The bearer token, as a secret; several while it is being replaced.")
    ] = field(repr=False)
    scopes: Annotated[
        tuple[Scope, ...], Field(min_length=1, description="What it may do; admin includes replaying and enabling.")
    ] = ("publish", "read")
    accounts: Annotated[
        tuple[str, ...], Field(description="Names or patterns of the accounts it may publish to; empty means all.")
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEntry:
    """One of our names for a partner's account: by its id, or by platform and username, which outlive a reconnect."""

    partner: Annotated[str, Field(description="Name under partners.")]
    id: Annotated[str | None, Field(min_length=1, description="The partner's id of the account.")] = None
    platform: Annotated[str | None, Field(min_length=1, description="The network; goes with username.")] = None
    username: Annotated[str | None, Field(min_length=1, description="The name there; goes with platform.")] = None
    retired: Annotated[
        bool,
        Field(
            description="Whether the account is no longer used: nobody is asked to reconnect it, nothing new is posted "
            "to it, and what waits for it is rejected."
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointEntry(EndpointFields):
    """An address that gets outbound events as signed POSTs (Standard Webhooks)."""

    secret: Annotated[
        Secrets,
        Field(
            description="What signs the POSTs, as a secret: whsec_ and base64; several while it is being replaced. "
            "Required, but for the format slack."
        ),
    ] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where outbound requests to addresses from users may go, beyond public https addresses."""

    allow: Annotated[
        tuple[Network, ...], Field(description="Private networks that may be reached, such as 10.0.0.0/8.")
    ] = ()
    allow_http: Annotated[bool, Field(description="Whether endpoints and whatever is fetched may be plain http.")] = (
        False
    )
    ports: Annotated[
        tuple[Annotated[int, Field(ge=1, le=65535)], ...],
        Field(description="Ports that the addresses may name; an empty list allows any."),
    ] = WEB_PORTS

    @property
    def reachable(self) -> Reachable:
        """What may be reached, for the rules of addresses."""
        return Reachable(self.allow, self.allow_http, self.ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Pages for people at `/console`, beside the API; one signs in with a token of the scope read or admin."""

    enabled: Annotated[bool, Field(description="Whether there is a console.")] = True
    session: Annotated[
        Duration,
        Field(ge=timedelta(minutes=1), le=timedelta(days=31), description="After so long one has to sign in again."),
    ] = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is logged, and how."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Field(description="The least that is logged.")] = (
        "info"
    )
    format: Annotated[
        Literal["auto", "json", "console"], Field(description="auto is json, but console on a terminal.")
    ] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """Spans of what becomes of an event, exported for OpenTelemetry; needs the extra `otel`."""

    enabled: Annotated[bool, Field(description="Whether anything is traced.")] = False
    collector: Annotated[
        str | None,
        Field(
            description="Where spans go, by OTLP over HTTP: http://HOST:4318, to which /v1/traces is added. Left out: "
            "as OTEL_EXPORTER_OTLP_ENDPOINT says, else http://localhost:4318."
        ),
    ] = None
    headers: Annotated[
        Mapping[str, str], Field(description="Sent with the spans, such as a key; a value may be a secret.")
    ] = field(default_factory=dict, repr=False)
    service_name: Annotated[
        str | None,
        Field(min_length=1, description="What bridge is called there. Left out: OTEL_SERVICE_NAME, else bridge."),
    ] = None
    sample: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="The part of the traces that is exported, of those that begin here. One that a request brings "
            "along is exported when its traceparent says sampled.",
        ),
    ] = 1.0
    partners: Annotated[
        bool, Field(description="Whether partners are sent the traceparent, too: it tells them nothing but random ids.")
    ] = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A configured partner or source: its kind, and what the kind's own type made of the rest."""

    kind: str
    config: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """The kinds of partners and sources: kind -> the type (dataclass or pydantic model) of its configuration.

    `source_faults` says what is wrong with the configuration of a kind of source that its type cannot see, as
    (key, problem, remedy).
    """

    partners: Mapping[str, type] = field(default_factory=dict)
    sources: Mapping[str, type] = field(default_factory=dict)
    source_faults: Callable[[str, Any], Iterable[tuple[str, str, str]]] = lambda _kind, _config: ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration, checked. `secrets` are all its secret values, for the redactor; `path` is its file.

    `warnings` are sentences on whatever it opens up or leaves useless. `files` are all that were read for it, that of
    each secret too, as each was then.
    """

    server: Server = field(default_factory=Server)
    database: Database = field(default_factory=Database)
    tokens: tuple[Token, ...] = ()
    partners: Mapping[str, Entry] = field(default_factory=dict)
    accounts: tuple[NamedAccount, ...] = ()
    sources: Mapping[str, Entry] = field(default_factory=dict)
    endpoints: Mapping[str, EndpointEntry] = field(default_factory=dict)
    publish: PublishRules = field(default_factory=PublishRules)
    watch: WatchRules = field(default_factory=WatchRules)
    retry: RetryRules = field(default_factory=RetryRules)
    deliver: DeliverRules = field(default_factory=DeliverRules)
    media: MediaRules = field(default_factory=MediaRules)
    limits: Limits = field(default_factory=Limits)
    network: Reach = field(default_factory=Reach)
    retention: Retention = field(default_factory=Retention)
    console: Console = field(default_factory=Console)
    log: Log = field(default_factory=Log)
    tracing: Tracing = field(default_factory=Tracing)
    warnings: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    path: Path | None = None
    files: Mapping[Path, Stamp] = field(default_factory=dict, repr=False, compare=False)


SECTIONS: dict[str, type] = {
    "server": Server,
    "database": Database,
    "publish": PublishRules,
    "watch": WatchRules,
    "retry": RetryRules,
    "deliver": DeliverRules,
    "media": MediaRules,
    "limits": Limits,
    "network": Reach,
    "retention": Retention,
    "console": Console,
    "log": Log,
    "tracing": Tracing,
}
"""Sections that are one mapping -> their type."""

NAMED: dict[str, type] = {"accounts": AccountEntry, "endpoints": EndpointEntry}
"""Sections that are mappings by name -> the type of an entry. `partners` and `sources` are too, with a type by kind."""

ORDER = (
    "server", "database", "tokens", "partners", "accounts", "sources", "endpoints",
    "publish", "watch", "retry", "deliver", "media", "limits", "network", "retention", "console",
    "log", "tracing",
)  # fmt: skip
"""All sections, in the order of the reference."""
