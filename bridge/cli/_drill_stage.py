"""The stage of `bridge drill`: the service in this process, by one's own configuration, beside simulated partners."""

import base64
import contextlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from bridge.app import Bridge, serving, utc_now
from bridge.cli._drill_partners import Played, play
from bridge.core.drilling import marked_write
from bridge.core.formats import SLACK
from bridge.core.model import RawRequest, Verified
from bridge.core.signing import secret_key
from bridge.flows.ingest import API, Answer
from bridge.ports import Acceptance, Accepted, Settled, Settlement, Store, Write
from bridge.settings import Database, EndpointEntry, Entry, Settings, Tracing
from bridge.simulator import running
from bridge.simulator.receiver import Receiver
from bridge.store import open_store

MISSING = "placeholder.invalid"
"""The host that stands for a secret that is not at hand (`settings.load` without secrets)."""
_LOOPBACK = ip_network("127.0.0.0/8")
_SOON = timedelta(seconds=1)
_VIDEO, _IMAGE = "https://cdn.example.com/drill.mp4", "https://cdn.example.com/drill.jpg"


class Marking:
    """A store that marks everything that is told, before it is stored."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def accept(self, items: Sequence[Acceptance], now: Any) -> list[Accepted]:
        """See `bridge.ports.Store.accept`."""
        return await self._store.accept([replace(one, write=marked_write(one.write)) for one in items], now)

    async def record(self, writes: Sequence[Write]) -> list[bool]:
        """See `bridge.ports.Store.record`."""
        return await self._store.record([marked_write(write) for write in writes])

    async def settle(self, items: Sequence[Settlement]) -> list[Settled]:
        """See `bridge.ports.Store.settle`."""
        return await self._store.settle([replace(one, write=marked_write(one.write)) for one in items])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a drill plays with.

    `played` are the partners by the names of their keys. `local` are the endpoints that `receiver` stands in for,
    `signed` those of them whose signatures it judges.
    """

    bridge: Bridge
    played: Mapping[str, Played]
    receiver: Receiver
    local: frozenset[str]
    signed: frozenset[str]

    async def publish(self, caption: str, account: str) -> Answer:
        """Hand in a post for one account, as a caller of the API would."""
        media = _VIDEO if any(account in one.video for one in self.played.values()) else _IMAGE
        body = orjson.dumps({"caption": caption, "media": media, "accounts": [account], "correlation": "drill"})
        raw = RawRequest("POST", "", "", "", (("content-type", "application/json"),), body, utc_now())
        return await self.bridge.ingest.receive(API, raw, Verified(raw, API, "token:drill"))


@contextlib.asynccontextmanager
async def set_stage(settings: Settings, *, notify: bool) -> AsyncIterator[Stage]:
    """Start everything on free ports of 127.0.0.1; on leaving, end it and remove its folder."""
    played = {name: play(name, one.kind, one.config, settings.accounts) for name, one in settings.partners.items()}
    local = {name: _at_hand(one) for name, one in settings.endpoints.items() if not notify or not can_notify(one)}
    judged = {name: one.secret for name, one in local.items() if one.format != SLACK}
    receiver = Receiver({name: [_whsec(secret_key(one)) for one in keys] for name, keys in judged.items()})
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-drill-")))
        urls = {name: await stack.enter_async_context(running(one.app())) for name, one in played.items()}
        heard = await stack.enter_async_context(running(receiver.app()))
        store = await open_store(f"sqlite:///{folder / 'drill.db'}")
        rehearsed = rewritten(
            settings, {name: f"{url}{played[name].path}" for name, url in urls.items()}, played, local, heard
        )
        service = await stack.enter_async_context(serving(rehearsed, store=Marking(store)))
        yield Stage(service.bridge, played, receiver, frozenset(local), frozenset(judged))


def can_notify(endpoint: EndpointEntry) -> bool:
    """Say whether an endpoint can really be told: its address and its secrets are at hand."""
    return MISSING not in endpoint.url and all(map(_is_key, endpoint.secret))


def _is_key(secret: str) -> bool:
    try:
        return MISSING not in secret and bool(secret_key(secret))
    except ValueError:
        return False


def _whsec(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def _at_hand(endpoint: EndpointEntry) -> EndpointEntry:
    """Give an endpoint secrets in the place of those that are missing."""
    made = (_whsec(secrets.token_bytes(24)),) if endpoint.format != SLACK else ()
    keys = tuple(one for one in endpoint.secret if _is_key(one)) or made
    return replace(endpoint, secret=keys)


def rewritten(
    settings: Settings,
    urls: Mapping[str, str],
    played: Mapping[str, Played],
    local: Mapping[str, EndpointEntry],
    heard: str,
) -> Settings:
    """Return a configuration with everything outside swapped for what stands in for it, and waits made short.

    Args:
        settings: one's own.
        urls: where the API of each partner is.
        played: the partners.
        local: the endpoints that are not really told.
        heard: where the receiver is that stands in for those.
    """
    publish, watch, reach = settings.publish, settings.watch, settings.network
    endpoints = {
        **settings.endpoints,
        **{name: replace(one, url=f"{heard}/hook/{name}", allow_http=True, rate=None) for name, one in local.items()},
    }
    ports = (*reach.ports, urlsplit(heard).port or 0) if reach.ports else ()
    return replace(
        settings,
        # What is sealed is not in this database, and the key that signs may not be at hand.
        server=replace(settings.server, public_url=None, secret_key=(), signing_key=_at_hand_of(settings)),
        database=Database(ephemeral=True),
        tokens=(),
        partners={
            name: Entry(one.kind, replace(one.config, base_url=urls[name], **played[name].changes))
            for name, one in settings.partners.items()
        },
        accounts=tuple(one for partner in played.values() for one in partner.named),
        # What comes in by itself (feeds, chats) is not of a drill.
        sources={},
        endpoints={
            name: replace(one, group=_shorter(one), schedule=one.schedule and _at_once(one.schedule))
            for name, one in endpoints.items()
        },
        deliver=replace(settings.deliver, schedule=_at_once(settings.deliver.schedule), jitter=0.0),
        publish=replace(
            publish,
            hold=None,
            approve=None,
            card=None,
            media_default=None,
            resume_gap=_SOON,
            backoff_first=timedelta(milliseconds=200),
            backoff_max=_SOON,
        ),
        watch=replace(
            watch,
            tick=timedelta(milliseconds=300),
            accounts_every=timedelta(milliseconds=600),
            first_poll=timedelta(milliseconds=500),
            max_poll=_SOON,
            probe_every=_SOON,
            adopt="none",
        ),
        retry=replace(settings.retry, delays=(_SOON,) * len(settings.retry.delays), ambiguous_reread=_SOON),
        limits=replace(settings.limits, free_disk=0),
        network=replace(reach, allow=(*reach.allow, _LOOPBACK), ports=ports),
        tracing=Tracing(),
    )


def _at_hand_of(settings: Settings) -> tuple[str, ...]:
    return tuple(key for key in settings.server.signing_key if MISSING not in key)


def _at_once(schedule: Sequence[timedelta]) -> tuple[timedelta, ...]:
    """Return when deliveries are tried, the first time without a pause."""
    return (timedelta(), *schedule[1:])


def _shorter(endpoint: EndpointEntry) -> timedelta | None:
    """Return for how long an endpoint gathers what happens: for as long as a drill can wait."""
    return _SOON if endpoint.format == SLACK else min(endpoint.group, _SOON) if endpoint.group else endpoint.group
