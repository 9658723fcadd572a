"""The partners bridge talks to and the receivers it tells, played from the vendors' pages.

Used by the tests, `bridge demo` and `bridge simulate`.

The room knows nothing of the rest of bridge, so a misread page cannot be wrong the same way on both sides.
`genviral.app` and `posteverywhere.app` are partners over HTTP, `receiver.Receiver` a judge of outbound webhooks; all
run in process through `httpx.ASGITransport` or on a socket through `running`.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.simulator import genviral, posteverywhere
from bridge.simulator.faults import ABORT
from bridge.simulator.genviral import DEMO_TOKEN, GenviralSimulator, default_keys
from bridge.simulator.posteverywhere import DEMO_KEY, PostEverywhereSimulator

__all__ = [
    "DEMO_KEY",
    "DEMO_TOKEN",
    "GenviralSimulator",
    "PostEverywhereSimulator",
    "running",
    "simulate_genviral",
    "simulate_posteverywhere",
]

TICK = timedelta(minutes=5)
POSTEVERYWHERE_TICK = timedelta(seconds=5)


class _CuttableProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it, with a way for the app to cut the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, object]", self.scope)[ABORT] = self.transport.abort


class _Server(uvicorn.Server):
    """A server inside someone else's process: it leaves that process's signals alone and says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def running(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve an ASGI app, lifespan included, on this event loop while the block runs.

    Args:
        app: what to serve.
        host: the address to listen on.
        port: 0 picks a free one.

    Returns:
        The base URL without a final slash, as `http://127.0.0.1:40123`. When the block is left, open connections are
        closed.

    Raises:
        OSError: the address is taken.
    """
    listening = _listen(host, port)
    config = uvicorn.Config(
        app,
        http=_CuttableProtocol,
        ws="none",
        log_config=None,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await _started(server, serving)
        name = f"[{host}]" if ":" in host else host
        yield f"http://{name}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named; without it each answer waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


async def _started(server: _Server, serving: "asyncio.Task[None]") -> None:
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait([ready, serving], return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if serving.done():
        serving.result()


async def simulate_genviral(
    host: str = "127.0.0.1",
    port: int = 8090,
    tick_s: float = TICK.total_seconds(),
    contract: str = "v3",
    token: str = DEMO_TOKEN,
    *,
    seed: int = 0,
    retry_word: str = "retry",
    echo: Callable[[str], None] | None = None,
) -> None:
    """Serve a simulated Genviral until cancelled or told to end by SIGTERM or SIGINT.

    Args:
        host: the address to listen on.
        port: 0 picks a free one.
        tick_s: seconds between two runs of its worker; wall time is unchanged.
        contract: `v1` or `v3`.
        token: the bearer token it lets in, `<public_id>.<secret>`.
        seed: of the ids and URLs it makes up.
        retry_word: the status after an accepted retry.
        echo: is told the address, the token if it is the demo's own, and the accounts, line by line.

    Raises:
        ValueError: the contract is neither v1 nor v3.
        OSError: the address is taken.
    """
    simulator = GenviralSimulator(contract=contract, seed=seed, retry_word=retry_word, keys=default_keys(token))
    async with running(genviral.app(simulator, tick_s=tick_s), host, port) as base_url:
        await _introduced(_genviral_lines(simulator, base_url, token), echo)


async def simulate_posteverywhere(
    host: str = "127.0.0.1",
    port: int = 8091,
    tick_s: float = POSTEVERYWHERE_TICK.total_seconds(),
    contract: str = "new",
    token: str = DEMO_KEY,
    *,
    seed: int = 0,
    echo: Callable[[str], None] | None = None,
) -> None:
    """Serve a simulated PostEverywhere until cancelled or told to end by SIGTERM or SIGINT.

    Args:
        host: the address to listen on.
        port: 0 picks a free one.
        tick_s: seconds between two runs of its worker, which sends its webhooks too; wall time is unchanged.
        contract: `new`, `sdk` or `old`.
        token: the API key it lets in, `pe_live_` and 32 hex digits.
        seed: of the ids and URLs it makes up.
        echo: is told the address, the key if it is the demo's own, and the accounts, line by line.

    Raises:
        ValueError: no such contract.
        OSError: the address is taken.
    """
    # A person's own machine is where webhooks of a simulator go, and that is no public address.
    simulator = PostEverywhereSimulator(
        contract=contract, seed=seed, keys=posteverywhere.default_keys(token), webhook_urls="any"
    )
    async with running(posteverywhere.app(simulator, tick_s=tick_s), host, port) as base_url:
        await _introduced(_posteverywhere_lines(simulator, base_url, token), echo)


async def _introduced(lines: Iterator[str], echo: Callable[[str], None] | None) -> None:
    for line in lines:
        if echo:
            echo(line)
    await _told_to_end()


def _posteverywhere_lines(simulator: PostEverywhereSimulator, base_url: str, token: str) -> Iterator[str]:
    yield f"PostEverywhere simulator on {base_url}/api/v1 (control: {base_url}/_control/state)"
    yield f"key {token if token == DEMO_KEY else 'as given'}"
    for account in simulator.world.accounts.values():
        yield f"account {account.id} {account.platform} {account.name}"


def _genviral_lines(simulator: GenviralSimulator, base_url: str, token: str) -> Iterator[str]:
    yield f"Genviral simulator on {base_url}/api/partner/v1 (control: {base_url}/_control/state)"
    yield f"token {token if token == DEMO_TOKEN else 'as given'}"
    for account in simulator.world.accounts.values():
        yield f"account {account.id} {account.platform} {account.type} @{account.username}"


async def _told_to_end() -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    try:
        await told.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
