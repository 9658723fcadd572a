"""Serves pages: who is signed in is looked up, what goes wrong is told as a page, what was done is said on the next."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote

import orjson
from starlette.types import Receive, Scope, Send

from bridge.core.errors import Conflict, Problem, StoreError, storage_problem
from bridge.flows import log
from bridge.web._body import Disconnected, read_body
from bridge.web._call import Answer, Web
from bridge.web.console._api import Api
from bridge.web.console._page import STATIC, TYPES, Cookies, html, rendered, see_other, static_path
from bridge.web.console._sessions import (
    Doorman,
    Guest,
    checked,
    cookie_of,
    header,
    own_path,
    refuse_foreign,
    sign_in_path,
)
from bridge.web.console._visit import Act, Look, Shown, Visit

_FLASH = "bridge_said"
_FOREVER = (b"cache-control", b"public, max-age=31536000, immutable")
_MENU = (
    ("/console", "Now"),
    ("/console/posts", "Posts"),
    ("/console/events", "Events"),
    ("/console/accounts", "Accounts"),
    ("/console/endpoints", "Endpoints"),
    ("/console/deliveries", "Deliveries"),
    ("/console/dead-letters", "Dead letters"),
    ("/console/preview", "Preview"),
    ("/console/sources", "Sources"),
    ("/console/audit", "Audit"),
)
_FIRST = _MENU[0][0]
_NEEDS = {"/console/preview": "preview", "/console/audit": "list_audit"}
"""Which operation of the API a page is of no use without."""


class _Served:
    """What every page does before and after."""

    def __init__(self, web: Web, doorman: Doorman, api: Api) -> None:
        self.web, self.doorman, self.api = web, doorman, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        guest = None
        try:
            guest = await self.doorman.guest(scope)
            answer = await self.answer(scope, receive, guest) if guest is not None else _stranger(scope)
        except Disconnected:
            raise
        except Exception as error:  # noqa: BLE001  # The outermost step: whatever it was, a person sees a page.
            answer = self._failed(scope, guest, error)
        await answer.send(send)

    async def answer(self, scope: Scope, receive: Receive, guest: Guest) -> Answer:
        """Answer whoever is signed in."""
        raise NotImplementedError

    def visit(self, scope: Scope, guest: Guest, form: Mapping[str, list[str]] | None = None) -> Visit:
        """Return who looks at what."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        return Visit(
            self.web,
            self.api,
            guest.token,
            scope["path"],
            scope["path_params"],
            {name: values[0] for name, values in query.items()},
            {name: values[0] for name, values in (form or {}).items()},
            {name: tuple(values) for name, values in (form or {}).items()},
        )

    def shown(
        self, scope: Scope, guest: Guest, page: Shown, said: Mapping[str, Any] | None = None, *, live: bool = True
    ) -> Answer:
        """Answer a page; `said` is what was done on the one before. What a form came to is not `live`."""
        forget = (Cookies(_FLASH, self.doorman.is_secure(scope)).taken(),) if said else ()
        facts = around(self.web, self.api, guest, scope["path"], page) | {"said": said, "live": live}
        return html(page.template, status=page.status, headers=forget, **facts)

    def _failed(self, scope: Scope, guest: Guest | None, error: Exception) -> Answer:
        problem = problem_of(error)
        if problem.status == 500:
            log.error("console.failed", path=scope["route"].path, exc_info=error)
        if isinstance(error, StoreError):
            self.web.metrics.storage_error(error)
        page = Shown("problem", problem.slug.replace("_", " ").capitalize(), {"problem": problem}, problem.status)
        if guest is not None:
            return self.shown(scope, guest, page, live=scope["method"] == "GET")
        return html("stranger", status=page.status, title=page.title, problem=problem)


class Page(_Served):
    """Shows a page."""

    def __init__(self, web: Web, doorman: Doorman, api: Api, look: Look) -> None:
        super().__init__(web, doorman, api)
        self._look = look

    async def answer(self, scope: Scope, receive: Receive, guest: Guest) -> Answer:
        """Answer the page, and what was done before."""
        page = await self._look(self.visit(scope, guest))
        return self.shown(scope, guest, page, _said(scope))


