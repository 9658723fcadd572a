"""The partners that bridge can publish through: one folder or file a partner, one line here.

`_http.py` is what they share: the only place of the room that awaits the network.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import httpx

from bridge.partners._http import Observe
from bridge.partners.genviral import Genviral, GenviralConfig
from bridge.ports import Clock, Partner

__all__ = ["CONFIGS", "OPERATIONS", "PARTNERS", "Observe", "build"]

PARTNERS: Mapping[str, type[Genviral]] = MappingProxyType({"genviral": Genviral})
"""Kind -> the class that fulfils `ports.Partner`."""

CONFIGS: Mapping[str, type[GenviralConfig]] = MappingProxyType(
    {kind: cls.config_type for kind, cls in PARTNERS.items()}
)
"""Kind -> the frozen dataclass its entry under `partners:` is read into."""

OPERATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType({kind: cls.operations for kind, cls in PARTNERS.items()})
"""Kind -> the operations that `observe` is told of: the metric's label values."""


def utc_now() -> datetime:
    """Give the wall time in UTC."""
    return datetime.now(UTC)


def build(
    name: str,
    config: GenviralConfig,
    observe: Observe,
    *,
    now: Clock = utc_now,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Partner:
    """Make the client of one configured key.

    Args:
        name: the key's name in the configuration.
        config: its entry; its type says which partner it is.
        observe: told of every call: the key's name, operation, outcome, seconds.
        now: the clock.
        transport: what carries the calls instead of the network (tests, the demo).
    """
    return PARTNERS[config.kind](name, config, observe, now=now, transport=transport)
