"""A receiver of outbound webhooks that judges signatures with the `standardwebhooks` library, not with bridge's code.

It takes anything at `/hook/{name}`, keeps what came, and answers as scripted. The signing rules are
those of that library, 1.1.
"""

import asyncio
from base64 import b64encode
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any, ClassVar

import orjson
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.simulator.faults import drop
from bridge.simulator.instants import utc_now
from bridge.simulator.serving import as_json

KEPT = 100_000
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What one request is told.

    Args:
        status: the HTTP status; 410 asks the sender to stop.
        retry_after: the Retry-After header, as it is: seconds or an HTTP date.
        location: the Location header of a redirect.
        delay_s: wait so long first.
        drop: cut the connection without an answer.
        body: what the answer carries.
        times: how many requests get it; -1 for all that follow.
    """

    status: int = 200
    retry_after: str | None = None
    location: str | None = None
    delay_s: float = 0.0
    drop: bool = False
    body: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came; `attempt` counts from 1 per name and webhook id, `why_not` is empty when `verified`."""

    name: str
    at: datetime
    method: str
    headers: dict[str, str]
    body: bytes
    verified: bool
    why_not: str
    webhook_id: str | None
    attempt: int
    status: int | None

    @property
    def json(self) -> Any:
        """The body as JSON: `{"type", "timestamp", "data"}` of a Standard Webhook."""
        return orjson.loads(self.body)

    def render(self) -> dict[str, Any]:
        """Write the request for the control API; a body that is no UTF-8 is in base64, Authorization is masked."""
        try:
            text, encoding = self.body.decode(), "utf-8"
        except UnicodeDecodeError:
            text, encoding = b64encode(self.body).decode(), "base64"
        return {
            "name": self.name,
            "at": self.at.isoformat(timespec="milliseconds"),
            "method": self.method,
            "headers": self.headers | ({"authorization": "***"} if "authorization" in self.headers else {}),
            "body": text,
            "body_encoding": encoding,
            "verified": self.verified,
            "why_not": self.why_not,
            "webhook_id": self.webhook_id,
            "attempt": self.attempt,
            "status": self.status,
        }


@dataclass(slots=True)
class _Hook:
    secrets: list[str] = field(default_factory=list)
    answers: deque[HookAnswer] = field(default_factory=deque)


