"""`bridge preview SOURCE FILE`: what the running service would make of a payload; nothing is stored or sent."""

import argparse
import os
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson

from bridge.cli._settings import read

_TYPES = {
    ".json": "application/json",
    ".form": "application/x-www-form-urlencoded",
    ".xml": "application/xml",
    ".rss": "application/rss+xml",
    ".atom": "application/atom+xml",
    ".txt": "text/plain",
}
_TIMEOUT_S = 30.0
_LONGEST_SHOWN = 200
_NO_GOOD = ("refused", "invalid", "conflict")
"""Outcomes of an item that nothing becomes of although its sender wants something."""


class _Failed(Exception):
    """There is no preview; the text says why and what to do."""


def run(arguments: argparse.Namespace) -> int:
    """Ask the service; 0 when the payload would be taken as it is, 1 when it or a post of it would be refused."""
    try:
        shown = _previewed(arguments)
    except _Failed as failed:
        sys.stderr.write(f"bridge preview: {failed}\n")
        return 1
    if arguments.json:
        sys.stdout.write(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        sys.stdout.write("\n".join(_lines(shown)) + "\n")
    return 0 if _is_good(shown) else 1


def _previewed(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Return what the service shows.

    Raises:
        _Failed: it cannot be asked, or refuses to answer.
    """
    asked = _asked(arguments)
    token = os.environ.get(arguments.token_env)
    if not token:
        raise _Failed(f"The variable {arguments.token_env} is not set. It is to hold a token with the scope publish.")
    url = _url(arguments)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        answer = httpx.post(f"{url}/v1/preview", json=asked, headers=headers, timeout=_TIMEOUT_S, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = type(error).__name__
        raise _Failed(f"Nothing answers at {url} ({why}). Start it with `bridge serve`, or give --url.") from None
    if answer.status_code != 200:
        raise _Failed(_told(answer))
    try:
        shown: Mapping[str, Any] = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        raise _Failed(f"What answers at {url} is not bridge. Give its address with --url.") from None
    return shown


def _asked(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Return the request for a preview."""
    kind = _TYPES.get(arguments.file.suffix, "application/json")
    return {
        "source": arguments.source,
        "body_base64": b64encode(_body(arguments.file)).decode(),
        "headers": {"content-type": kind, **_headers(arguments.header)},
        "query": arguments.query,
    }


def _body(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise _Failed(f"{file} cannot be read: {error.strerror}.") from None


def _headers(given: Sequence[str]) -> dict[str, str]:
    """Read `Name: value` pairs, as curl takes them."""
    found: dict[str, str] = {}
    for one in given:
        name, colon, value = one.partition(":")
        if not colon:
            raise _Failed(f"-H {name[:20]!r} has no colon. Write -H 'Name: value'.")
        found[name.strip().lower()] = value.strip()
    return found


def _url(arguments: argparse.Namespace) -> str:
    """Return where the service is: as said, or where that of the configuration listens on this machine."""
    if arguments.url:
        given = str(arguments.url).rstrip("/")
        return given if "://" in given else f"http://{given}"
    settings = read(arguments.config)
    if settings is None:
        raise _Failed("Without a sound configuration, give the address of the service with --url.")
    # Who listens on every address listens on this one, too.
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.server.host, settings.server.host)  # noqa: S104
    return f"http://{host}:{settings.server.port}"


def _told(answer: httpx.Response) -> str:
    try:
        problem = orjson.loads(answer.content)
        errors = [f"\n  {one['field']} {one['problem']}. {one['remedy']}" for one in problem["errors"]]
        return f"The service answers {answer.status_code}:" + ("".join(errors) or f" {problem['detail']}")
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"What answers ({answer.status_code}) is not bridge. Give its address with --url."


def _is_good(shown: Mapping[str, Any]) -> bool:
    items = shown["items"]
    refused = [post for item in items for post in item["posts"] if post["state"] == "rejected" or post["faults"]]
    taken = all(item["outcome"] not in _NO_GOOD for item in items)
    return bool(shown["verified"]["genuine"]) and not shown["problem"] and taken and not refused


def _lines(shown: Mapping[str, Any]) -> Iterator[str]:
    """Tell a preview to a person, a step a line."""
    verified, problem, items = shown["verified"], shown["problem"], shown["items"]
    if verified["genuine"]:
        yield f"verified   yes: {verified['how']}"
    else:
        yield f"verified   no, it is {verified['found']}: {verified['how']}"
        yield "           It would be answered 401. Give the sender's headers with -H. The rest is told all the same."
    if problem:
        yield f"refused    {problem['status']} {problem['detail']}"
    for place, item in enumerate(items, 1):
        if len(items) > 1:
            yield f"--- {place} of {len(items)}"
        yield from _item_lines(item)
    yield "Nothing was stored or sent."


def _item_lines(item: Mapping[str, Any]) -> Iterator[str]:
    word = f" ({item['event']})" if item["event"] else ""
    yield f"intent     {item['intent']}{word}"
    for name, value in item["fields"].items():
        if value not in ("", [], None):
            yield f"  {name:<12} {_short(value)}"
    yield f"outcome    {item['outcome']}{': ' + item['reason'] if item['reason'] else ''}"
    if item["note"] and item["note"] != item["reason"]:
        yield f"note       {item['note']}"
    if item["lookups"]:
        yield "fetch      What is missing would be asked of the sender's API first."
    for warning in item["warnings"]:
        yield f"warning    {_sentence(warning['field'], warning['message'])}"
    for post in item["posts"]:
        yield from _post_lines(post)


def _post_lines(post: Mapping[str, Any]) -> Iterator[str]:
    accounts = ", ".join(one["name"] or one["account"] for one in post["accounts"])
    when = f", for {post['scheduled_at']}" if post["scheduled_at"] else ""
    yield f"post       {post['state']}, for {post['partner']} on {accounts}{when}"
    if post["asks"]:
        yield f"  asks       {post['asks']}"
    if post["asks"] == "update":
        yield f"  content    {_short(post['content'])}"
    for fault in post["faults"]:
        yield f"  fault      {_sentence(fault['field'], fault['problem'], fault['remedy'])}"
    if post["fetches"]:
        yield f"  media      {len(post['fetches'])} to bring to the partner first"
    if post["held"]:
        held = post["held"]
        until = f"until somebody approves it in {held['approve']}" if "approve" in held else f"until {held['goes_at']}"
        yield f"  held       {until}"
    if post["not_before"]:
        yield f"  not before {post['not_before']}"
    if post["request"] is not None:
        yield f"  request    {orjson.dumps(post['request']).decode()}"


def _sentence(field: str, problem: str, remedy: str = "") -> str:
    return " ".join(part for part in (field, f"{problem.rstrip('.')}.", remedy) if part)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
