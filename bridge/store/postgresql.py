"""PostgreSQL: connections, what replicas tell each other, and what its errors mean.

Every process that is given the same URL works on the same rows: claims skip what others have locked, rows are read for
update before they are changed, and a commit that made work due wakes the others by NOTIFY. Who hears nothing, because a
proxy stands in between or the connection was gone, looks for work each second all the same.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import psycopg
import structlog
from psycopg import errors
from psycopg.abc import AdaptContext, Buffer, PQGen
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Format, TransactionStatus
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import Connection, Dialect, Engine, ExceptionContext, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError

from bridge.core.database_urls import UnreadableUrl, read_url
from bridge.core.errors import StoreAway, StoreBusy, StoreError, StoreFull
from bridge.core.restoring import Restore
from bridge.ports import Due
from bridge.store._arrays import KINDS, text_as_kept
from bridge.store._engine import Clash
from bridge.store._restoring import last, pending, reconcile
from bridge.store._schema import is_usable, make_current

log = structlog.get_logger("bridge")

Answer = TypeVar("Answer")

_CHANNEL = "bridge"
ISOLATION = "READ COMMITTED"  # A role or a database may have another default; locked rows are read as they are.
_SCHEMA_LOCK = 0x6272_6964_6765
"""The advisory lock of whoever changes the schema: "bridge" in ASCII."""
_HEARD_EVERY_S = 0.05
"""Others are told of new work no more often: they look again anyway, and each notice waits for all others in line."""
_AGAIN_S = 1.0
_EVERY, _LONG = (~Due.NOTHING).value, 10
"""All kinds of work as a number, and how long one in a notice is not."""
_KEPT_S = 300
"""How long a reading connection is used: a new one also learns the server's time anew."""

_DEFAULTS: dict[str, Any] = {
    "application_name": "bridge",
    "connect_timeout": 5,
    # A server that vanished without a word is given up within seconds, in both directions.
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    # After a failover the former primary may still answer, and take no writes.
    "target_session_attrs": "read-write",
}
_SILENCE_S = 10.0
"""How long a server may take for one answer before its connection is given up: none of our statements takes so long."""
_LIMITS = "-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=10s"
"""A process that stands still within a transaction loses it, with all locks, before others wait long."""
_PLANS = "-c enable_seqscan=off -c jit=off"
"""Every statement that is run often has its index. A plan that was made while a table was small, or before the server
had counted its rows, would go through all of it for as long as the plan is kept."""

_TRANSIENT = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)
_SLOW = (*_TRANSIENT, errors.QueryCanceled, errors.IdleInTransactionSessionTimeout)
_MEANINGS: tuple[tuple[type[psycopg.Error], type[StoreError | Clash]], ...] = (
    (errors.UniqueViolation, Clash),
    (errors.DiskFull, StoreFull),
    # A statement too large for the server is one caller's, though the driver counts it as the server's condition. One
    # that took too long may be anybody's, but to run each alone could take as long for each.
    (errors.ProgramLimitExceeded, StoreError),
    (errors.StatementTooComplex, StoreError),
    *((kind, StoreBusy) for kind in _SLOW),
    # Whatever else is the server's condition: it was not reached, it lets nobody in, or it only copies another.
    (psycopg.OperationalError, StoreAway),
    (errors.ReadOnlySqlTransaction, StoreAway),
)
_LOST = (
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
)
"""What says that the connection is of no use any more, beside its being cut."""


class _Silent(psycopg.OperationalError):
    """The server said nothing for `_SILENCE_S`."""


class _Connection(psycopg.Connection[Any]):
    """One that is closed when the server says nothing for long: what was asked, or the answer, may have got lost."""

    def wait(self, gen: PQGen[Answer], interval: float = 0.1, timeout: float | None = None) -> Answer:
        try:
            return super().wait(gen, interval, timeout or _SILENCE_S)
        except psycopg.OperationalError as error:
            if self.info.transaction_status is not TransactionStatus.ACTIVE:
                raise
            self.pgconn.finish()
            raise _Silent(*error.args) from error


