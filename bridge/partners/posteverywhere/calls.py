"""The calls of one PostEverywhere key: every answer is judged, and so is a 409 or 404 that only says "no need"."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from bridge.core.errors import PartnerError
from bridge.core.meters import Bucket
from bridge.core.model import Json, Post, Receipt
from bridge.core.redact import Redactor
from bridge.partners._budget import Priority
from bridge.partners._http import Answer, Http
from bridge.partners._replies import unreadable
from bridge.partners.posteverywhere import refusals, replies
from bridge.partners.posteverywhere.paging import PAGE
from bridge.ports import Clock

_NO_NEED = (404, 409)

ReadReceipt = Callable[[int, Json | None, str, Redactor], Receipt]
"""Reads an answer (status, body) to a command about the post of that id."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of posts, whether there are more, and when it was asked for.

    `behind` is how far the server's clock is behind ours, at most; negative when it is ahead, None if it does not say.
    """

    rows: list[Json]
    more: bool
    read_at: datetime
    behind: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """The ways to call; each raises `PartnerError` for what is no success."""

    http: Http
    now: Clock

    async def read(
        self,
        operation: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        priority: Priority = Priority.READ,
    ) -> Answer:
        """Ask for something."""
        refuse = self._refuse(write=False)
        return await self.http.call(operation, "GET", path, refuse=refuse, params=params, priority=priority)

    async def list(self, params: Mapping[str, str]) -> Listed:
        """Ask for a page of posts."""
        answer = await self.read("list", "/posts", params=params)
        rows = replies.posts_of(answer.body)
        if rows is None:
            raise unreadable(answer.status, "the answer has no list of posts", write=False)
        at = replies.answered_at(answer.body, answer.headers)
        behind = None if at is None else self.now() - at
        return Listed(rows, replies.has_more(answer.body, PAGE), answer.sent_at, behind)

    async def write(self, operation: str, path: str, body: bytes = b"", *, method: str = "POST") -> Answer:
        """Change something; empty bytes are no body at all."""
        refuse = self._refuse(write=True, create=operation == "create")
        return await self._write(operation, method, path, body, refuse=refuse)

    async def settle(self, operation: str, post: Post, body: bytes, *, read: ReadReceipt) -> Receipt:
        """Retry or delete a post; where that is not needed (any more) the receipt says so: it was not taken."""
        partner_id, judged = post.partner_id or "", self._refuse(write=True)
        method, action = ("DELETE", "") if operation == "cancel" else ("POST", f"/{operation}")

        def refuse(answer: Answer) -> PartnerError | None:
            error = judged(answer)
            return None if error is not None and error.status in _NO_NEED and not error.key_wide else error

        answer = await self._write(operation, method, path_of("posts", partner_id, action), body, refuse=refuse)
        if answer.status in _NO_NEED:
            error = judged(answer)
            return Receipt(partner_id, accepted=False, refusal=error.detail if error else None, status=answer.status)
        return read(answer.status, answer.body, partner_id, self.http.redactor)

    async def _write(
        self, operation: str, method: str, path: str, body: bytes, *, refuse: Callable[[Answer], PartnerError | None]
    ) -> Answer:
        return await self.http.call(
            operation,
            method,
            path,
            refuse=refuse,
            write=True,
            create=operation == "create",
            priority=Priority.COMMAND,
            body=body or None,
        )

    def _refuse(self, *, write: bool, create: bool = False) -> Callable[[Answer], PartnerError | None]:
        redactor = self.http.redactor
        return lambda answer: refusals.refusal(answer, write=write, create=create, now=self.now(), redactor=redactor)


def path_of(kind: str, name: str, action: str = "") -> str:
    """Return the path of one thing, or of what can be done with it."""
    return f"/{kind}/{quote(name, safe='')}{action}"


def a_minute(calls: int) -> Bucket:
    """Make a bucket that no minute sees more calls of: a tenth `b` at once, the rest at (calls + 1 - b) a minute."""
    burst = max(calls // 10, 1)
    return Bucket(60 / (calls + 1 - burst), burst)
