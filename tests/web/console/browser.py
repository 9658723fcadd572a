"""Somebody's browser: pages of the console as they are read, and their forms."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx

from bridge.core.sessions import csrf_of


@dataclass(frozen=True)
class Seen:
    """An answer: `html` as it came, `text` as it is read."""

    answer: httpx.Response

    @property
    def html(self) -> str:
        return self.answer.text

    @property
    def text(self) -> str:
        main = self.html.partition("<main")[2].partition(">")[2].partition("</main>")[0] or self.html
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())

    @property
    def said(self) -> str:
        """What was said of the deed before."""
        found = re.search(r"data-said[^>]*>([^<]*)<", self.html)
        return unescape(found.group(1)) if found else ""

    @property
    def deeds(self) -> list[str]:
        """The addresses of the forms that change something, in their order."""
        found = re.findall(r'<form method="post" action="([^"]*)"', self.html)
        return [unescape(one) for one in found if one != "/console/sign-out"]


class Browser:
    """Looks at pages and sends forms, with what a session needs."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def look(self, path: str, status: int = 200) -> Seen:
        """Look at a page; every one is looked through for secrets."""
        return self._seen(await self.client.get(path), status)

    async def send(self, path: str, form: dict[str, Any] | None = None, status: int = 200) -> Seen:
        """Send a form as the console's pages do, and follow where it leads."""
        given = {"csrf": csrf_of(self.client.cookies["bridge_console"]), **(form or {})}
        answer = await self.client.post(path, data=given, follow_redirects=True)
        return self._seen(answer, status)

    def _seen(self, answer: httpx.Response, status: int) -> Seen:
        assert answer.status_code == status, answer.text
        for secret in ("secret-of-", "hidden-in-query", "simulator-secret"):
            assert secret not in answer.text
        return Seen(answer)
