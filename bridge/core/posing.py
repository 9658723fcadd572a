"""Makes a request one that the sender of a source could have sent: the other side of `core.verifying`.

Every scheme there rests on a secret that both sides have, so whoever can verify a request can make one. What comes out
was verified by that very code.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, assert_never
from urllib.parse import parse_qsl, urlencode

import orjson

from bridge.core import verifying
from bridge.core.model import RawRequest
from bridge.core.paths import dig
from bridge.core.shared_secrets import Place, Shared
from bridge.core.signing import Check, Encoding, encode
from bridge.core.verifying import Open, Scheme, Signature, Unit

_USER = "bridge"
_ITEM = "master"
"""What stands for items of a signature's header that say nothing here, such as the environment of Hygraph."""


class Unposable(Exception):
    """No request can be made that this scheme would take; the text says why, without the secret."""


def posed(scheme: Scheme, secret: str, raw: RawRequest, message_id: str) -> RawRequest:
    """Return the request with what proves its sender; its time is `received_at`.

    What it had of that before is replaced. A secret that belongs into the address or body changes these.

    Args:
        scheme: what the source asks for.
        secret: one of the source's own.
        raw: the request; the names of its headers are in small letters.
        message_id: for senders that give each message an id.

    Raises:
        Unposable: it cannot be.
    """
    match scheme:
        case Signature():
            made = _signed(scheme, secret, raw, message_id)
        case Shared():
            made = _with_secret(scheme, secret, raw)
        case Open():
            made = raw
        case _:
            assert_never(scheme)
    if verifying.check(scheme, [secret], made) is not Check.GENUINE:
        raise Unposable("no request fits the way in which this source says that it is signed")
    return made


def _signed(scheme: Signature, secret: str, raw: RawRequest, message_id: str) -> RawRequest:
    when = str(
        int(raw.received_at.timestamp() * (1000 if scheme.stamp and scheme.stamp.unit is Unit.MILLISECONDS else 1))
    )
    names = list(dict.fromkeys((scheme.signed, *_stamp_header(scheme)))) if scheme.signed else []
    given = dict.fromkeys(_stamp_header(scheme), when)
    given |= {scheme.id_header: message_id} if scheme.id_header else {}
    given |= {scheme.signed: ",".join(names)} if scheme.signed else {}
    given |= dict([scheme.version]) if scheme.version else {}
    items = _items(scheme, when)
    unsigned = _with_headers(raw, given | {scheme.header: ""})
    text = verifying.signature(scheme, secret, unsigned, items)
    if text is None:
        raise Unposable("the request lacks something that is signed, or the secret is no key")
    item = f"{scheme.field}{scheme.between}" if scheme.separator and scheme.field else ""
    said = [*(f"{name}{scheme.between}{value}" for name, value in items), f"{item}{scheme.prefix}{text}"]
    return _with_headers(unsigned, {scheme.header: scheme.separator.join(said)})


def _stamp_header(scheme: Signature) -> tuple[str, ...]:
    return (scheme.stamp.header,) if scheme.stamp and scheme.stamp.header else ()


def _items(scheme: Signature, when: str) -> list[tuple[str, str]]:
    """Return the items that stand beside the signature in its header."""
    stamp = [(scheme.stamp.field, when)] if scheme.stamp and scheme.stamp.field else []
    inner = (name.partition(".")[2] for name in verifying.names_in(scheme.template) if "." in name)
    return stamp + [(name, _ITEM) for name in dict.fromkeys(inner) if name not in dict(stamp)]


def _with_secret(scheme: Shared, secret: str, raw: RawRequest) -> RawRequest:
    as_header = secret.encode().decode("latin-1")
    match scheme.place:
        case Place.HEADER:
            return _with_headers(raw, {scheme.name: as_header})
        case Place.BEARER:
            return _with_headers(raw, {"authorization": f"Bearer {as_header}"})
        case Place.BASIC:
            both = secret if ":" in secret else f"{_USER}:{secret}"
            return _with_headers(raw, {"authorization": f"Basic {encode(both.encode(), Encoding.BASE64)}"})
        case Place.QUERY:
            return _with_query(raw, _in_form(raw.query, scheme.name, secret))
        case Place.BODY:
            return replace(raw, body=_in_body(raw, scheme.name, secret))
        case _:
            assert_never(scheme.place)


def _with_headers(raw: RawRequest, given: Mapping[str, str]) -> RawRequest:
    kept = tuple((name, value) for name, value in raw.headers if name not in given)
    return replace(raw, headers=(*kept, *given.items()))


def _with_query(raw: RawRequest, query: str) -> RawRequest:
    return replace(raw, query=query, public_url=f"{raw.public_url.partition('?')[0]}?{query}")


def _in_form(form: str, name: str, secret: str) -> str:
    pairs = [(key, value) for key, value in parse_qsl(form, keep_blank_values=True) if key != name]
    return urlencode([*pairs, (name, secret)])


def _in_body(raw: RawRequest, path: str, secret: str) -> bytes:
    """Put a secret at a path of a JSON body, or of the only thing in its list, or into the field of a form."""
    if "x-www-form-urlencoded" in (raw.header("content-type") or ""):
        return _in_form(raw.body.decode("latin-1"), path, secret).encode()
    try:
        data = orjson.loads(raw.body)
    except orjson.JSONDecodeError:
        raise Unposable("the secret belongs into the body, which is neither JSON nor a form") from None
    thing = data[0] if isinstance(data, list) and len(data) == 1 else data
    _put(thing, path, secret)
    return orjson.dumps(data)


def _put(data: Any, path: str, secret: str) -> None:
    *way, last = [path] if isinstance(data, dict) and path in data else path.split(".")
    for step in way:
        if isinstance(data, dict):
            data.setdefault(step, {})
        data = dig(data, step)
    if not isinstance(data, dict) or "*" in (*way, last):
        raise Unposable(f"the body has no place for the secret at {path}")
    data[last] = secret
