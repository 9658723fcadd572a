"""The formats that an outbound event is sent in: bytes made once, of the event alone."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from bridge.core.formats import _cloudevents, _flat, _gathering, _slack
from bridge.core.model import OutboundEvent

STANDARD = "standard"
CLOUDEVENTS = "cloudevents"
SLACK = "slack"
FLAT = "flat"
FORMATS = (STANDARD, CLOUDEVENTS, SLACK, FLAT)

GATHERS = (SLACK,)
"""Formats of which one body can say what several say."""

_MAKERS: Mapping[str, Callable[[OutboundEvent], bytes | None]] = {
    STANDARD: attrgetter("body"),
    CLOUDEVENTS: _cloudevents.body,
    SLACK: _slack.body,
    FLAT: _flat.body,
}


def body(name: str, event: OutboundEvent) -> bytes | None:
    """Return an event's body in a format; None when the format has nothing to say of it, so that it is not sent.

    Raises:
        KeyError: there is no such format.
    """
    return _MAKERS[name](event)


def content_type(name: str) -> str:
    """Return the media type of a format's bodies."""
    return _cloudevents.MEDIA_TYPE if name == CLOUDEVENTS else "application/json"


def parts(name: str, bodies: Sequence[bytes]) -> list[list[int]]:
    """Return which of several bodies of a format go out as one, by their numbers; each is in one of the parts."""
    return _gathering.parts(bodies) if name in GATHERS else [[number] for number in range(len(bodies))]


def gathered(name: str, bodies: Sequence[bytes]) -> bytes:
    """Return the one body that says what several of one part (`parts`) say, oldest first (of one: itself).

    Raises:
        ValueError: several of a format that is none of `GATHERS`.
    """
    if len(bodies) == 1:
        return bodies[0]
    if name not in GATHERS:
        raise ValueError(f"{name} cannot say several things in one body")
    return _gathering.gathered(bodies)