class PostgresDatabase:
    """One database on a server, shared with other processes.

    Args:
        url: as libpq takes it: `postgresql://USER:PASSWORD@HOST:PORT/NAME?sslmode=verify-full`; several hosts too.
        create: make the tables and bring them up to date; without it they must be so already.
        readers: how many reading connections are kept.
        notify: whether to listen for what other processes did, and to let the server keep statements prepared. Neither
            works through a proxy that pools transactions.

    Raises:
        StoreError: it cannot be reached; it is not up to date and `create` is False; it was made by a newer bridge; it
            does not sync what it says is committed.
    """

    shared = True

    def __init__(self, url: str, *, create: bool, readers: int, notify: bool) -> None:
        self._dsn = dsn_of(url, limits=notify)
        self._notify = notify
        self._name = os.urandom(8).hex()
        self._notified_at = 0.0
        self._time: tuple[datetime, float] | None = None
        self._writer = self._engine(f"BEGIN ISOLATION LEVEL {ISOLATION}", connections=1)
        self._reader = self._engine("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", connections=readers)
        self.dialect: Dialect = self._writer.dialect
        try:
            with explained(self._dsn), _plain(url) as engine:
                self._check()
                prepare(engine, create=create)
                self.restored = _begin(engine)
        except BaseException:
            self.close()
            raise

    def clock(self) -> datetime:
        """Return the server's time, so that leases end for all processes at once, whatever their own clocks say."""
        if self._time is None:
            raise StoreError("the database was never reached")
        then, at = self._time
        return then + timedelta(seconds=time.monotonic() - at)

    def writing(self) -> AbstractContextManager[Connection]:
        """Open the writer's connection; one that was cut is opened anew at its next transaction."""
        return self._writer.connect()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Borrow a reading connection in one snapshot."""
        with self._reader.connect() as connection, connection.begin():
            yield connection

    def translate(self, error: DBAPIError) -> StoreError | Clash:
        """Say what an error means by its class; the text of an error may have values of rows, so it is not told."""
        original = error.orig
        meaning = next((found for kind, found in _MEANINGS if isinstance(original, kind)), StoreError)
        return meaning(f"the database refused: {_told(original)}")

    def is_transient(self, error: DBAPIError) -> bool:
        """Say whether the same transaction may succeed at once: it stood in the way of another, or was cut."""
        # Who said nothing for long will not answer at once, and more callers wait.
        cut = error.connection_invalidated and not isinstance(error.orig, _Silent)
        return cut or isinstance(error.orig, _TRANSIENT)

    def notify(self, connection: Connection, due: Due) -> None:
        """Tell other processes what this transaction makes due, once it is committed."""
        at = time.monotonic()
        if not self._notify or at - self._notified_at < _HEARD_EVERY_S:
            return
        self._notified_at = at
        connection.exec_driver_sql("SELECT pg_notify(%s, %s)", (_CHANNEL, f"{self._name} {due.value}"))

    async def listen(self, woken: Callable[[Due], None]) -> None:
        """Call `woken` with what other processes made due, until cancelled; whatever was missed may be due."""
        missed = Due.NOTHING
        while self._notify:
            why: psycopg.Error | None = None
            try:
                async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {_CHANNEL}".encode())
                    if missed:
                        woken(missed)
                    async for notice in connection.notifies():
                        self._heard(notice.payload, woken)
            except psycopg.Error as error:
                why = error
            log.warning("store.not_listening", again_s=_AGAIN_S, error=_told(why))
            missed = ~Due.NOTHING
            await asyncio.sleep(_AGAIN_S)

    def _heard(self, payload: str, woken: Callable[[Due], None]) -> None:
        """Wake for what others say; a newer one of them, or a stranger, may say what nobody here knows."""
        name, _, word = payload.partition(" ")
        known = int(word) & _EVERY if word.isdecimal() and len(word) < _LONG else 0
        if name != self._name and known:
            woken(Due(known))

    def scrub(self) -> None:
        """Do nothing: what was deleted stays in pages until the server's own vacuum, and in its log and backups."""

    def close(self) -> None:
        """Close all connections."""
        self._reader.dispose()
        self._writer.dispose()

    def _engine(self, begin: str, *, connections: int) -> Engine:
        """Make an engine whose transactions begin with the given words, at once, not with their first statement."""
        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            paramstyle="format",
            pool_size=connections,
            max_overflow=0,
            pool_recycle=_KEPT_S,
            hide_parameters=True,
        )
        event.listen(engine, "handle_error", _see_lost)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        event.listen(engine, "commit", _check_commit)
        return engine

    def _connect(self) -> "psycopg.Connection[Any]":
        connection = _Connection.connect(self._dsn, autocommit=True, prepare_threshold=5 if self._notify else None)
        connection.prepared_max = 500
        register(connection)
        # One more turn for each new connection: what the server takes for now.
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        self._time = (row[0], time.monotonic()) if row else None
        return connection

    def _check(self) -> None:
        """Refuse a server that would lose what it acknowledged."""
        with self._writer.connect() as connection:
            ask = "SELECT current_setting('synchronous_commit'), current_setting('fsync')"
            [commit, sync] = connection.exec_driver_sql(ask).one()
        if commit == "off":
            raise StoreError(
                "the database answers before a commit is on disk (synchronous_commit = off), and a crash would lose "
                "accepted events; run ALTER ROLE ... SET synchronous_commit = on"
            )
        if sync == "off":
            log.warning("store.not_synced", warning="fsync is off: a crash of the server's machine loses data")


