"""Rows to nouns and back: tuples in the order of a table's columns, without any look-up per row."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Column, Table

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
        self.table = table
        self.identity: tuple[Column[Any], ...] = tuple(table.primary_key.columns)
        self.columns: list[Column[Any]] = [table.c[name] for name in own]
        self._noun = noun
        self._values = cast(Callable[[Noun], tuple[Any, ...]], attrgetter(*(n for n in names if hasattr(noun, n))))
        types = [(place, column.type) for place, column in enumerate(self._encoded_columns(noun))]
        self._encoders = [(place, kind.encode) for place, kind in types if hasattr(kind, "encode")]
        self._decoders = [
            (place, column.type.decode) for place, column in enumerate(self.columns) if hasattr(column.type, "decode")
        ]

    def _encoded_columns(self, noun: type[Noun]) -> list[Column[Any]]:
        return [column for column in self.table.columns if hasattr(noun, column.name)]

    def place(self, name: str) -> int:
        """Return where a field stands in a row of `columns`."""
        return self.columns.index(self.table.c[name])

    def encode(self, noun: Noun) -> tuple[Any, ...]:
        """Return the values of a row; columns that the noun has not (`posts.place`) are left to the caller."""
        values = list(self._values(noun))
        for place, encode in self._encoders:
            value = values[place]
            if value is not None:
                values[place] = encode(value)
        return tuple(values)

    def decode(self, row: Row) -> Noun:
        """Return the noun of a row of `columns`."""
        values = list(row)
        for place, decode in self._decoders:
            value = values[place]
            if value is not None:
                values[place] = decode(value)
        return self._noun(*values)


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
