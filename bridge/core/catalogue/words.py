"""What each type of event says, as a sentence."""

from bridge.core.events import EVENT_TYPES

_SUBJECTS = {
    "post": "The post",
    "target": "The post",
    "account": "The account",
    "partner": "The partner",
    "attention": "Something",
    "endpoint": "The endpoint",
    "delivery": "An event",
    "webhook": "This",
}


def sentence(event_type: str) -> str:
    """Return what a type says of its subject, as a sentence."""
    return f"{_SUBJECTS[event_type.partition('.')[0]]} {EVENT_TYPES[event_type]}."