def migrate_postgresql(url: str) -> bool:
    """Create or migrate the tables; False when there was nothing to do. Of many at once, one does it.

    Raises:
        StoreError: as `PostgresDatabase`.
    """
    with explained(dsn_of(url, limits=False)), _plain(url) as engine:
        return prepare(engine, create=True)


def _begin(engine: Engine) -> Restore | None:
    """Bring a database that was put back into the state that work begins with, which one process does; see `last`."""
    with engine.begin() as connection:
        if pending(connection) is not None:
            connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        reconciled, restored = reconcile(connection), last(connection)
    if reconciled is not None:
        reconciled.tell()
    return restored


@contextmanager
def _plain(url: str) -> Iterator[Engine]:
    """Make an engine for what may take long, also because others do it already."""
    connect = partial(psycopg.connect, dsn_of(url, limits=False))
    engine = create_engine("postgresql+psycopg://", creator=connect, isolation_level=ISOLATION)
    try:
        yield engine
    finally:
        engine.dispose()


def prepare(engine: Engine, *, create: bool) -> bool:
    """Bring the tables up to date where that is asked for; say whether anything was done."""
    with engine.begin() as connection:
        refuse_encoding(connection)
        if is_usable(connection):
            return False
    if not create:
        raise StoreError("the database is not up to date; run `bridge migrate`")
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        changed = not is_usable(connection)
        make_current(connection)
    return changed


def refuse_encoding(connection: Connection) -> None:
    """Refuse a database that cannot keep every text, or keeps bytes of which nobody knows what they mean.

    Raises:
        StoreError: its encoding is not UTF-8.
    """
    encoding = connection.exec_driver_sql("SELECT current_setting('server_encoding')").scalar_one()
    if encoding != "UTF8":
        raise StoreError(
            f"the database is in {encoding}, which cannot keep every text; "
            "make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )


def dsn_of(url: str, *, limits: bool) -> str:
    """Return what libpq connects by: what the URL says, and what it leaves out."""
    try:
        given = read_url(url)
    except UnreadableUrl as error:
        raise StoreError(f"the database URL {error}") from None
    # Lists of text are written in UTF-8, whatever the URL, the role or the environment says.
    known: dict[str, Any] = {**_DEFAULTS, **given, "client_encoding": "utf8"}
    if limits:
        known["options"] = f"{_LIMITS} {_PLANS} {known.get('options') or ''}".rstrip()
    return make_conninfo("", **known)


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> Buffer | None:
        return bytes(obj)


class _TextDumper(StrDumperUnknown):
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(text_as_kept(obj))


_DUMPERS = [(kind.type, type(f"{kind.name}Dumper", (_ArrayDumper,), {"oid": kind.oid})) for _, kind in KINDS]


def register(context: AdaptContext) -> None:
    """Let the driver send arrays of every kind over a connection, and every text."""
    context.adapters.register_dumper(str, _TextDumper)
    for kind, dumper in _DUMPERS:
        context.adapters.register_dumper(kind, dumper)


def _check_commit(connection: Connection) -> None:
    # The server answers the commit of a transaction that has failed, or is none, as if it were one.
    driver = connection.connection.driver_connection
    if driver is None or driver.info.transaction_status != TransactionStatus.INTRANS:
        raise StoreError("the database ended the transaction by itself")


def _see_lost(context: ExceptionContext) -> None:
    if isinstance(context.original_exception, _LOST):
        context.is_disconnect = True


def _told(error: BaseException | None) -> str:
    """Return what an error may be told of: the server's code and the name of it, or that it was not reached."""
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return f"{type(error).__name__} ({error.sqlstate})"
    return "it was not reached, or the connection was cut"


_TOLD = ("host", "hostaddr", "port", "dbname", "user", "service", "sslrootcert", "sslcert", "sslkey", "sslcrl")
"""The parameters of a URL whose values the driver's words may have: where it leads, and what files it names."""
_POOLED = "unsupported startup parameter"


@contextmanager
def explained(dsn: str) -> Iterator[None]:
    """Turn a driver's error while opening into a sentence; there it names hosts and roles, and no row."""
    try:
        yield
    except DBAPIError as error:
        said = without_values(str(error.orig), dsn)
        # Without its cause, whose words have those values.
        raise StoreError(f"cannot open the database: {said}") from None


def without_values(said: str, dsn: str) -> str:
    """Return the driver's words in one line, without the value of any parameter that is nobody's business."""
    for name, value in conninfo_to_dict(dsn).items():
        if name not in _TOLD and value != str(_DEFAULTS.get(name)):
            said = said.replace(f'"{value}"', '"***"')
    said = " ".join(said.split())
    if _POOLED in said:
        said += "; behind a proxy that pools transactions, set database.notify: false and leave options out of the URL"
    return said
