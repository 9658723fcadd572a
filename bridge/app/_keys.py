"""What a start says of keys that are gone while work of theirs is left."""

from datetime import timedelta

import structlog

from bridge.core.model import PostState
from bridge.flows import Kit

log = structlog.get_logger("bridge")

_EVER = timedelta(days=3650)
_COUNTED = 1000
"""How many watched posts of a missing key are counted."""


async def warn_of_missing_keys(kit: Kit) -> None:
    """Say of each key that left the configuration how many of its posts nobody sends or watches any more."""
    now = kit.clock()
    counts = (await kit.store.counts(now, kit.partners)).posts
    for name in sorted({name for name, _ in counts} - kit.partners.keys()):
        unsent = counts.get((name, PostState.ACCEPTED), 0) + counts.get((name, PostState.PARKED), 0)
        watched = len(await kit.store.tracked(name, now + _EVER, _COUNTED))
        if unsent or watched:
            kit.metrics.config_warned()
            left = f"{unsent} of its posts were not sent and {watched}{'+' if watched == _COUNTED else ''} not watched"
            warning = f"partners.{name}: is not configured any more, so {left} to their end; "
            warning += "put the key back, or drop what was not sent"
            log.warning("config.warned", warning=warning, partner=name, unsent=unsent, watched=watched)
