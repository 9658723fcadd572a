"""What a start, or a reload, does to the endpoints before anything is sent: their rows follow the configuration.

Several processes with one database may have different configurations while one after the other is replaced, or reads a
changed one. Each says which endpoints and tokens it has, by leases that all of them share, and none disables what
another has, or has made with a token. At a reload the configuration that goes says so a last time: what left by mistake
loses nothing when it is back within a minute.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from bridge.core.configured import CONFIGURATION, follow, follow_tokens, owned, owner_word, renew, sync, word
from bridge.core.errors import StoreError
from bridge.core.model import Endpoint
from bridge.core.sealing import Sealer
from bridge.core.step import Step
from bridge.flows import NAMED, TRIES, Kit, log

Result = TypeVar("Result")

_HAS_S = 60.0
"""How long it counts that a process has something configured. It says so every 10 s, but the database may be away."""

_NOBODY = "nobody"


async def sync_endpoints(kit: Kit, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Give every configured endpoint its row, and disable those that are configured no more.

    Args:
        kit: what flows work with.
        wanted: the fields of the configured endpoints by name, as `endpoint_fields.columns` gives them.

    Raises:
        SettingsError: the configuration has the name of an endpoint that was made over the API.
        StoreError: other processes kept changing them.
    """
    if kit.store.shared:
        await say(kit, wanted)
    await _decided(kit, lambda step, known, elsewhere: sync(step, known, wanted, elsewhere), wanted)


async def check_endpoints(kit: Kit, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """See whether `sync_endpoints` would take these, and write nothing.

    Raises:
        SettingsError: the configuration has the name of an endpoint that was made over the API.
        StoreError: the store refused.
    """
    sync(Step(kit.moment()), await kit.store.endpoints(), wanted)


async def follow_configurations(kit: Kit, wanted: Collection[str], tokens: Collection[str]) -> None:
    """Say which endpoints and tokens are configured here, let theirs go on, and disable what no process has any more.

    It is to be called every 10 s.

    Raises:
        StoreError: the store refused, or other processes kept changing them.
    """
    if kit.store.shared:
        await say(kit, wanted, tokens)

    def decide(step: Step, known: Mapping[str, Endpoint], elsewhere: Collection[str]) -> tuple[list[str], ...]:
        return *follow(step, known, wanted, elsewhere), *follow_tokens(step, known, tokens, elsewhere)

    here = [*wanted, *map(owner_word, tokens)]
    back, left, owner_back, ownerless = await _decided(kit, decide, here)
    if back or owner_back:
        log.info("endpoint.configured", endpoints=[*back, *owner_back][:NAMED])
    if left:
        log.warning("endpoint.unconfigured", endpoints=left[:NAMED])
    _warn_of_ownerless(kit, ownerless)


async def renew_secrets(kit: Kit, sealer: Sealer | None) -> None:
    """Seal with the newest key what an older one sealed, so that it can be retired; warn of what no key opens.

    Raises:
        StoreError: other processes kept changing them.
    """
    lost = await _decided(kit, lambda step, known, _: renew(step, known, sealer))
    if lost:
        kit.metrics.config_warned()
        warning = (
            f"server.secret_key: no key opens the secrets of {len(lost)} endpoints that were made over the API, so "
            "they get nothing; put the former key back beside the new one, or delete them and make them anew"
        )
        log.warning("config.warned", warning=warning, endpoints=lost[:NAMED])


async def follow_owners(kit: Kit, tokens: Mapping[str, tuple[str, ...]]) -> None:
    """Disable what was made over the API with tokens that are gone, and let the rest see what their tokens may see.

    Args:
        kit: what flows work with.
        tokens: the accounts of each configured token, by its name.

    Raises:
        StoreError: other processes kept changing them.
    """
    if kit.store.shared:
        await say(kit, owners=tokens)
    here = [owner_word(name) for name in tokens]
    gone, changed = await _decided(kit, lambda step, known, elsewhere: owned(step, known, tokens, elsewhere), here)
    _warn_of_ownerless(kit, gone)
    if changed:
        log.info("endpoint.changed", endpoints=changed[:NAMED], fields=["accounts"])


def _warn_of_ownerless(kit: Kit, names: Sequence[str]) -> None:
    if names:
        kit.metrics.config_warned()
        warning = (
            f"tokens: {len(names)} endpoints were made over the API by tokens that are not configured any more, so "
            "they get nothing; put the tokens back, or delete the endpoints and make them anew"
        )
        log.warning("config.warned", warning=warning, endpoints=names[:NAMED])


async def say(kit: Kit, endpoints: Collection[str] = (), owners: Collection[str] = ()) -> None:
    """Say that these endpoints and tokens are configured here: for a minute nobody disables what hangs on them.

    All processes are one holder: it counts while any of them says so. Where there is no other process it is to be said
    only by a configuration that goes.

    Raises:
        StoreError: the store refused.
    """
    words = [*endpoints, *map(owner_word, owners)]
    await asyncio.gather(*(kit.store.lease(_lease(one), CONFIGURATION, _HAS_S) for one in words))


async def _decided(
    kit: Kit,
    decide: Callable[[Step, Mapping[str, Endpoint], Collection[str]], Result],
    here: Collection[str] | None = None,
) -> Result:
    """Decide over all endpoints and record it; decide anew when another process changed them meanwhile.

    With the words of what is configured here, `decide` is told of which others somebody else has said so.
    """
    for _ in range(TRIES):
        step = Step(kit.moment())
        known = await kit.store.endpoints()
        # After the rows: who gives an endpoint its row has said before that it has it.
        elsewhere = await _elsewhere(kit, known, here) if here is not None else ()
        result = decide(step, known, elsewhere)
        if await kit.record(step):
            return result
    raise StoreError("the endpoints were changed by another process; start again")


async def _elsewhere(kit: Kit, known: Mapping[str, Endpoint], here: Collection[str]) -> set[str]:
    """Return which words that enabled endpoints need, and that are not said here, somebody else says."""
    others = sorted({word(one) for one in known.values() if one.enabled} - set(here))
    # Who has nothing gives nothing up: it is only answered whether somebody else has it.
    free = await asyncio.gather(*(kit.store.lease(_lease(one), _NOBODY, 0) for one in others))
    return {one for one, is_free in zip(others, free, strict=True) if not is_free}


def _lease(one: str) -> str:
    return f"configured:{one}"
