"""Asks the service, and makes readable failures of every other answer than a success."""

from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx
import orjson

from bridge import __version__
from bridge.cli.client._failed import Failed, failure
from bridge.cli.client._profile import Service
from bridge.cli.client._words import Exit

TIMEOUT_S = 30.0
MOST_ROWS = 200
"""How many rows the API gives in one page at most."""
_ELSE = "Give its address: --url, BRIDGE_URL, or a profile."
_GONE_WRONG = (httpx.HTTPError, httpx.InvalidURL, UnicodeError)
"""A name that cannot be one of a machine is a UnicodeError."""


class Api:
    """The API of one service; a context that closes its connections."""

    def __init__(self, service: Service) -> None:
        self.service = service
        headers = {"user-agent": f"bridge-cli/{__version__}"}
        if service.token is not None:
            headers["authorization"] = f"Bearer {service.token}"
        # What is on this machine is not asked through a proxy; certificates take long to load and plain http has none.
        try:
            self.http = httpx.Client(
                base_url=service.url,
                headers=headers,
                timeout=TIMEOUT_S,
                trust_env=not service.here,
                verify=service.url.startswith("https:"),
            )
        except httpx.InvalidURL as error:
            raise self.unreachable(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        wait_s: int = 0,
    ) -> httpx.Response:
        """Return the answer, which is a success.

        Raises:
            Failed: it is none, or there is none.
        """
        asked = dict(query or {}) | ({"wait": str(wait_s)} if wait_s else {})
        given: dict[str, Any] = {"json": dict(body)} if body is not None else {}
        try:
            answer = self.http.request(method, path, params=asked, timeout=TIMEOUT_S + wait_s, **given)
        except _GONE_WRONG as error:
            raise self.unreachable(error) from None
        self.judge(answer)
        return answer

    def judge(self, answer: httpx.Response) -> None:
        """Let a success pass; the body of any other answer has been read.

        Raises:
            Failed: it is no success.
        """
        if answer.is_success:
            return
        try:
            problem = orjson.loads(answer.content)
            failed = failure(answer.status_code, problem, answer.headers.get("retry-after"))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise self.stranger(answer.status_code) from None
        raise failed

    def json(self, answer: httpx.Response) -> Any:
        """Return what an answer says.

        Raises:
            Failed: it is no JSON, so this is not bridge.
        """
        try:
            return orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise self.stranger(answer.status_code) from None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Return what a GET says."""
        return self.json(self.ask("GET", path, query=query))

    def rows(self, path: str, query: Mapping[str, str], most: int | None) -> Iterator[tuple[Any, str | None]]:
        """Yield the rows of a list, page by page, so many at most, each with the cursor of the next page.

        The cursor is None at the end of the list.
        """
        left, cursor = most, query.get("before")
        while left is None or left > 0:
            size = MOST_ROWS if left is None else min(left, MOST_ROWS)
            page = self.get(path, {**query, "limit": str(size)} | ({"before": cursor} if cursor else {}))
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise self.stranger(200)
            items, cursor = page["items"], page.get("next")
            for item in items:
                yield item, cursor
            left = None if left is None else left - len(items)
            if cursor is None:
                return

    def unreachable(self, error: Exception) -> Failed:
        """Say that nothing answers."""
        why = type(error).__name__
        told = f"Nothing answers at {self.service.url} ({why}). Is it running? {_ELSE}"
        return Failed(told, Exit.UNREACHABLE)

    def stranger(self, status: int) -> Failed:
        """Say that what answers is something else."""
        told = f"What answers at {self.service.url} ({status}) is not bridge. {_ELSE}"
        return Failed(told, Exit.UNREACHABLE)


def path_of(template: str, asked: str) -> str:
    """Return the path with what is asked for in place of its part in braces.

    Raises:
        Failed: it is nothing, or would lead elsewhere.
    """
    start, brace, rest = template.partition("{")
    if brace and asked in ("", ".", ".."):
        raise Failed(f"{asked!r} names nothing. Give an id or a name.", Exit.USAGE)
    return start + quote(asked, safe=":") + rest.partition("}")[2] if brace else start
