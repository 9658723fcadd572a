"""Rows to nouns and back: tuples in the order of a table's columns, without any look-up per row."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Table

from bridge.core.auditing import Note
from bridge.core.model import (
    Account,
    Attempt,
    Cause,
    Command,
    Delivery,
    Endpoint,
    Event,
    FeedState,
    Key,
    Lookup,
    Message,
    OutboundEvent,
    Post,
    Replay,
    SourceObject,
)
from bridge.core.sessions import Session
from bridge.core.tallies import Tally
from bridge.store import _people as people
from bridge.store import _tables as tables

Noun = TypeVar("Noun")
Row = Sequence[Any]


class Codec(Generic[Noun]):
    """How one noun is kept in its table.

    `identity` are the columns that name a row; `columns` those of the noun's own fields, in the noun's order.
    """

    def __init__(self, noun: type[Noun], table: Table, *, added: tuple[str, ...] = ()) -> None:
        names = [column.name for column in table.columns]
        own = [field.name for field in fields(noun)]  # type: ignore[arg-type]  # All nouns are dataclasses.
        if [name for name in names if name not in added] != own:
            raise TypeError(f"the columns of {table.name} are not the fields of {noun.__name__}")
        self.noun, self.table = noun, table
        self.identity: tuple[Column[Any], ...] = tuple(table.primary_key.columns)
        self.columns: list[Column[Any]] = [table.c[name] for name in own]
        stored = [column for column in table.columns if hasattr(noun, column.name)]
        self.encode: Callable[[Noun], tuple[Any, ...]] = _written_out(
            "", [(f"it.{column.name}", getattr(column.type, "encode", None)) for column in stored]
        )
        """Returns the values of a row; columns that the noun has not (`posts.place`) are left to the caller."""
        self.decode: Callable[[Row], Noun] = _written_out(
            "noun",
            [(f"it[{place}]", getattr(one.type, "decode", None)) for place, one in enumerate(self.columns)],
            noun,
        )
        """Returns the noun of a row of `columns`."""

    def place(self, name: str) -> int:
        """Return where a field stands in a row of `columns`."""
        return self.columns.index(self.table.c[name])


def _written_out(
    made: str, values: Sequence[tuple[str, Callable[[Any], Any] | None]], noun: type | None = None
) -> Callable[[Any], Any]:
    """Return a function of `it` that makes a tuple, or a noun, of these values, each with what converts it if not None.

    Written out, as `dataclass` does it, it takes half as long as a loop over the columns.
    """
    converters = {f"convert_{place}": convert for place, (_, convert) in enumerate(values)}
    parts = [
        value if convert is None else f"None if (value := {value}) is None else convert_{place}(value)"
        for place, (value, convert) in enumerate(values)
    ]
    # The names are those of our own columns.
    made_of: Callable[[Any], Any] = eval(f"lambda it: {made}({', '.join(parts)},)", {**converters, "noun": noun})  # noqa: S307
    return made_of


EVENTS = Codec(Event, tables.events)
POSTS = Codec(Post, tables.posts, added=("place",))
COMMANDS = Codec(Command, tables.commands)
ATTEMPTS = Codec(Attempt, tables.attempts)
ACCOUNTS = Codec(Account, tables.accounts, added=("key",))
KEYS = Codec(Key, tables.keys)
CAUSES = Codec(Cause, tables.causes)
ENDPOINTS = Codec(Endpoint, tables.endpoints)
OBJECTS = Codec(SourceObject, tables.objects, added=("key",))
LOOKUPS = Codec(Lookup, tables.lookups)
FEEDS = Codec(FeedState, tables.feeds)
OUTBOUND = Codec(OutboundEvent, tables.outbound_events)
DELIVERIES = Codec(Delivery, tables.deliveries)
MESSAGES = Codec(Message, tables.messages)
REPLAYS = Codec(Replay, tables.replays)
SESSIONS = Codec(Session, people.sessions)
NOTES = Codec(Note, people.audit)
TALLIES = Codec(Tally, people.tallies)
