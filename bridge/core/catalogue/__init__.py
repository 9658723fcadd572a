"""The catalogue of outbound events: what each type says, since when, its schema, and an example of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import orjson

from bridge.core.catalogue._samples import samples as samples
from bridge.core.catalogue.schemas import Schema as Schema
from bridge.core.catalogue.schemas import schema
from bridge.core.catalogue.words import sentence
from bridge.core.events import EVENT_TYPES
from bridge.core.model import Json

_SINCE: Mapping[str, str] = {}
"""The version that a type came with, where that is not the first."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of outbound event; `schema` and `example` are of the whole body, in the format `standard`."""

    type: str
    family: str
    description: str
    since: str
    schema: Schema
    example: Json

    def wire(self) -> dict[str, object]:
        """Return it as `GET /v1/event-types` shows it."""
        return {
            "type": self.type,
            "family": self.family,
            "description": self.description,
            "since": self.since,
            "schema": self.schema,
            "example": self.example,
        }


@cache
def catalogue() -> Mapping[str, EventType]:
    """Return every type, in the order of `EVENT_TYPES`."""
    examples = {name: orjson.loads(event.body) for name, event in samples().items()}
    return {
        name: EventType(
            type=name,
            family=name.partition(".")[0],
            description=sentence(name),
            since=_SINCE.get(name, "0.1"),
            schema=schema(name),
            example=examples[name],
        )
        for name in EVENT_TYPES
    }
