"""What a start does to the endpoints before anything is sent: their rows follow the configuration and its keys."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bridge.core.configured import owned, renew, sync
from bridge.core.errors import StoreError
from bridge.core.model import Endpoint
from bridge.core.sealing import Sealer
from bridge.core.step import Step
from bridge.flows import NAMED, TRIES, Kit, log

Result = TypeVar("Result")


async def sync_endpoints(kit: Kit, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Give every configured endpoint its row, and disable those that are configured no more.

    Args:
        kit: what flows work with.
        wanted: the fields of the configured endpoints by name, as `endpoint_fields.columns` gives them.

    Raises:
        SettingsError: the configuration has the name of an endpoint that was made over the API.
        StoreError: other processes kept changing them.
    """
    await _decided(kit, lambda step, known: sync(step, known, wanted))


async def renew_secrets(kit: Kit, sealer: Sealer | None) -> None:
    """Seal with the newest key what an older one sealed, so that it can be retired; warn of what no key opens.

    Raises:
        StoreError: other processes kept changing them.
    """
    lost = await _decided(kit, lambda step, known: renew(step, known, sealer))
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
    gone, changed = await _decided(kit, lambda step, known: owned(step, known, tokens))
    if gone:
        kit.metrics.config_warned()
        warning = (
            f"tokens: {len(gone)} endpoints were made over the API by tokens that are not configured any more, so they "
            "get nothing; put the tokens back, or delete the endpoints and make them anew"
        )
        log.warning("config.warned", warning=warning, endpoints=gone[:NAMED])
    if changed:
        log.info("endpoint.changed", endpoints=changed[:NAMED], fields=["accounts"])


async def _decided(kit: Kit, decide: Callable[[Step, Mapping[str, Endpoint]], Result]) -> Result:
    """Decide over all endpoints and record it; decide anew when another process changed them meanwhile."""
    for _ in range(TRIES):
        step = Step(kit.moment())
        result = decide(step, await kit.store.endpoints())
        if await kit.record(step):
            return result
    raise StoreError("the endpoints were changed by another process; start again")
