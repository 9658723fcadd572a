"""Makes statements with SQLAlchemy Core, for one engine: see `bridge.store._statements` for how they are run.

Each is compiled once and run with plain tuples: what SQLAlchemy would work out again at every execution.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Dialect,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import ColumnElement

from bridge.ports import Due
from bridge.store._statements import (
    AllAtOnce,
    Among,
    Chosen,
    Each,
    EachByItself,
    Given,
    ListAsArray,
    Listed,
    ListOfValues,
    Statement,
    ValuesAtOnce,
    given_name,
    unnested,
)

_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


LONGEST_LEASE = 600_000_000
"""In microseconds. No work is leased for so long: what ends later was given by a clock that is no more, and is over.

After a failover that clock may have been hours ahead, and whoever had the lease may be dead.
"""


@dataclass(slots=True)
class Unit:
    """One unit of work: the transaction's connection, and what it made due."""

    connection: Connection
    made_due: Due = Due.NOTHING


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock beside all rows; on SQLite, where only one transaction writes, there is nothing to do."""

    _share: Statement | None
    _take: Statement | None

    def share(self, connection: Connection) -> None:
        """Wait for whoever has it alone."""
        if self._share is not None:
            self._share.rows(connection)

    def take(self, connection: Connection) -> None:
        """Wait for everybody else."""
        if self._take is not None:
            self._take.rows(connection)


class Sql:
    """Compiles statements for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._has_arrays = dialect.name == "postgresql"
        self.new = _INSERTS[dialect.name]

    def one(self, statement: ClauseElement) -> Statement:
        """Compile a statement."""
        return Statement(lambda: statement, self._dialect)

    def listed(self, build: Callable[[Among], ClauseElement]) -> Listed:
        """Compile a statement over a list: `build` is given what says that a column is in it."""
        return (ListAsArray if self._has_arrays else ListOfValues)(build, self._dialect)

    def each(self, columns: Sequence[Column[Any]], build: Callable[[Given], ClauseElement]) -> Each:
        """Compile a statement to run for many rows of values: `build` is given those of one row, by column."""
        if self._has_arrays:
            return AllAtOnce(columns, Statement(lambda: build(unnested(columns).c), self._dialect))
        kinds = {column.name: column.type for column in columns}

        def make() -> ClauseElement:
            return build({name: bindparam(given_name(name), type_=kind) for name, kind in kinds.items()})

        return EachByItself(list(kinds), Statement(make, self._dialect))

    def by_ids(self, column: Column[Any], columns: Sequence[Column[Any]], *, lock: bool = False) -> Listed:
        """Select `columns` where `column` is in a list; `lock` keeps the rows until the transaction ends."""

        def build(items: Among) -> ClauseElement:
            found = select(*columns).where(items(column))
            return found.order_by(column).with_for_update(key_share=True) if lock else found

        return self.listed(build)

    def insert(self, table: Table) -> Each:
        """Insert rows of all columns; a row that clashes with a stored one is left out of the count."""
        return self._inserting(table, lambda new: new.on_conflict_do_nothing())

    def upsert(self, table: Table) -> Each:
        """Insert rows of all columns, or replace what is not fixed of the stored one."""

        def replacing(new: Any) -> Any:
            changed = {column.name: new.excluded[column.name] for column in changing(table)}
            return new.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changed)

        return self._inserting(table, replacing)

    def add_up(self, table: Table, name: str) -> Each:
        """Insert rows of all columns, or add their number of one column to that of the stored row."""

        def adding(new: Any) -> Any:
            total = {name: table.c[name] + new.excluded[name]}
            return new.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=total)

        return self._inserting(table, adding)

    def lock(self, number: int) -> "Lock":
        """Make a lock that transactions of all processes share or have alone, until they end."""
        if not self._has_arrays:
            return Lock(None, None)
        return Lock(
            self.one(select(func.pg_advisory_xact_lock_shared(number))),
            self.one(select(func.pg_advisory_xact_lock(number))),
        )

    def _inserting(self, table: Table, finish: Callable[[Any], Any]) -> Each:
        if not self._has_arrays:
            given: dict[str, Any] = {column.name: bindparam(column.name) for column in table.columns}
            return ValuesAtOnce(Statement(lambda: finish(self.new(table).values(given)), self._dialect))
        new, names = self.new(table), [column.name for column in table.columns]

        def build(given: Given) -> ClauseElement:
            return finish(new.from_select(names, select(*given.values())))  # type: ignore[no-any-return]  # `new` is of the engine's own class.

        return self.each(list(table.columns), build)

    def _of_values(self, columns: Sequence[Column[Any]], build: Callable[[Given], ClauseElement]) -> Statement:
        """Compile a statement over `VALUES`, whose columns SQLite numbers."""
        shown: list[Any] = [
            literal_column(f"column{place}").label(column.name) for place, column in enumerate(columns, 1)
        ]
        values = text(f"(VALUES ({', '.join('?' * len(columns))}))")
        given = select(*shown).select_from(values).subquery("given")
        return Statement(lambda: build({column.name: given.c[column.name] for column in columns}), self._dialect)

    def replace(self, table: Table) -> Each:
        """Update by id all that is not fixed, with rows of all columns but those at the end that a noun has not.

        A lease that was renewed meanwhile stays as long as it is: a row may take it or give it up, but not shorten it.
        """
        (identity,) = table.primary_key.columns
        columns = [identity, *changing(table)]

        def build(given: Given) -> ClauseElement:
            changed = {column.name: given[column.name] for column in changing(table)}
            if "lease_until" in changed:
                changed["lease_until"] = _longer(table.c.lease_until, changed["lease_until"])
            return update(table).values(changed).where(identity == given[identity.name])

        names = table.columns.keys()
        each = self.each(columns, build) if self._has_arrays else ValuesAtOnce(self._of_values(columns, build))
        return Chosen(each, [names.index(column.name) for column in columns])


def _longer(stored: ColumnElement[Any], given: ColumnElement[Any]) -> ColumnElement[Any]:
    is_longer = stored > given, stored - literal_column(str(LONGEST_LEASE)) <= given
    return case((and_(given.is_not(None), *is_longer), stored), else_=given)


def changing(table: Table) -> list[Column[Any]]:
    """Return the columns that an update writes."""
    return [column for column in table.columns if not column.info["fixed"]]
