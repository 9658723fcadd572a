"""Opening a database on a server: what is refused in a sentence, and how the connections are."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from bridge.core.errors import StoreError
from bridge.ports import Find
from bridge.store import copying, migrate, open_store
from bridge.store._sides import held_server
from bridge.store._store import SqlStore
from bridge.store.postgresql import PostgresDatabase
from tests.postgres import Cluster
from tests.store.conftest import FixedClock
from tests.store.made import NOW, acceptance

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("synchronous_commit = off", "synchronous_commit = off"),
        ("default_transaction_read_only = on", "session is read-only"),
    ],
)
async def test_a_server_that_would_not_keep_what_it_takes_is_refused(
    cluster: Cluster, empty: str, setting: str, sentence: str
) -> None:
    name = empty.partition("@/")[2].partition("?")[0]
    cluster.run(f"ALTER DATABASE {name} SET {setting}")
    with pytest.raises(StoreError, match=sentence):
        await open_store(empty)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://bridge:s3cret@127.0.0.1:1/d", "cannot open the database: .*refused"),
        ("postgresql://bridge:s3cret@/none?host={folder}&port={port}", 'database "none" does not exist'),
        ("postgresql://nobody:s3cret@/postgres?host={folder}&port={port}", 'role "nobody" does not exist'),
        ("postgresql://bridge:s3cret@/postgres?host=/none", "cannot open the database"),
        ("postgresql://bridge:s3cret@h/d?nonsense=1", "cannot be read"),
        ("postgresql://bridge:s3cret@[h/d", "cannot be read"),
        ("postgresql://bridge:p@s3cret@127.0.0.1:1/d", "has an @ or a / .* Percent-encode"),
        ("postgresql://bridge:p/s3cret@127.0.0.1:1/d", "has an @ or a / .* Percent-encode"),
        ("postgresql://bridge:s3cret/d", "has a port that is none. .* Percent-encode"),
        ("postgresql://bridge:s3cret%zz@127.0.0.1:1/d", "cannot be read .* Percent-encode"),
        ("postgresql://127.0.0.1:1/d?sslmode=s3cret", "has an unknown sslmode"),
        ("postgresql://127.0.0.1:1/d?channel_binding=s3cret", r'"\*\*\*"'),
        ("postgresql://", "names neither a host nor a database"),
    ],
)
async def test_a_url_that_cannot_be_opened_is_refused_in_a_sentence(cluster: Cluster, url: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence) as caught:
        await open_store(url.format(folder=cluster.folder, port=cluster.port))
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(caught.value.__cause__)


async def test_a_proxy_that_pools_transactions_is_told_from_a_server(anyio_backend: str) -> None:
    """Such a proxy takes no options for a session that it hands to others."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        said = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
        writer.write(b"E" + (len(said) + 4).to_bytes(4, "big") + said)
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        with pytest.raises(StoreError, match=r"set database\.notify: false"):
            await open_store(f"postgresql://bridge@127.0.0.1:{port}/d?sslmode=disable&gssencmode=disable")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
async def test_every_spelling_of_the_scheme_is_taken(empty: str, scheme: str) -> None:
    url = empty.replace("postgresql", scheme, 1)
    with copying._held(url) as side:
        assert str(side).startswith("postgresql://bridge@/")
    assert migrate(url)
    store = await open_store(url, create=False)
    assert await store.writable()
    await store.close()


async def test_text_is_written_in_utf8_whatever_the_environment_and_the_url_say(
    postgresql_url: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    for key, url in (("Grüße", postgresql_url), ("☃", f"{postgresql_url}&client_encoding=LATIN1")):
        store = await open_store(url, clock=clock)
        await store.accept([acceptance(key=key)], NOW)
        await store.close()
    with psycopg.connect(postgresql_url, client_encoding="utf8") as connection:
        assert {row[0] for row in connection.execute("SELECT key FROM events")} == {"Grüße", "☃"}


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_that_cannot_keep_every_text_is_refused(cluster: Cluster, encoding: str) -> None:
    name = f"in_{encoding.lower()}"
    cluster.run(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    url = cluster.dsn(name)
    sentence = f"is in {encoding}, .* ENCODING 'UTF8'"
    with pytest.raises(StoreError, match=sentence):
        await open_store(url)
    with pytest.raises(StoreError, match=sentence):
        migrate(url)
    with pytest.raises(StoreError, match=sentence), held_server(url):
        pass


@pytest.fixture
def database(postgresql_url: str) -> Iterator[PostgresDatabase]:
    """The connections alone, which no store holds."""
    opened = PostgresDatabase(postgresql_url, create=False, readers=1, notify=True)
    yield opened
    opened.close()


def test_a_session_that_stands_still_is_ended_by_the_server(database: PostgresDatabase) -> None:
    for connect in (database.writing, database.reading):
        with connect() as connection:
            found = [
                connection.exec_driver_sql(f"SHOW {name}").scalar_one()
                for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
            ]
        assert found == ["10s", "5s", "10s"]


async def test_all_reads_of_one_transaction_see_the_same_moment(postgresql_store: SqlStore) -> None:
    count = "SELECT count(*) FROM posts"
    with postgresql_store._database.reading() as connection:
        before = connection.exec_driver_sql(count).scalar_one()
        await postgresql_store.accept([acceptance()], NOW)
        assert connection.exec_driver_sql(count).scalar_one() == before
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on"
    assert len(await postgresql_store.find_posts(Find())) == 1


def test_a_commit_of_what_had_failed_is_no_commit(database: PostgresDatabase) -> None:
    """The server answers it as if it were one."""
    with database.writing() as connection:
        transaction = connection.begin()
        with pytest.raises(DBAPIError):
            connection.exec_driver_sql("SELECT 1/0")
        with pytest.raises(StoreError, match="ended the transaction by itself"):
            transaction.commit()


async def test_a_wrong_password_is_refused_without_telling_it(cluster: Cluster) -> None:
    cluster.run("DO $$ BEGIN CREATE ROLE locked LOGIN PASSWORD 'right'; EXCEPTION WHEN duplicate_object THEN END $$")
    rules = cluster.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local all locked scram-sha-256\n{before}")
    cluster.run("SELECT pg_reload_conf()")
    try:
        url = f"postgresql://locked:s3cret@/postgres?host={cluster.folder}&port={cluster.port}"
        with pytest.raises(StoreError, match="password authentication failed") as caught:
            await open_store(url)
        assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"
    finally:
        rules.write_text(before)
        cluster.run("SELECT pg_reload_conf()")