class Receiver:
    """Every hook under one roof; names need no announcement, but without a secret nothing of theirs verifies.

    Args:
        secrets: by name, one `whsec_…` secret or several (any of them may match).
        check_time: refuse timestamps more than five minutes from wall time, as receivers do. Off, only the signature
            is judged: for senders whose clock is fixed.
        now: the clock of `Received.at`.
    """

    watchers: ClassVar[Sequence[Callable[[Received], None]]] = ()
    """Called with all that any receiver of this process gets, whoever made it."""

    def __init__(
        self,
        secrets: Mapping[str, str | Iterable[str]] | None = None,
        *,
        check_time: bool = True,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.received: deque[Received] = deque(maxlen=KEPT)
        self.total = 0
        self._hooks: dict[str, _Hook] = {}
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._check_time, self._now = check_time, now
        self._arrived = asyncio.Condition()
        for name, given in (secrets or {}).items():
            self.trust(name, *([given] if isinstance(given, str) else given))

    def trust(self, name: str, *secrets: str) -> None:
        """Set the secrets of a hook; several while one is rotated."""
        self._hook(name).secrets = list(secrets)

    def script(self, name: str, *answers: HookAnswer | int) -> None:
        """Queue what a hook answers next; a bare number is a status. When the queue is empty the answer is 200."""
        self._hook(name).answers.extend(HookAnswer(one) if isinstance(one, int) else one for one in answers)

    def reset(self) -> None:
        """Forget what came and what was scripted; secrets stay."""
        self.received.clear()
        self._attempts.clear()
        self.total = 0
        for hook in self._hooks.values():
            hook.answers.clear()

    def of(self, name: str) -> list[Received]:
        """Give what one hook received, oldest first."""
        return [one for one in self.received if one.name == name]

    def unique(self, name: str | None = None) -> dict[str, int]:
        """Count requests by webhook id: the keys are the facts told, the values how often each was."""
        return dict(Counter(one.webhook_id or "" for one in self.received if name in (None, one.name)))

    async def wait_for(self, predicate: Callable[[deque[Received]], bool], timeout: float = 5.0) -> list[Received]:
        """Wait until the predicate holds for all that was received, for at most `timeout` seconds.

        Raises:
            TimeoutError: it did not.
        """
        async with asyncio.timeout(timeout), self._arrived:
            await self._arrived.wait_for(lambda: predicate(self.received))
            return list(self.received)

    def app(self) -> Starlette:
        """Make the ASGI app: the hooks and `/_control`."""
        return Starlette(
            routes=[
                Route("/hook/{name:path}", self._receive, methods=METHODS),
                Route("/_control/received", self._show, methods=["GET"]),
                Route("/_control/unique", self._show_unique, methods=["GET"]),
                Route("/_control/answers", self._take_answers, methods=["POST"]),
                Route("/_control/secrets", self._take_secrets, methods=["POST"]),
                Route("/_control/reset", self._take_reset, methods=["POST"]),
            ]
        )

    def _hook(self, name: str) -> _Hook:
        return self._hooks.setdefault(name, _Hook())

    def _next_answer(self, name: str) -> HookAnswer:
        answers = self._hook(name).answers
        if not answers:
            return HookAnswer()
        answer = answers.popleft()
        if answer.times > 1 or answer.times < 0:
            answers.appendleft(replace(answer, times=answer.times - (answer.times > 0)))
        return answer

    async def _receive(self, request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        name = request.path_params["name"]
        answer = self._next_answer(name)
        await self._keep(name, request, body=body, status=None if answer.drop else answer.status)
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        return await drop(request) if answer.drop else _response(answer)

    async def _keep(self, name: str, request: Request, *, body: bytes, status: int | None) -> None:
        headers = dict(request.headers)
        webhook_id = headers.get("webhook-id")
        self._attempts[name, webhook_id or ""] += 1
        why_not = self._judge(self._hook(name).secrets, body, headers)
        self.total += 1
        came = Received(
            name=name,
            at=self._now(),
            method=request.method,
            headers=headers,
            body=body,
            verified=not why_not,
            why_not=why_not,
            webhook_id=webhook_id,
            attempt=self._attempts[name, webhook_id or ""],
            status=status,
        )
        self.received.append(came)
        for watcher in self.watchers:
            watcher(came)
        async with self._arrived:
            self._arrived.notify_all()

    def _judge(self, secrets: list[str], body: bytes, headers: dict[str, str]) -> str:
        """Give the reason why no secret of the hook verifies the request; empty if one does."""
        why_not = "no secret known for this hook"
        for secret in secrets:
            try:
                _verify(Webhook(secret), body, headers, check_time=self._check_time)
            except (WebhookVerificationError, ValueError) as error:
                why_not = str(error) or type(error).__name__
            else:
                return ""
        return why_not

    async def _show(self, request: Request) -> Response:
        name = request.query_params.get("name")
        shown = [one.render() for one in self.received if name in (None, one.name)]
        return as_json(200, {"total": self.total, "received": shown})

    async def _show_unique(self, request: Request) -> Response:
        return as_json(200, self.unique(request.query_params.get("name")))

    async def _take_answers(self, request: Request) -> Response:
        given = orjson.loads(await request.body())
        self.script(given["name"], *(HookAnswer(**one) for one in given["answers"]))
        return as_json(200, {"name": given["name"], "waiting": len(self._hook(given["name"]).answers)})

    async def _take_secrets(self, request: Request) -> Response:
        given = orjson.loads(await request.body())
        self.trust(given["name"], *given["secrets"])
        return as_json(200, {"name": given["name"], "secrets": len(given["secrets"])})

    async def _take_reset(self, _request: Request) -> Response:
        self.reset()
        return as_json(200, {"reset": True})


def _verify(webhook: Webhook, body: bytes, headers: dict[str, str], *, check_time: bool) -> None:
    if check_time:
        webhook.verify(body, headers, json_parse=False)
        return
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    message_id, timestamp, signatures = (headers.get(name, "") for name in names)
    if not (message_id and timestamp and signatures):
        raise WebhookVerificationError("Missing required headers")
    wanted = webhook.sign(message_id, datetime.fromtimestamp(float(timestamp), UTC), body.decode())
    if not any(compare_digest(wanted.encode(), given.encode()) for given in signatures.split(" ")):
        raise WebhookVerificationError("No matching signature found")


def _response(answer: HookAnswer) -> Response:
    pairs = {"retry-after": answer.retry_after, "location": answer.location}
    return Response(
        answer.body, answer.status, headers={name: value for name, value in pairs.items() if value is not None}
    )
