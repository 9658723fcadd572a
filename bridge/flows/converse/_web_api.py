"""Calls of the chat's Web API and of the addresses that its requests bring; none of them raises."""

from collections.abc import Mapping
from typing import Any

from bridge.core.slack import Workspace
from bridge.core.slack.api import MOST_READ, RESPONSE_URL, Answer, WebCall, read, request, to_address
from bridge.net import GuardedClient, NetError


class WebApi:
    """Calls as the app of a workspace."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client

    async def call(
        self, workspace: Workspace, method: str, arguments: Mapping[str, Any], *, timeout_s: float
    ) -> Answer:
        """Call a method; an answer that never came is one whose `error` is the reason."""
        return await self._sent(workspace, request(workspace, method, arguments), timeout_s)

    async def answer(
        self, workspace: Workspace, address: str, message: Mapping[str, Any], *, timeout_s: float
    ) -> Answer:
        """Send a message to a `response_url`."""
        return await self._sent(workspace, to_address(RESPONSE_URL, address, message), timeout_s)

    async def _sent(self, workspace: Workspace, call: WebCall, timeout_s: float) -> Answer:
        try:
            # Never by itself a second time: what it says there would stand there twice.
            reply = await self._client.post(
                call.url,
                call.headers,
                call.body,
                timeout_s,
                most=MOST_READ,
                allow_http=workspace.allow_http,
                again=False,
            )
        except NetError as error:
            return Answer(ok=False, error=error.reason.value, status=0)
        return read(reply.status, reply.headers, reply.body)
