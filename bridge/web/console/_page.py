"""Pages as HTML: templates, and the headers that keep a browser from doing anything else than showing them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from bridge.web._call import Answer, Headers
from bridge.web.console import _words

STATIC: Mapping[str, bytes] = {
    path.name: path.read_bytes()
    for path in files("bridge.web.console").joinpath("static").iterdir()
    if path.name.endswith((".css", ".js", ".svg"))
}
"""What pages load, by name."""
TYPES = {".css": b"text/css; charset=utf-8", ".js": b"text/javascript; charset=utf-8", ".svg": b"image/svg+xml"}

_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Headers = (
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"x-frame-options", b"DENY"),
)
HTML = b"text/html; charset=utf-8"
_AS_IT_IS = "/?&=%:,+;@!$'()*#[]"
"""What stays as it is in an address that is one already."""


def static_path(name: str) -> str:
    """Return the address of what pages load; it changes with what is in it."""
    return f"/console/static/{name}?{hashlib.sha256(STATIC[name]).hexdigest()[:8]}"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bridge.web.console"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["static"] = static_path
    environment.filters.update(_words.FILTERS)
    environment.globals.update(_words.GLOBALS)
    return environment


_PAGES = _environment()


def rendered(template: str, facts: Mapping[str, Any]) -> bytes:
    """Return a template with its facts."""
    return _PAGES.get_template(f"{template}.html").render(facts).encode()


def html(template: str, *, status: int = 200, headers: Headers = (), **facts: Any) -> Answer:
    """Answer a template, whole."""
    return Answer(status, rendered(template, facts), HTML, (*_HEADERS, *headers))


def see_other(path: str, headers: Headers = ()) -> Answer:
    """Send a browser elsewhere, to look."""
    return Answer(303, b"", HTML, ((b"location", quote(path, safe=_AS_IT_IS).encode()), *_HEADERS, *headers))


@dataclass(frozen=True, slots=True)
class Cookies:
    """Writes `Set-Cookie` of one name; `secure` keeps it from plain http."""

    name: str
    secure: bool

    def given(self, value: str, lasts: timedelta | None = None) -> tuple[bytes, bytes]:
        """Keep a value for so long; as long as the browser is open when None."""
        age = f"; Max-Age={int(lasts.total_seconds())}" if lasts is not None else ""
        secure = "; Secure" if self.secure else ""
        text = f"{self.name}={value}; Path=/console; HttpOnly; SameSite=Strict{secure}{age}"
        return b"set-cookie", text.encode("latin-1")

    def taken(self) -> tuple[bytes, bytes]:
        """Forget it."""
        return self.given("", timedelta())
