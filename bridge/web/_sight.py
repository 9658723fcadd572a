"""What a caller of some accounts may see: of endpoints its own alone, of events those of its accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.core.endpoint_rules import is_for
from bridge.core.endpoints import TEST, was_there
from bridge.core.errors import Problem
from bridge.core.model import Delivery, Endpoint
from bridge.core.tokens import Token
from bridge.web._call import Call, Web
from bridge.web._shapes import Shape, may_see, may_see_account


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


async def concerning(web: Web, call: Call, subjects: Mapping[str, str]) -> set[str]:
    """Return which of these subjects, by any id, are about posts or accounts that the caller may use."""
    parted = {key: subject.split(":") for key, subject in subjects.items()}
    ids = {parts[1] for parts in parted.values() if parts[0] in ("post", "target")}
    posts = {post_id for post_id, post in (await web.store.posts(ids)).items() if may_see(post, call.allowed)}
    return {key for key, parts in parted.items() if _concerns(web, call, parts, posts)}


def _concerns(web: Web, call: Call, parts: Sequence[str], seen: set[str]) -> bool:
    match parts:
        case ["post", post_id] | ["target", post_id, *_]:
            return post_id in seen
        case ["account", partner, *rest] | ["cause", "account", partner, *rest]:
            account_id = ":".join(rest)
            name = web.ingest.kit.book.directory.name_of(partner, account_id)
            return may_see_account(partner, account_id, name, call.allowed)
        case _:
            return False


def refuse_bound(allowed: Sequence[str]) -> None:
    """Refuse a token that may use some accounts only what may be about any.

    Raises:
        Problem: 403 `account_not_allowed`.
    """
    if allowed:
        detail = "This token is for some accounts only. Use one with scope admin and no `accounts`."
        raise Problem(403, "account_not_allowed", detail)
