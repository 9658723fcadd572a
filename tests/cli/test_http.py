"""Answers leave in one write."""

import asyncio

import pytest

from bridge.cli._http import Joining

pytestmark = pytest.mark.anyio


class Recorder(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: object) -> None:
        self.written.append(bytes(data))  # type: ignore[call-overload]  # Bytes, of all that a transport takes.

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_a_head_goes_out_with_its_body() -> None:
    under = Recorder()
    transport = Joining(under, asyncio.get_running_loop())
    transport.write(b"head ")
    transport.write(b"body")
    assert under.written == [b"head body"]


async def test_a_head_without_a_body_goes_out_at_the_end_of_the_turn() -> None:
    under = Recorder()
    transport = Joining(under, asyncio.get_running_loop())
    transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    await asyncio.sleep(0)
    assert under.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]


async def test_what_is_kept_goes_out_before_the_connection_closes() -> None:
    under = Recorder()
    transport = Joining(under, asyncio.get_running_loop())
    transport.write(b"last")
    transport.close()
    assert (under.written, under.closed) == ([b"last"], True)


async def test_a_connection_that_is_gone_gets_nothing_more() -> None:
    under = Recorder()
    transport = Joining(under, asyncio.get_running_loop())
    transport.write(b"late")
    under.close()
    await asyncio.sleep(0)
    assert under.written == []
