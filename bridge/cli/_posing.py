"""What `bridge send` reads, where it sends to, and a request as a command of curl."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from bridge.cli._listening import where_noted
from bridge.cli.client._failed import Failed
from bridge.cli.client._words import Exit
from bridge.core.model import RawRequest
from bridge.core.redact import MARK
from bridge.core.shared_secrets import Place, Shared, without_secret
from bridge.core.units import format_duration
from bridge.core.verifying import Scheme, Signature
from bridge.settings import Settings, identity

_TYPES = {
    ".json": "application/json",
    ".form": "application/x-www-form-urlencoded",
    ".xml": "application/xml",
    ".rss": "application/rss+xml",
    ".atom": "application/atom+xml",
    ".txt": "text/plain",
}
_NOT_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-encoding"})
"""Headers of a captured request that belong to the way it came."""


@dataclass(frozen=True, slots=True)
class Pose:
    """A request as its sender would make it. `changed` says that the secret stands in the body."""

    raw: RawRequest
    scheme: Scheme
    secret: str
    changed: bool


def content_type_of(file: Path) -> str:
    """Guess what a file holds by its name."""
    return _TYPES.get(file.suffix, "application/json")


def read_body(file: Path) -> bytes:
    """Read a file, or standard input."""
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error.strerror}.", Exit.USAGE) from None


def read_headers(given: Sequence[str]) -> dict[str, str]:
    """Read `Name: value` pairs as curl takes them: `@FILE` has one in each line."""
    found: dict[str, str] = {}
    for one in given:
        lines = read_body(Path(one[1:])).decode("latin-1").splitlines() if one.startswith("@") else [one]
        for line in filter(str.strip, lines):
            name, colon, value = line.partition(":")
            if not colon:
                raise Failed(f"-H {name[:20]!r} has no colon. Write -H 'Name: value', or -H @FILE.", Exit.USAGE)
            if name.strip().lower() not in _NOT_OURS:
                found[name.strip().lower()] = value.strip()
    return found


def service_url(given: str | None, settings: Settings, config: Path | None, environ: Mapping[str, str]) -> str:
    """Return where the service is: as said, or where that of the configuration listens on this machine."""
    said = given or environ.get("BRIDGE_URL", "").strip()
    if said:
        return _normal(said if "://" in said else f"http://{said}")
    noted = None if settings.server.admin else where_noted(identity(config, environ))
    host, port = noted or (settings.server.host, settings.server.port)
    if port == 0:
        raise Failed("server.port is 0, which is any free one. Give the address of the service with --url.", Exit.USAGE)
    # Who listens on every address listens on this one, too.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return _normal(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")


def _normal(url: str) -> str:
    """Write an address as a client sends its host: without the port that goes without saying."""
    try:
        return str(httpx.URL(url)).rstrip("/")
    except httpx.InvalidURL as error:
        raise Failed(f"--url is no address: {error}.", Exit.USAGE) from None


def as_curl(pose: Pose, where: str, file: Path) -> str:
    """Write a request as a command; where the secret itself is sent, a mark stands for it."""
    raw, query = pose.raw, _marked_query(pose)
    # Brackets in an address are meant, not a pattern of curl.
    words = ["curl", "-i", "-g", "-X", raw.method]
    for name, value in raw.headers:
        words += _header(pose, name, value)
    words.append(f"{where}{raw.path}{'?' if query else ''}{query}")
    return f"{_comment(pose)}{shlex.join(words)} --data-binary {shlex.quote(_data(pose, file))}"


def _place(pose: Pose) -> Place | None:
    return pose.scheme.place if isinstance(pose.scheme, Shared) else None


def _marked_query(pose: Pose) -> str:
    kept = pose.raw.query.rpartition("=")[0]
    return f"{kept}={MARK}" if _place(pose) is Place.QUERY else pose.raw.query


def _header(pose: Pose, name: str, value: str) -> list[str]:
    match _place(pose):
        case Place.BASIC if name == "authorization":
            # A secret with a colon is user and password at once.
            return ["-u", MARK if ":" in pose.secret else f"bridge:{MARK}"]
        case Place.BEARER if name == "authorization":
            return ["-H", f"{name}: Bearer {MARK}"]
        case Place.HEADER if isinstance(pose.scheme, Shared) and name == pose.scheme.name:
            return ["-H", f"{name}: {MARK}"]
        case _:
            return ["-H", f"{name}: {value}"]


def _comment(pose: Pose) -> str:
    if isinstance(pose.scheme, Shared):
        return f"# Put the secret where {MARK} stands.\n"
    tolerance = pose.scheme.stamp.tolerance if isinstance(pose.scheme, Signature) and pose.scheme.stamp else None
    return f"# Signed for now: it is taken for {format_duration(tolerance)}.\n" if tolerance else ""


def _data(pose: Pose, file: Path) -> str:
    if not pose.changed or not isinstance(pose.scheme, Shared):
        return f"@{file}"
    return without_secret(pose.raw, [pose.secret], pose.scheme.name).decode("utf-8", "replace")
