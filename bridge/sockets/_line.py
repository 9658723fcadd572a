"""One connection of Socket Mode: it is opened in one attempt, says when it is over, and is closed whatever happens.

It is Slack's own client, which pings and notices silence, without its ways to connect: left to itself it asks for ever,
every five seconds, with a ticket that was refused, and goes wherever an answer redirects it. Sources, read 2026-11:
https://docs.slack.dev/apis/events-api/using-socket-mode/, https://docs.slack.dev/reference/methods/apps.connections.open.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

import aiohttp
import structlog
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse

from bridge.core.slack import Workspace, api
from bridge.sockets._envelopes import Envelope, envelope, parse, word

log = structlog.get_logger("bridge")

_CONNECT_S, _CLOSE_S = 15.0, 2.0
_OPEN = "apps.connections.open"
_FORM = "application/x-www-form-urlencoded"

_SILENT = logging.getLogger("bridge.slack_sdk")
_SILENT.disabled = True
"""Slack's client logs payloads, tokens and addresses that let in whoever has them; we say ourselves what matters."""


class Refused(Exception):
    """There is no connection: `reason` in one word, `wait` at least until the next try.

    `by_slack` says that our token is no good, so that somebody has to act.
    """

    def __init__(self, reason: str, *, by_slack: bool = False, wait: timedelta = timedelta()) -> None:
        super().__init__(reason)
        self.reason, self.by_slack, self.wait = reason, by_slack, wait


class Line(SocketModeClient):
    """One connection to a workspace.

    Args:
        workspace: it has an app token.
        heard: called with each envelope; it must not wait.
    """

    def __init__(self, workspace: Workspace, heard: Callable[["Line", Envelope], None]) -> None:
        super().__init__(workspace.app_token, logger=_SILENT)
        self.aiohttp_client_session.trace_configs.append(_no_redirects())
        self.name, self._api_url, self._heard = workspace.name, workspace.api_url, heard
        self.over, self.why = asyncio.Event(), ""
        self.followed = asyncio.Event()
        self.owed: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Ask for an address, which is good for one attempt, and connect to it.

        Raises:
            Refused: by Slack, or there is no way to it.
        """
        try:
            async with asyncio.timeout(_CONNECT_S):
                url, session = await self._address(), self.aiohttp_client_session
                # Outbound requests do not go by the proxies of the environment, here as elsewhere.
                self.current_session = await session.ws_connect(url, autoping=False, heartbeat=self.ping_interval)
        except Refused:
            raise
        except TimeoutError:
            raise Refused("timeout") from None
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(f"handshake_{error.status}") from None
        except Exception as error:  # noqa: BLE001  # Whatever an answer does to a client; its words may hold secrets.
            raise Refused(type(error).__name__) from None
        self.current_session_monitor = asyncio.ensure_future(self.monitor_current_session())
        self.message_receiver = asyncio.ensure_future(self.receive_messages())

    async def _address(self) -> str:
        url = urljoin(self._api_url.rstrip("/") + "/", _OPEN)
        headers = {"Authorization": f"Bearer {self.app_token}", "Content-Type": _FORM}
        async with self.aiohttp_client_session.post(url, headers=headers) as response:
            answer = api.read(response.status, response.headers, await _start_of(response))
        if not answer.ok:
            raise _refusal(answer)
        found = answer.data.get("url")
        if not isinstance(found, str):
            raise Refused("unreadable")
        if not found.startswith(("wss://", "ws://") if url.startswith("http://") else "wss://"):
            raise Refused("insecure_url")
        return found

    async def enqueue_message(self, message: str) -> None:
        """Hand on what came, or note that the connection ends."""
        read = parse(message)
        if read.get("type") == "disconnect":
            await self.connect_to_new_endpoint(force=True)
        elif came := envelope(read):
            self._heard(self, came)
        elif read.get("type") != "hello":
            log.warning("socket.unreadable", source=self.name, type=word(read.get("type")))

    async def connect_to_new_endpoint(self, force: bool = False) -> None:
        """Say that this connection is over: Slack asks for another one (`force`), or it broke."""
        self.why = self.why or ("refresh" if force else "closed")
        self.over.set()

    async def acknowledge(self, came: Envelope, payload: dict[str, Any] | None) -> str:
        """Say that an envelope was taken; return why it could not be said."""
        try:
            await self.send_socket_mode_response(SocketModeResponse(came.id, payload))
        except (aiohttp.ClientError, OSError) as error:
            return type(error).__name__
        return ""

    async def hang_up_once_paid(self, limit_s: float | None) -> None:
        """Close it when what came by it is acknowledged."""
        if self.owed:
            await asyncio.wait(tuple(self.owed), timeout=limit_s)
        await self.hang_up()

    async def hang_up(self) -> None:
        """Close whatever is open; it may be closed already."""
        tasks = (self.message_processor, self.current_session_monitor, self.message_receiver)
        ending = [task for task in tasks if task]
        try:
            with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
                async with asyncio.timeout(_CLOSE_S):
                    await self.close()  # type: ignore[no-untyped-call]
        finally:
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            await self.aiohttp_client_session.close()


def _no_redirects() -> aiohttp.TraceConfig:
    """Return what ends a request that is sent elsewhere: the handshake has no other way to say that it is not to go."""

    async def end(_session: object, _context: object, _params: object) -> None:
        raise Refused("redirect")

    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(end)
    tracing.freeze()
    return tracing


async def _start_of(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.content.readexactly(api.MOST_READ)
    except asyncio.IncompleteReadError as error:
        return error.partial


def _refusal(answer: api.Answer) -> Refused:
    """Read a refusal; what Slack says in it goes no further than its one word."""
    known: tuple[Any, ...] = api.ERRORS.get(answer.error) or ("",)
    reason = word(answer.error) if answer.data and answer.error else "unreadable"
    return Refused(reason, by_slack=known[0] is api.Meaning.OPERATOR, wait=answer.retry_after or timedelta())
