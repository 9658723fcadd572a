"""A Slack that tells too much: whatever goes wrong in it, its answer repeats what it was sent, tokens and all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from tests.slack.standin import Slack

BOT_HALF = "botHalfMarzipanCurlew61"
BOT = f"xoxb-1111-2222-{BOT_HALF}"
LOST_HALF = "lostHalfSaffronTrellis44"
LOST = f"xoxb-1111-2222-{LOST_HALF}"
"""The token of an app that was taken out of the workspace."""

APP_HALF = "appHalfPeppermintAnvil27"
APP = f"xapp-1-A1-2222-{APP_HALF}"

WORDS = ("rspsecret", "whsecret", "trgsecret", "stepsecret", "tckt-", "xwfp-", "verification-token")
"""What stands in every address, trigger, ticket and token that the stand-in makes, and in nothing else."""

ON_THE_EDGE = "x" * (200 - len(BOT_HALF) // 2) + BOT_HALF + " is no token"
"""The token stands where a text is cut: half of it is before the cut."""

Say = Callable[[str], web.Response]


def _json(said: dict[str, Any], status: int = 200, **headers: str) -> web.Response:
    return web.json_response({"ok": False} | said, status=status, headers=headers)


def _page(said: str, status: int = 200, **headers: str) -> web.Response:
    return web.Response(
        text=f"<html>{said}</html>", status=status, content_type="text/html", headers={"Retry-After": "0", **headers}
    )


ANSWERS: Mapping[str, Say] = {
    "a word": lambda said: _json({"error": said}),
    "messages": lambda said: _json(
        {"error": "invalid_arguments", "response_metadata": {"messages": [said], "warnings": [said]}}
    ),
    "a scope": lambda said: _json({"error": "missing_scope", "needed": said, "provided": said}),
    "a refusal": lambda said: _json({"error": "invalid_blocks", "detail": said}),
    "a code": lambda _: _json({"error": f"no_{BOT_HALF}"}),
    "a status": lambda said: _json({"error": f"no_token_{said}"}, 403),
    "too many": lambda said: _json({"error": said}, 429, **{"Retry-After": "1"}),
    "too many of them": lambda said: web.Response(text=said, status=429, headers={"Retry-After": BOT_HALF}),
    "a page": lambda said: _page(said, 500),
    "a gateway": lambda said: _page(said, 502),
    "elsewhere": lambda _: _page("", 302, Location=f"http://127.0.0.1:9/{BOT}?token={BOT_HALF}"),
    "a text": lambda said: web.Response(text=f"OK {said}"),
    "half a text": lambda _: _page(ON_THE_EDGE, 500),
    "a list": lambda said: web.Response(body=orjson.dumps([said]), content_type="application/json"),
}
"""What goes wrong: a name, and the answer that says everything."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer that waits for the next call of `what` which names somebody or something."""

    what: str
    about: str
    say: Say


class Telling(Slack):
    """The workspace; `wrong` is what is still to go wrong, `told` what did."""

    def __init__(self) -> None:
        super().__init__(burst=1000)
        self.tokens = {BOT: self.scopes}
        self.wrong: list[Wrong] = []
        self.told: list[str] = []

    def go_wrong(self, name: str, *calls: str, about: str = "") -> None:
        """Let the next call of each of these be answered so."""
        self.wrong += [Wrong(call, about, ANSWERS[name]) for call in calls]

    def _answer(self, what: str, path: str, request: web.Request, body: bytes) -> web.Response:
        given, address = body.decode(errors="replace"), self.addresses.get(path)
        about = f"{given} {address.user if address else ''}"
        return self._telling(what, about, request, given) or super()._answer(what, path, request, body)

    def _file(self, request: web.Request, path: str) -> web.Response:
        return self._telling("file", path, request, "") or super()._file(request, path)

    def _telling(self, what: str, about: str, request: web.Request, given: str) -> web.Response | None:
        one = next((one for one in self.wrong if one.what == what and one.about in about), None)
        if one is None:
            return None
        self.wrong.remove(one)
        self.told.append(what)
        return one.say(f"{request.url} {dict(request.headers)} {given}")
