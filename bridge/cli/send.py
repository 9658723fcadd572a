"""`bridge send FILE --source NAME`: signs a file as the sender of a source would, and sends it to the running service.

What it is signed with is the source's own configured secret. The service judges it as it judges the sender.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from bridge import sources
from bridge.app import new_id
from bridge.cli._posing import Pose, as_curl, content_type_of, read_body, read_headers, service_url
from bridge.cli._settings import read
from bridge.cli.client._ended import ended
from bridge.cli.client._failed import Failed, failure, how_of
from bridge.cli.client._words import Exit
from bridge.core.mistakes import nearest
from bridge.core.model import RawRequest
from bridge.core.posing import Unposable, posed
from bridge.core.shared_secrets import Place, Shared
from bridge.core.verifying import Scheme, Signature
from bridge.settings import Settings

_TIMEOUT_S = 30.0
_API = "api"
_BEARER = Shared(place=Place.BEARER)


def run(arguments: argparse.Namespace) -> int:
    """Sign and send; 0 when it was taken, else as the table of exit statuses says."""
    return ended(lambda: _send(arguments))


def _send(arguments: argparse.Namespace) -> Exit:
    settings = read(arguments.config)
    if settings is None:
        return Exit.USAGE
    where = service_url(arguments.url, settings, arguments.config, os.environ)
    pose = _pose(settings, arguments, where)
    if arguments.dry_run:
        sys.stdout.write(as_curl(pose, where, arguments.file) + "\n")
        return Exit.OK
    return _told(_posted(pose, where), pose, as_json=arguments.json)


def _pose(settings: Settings, arguments: argparse.Namespace, where: str) -> Pose:
    """Return the request as the sender would make it."""
    headers = read_headers(arguments.header)
    if arguments.type or "content-type" not in headers:
        headers["content-type"] = arguments.type or content_type_of(arguments.file)
    path = "/v1/publish" if arguments.source == _API else f"/hooks/{arguments.source}"
    way = _token(settings) if arguments.source == _API else _way(settings, arguments.source)
    query = arguments.query.removeprefix("?")
    url = (settings.server.public_url or where).rstrip("/") + path + ("?" if query else "") + query
    body = read_body(arguments.file)
    return _made(RawRequest("POST", path, query, url, tuple(headers.items()), body, datetime.now(UTC)), way)


def _token(settings: Settings) -> tuple[Shared, str]:
    for token in settings.tokens:
        if "publish" in token.scopes:
            return _BEARER, token.token[0]
    raise Failed("No token of the configuration has the scope publish. Add one under tokens.", Exit.USAGE)


def _way(settings: Settings, name: str) -> tuple[Scheme, str]:
    """Return how the sender proves itself, and with which secret."""
    entry = settings.sources.get(name)
    if entry is None:
        known = [*settings.sources, _API]
        raise Failed(f"{name!r} is not under sources. {nearest(name, known)}", Exit.NOT_FOUND)
    if getattr(entry.config, "mode", None) == "socket":
        told = (
            f"sources.{name} hears of Slack over its own connection, and takes nothing at its address. Write in Slack."
        )
        raise Failed(told, Exit.USAGE)
    scheme, secrets = sources.schemes(entry.kind, entry.config)[0], getattr(entry.config, "secret", None) or ()
    if not secrets and isinstance(scheme, (Signature, Shared)):
        told = (
            f"sources.{name} has no secret, so nothing that is sent there counts. Give it one: secret: {{env: NAME}}."
        )
        raise Failed(told, Exit.USAGE)
    return scheme, secrets[0].strip() if secrets else ""


def _made(raw: RawRequest, way: tuple[Scheme, str]) -> Pose:
    scheme, secret = way
    try:
        made = posed(scheme, secret, raw, new_id("msg"))
    except Unposable as error:
        raise Failed(f"It cannot be signed as its sender would: {error}.", Exit.USAGE) from None
    return Pose(made, scheme, secret, changed=made.body != raw.body)


def _posted(pose: Pose, where: str) -> httpx.Response:
    raw = pose.raw
    url = f"{where}{raw.path}{'?' if raw.query else ''}{raw.query}"
    headers = [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in raw.headers]
    try:
        with httpx.Client(trust_env=False, timeout=_TIMEOUT_S) as client:
            return client.post(url, content=raw.body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        told = f"Nothing answers at {where} ({type(error).__name__}). Start it with `bridge serve`, or give --url."
        raise Failed(told, Exit.UNREACHABLE) from None


def _told(answer: httpx.Response, pose: Pose, *, as_json: bool) -> Exit:
    """Show what was answered."""
    try:
        shape = orjson.loads(answer.content) if answer.content else {}
    except orjson.JSONDecodeError:
        shape = None
    if answer.is_success and answer.headers.get("content-type", "").startswith("text/html"):
        raise Failed("What answers is a page, not bridge. Give its address with --url.", Exit.REFUSED)
    if as_json:
        shown = {"status": answer.status_code, "signed": pose.scheme.told, "answer": shape}
        sys.stdout.write(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() + "\n")
        return Exit.OK if answer.is_success else how_of(answer.status_code)
    if not answer.is_success:
        raise _refused(answer, shape, pose)
    lines = [f"sent       {pose.scheme.told}", f"answer     {answer.status_code} {answer.reason_phrase}".rstrip()]
    events = shape.get("events", [shape]) if isinstance(shape, dict) else []
    lines += [line for event in events for line in _lines(event)]
    sys.stdout.write("\n".join(lines) + "\n")
    return Exit.OK


def _refused(answer: httpx.Response, shape: Any, pose: Pose) -> Failed:
    if not (isinstance(shape, dict) and {"title", "detail"} <= shape.keys()):
        told = f"What answers ({answer.status_code}) is not bridge. Give its address with --url."
        return Failed(told, how_of(answer.status_code))
    failed = failure(answer.status_code, shape, answer.headers.get("retry-after"))
    if answer.status_code != 401:
        return failed
    told = f"{failed}\n  It was signed by {pose.scheme.told}. Does the service run by this configuration?"
    if "{url" in pose.scheme.told or "{path" in pose.scheme.told:
        told += "\n  The address is signed, too: compare server.public_url on both sides."
    return Failed(told, failed.how)


def _lines(event: Mapping[str, Any]) -> list[str]:
    """Tell what became of one event; nothing is known of it where the source answers in a way of its own."""
    if "event_id" not in event:
        return []
    again = ", which is known: nothing was made of it again" if event.get("duplicate") else ""
    lines = [f"event      {event['event_id']}{again}", f"intent     {event.get('intent', 'publish')}"]
    lines += [f"post       {post['id']} {post['state']}, for {post['partner']}" for post in event.get("posts", ())]
    lines += [f"warning    {one['field']} {one['message']}" for one in event.get("warnings", ())]
    lines += [f"{word:<10} {event[word]}" for word in ("reason", "note") if event.get(word)]
    return lines
