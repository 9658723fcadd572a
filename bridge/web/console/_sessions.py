"""Who is signed in: a token is shown once, then a cookie that says nothing stands for it until the session ends."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from urllib.parse import parse_qs, quote, unquote

from starlette.types import Receive, Scope, Send

from bridge.core.auditing import Note
from bridge.core.errors import Problem, StoreError, storage_problem
from bridge.core.sessions import Session, csrf_of, id_of
from bridge.core.tokens import Token
from bridge.flows import log
from bridge.web._body import read_body
from bridge.web._call import Web
from bridge.web.console._page import Cookies, html, see_other

COOKIE = "bridge_console"
_MOST = 16_384
_REFUSED = "This address can only be used from the console itself."


@dataclass(frozen=True, slots=True)
class Guest:
    """Who is signed in: the token's rights, and what forms have to bring along."""

    token: Token
    csrf: str
    session: Session


def header(scope: Scope, name: bytes) -> str:
    """Return a header of a request; empty when it has none."""
    return next((str(value, "latin-1") for key, value in scope["headers"] if key == name), "")


class Doorman:
    """Begins, finds and ends sessions, which last so long."""

    def __init__(self, web: Web, lasts: timedelta) -> None:
        self.web, self.lasts = web, lasts

    async def guest(self, scope: Scope) -> Guest | None:
        """Return who sends a request; None when nobody is signed in, or the token is not what it was."""
        cookie = cookie_of(scope, COOKIE)
        if not cookie:
            return None
        session = await self.web.store.desk.session(id_of(cookie), self.web.clock())
        token = self.web.tokens.proven(session.token, session.proof) if session is not None else None
        if session is None or token is None:
            return None
        return Guest(token, csrf_of(cookie), session)

    async def begin(self, secret: str) -> str:
        """Sign in with a token and return the cookie's value.

        Raises:
            Problem: 401 or 403, in words for the form.
        """
        web = self.web
        token = self._token(secret)
        cookie, now = secrets.token_urlsafe(32), web.clock()
        session = Session(id_of(cookie), token.name, web.tokens.proof(token.name), now, now + self.lasts)
        await self.note(token, "sign_in")
        await web.store.desk.begin_session(session)
        log.info("console.signed_in", name=token.name)
        return cookie

    async def end(self, scope: Scope) -> None:
        """Sign out, if anybody is signed in."""
        guest = await self.guest(scope)
        if guest is not None:
            await self.note(guest.token, "sign_out")
            await self.web.store.desk.end_session(guest.session.id)

    async def note(self, token: Token, action: str) -> None:
        """Write down who came or went."""
        kit = self.web.ingest.kit
        note = Note(kit.new_id("aud"), self.web.clock(), token.name, "console", action, "", 303, None)
        await self.web.store.desk.note(note)

    def is_secure(self, scope: Scope) -> bool:
        """Say whether the browser came by https."""
        return scope["scheme"] == "https" or (self.web.public_url or "").startswith("https:")

    def _token(self, secret: str) -> Token:
        try:
            token = self.web.tokens.check(f"Bearer {secret}", "read")
        except Problem as problem:
            self.web.metrics.auth_failure("console", "scope" if problem.status == 403 else problem.slug)
            if problem.status == 403:
                words = "This token may publish, but not read. Sign in with one of the scope read or admin."
            elif problem.slug == "no_token":
                words = "Paste one of the tokens that are configured for bridge."
            else:
                words = "bridge does not know this token. Whoever runs bridge finds them under `tokens`."
            raise Problem(problem.status, problem.slug, words) from None
        return token


class SignIn:
    """The form, and what it sends."""

    def __init__(self, doorman: Doorman) -> None:
        self._doorman = doorman

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._serve(scope, receive, send)
        except (Problem, StoreError) as error:
            problem = error if isinstance(error, Problem) else storage_problem(error)
            if isinstance(error, StoreError):
                self._doorman.web.metrics.storage_error(error)
            title = problem.slug.replace("_", " ").capitalize()
            await html("stranger", status=problem.status, title=title, problem=problem).send(send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        onward = own_path(query.get("next", [""])[0])
        if scope["method"] == "POST":
            await self._sent(scope, receive, send, onward)
            return
        if await self._doorman.guest(scope) is not None:
            await see_other(onward).send(send)
            return
        await html("sign_in", status=200, title="Sign in", onward=onward, fault="").send(send)

    async def _sent(self, scope: Scope, receive: Receive, send: Send, onward: str) -> None:
        refuse_foreign(scope)
        body = await read_body(receive, header(scope, b"content-length").encode() or None, _MOST)
        form = parse_qs(body.decode("utf-8", "replace"))
        try:
            cookie = await self._doorman.begin(form.get("token", [""])[0].strip())
        except Problem as problem:
            page = html("sign_in", status=problem.status, title="Sign in", onward=onward, fault=problem.detail)
            await page.send(send)
            return
        kept = Cookies(COOKIE, self._doorman.is_secure(scope))
        answer = see_other(onward, (kept.given(cookie, self._doorman.lasts),))
        await answer.send(send)


class SignOut:
    """Ends a session, at once and for good."""

    def __init__(self, doorman: Doorman) -> None:
        self._doorman = doorman

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refuse_foreign(scope)
        await self._doorman.end(scope)
        kept = Cookies(COOKIE, self._doorman.is_secure(scope))
        await see_other("/console/sign-in", (kept.taken(),)).send(send)


def refuse_foreign(scope: Scope) -> None:
    """Refuse what a page of somebody else makes a browser send.

    Raises:
        Problem: 403 `foreign_form`.
    """
    site = header(scope, b"sec-fetch-site")
    if site not in ("", "same-origin", "none"):
        raise Problem(403, "foreign_form", _REFUSED)


def checked(guest: Guest, sent: str) -> None:
    """Refuse a form that does not carry what its page was given.

    Raises:
        Problem: 403 `stale_form`.
    """
    if not compare_digest(guest.csrf.encode(), sent.encode()):
        raise Problem(403, "stale_form", "This form is of another session. Load the page again, then send it.")


def sign_in_path(scope: Scope) -> str:
    """Return where to sign in, so that one comes back here."""
    query = scope["query_string"].decode("latin-1")
    here = quote(scope["path"]) + (f"?{query}" if query else "")
    return f"/console/sign-in?next={quote(here, safe='/')}"


def own_path(path: str) -> str:
    """Return a path of the console; its beginning, when it is anything else."""
    bare = path.partition("?")[0].partition("#")[0]
    mine = bare == "/console" or bare.startswith("/console/")
    steps = {unquote(step) for step in bare.split("/")} & {".", ".."}
    return path if mine and not steps and "\\" not in path and path.isprintable() else "/console"


def cookie_of(scope: Scope, name: str) -> str:
    """Return the value of a cookie; empty when there is none of this name."""
    for part in header(scope, b"cookie").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""