class Deed(_Served):
    """Does what a form asks for."""

    def __init__(self, web: Web, doorman: Doorman, api: Api, act: Act) -> None:
        super().__init__(web, doorman, api)
        self._act = act

    async def answer(self, scope: Scope, receive: Receive, guest: Guest) -> Answer:
        """Do it, and send the browser to where it is seen."""
        refuse_foreign(scope)
        length = header(scope, b"content-length").encode() or None
        body = await read_body(receive, length, self.web.max_body)
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        checked(guest, form.get("csrf", [""])[0])
        done = await self._act(self.visit(scope, guest, form))
        if isinstance(done, Shown):
            return self.shown(scope, guest, done, live=False)
        kept = Cookies(_FLASH, self.doorman.is_secure(scope))
        text = orjson.dumps({"text": done.said[:600], "well": done.well})
        value = base64.urlsafe_b64encode(text).decode().rstrip("=")
        return see_other(done.path, (kept.given(value),) if done.said else ())


class Anywhere(_Served):
    """Says that there is no such page."""

    async def answer(self, scope: Scope, receive: Receive, guest: Guest) -> Answer:
        """Say so; one slash too many at the end leads to the page without it."""
        if scope["path"].endswith("/"):
            return see_other(own_path(quote(scope["path"].rstrip("/"))))
        raise Problem(404, "no_such_page", "There is no page at this address. The menu lists those there are.")


class Static:
    """Serves what pages load."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path_params"]["name"]
        body = STATIC.get(name)
        if body is None:
            raise Problem(404, "no_such_path", "There is nothing at this path.")
        kind = TYPES["." + name.rpartition(".")[2]]
        fresh = static_path(name).encode().endswith(scope["query_string"] or b"-")
        await Answer(200, body, kind, (_FOREVER,) if fresh else ()).send(send)


def around(web: Web, api: Api, guest: Guest, path: str, page: Shown) -> dict[str, Any]:
    """Return what every template is given beside the page's own facts."""
    entries = [(href, name) for href, name in _MENU if href not in _NEEDS or api.may(guest.token, _NEEDS[href])]
    here = next((href for href, _ in _MENU if path == href or (path.startswith(href + "/") and href != _FIRST)), "")
    return {
        **page.facts,
        "title": page.title,
        "menu": entries,
        "here": here,
        "who": guest.token.name,
        "rights": sorted(guest.token.scopes),
        "csrf": guest.csrf,
        "may": lambda operation: api.may(guest.token, operation),
        "writes_off": web.writes_off,
        "ephemeral": web.ephemeral,
        "said": None,
    }


def main_of(page: Shown, facts: Mapping[str, Any]) -> bytes:
    """Return what is in `<main>` alone: what is sent when it changed."""
    return rendered(page.template, {**facts, "alone": True})


def problem_of(error: Exception) -> Problem:
    """Say what an error means for whoever looks."""
    match error:
        case Problem():
            return error
        case StoreError():
            return storage_problem(error)
        case Conflict():
            return Problem(409, "changed_meanwhile", "This was changed by others at the same time. Look again.")
    return Problem(500, "internal", "Something went wrong here; the log says what. You may try it again.")


def _stranger(scope: Scope) -> Answer:
    """Send whoever is not signed in to the door.

    A browser that follows a link of another site keeps a strict cookie to itself: it is made to ask once more.
    """
    if header(scope, b"sec-fetch-site") == "cross-site" and scope["method"] == "GET":
        return html("again", title="bridge")
    return see_other(sign_in_path(scope) if scope["method"] == "GET" else "/console/sign-in")


def _said(scope: Scope) -> Mapping[str, Any] | None:
    value = cookie_of(scope, _FLASH)
    try:
        said = orjson.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    except ValueError:
        return None
    well_formed = isinstance(said, dict) and isinstance(said.get("text"), str)
    return {"text": said["text"], "well": bool(said.get("well"))} if well_formed else None
