"""The benchmark itself: what goes wrong while a row is measured ends that row, and no other."""

import asyncio
import sys
from pathlib import Path

import orjson
import pytest

from bench import __main__ as bench
from bench._engines import Engine
from bench._load import Load, post
from bench._run import Row

OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.anyio
@pytest.mark.parametrize(("connections", "lives"), [(1, 0), (1, 2), (3, 2)])
async def test_a_load_fails_when_the_service_closes_a_connection_that_has_more_to_send(
    connections: int, lives: int
) -> None:
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(loaded(connections, lives), 5)


@pytest.mark.anyio
async def test_a_load_that_closes_its_connections_itself_has_an_end() -> None:
    assert (await asyncio.wait_for(loaded(3, 10), 5)).statuses == {202: 10}


async def loaded(connections: int, lives: int) -> Load:
    """Send ten requests to a service that closes each connection in good order after some answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(lives):
            if not await reader.read(1_000):
                break
            writer.write(OK)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        load = Load(iter([post("/", "127.0.0.1", {}, b"")] * 10), connections)
        await load.run(*server.sockets[0].getsockname())
    return load


def test_a_row_that_fails_in_any_way_is_named_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fails(engine: Engine, repetitions: int) -> Row:
        raise ValueError("no such header")

    def measured(engine: Engine, repetitions: int) -> Row:
        return Row("idle", engine.name, "MB", "nothing", [1.0], [1.0])

    monkeypatch.setitem(bench.MEASURES, "hook", fails)
    monkeypatch.setitem(bench.MEASURES, "idle", measured)
    monkeypatch.setattr(bench, "OUT", tmp_path / "out" / "results.json")
    monkeypatch.setattr(sys, "argv", ["bench", "hook", "idle", "--engine", "sqlite"])
    assert bench.main() == 1
    assert "hook on sqlite failed: ValueError('no such header')" in capsys.readouterr().err
    assert [row["row"] for row in orjson.loads(bench.OUT.read_bytes())] == ["idle"]
