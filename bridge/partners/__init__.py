"""The partners that bridge can publish through: one folder or file a partner, one line here.

`_http.py` and `_budget.py` are what they call through: the only place of the room that awaits the network.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx

from bridge.partners._budget import Spend
from bridge.partners._http import Observe
from bridge.partners.genviral import Genviral, GenviralConfig
from bridge.partners.posteverywhere import PostEverywhere, PostEverywhereConfig
from bridge.ports import Clock, Partner

if TYPE_CHECKING:
    from bridge.tracing import Spans

__all__ = ["CONFIGS", "OPERATIONS", "PARTNERS", "Observe", "build"]

AnyPartner = Genviral | PostEverywhere
AnyConfig = GenviralConfig | PostEverywhereConfig

PARTNERS: Mapping[str, type[AnyPartner]] = MappingProxyType({"genviral": Genviral, "posteverywhere": PostEverywhere})
"""Kind -> the class that fulfils `ports.Partner`."""

CONFIGS: Mapping[str, type[AnyConfig]] = MappingProxyType({kind: cls.config_type for kind, cls in PARTNERS.items()})
"""Kind -> the frozen dataclass its entry under `partners:` is read into."""

OPERATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType({kind: cls.operations for kind, cls in PARTNERS.items()})
"""Kind -> the operations that `observe` is told of: the metric's label values."""


def utc_now() -> datetime:
    """Give the wall time in UTC."""
    return datetime.now(UTC)


def build(
    name: str,
    config: AnyConfig,
    observe: Observe,
    *,
    now: Clock = utc_now,
    transport: httpx.AsyncBaseTransport | None = None,
    spend: Spend | None = None,
    spans: "Spans | None" = None,
) -> Partner:
    """Make the client of one configured key.

    Args:
        name: the key's name in the configuration.
        config: its entry; its type says which partner it is.
        observe: told of every call: the key's name, operation, outcome, seconds.
        now: the clock.
        transport: what carries the calls instead of the network (tests, the demo).
        spend: counts the calls of all processes that use the key, where there may be others.
        spans: traces the calls of commands.
    """
    make: Callable[..., Partner] = PARTNERS[config.kind]  # Each takes its own configuration.
    return make(name, config, observe, now=now, transport=transport, spend=spend, spans=spans)
