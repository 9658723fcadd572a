"""A way to a database that can be led elsewhere, or swallow everything, as networks do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Forwarder:
    """Passes on what comes to `port`, to the `target` of the moment; while it is not `open`, nothing is passed on."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, 0
        self.open = asyncio.Event()
        self.open.set()
        self._links: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def to(cls, target: int) -> "AsyncIterator[Forwarder]":
        """Forward to a port of this machine while the block runs."""
        forwarder = cls(target)
        server = await asyncio.start_server(forwarder._link, "127.0.0.1", 0)
        forwarder.port = server.sockets[0].getsockname()[1]
        try:
            yield forwarder
        finally:
            server.close()
            await forwarder.cut()

    async def cut(self) -> None:
        """Close every connection."""
        links = set(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def lead(self, target: int) -> None:
        """Lead elsewhere from now on, and close what leads to where it led before."""
        self.target = target
        await self.cut()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        # A link that is cut ends like one that was closed: the server would report a cancelled one as its failure.
        with suppress(OSError, asyncio.CancelledError):
            await self._pass(reader, writer)
        self._links.discard(task)
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.open.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        ways = [asyncio.create_task(self._copy(reader, back)), asyncio.create_task(self._copy(there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self.open.wait()
            writer.write(data)
            await writer.drain()
