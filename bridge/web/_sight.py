"""Which endpoints a caller may see: the name of any other, and what that answered, is not for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core.endpoint_rules import is_for
from bridge.core.endpoints import TEST, was_there
from bridge.core.model import Delivery, Endpoint
from bridge.core.tokens import Token
from bridge.web._call import Call, Web
from bridge.web._shapes import Shape


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller sees of endpoints. `bound` is its token when that is for some accounts only; others see all."""

    bound: Token | None = None
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)

    def has(self, delivery: Delivery) -> bool:
        """Say whether the endpoint of a delivery may be seen; what an earlier one of its name got is not its own."""
        if self.bound is None:
            return True
        endpoint = self.endpoints.get(delivery.destination)
        return endpoint is not None and is_for(endpoint, self.bound) and was_there(endpoint, delivery.created_at)

    def all_of(self, delivery: Delivery) -> bool:
        """Say whether a delivery may be seen whatever it tells: by whoever sees all, or a test of the caller's own."""
        return self.bound is None or (delivery.type == TEST and self.has(delivery))

    def shown(self, delivery: Delivery, shape: Shape, tries: str) -> Shape:
        """Leave out of a delivery's shape which endpoint that is, and its tries, when that may not be seen."""
        return shape if self.has(delivery) else shape | {"endpoint": None} | ({tries: []} if tries in shape else {})


EVERYTHING = Sight()
"""What a caller sees whose token is for all accounts."""


async def sight(web: Web, call: Call) -> Sight:
    """Return what the caller sees."""
    if not call.allowed:
        return EVERYTHING
    return Sight(call.caller, await web.store.endpoints())
