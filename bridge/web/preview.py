"""`POST /v1/preview`: what a source would make of a payload, step by step; nothing is stored or sent.

Body: `{"source": "blog", "body": {...} or "text", "body_base64": "...", "headers": {"X-Ghost-Signature": "..."},
"method": "POST", "query": "a=b"}`.
"""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

import orjson

from bridge.core.errors import Fault
from bridge.core.model import RawRequest
from bridge.core.request import invalid
from bridge.flows.ingest import API
from bridge.web._call import Answer, Call, Web

FIELDS = ("source", "body", "body_base64", "headers", "method", "query")


async def preview(web: Web, call: Call) -> Answer:
    """Answer each step that the payload would go through."""
    fields = await call.fields()
    faults = [Fault(str(name)[:60], "is not a known field", _KNOWN) for name in fields if name not in FIELDS]
    source = fields.get("source")
    if not isinstance(source, str) or source == API or source not in web.ingest.sources:
        faults.append(Fault("source", "names no configured source", _there_are(web.ingest.sources.keys() - {API})))
    method = str(fields.get("method") or "POST").upper()
    if not faults and method not in (methods := web.ingest.sources[str(source)].methods):
        faults.append(Fault("method", f"{method[:20]!r} is not what it sends", f"Use {' or '.join(methods)}."))
    body = _body(fields, faults)
    headers = _headers(fields, faults)
    if faults:
        raise invalid(faults)
    if "content-type" not in dict(headers):
        headers = (*headers, ("content-type", "application/json"))
    path, query = f"/hooks/{source}", str(fields.get("query") or "")
    base = (web.public_url or "http://localhost").rstrip("/")
    raw = RawRequest(
        method=method,
        path=path,
        query=query,
        public_url=f"{base}{path}?{query}" if query else base + path,
        headers=headers,
        body=body,
        received_at=web.clock(),
    )
    return Answer.json(await web.ingest.preview(str(source), raw, call.allowed))


def _there_are(names: Iterable[str]) -> str:
    """Return a sentence with the names of sources, as many as a remedy has room for."""
    known = sorted(names)
    if not known:
        return "There is none: add one under `sources`."
    lengths = accumulate(len(name) + 2 for name in known)
    shown = known[: max(1, sum(length <= _MOST_NAMES for length in lengths))]
    more = f" and {len(known) - len(shown)} more" if len(shown) < len(known) else ""
    return f"There are: {', '.join(shown)}{more}."


_MOST_NAMES = 150
"""How many characters the names of sources may take."""
_KNOWN = f"Known fields: {', '.join(FIELDS)}."


def _body(fields: Mapping[str, Any], faults: list[Fault]) -> bytes:
    """Return the bytes that the sender would send: text as it is, an object as JSON, or what base64 holds."""
    body, encoded = fields.get("body"), fields.get("body_base64")
    if (body is None) == (encoded is None):
        faults.append(Fault("body", "is missing or there twice", "Send either `body` or `body_base64`."))
    elif isinstance(body, str):
        return body.encode(errors="replace")
    elif body is not None:
        try:
            return orjson.dumps(body)
        except TypeError:  # It writes fewer levels than it reads.
            faults.append(Fault("body", "is nested too deep", "Send its bytes as `body_base64`."))
            return b""
    try:
        return b64decode(encoded or "", validate=True)
    except (TypeError, ValueError):
        faults.append(Fault("body_base64", "is not base64", "Send the bytes of the body, encoded."))
        return b""


def _headers(fields: Mapping[str, Any], faults: list[Fault]) -> tuple[tuple[str, str], ...]:
    headers = fields.get("headers") or {}
    if not isinstance(headers, Mapping) or not all(isinstance(value, str) for value in headers.values()):
        faults.append(Fault("headers", "is not an object of texts", 'Send {"Content-Type": "application/json"}.'))
        return ()
    return tuple((str(name).lower(), value) for name, value in headers.items())
