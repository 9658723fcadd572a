"""`bridge serve`: the service, until SIGTERM or SIGINT; then it drains and exits within `server.drain`.

SIGHUP, or a change of a file of the configuration, has it read anew.
"""

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

# httpx and structlog import rich when it is there, for terminals that `serve` does not have: 10 MB for nothing.
if sys.argv[1:2] == ["serve"]:
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None says "not importable".

import structlog
import uvicorn
import uvloop

from bridge import __version__, logs
from bridge.app import KINDS, Reloader, Service, check_lasting, serving
from bridge.cli._http import Http
from bridge.cli._listening import noted
from bridge.cli._settings import read
from bridge.core.errors import SettingsError, StoreError
from bridge.core.redact import Redactor
from bridge.settings import Settings, identity, load

log = structlog.get_logger("bridge")

_FORMATS = {"auto": None, "json": True, "console": False}


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to us, because there are two of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop; 1 when it could not start."""
    settings = read(arguments.config)
    if settings is None:
        return 1
    _heed(settings, Redactor(settings.secrets))
    try:
        check_lasting(settings.database)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            _leave(runner.run(_serve(settings, arguments.config)))
    except SettingsError as error:
        for fault in error.faults:
            log.error("service.not_started", error=f"{fault.field}: {fault.problem}", remedy=fault.remedy)
        return 1
    except (StoreError, OSError) as error:
        log.error("service.not_started", error=str(error))
        return 1


def _heed(settings: Settings, redactor: Redactor) -> None:
    logs.configure(redactor, level=settings.log.level, as_json=_FORMATS[settings.log.format])


async def _serve(settings: Settings, path: Path | None) -> int:
    stop, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number, event in {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: again}.items():
        loop.add_signal_handler(number, event.set)
    for warning in settings.warnings:
        log.warning("config.warned", warning=warning)
    # Before a bridge is made: what a later configuration replaces must be collected.
    settle_garbage()
    with contextlib.ExitStack() as sockets:
        listening = sockets.enter_context(contextlib.closing(_listen(settings.server.host, settings.server.port)))
        admin = settings.server.admin
        second = sockets.enter_context(contextlib.closing(_listen(admin.host, admin.port))) if admin else None
        sockets.enter_context(noted(identity(path, os.environ), second or listening))
        async with serving(settings, heed=_heed, rested=gc.collect) as service:
            read_again = partial(load, environ=os.environ, kinds=KINDS, again=True)
            reloader = Reloader(service, settings, read_again, again)
            asked = await _run(service, reloader, stop, listening, second)
    log.info("service.stopped")
    return 0 if asked else 1


def _leave(status: int) -> NoReturn:
    """End the process at once: everything is closed, and a look-up that a name server never answers ends nothing."""
    sys.stdout.flush()
    os._exit(status)


async def _run(
    service: Service,
    reloader: Reloader,
    stop: asyncio.Event,
    listening: socket.socket,
    second: socket.socket | None,
) -> bool:
    """Serve both listeners until `stop`, then let running requests finish; False when a server ended by itself."""
    pairs: list[tuple[Any, socket.socket]] = [(service.public, listening)]
    if second is not None:
        pairs.append((service.admin, second))
    servers = [_Server(_config(app)) for app, _ in pairs]
    tasks = [
        asyncio.create_task(server.serve(sockets=[sock])) for server, (_, sock) in zip(servers, pairs, strict=True)
    ]
    where = [f"{sock.getsockname()[0]}:{sock.getsockname()[1]}" for _, sock in pairs]
    log.info("service.started", listening=where, version=__version__, partners=list(service.settings.partners))
    stopping, following = asyncio.create_task(stop.wait()), asyncio.create_task(reloader.run())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, following):
        task.cancel()
    await asyncio.gather(following, return_exceptions=True)
    for server_task in (task for task in tasks if task.done()):
        error = server_task.exception()
        log.error("service.failed", error=str(error or "a listener ended by itself"), exc_info=error)
    log.info("service.draining")
    service.drain()
    await service.waiters.drain()
    for server in servers:
        server.config.timeout_graceful_shutdown = max(1, int(service.settings.server.drain.total_seconds() * 0.2))
        server.should_exit = True
    await asyncio.gather(*tasks, return_exceptions=True)
    return stop.is_set()


def settle_garbage() -> None:
    """Keep the collector off what was loaded until now, and let it run less often: a tenth of an accept's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        http=Http,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
    )


def _listen(host: str, port: int) -> socket.socket:
    """Open a listening socket. It names its protocol: else every small answer waits for Nagle's algorithm."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(2048)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise OSError(f"cannot listen on {host}:{port}: {error.strerror}; choose another server.port") from error
    return sock
