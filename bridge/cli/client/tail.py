"""`bridge tail`: outbound events as they happen, one a line; a connection that is lost is made again."""

import argparse
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import orjson
from httpx_sse import EventSource, ServerSentEvent, SSEError

from bridge.cli.client._do import guarded
from bridge.cli.client._failed import Failed
from bridge.cli.client._http import TIMEOUT_S, Api
from bridge.cli.client._tables import Paper
from bridge.cli.client._text import as_json, instant, shown
from bridge.cli.client._words import Exit

STREAM = "/v1/stream"
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_SILENCE_S = 90.0
"""A stream that says nothing for so long, not even a comment, is taken for lost."""
_REMEMBERED = 4_000
"""Ids of events that were shown last: whoever connects again is told some of them again."""
_ASKED = {"type": "types", "post": "post", "account": "account"}
"""Our filters that the API has, with its words for them; the others are looked at here."""


def run(arguments: argparse.Namespace) -> Exit:
    """Show events until interrupted, or until there were as many as asked for."""
    return guarded(arguments, _follow)


def _follow(arguments: argparse.Namespace, api: Api, paper: Paper) -> Exit:
    left, query = arguments.count, _query(arguments)
    for event in _events(api, query, arguments.after):
        body = _body(event)
        if body is None or not _wanted(arguments, query, body):
            continue
        paper.say(as_json(body) if arguments.json else line(paper, body))
        paper.out.flush()
        left = left - 1 if left is not None else None
        if left == 0:
            break
    return Exit.OK


def _query(arguments: argparse.Namespace) -> dict[str, str]:
    asked = {word: getattr(arguments, name) for name, word in _ASKED.items()}
    # One of a kind is asked of the service; the types may always be several.
    return {word: ",".join(texts) for word, texts in asked.items() if texts and (word == "types" or len(texts) == 1)}


def _events(api: Api, query: dict[str, str], cursor: str | None) -> Iterator[ServerSentEvent]:
    """Yield events for ever; after the first connection every failure that may pass is only a pause.

    Raises:
        Failed: the service will not have it, or never answered.
    """
    failures, connected, seen = 0, False, deque[str](maxlen=_REMEMBERED)
    while True:
        try:
            for event in _stream(api, query, cursor):
                failures, connected = 0, True
                if event is None or event.id in seen:
                    continue
                if event.id:
                    cursor = event.id
                    seen.append(event.id)
                yield event
            why = "the service ended it"
        except Failed as failed:
            if failed.how is not Exit.UNREACHABLE or not connected:
                raise
            why = str(failed)
        except (httpx.HTTPError, UnicodeError, SSEError) as error:
            if not connected:
                raise api.unreachable(error) from None
            why = type(error).__name__
        pause_s = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
        failures += 1
        sys.stderr.write(f"The connection is lost ({why}); again in {pause_s:g} s.\n")
        time.sleep(pause_s)


def _stream(api: Api, query: dict[str, str], cursor: str | None) -> Iterator[ServerSentEvent | None]:
    """Yield None when connected, then each event of one connection."""
    headers = {"accept": "text/event-stream", "cache-control": "no-store"}
    headers |= {"last-event-id": cursor} if cursor else {}
    timeout = httpx.Timeout(TIMEOUT_S, read=_SILENCE_S)
    with api.http.stream("GET", STREAM, params=query, headers=headers, timeout=timeout) as answer:
        if not answer.is_success:
            answer.read()
        api.judge(answer)
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            raise api.stranger(answer.status_code)
        yield None
        yield from EventSource(answer).iter_sse()


def _body(event: ServerSentEvent) -> Any:
    """Return the outbound event; None for what is none."""
    try:
        body = orjson.loads(event.data) if event.data else None
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) and "type" in body else None


def _wanted(arguments: argparse.Namespace, query: Mapping[str, str], body: Any) -> bool:
    """Look at the filters that were not asked of the service."""
    data = body.get("data") or {}
    post = (data.get("subject") or {}).get("id", "").partition(":")[0]
    return (
        ("post" in query or not arguments.post or post in arguments.post)
        and ("account" in query or not arguments.account or _is_of(data, arguments.account))
        and (not arguments.source or data.get("source") in arguments.source)
        and (not arguments.partner or data.get("partner") in arguments.partner)
    )


def _is_of(data: Any, names: list[str]) -> bool:
    """Whether an event is about one of these accounts; an event of a post is about all of its accounts."""
    all_of = [data.get("account"), *(data.get("accounts") or ()), *(data.get("targets") or ())]
    keys = ("id", "name", "account")
    known = {one.get(key) for one in all_of if isinstance(one, dict) for key in keys}
    known |= {one for one in all_of if isinstance(one, str)}
    subject = data.get("subject") or {}
    known.add(subject.get("id", "").partition(":")[2])
    return bool(known & set(names))


def line(paper: Paper, body: Any) -> str:
    """Tell an outbound event in one line: when, what, about what, and why."""
    data = body.get("data") or {}
    subject = data.get("subject") or {}
    account = data.get("account") or {}
    about = shown(subject.get("id")).partition(":")[0] if subject.get("kind") == "target" else shown(subject.get("id"))
    facts = [
        about,
        shown(account.get("name") or account.get("id")),
        shown(data.get("url")),
        shown(data.get("reason")),
        shown(data.get("error")),
        shown(data.get("what_to_do")),
    ]
    word = shown(body["type"])
    coloured = word.replace(word.rpartition(".")[2], paper.state(word.rpartition(".")[2]))
    pad = " " * max(0, 22 - len(word))
    told = "  ".join(fact for fact in facts if fact)
    return f"{instant(body.get('timestamp'), paper.zone)}  {coloured}{pad}  {told}".rstrip()
