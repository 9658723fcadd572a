"""The partners of a drill: a simulator for each configured key, with its accounts, and what can befall it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.datastructures import Secret

from bridge.core.directory import NamedAccount
from bridge.core.platforms import KNOWN
from bridge.simulator import (
    DEMO_KEY,
    DEMO_TOKEN,
    GenviralSimulator,
    PostEverywhereSimulator,
    genviral,
    posteverywhere,
)
from bridge.simulator.genviral.model import Plan

_WORKER_S = 0.5
_USUAL = "instagram"
_FIRST_ID = 9000
_VIDEO_ONLY = ("tiktok", "youtube")


class Played(Protocol):
    """One simulated partner."""

    accounts: dict[str, str]
    """Our name (or `KEY:ID` where there is none) of each account that may be posted to -> the partner's id."""
    changes: dict[str, Any]
    """What is other in the configuration of the key."""
    video: frozenset[str]
    """Those of `accounts` that may take nothing but a video."""
    named: list[NamedAccount]
    """The names of its accounts, each for an id that the partner may have."""
    path: str
    """Where its API is, below the address that it is served at."""

    def app(self) -> Starlette:
        """Return it as an application."""
        ...

    def kill(self, account_id: str) -> None:
        """Let the token of an account die."""
        ...

    def reconnect(self, account_id: str) -> None:
        """Have an account connected anew."""
        ...

    def fail(self) -> None:
        """Answer 5xx to everything."""
        ...

    def lapse(self) -> None:
        """Let the plan end."""
        ...

    def heal(self) -> None:
        """End what `fail` and `lapse` began."""
        ...

    def doubled(self) -> int:
        """Count what went out on an account more often than once."""
        ...


def play(key: str, kind: str, config: Any, named: Sequence[NamedAccount]) -> Played:
    """Return a partner with the accounts that the configuration names for a key, or else some of its own."""
    own = [one for one in named if one.partner == key]
    return (_Genviral if kind == "genviral" else _PostEverywhere)(key, config, own)


def platform_of(named: NamedAccount) -> str:
    """Return the platform of an account, as it or its name says, or else a usual one."""
    words = named.name.lower().replace("_", "-").split("-")
    return named.platform or next((word for word in words if word in KNOWN), _USUAL)


class _Genviral:
    path = "/api/partner/v1"

    def __init__(self, key: str, config: Any, named: Sequence[NamedAccount]) -> None:
        self.named = list(named)
        known = [
            genviral.Account(
                one.id or f"00000000-0000-4000-8000-{place:012}",
                platform_of(one),
                username=one.username or one.name,
                display_name=one.name,
                scope_id=genviral.WORKSPACE,
                kinds=None,
            )
            for place, one in enumerate(named, 1)
        ]
        self.simulator = GenviralSimulator(
            contract=config.contract.value, accounts=known or None, keys=genviral.default_keys(DEMO_TOKEN)
        )
        self.changes = {"token": DEMO_TOKEN, "rate": 50.0, "writes": True}
        names = {one.id: item.name for one, item in zip(known, named, strict=True) if not item.retired}
        own = {} if named else {f"{key}:{one}": one for one in self.simulator.world.accounts}
        self.accounts = {name: one for one, name in names.items()} or own

        self.video = _takes_video(self.accounts, named)

    def app(self) -> Starlette:
        return genviral.app(self.simulator, tick_s=_WORKER_S)

    def kill(self, account_id: str) -> None:
        self.simulator.world.set_account_status(account_id, "revoked")

    def reconnect(self, account_id: str) -> None:
        self.simulator.world.reconnect(account_id)

    def fail(self) -> None:
        self.simulator.fault("unavailable", times=-1)

    def lapse(self) -> None:
        self._plan(Plan.LAPSED)

    def heal(self) -> None:
        self.simulator.faults.clear()
        self._plan(Plan.LIVE)

    def _plan(self, plan: Plan) -> None:
        for key in self.simulator.world.keys.values():
            key.plan = plan

    def doubled(self) -> int:
        return len(self.simulator.world.posted_twice())


class _PostEverywhere:
    path = "/api/v1"

    def __init__(self, key: str, config: Any, named: Sequence[NamedAccount]) -> None:
        numbers = [_number(one, place) for place, one in enumerate(named)]
        self.named = [
            replace(one, id=str(number)) if one.id else one for number, one in zip(numbers, named, strict=True)
        ]
        known = [
            posteverywhere.Account(
                number,
                platform_of(one),
                one.username or one.name,
                posteverywhere.ORGANIZATION,
            )
            for number, one in zip(numbers, named, strict=True)
        ]
        self.simulator = PostEverywhereSimulator(
            general_per_minute=60_000,
            creates_per_minute=6000,
            video_ticks=0,
            accounts=known or None,
            keys=[posteverywhere.Key(Secret(DEMO_KEY), posteverywhere.ORGANIZATION)],
        )
        self.changes = {"token": DEMO_KEY, "calls": 1000, "creates": 1000, "writes": True}
        names = {str(number): one.name for number, one in zip(numbers, named, strict=True) if not one.retired}
        own = {} if named else {f"{key}:{one}": str(one) for one in self.simulator.world.accounts}
        self.accounts = {name: one for one, name in names.items()} or own

        self.video = _takes_video(self.accounts, named)

    def app(self) -> Starlette:
        return posteverywhere.app(self.simulator, tick_s=_WORKER_S)

    def kill(self, account_id: str) -> None:
        self.simulator.expire(int(account_id))

    def reconnect(self, account_id: str) -> None:
        self.simulator.reconnect(int(account_id))

    def fail(self) -> None:
        self.simulator.fault("unavailable", times=-1)

    def lapse(self) -> None:
        self._entitle(False)

    def heal(self) -> None:
        self.simulator.faults.clear()
        self._entitle(True)

    def _entitle(self, entitled: bool) -> None:
        for organization in self.simulator.world.organizations.values():
            organization.entitled = entitled

    def doubled(self) -> int:
        return len(self.simulator.world.published_twice())


def _number(named: NamedAccount, place: int) -> int:
    """Return the id of an account: a number, as the partner has them."""
    return int(named.id) if named.id and named.id.isdecimal() else _FIRST_ID + place


def _takes_video(accounts: Iterable[str], named: Iterable[NamedAccount]) -> frozenset[str]:
    """Return the accounts on platforms of videos, and those of which the platform is not known here."""
    others = {one.name for one in named if platform_of(one) not in _VIDEO_ONLY}
    return frozenset(accounts) - others
