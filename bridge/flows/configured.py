"""What a start does to the endpoints before anything is sent: their rows follow the configuration and its keys.

Several processes with one database may have different configurations while they are replaced one after the other. Each
says which endpoints it has, by leases that all of them share, and none disables what another has.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from bridge.core.configured import CONFIGURATION, follow, owned, renew, sync
from bridge.core.errors import StoreError
from bridge.core.model import Endpoint
from bridge.core.sealing import Sealer
from bridge.core.step import Step
from bridge.flows import NAMED, TRIES, Kit, log

Result = TypeVar("Result")

_HAS_S = 60.0
"""How long it counts that a process has an endpoint. It says so every 10 s, but the database may be away."""

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
    await _say(kit, wanted)
    await _decided(kit, lambda step, known, elsewhere: sync(step, known, wanted, elsewhere), wanted)


async def follow_configurations(kit: Kit, wanted: Collection[str]) -> None:
    """Say which endpoints are configured here, let these go on, and disable what no process has any more.

    It is to be called every 10 s where there may be other processes.

    Raises:
        StoreError: the store refused, or other processes kept changing them.
    """
    await _say(kit, wanted)
    back, left = await _decided(kit, lambda step, known, elsewhere: follow(step, known, wanted, elsewhere), wanted)
    if back:
        log.info("endpoint.configured", endpoints=back[:NAMED])
    if left:
        log.warning("endpoint.unconfigured", endpoints=left[:NAMED])


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
    gone, changed = await _decided(kit, lambda step, known, _: owned(step, known, tokens))
    if gone:
        kit.metrics.config_warned()
        warning = (
            f"tokens: {len(gone)} endpoints were made over the API by tokens that are not configured any more, so they "
            "get nothing; put the tokens back, or delete the endpoints and make them anew"
        )
        log.warning("config.warned", warning=warning, endpoints=gone[:NAMED])
    if changed:
        log.info("endpoint.changed", endpoints=changed[:NAMED], fields=["accounts"])


async def _decided(
    kit: Kit,
    decide: Callable[[Step, Mapping[str, Endpoint], Collection[str]], Result],
    wanted: Collection[str] | None = None,
) -> Result:
    """Decide over all endpoints and record it; decide anew when another process changed them meanwhile.

    With the names of those that are configured here, `decide` is told which others are configured elsewhere.
    """
    for _ in range(TRIES):
        step = Step(kit.moment())
        known = await kit.store.endpoints()
        # After the rows: who gives an endpoint its row has said before that it has it.
        elsewhere = await _elsewhere(kit, known, wanted) if wanted is not None else ()
        result = decide(step, known, elsewhere)
        if await kit.record(step):
            return result
    raise StoreError("the endpoints were changed by another process; start again")


async def _say(kit: Kit, wanted: Collection[str]) -> None:
    """Say that these are configured here. All processes are one holder: it counts while any of them says so."""
    if kit.store.shared:
        await asyncio.gather(*(kit.store.lease(_lease(name), CONFIGURATION, _HAS_S) for name in wanted))


async def _elsewhere(kit: Kit, known: Mapping[str, Endpoint], wanted: Collection[str]) -> set[str]:
    """Return which of those that are not configured here another process has."""
    if not kit.store.shared:
        return set()
    others = [name for name, one in known.items() if one.configured and one.enabled and name not in wanted]
    # Who has nothing gives nothing up: it is only answered whether somebody else has it.
    free = await asyncio.gather(*(kit.store.lease(_lease(name), _NOBODY, 0) for name in others))
    return {name for name, is_free in zip(others, free, strict=True) if not is_free}


def _lease(name: str) -> str:
    return f"configured:{name}"
