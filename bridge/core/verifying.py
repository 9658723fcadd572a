"""Checks who sent a request, by a declaration: which header, what is signed, how it is written, how old it may be.

`Signature` covers every HMAC scheme of the sources and the plain hashes of HubSpot; `Shared` a secret that is sent as
it is; `Open` nothing at all. Everything is compared over the raw bytes, in constant time, before the body is parsed
(but for a secret that stands inside the body).
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import assert_never

import orjson

from bridge.core.model import RawRequest
from bridge.core.shared_secrets import Place as Place
from bridge.core.shared_secrets import Shared as Shared
from bridge.core.shared_secrets import check_shared
from bridge.core.signing import TOLERANCE, Algorithm, Check, Encoding, decode, encode, mac, secret_key

_MOST_SIGNATURES = 16
_DIGITS = {"s": 11, "ms": 14}
"""How many digits a time stamp may have: they last until the year 5138."""

_NAMES = re.compile(
    r"\{(body|timestamp|id|method|path|url|url_plain|secret|body_json|signed_headers|field\.[\w-]+|json\.[\w-]+)\}"
)
_PLAIN = MappingProxyType({f"%{ord(char):02X}": char for char in ":/?@!$'()*,;"})
"""What HubSpot writes plainly in the address that it signs, however it is sent."""
_ESCAPES = re.compile("|".join(_PLAIN), re.IGNORECASE)


class KeyForm(StrEnum):
    """What a secret's text has to do with the key: its UTF-8 bytes, or what it says in an encoding.

    `whsec` is that of Standard Webhooks: base64 after `whsec_`, and any other secret as text.
    """

    TEXT = "text"
    BASE64 = "base64"
    HEX = "hex"
    WHSEC = "whsec"


class Unit(StrEnum):
    """What a time stamp counts since 1970."""

    SECONDS = "s"
    MILLISECONDS = "ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """When a request was signed: in the header `header`, or in the field `field` of the signature's own header.

    `tolerance` None takes any age: the sender signs a time, but what it sends again may be old. One that is not
    `required` may be missing, where the template does not name it.
    """

    header: str = ""
    field: str = ""
    unit: Unit = Unit.SECONDS
    tolerance: timedelta | None = TOLERANCE
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature of the request in one of its headers.

    Args:
        header: where it is, in small letters.
        separator: between the items of that header; empty when it holds one signature and nothing else.
        field: the items that are signatures begin with this and `between`; each one counts. Empty: every item does.
        between: what parts the name of an item from its value.
        prefix: stands before the signature itself, such as `sha256=`; what lacks it is malformed.
        template: what is signed, with `{body}`, `{timestamp}`, `{id}`, `{method}`, `{path}` (with its query), `{url}`
            (as the sender sees it: `server.public_url`), `{url_plain}` (that, with `:/?@!$'()*,;` not escaped),
            `{secret}`, `{body_json}` (the body as a JSON string),
            `{signed_headers}` (`name:value` of those that the header `signed` lists, `;` between) and `{field.NAME}`
            (another item of the same header; `{json.NAME}`: as a JSON string).
        keyed: whether it is an HMAC; else a plain hash, whose template names the secret.
        key: how the key is made of the secret.
        crlf: whether every line end of the body counts as CR LF.
        stamp: when it was signed; None for a scheme without a time.
        id_header: what `{id}` is read from.
        signed: the header that lists the signed headers.
        version: (header, value) that says that this scheme is meant, where a sender has several for one header.
    """

    header: str
    separator: str = ""
    field: str = ""
    between: str = "="
    prefix: str = ""
    template: str = "{body}"
    algorithm: Algorithm = Algorithm.SHA256
    encoding: Encoding = Encoding.HEX
    keyed: bool = True
    key: KeyForm = KeyForm.TEXT
    crlf: bool = False
    stamp: Stamp | None = None
    id_header: str = ""
    signed: str = ""
    version: tuple[str, str] | None = None

    @property
    def told(self) -> str:
        """What is checked, in a few words for people."""
        kind = "HMAC-" if self.keyed else ""
        return f"{kind}{self.algorithm.value.upper()} of {self.template} in {self.header}"


@dataclass(frozen=True, slots=True)
class Open:
    """Nothing is checked: whoever knows the address may send."""

    @property
    def told(self) -> str:
        """What is checked, in a few words for people."""
        return "nothing: whoever knows the address may send (auth: none)"


Scheme = Signature | Shared | Open


def check(scheme: Scheme, secrets: Sequence[str], raw: RawRequest) -> Check:
    """Judge a request by a scheme, with each of the secrets; its age by when it came."""
    match scheme:
        case Signature():
            return _check_signature(scheme, secrets, raw)
        case Shared():
            return check_shared(scheme, secrets, raw)
        case Open():
            return Check.GENUINE
        case _:
            assert_never(scheme)


def is_meant(scheme: Signature, raw: RawRequest) -> bool:
    """Say whether a request claims to be signed by this scheme, of several."""
    if raw.header(scheme.header) is None:
        return False
    return scheme.version is None or raw.header(scheme.version[0]) == scheme.version[1]


def signature(scheme: Signature, secret: str, raw: RawRequest, items: Sequence[tuple[str, str]] = ()) -> str | None:
    """Return what the holder of a secret signs a request with, as text without the prefix.

    `items` are the others of the signature's own header. None where the request lacks something that is signed, or the
    secret holds no key.
    """
    parts = _parts(scheme, raw, items)
    found = None if parts is None else next(_expected(scheme, secret, parts), None)
    return None if found is None else encode(found, scheme.encoding)


def names_in(template: str) -> tuple[str, ...]:
    """Return the names that a template holds, in its order."""
    return tuple(piece for named, piece in _pieces(template) if named)


def is_key(form: KeyForm, secret: str) -> bool:
    """Say whether a secret can be read as a key of that form."""
    return bool(list(_keys(form, secret)))


def _keys(form: KeyForm, secret: str) -> Iterator[bytes]:
    """Give the keys that a secret may stand for; one of Standard Webhooks without its prefix is text or base64."""
    found: bytes | None = None
    match form:
        case KeyForm.TEXT:
            found = secret.encode()
        case KeyForm.BASE64:
            found = decode(secret, Encoding.BASE64)
        case KeyForm.HEX:
            found = decode(secret, Encoding.HEX)
        case KeyForm.WHSEC:
            try:
                yield secret_key(secret)
            except ValueError:
                return
            found = None if secret.startswith("whsec_") else decode(secret, Encoding.BASE64)
        case _:
            assert_never(form)
    if found:
        yield found


def _check_signature(scheme: Signature, secrets: Sequence[str], raw: RawRequest) -> Check:
    """Judge a signature first and its age after it, so that only the holder of a secret learns about our clock."""
    text = raw.header(scheme.header)
    if not text or (scheme.id_header and not raw.header(scheme.id_header)):
        return Check.UNSIGNED
    items = _items(scheme, text)
    signatures = _signatures(scheme, items)
    sent_at, stamp = _sent_at(scheme, raw, items)
    if not signatures or stamp is not Check.GENUINE:
        return stamp if signatures else Check.MALFORMED
    parts = _parts(scheme, raw, items)
    if parts is None:
        return Check.MALFORMED
    if not _is_signed(scheme, secrets, parts, signatures):
        return Check.FORGED
    tolerance = scheme.stamp.tolerance if scheme.stamp else None
    if sent_at is not None and tolerance is not None and abs(raw.received_at - sent_at) > tolerance:
        return Check.STALE
    return Check.GENUINE


def _items(scheme: Signature, text: str) -> list[tuple[str, str]]:
    """Split the header into names and values; a header of one signature is one item without a name."""
    if not scheme.separator:
        return [("", text.strip())]
    pieces = (piece.strip() for piece in text.split(scheme.separator, _MOST_SIGNATURES)[:_MOST_SIGNATURES])
    if not scheme.field:
        return [("", piece) for piece in pieces if piece]
    return [(name, value) for name, between, value in (piece.partition(scheme.between) for piece in pieces) if between]


def _signatures(scheme: Signature, items: Sequence[tuple[str, str]]) -> list[bytes]:
    texts = (value for name, value in items if name == scheme.field and value.startswith(scheme.prefix))
    read = (decode(text.removeprefix(scheme.prefix), scheme.encoding) for text in texts)
    return [signature for signature in read if signature]


def _sent_at(scheme: Signature, raw: RawRequest, items: Sequence[tuple[str, str]]) -> tuple[datetime | None, Check]:
    """Read when a request was signed; `GENUINE` says that there is no fault in it."""
    if scheme.stamp is None:
        return None, Check.GENUINE
    text = _stamp_text(scheme.stamp, raw, items)
    if text is None:
        return None, Check.UNSIGNED if scheme.stamp.required else Check.GENUINE
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS[scheme.stamp.unit]):
        return None, Check.MALFORMED
    seconds = int(text) / (1000 if scheme.stamp.unit is Unit.MILLISECONDS else 1)
    return datetime.fromtimestamp(seconds, UTC), Check.GENUINE


def _stamp_text(stamp: Stamp, raw: RawRequest, items: Sequence[tuple[str, str]]) -> str | None:
    if stamp.header:
        return raw.header(stamp.header) or None
    return next((value for name, value in items if name == stamp.field), None)


def _is_signed(
    scheme: Signature, secrets: Sequence[str], parts: Mapping[str, bytes], signatures: Sequence[bytes]
) -> bool:
    """Compare every signature with what each secret gives, so that the time tells nothing of which one fitted."""
    found = False
    for secret in secrets:
        for expected in _expected(scheme, secret, parts):
            for signature in signatures:
                found |= hmac.compare_digest(expected, signature)
    return found


def _expected(scheme: Signature, secret: str, parts: Mapping[str, bytes]) -> Iterator[bytes]:
    """Give what is signed, signed with each key that a secret may stand for."""
    message = _message(scheme.template, {**parts, "secret": secret.encode()})
    for key in _keys(scheme.key, secret):
        yield mac(key, message, scheme.algorithm) if scheme.keyed else _hash(scheme.algorithm, message)


def _hash(algorithm: Algorithm, message: bytes) -> bytes:
    return hashlib.new(algorithm.value, message).digest()


@lru_cache(maxsize=128)
def _pieces(template: str) -> tuple[tuple[bool, str], ...]:
    """Split a template into literal texts (False) and names (True)."""
    pieces = _NAMES.split(template)
    return tuple((bool(place % 2), piece) for place, piece in enumerate(pieces) if piece)


def _message(template: str, parts: Mapping[str, bytes]) -> bytes:
    return b"".join(parts[piece] if named else piece.encode() for named, piece in _pieces(template))


def _parts(scheme: Signature, raw: RawRequest, items: Sequence[tuple[str, str]]) -> dict[str, bytes] | None:
    """Return what the names of a template stand for; None when a part of the request is missing or cannot be read."""
    found: dict[str, bytes] = {}
    for named, name in _pieces(scheme.template):
        if named and name != "secret":
            value = _part(name, scheme, raw, items)
            if value is None:
                return None
            found[name] = value
    return found


def _part(name: str, scheme: Signature, raw: RawRequest, items: Sequence[tuple[str, str]]) -> bytes | None:
    match name:
        case "body":
            return re.sub(rb"\r?\n", b"\r\n", raw.body) if scheme.crlf else raw.body
        case "body_json":
            return _as_json(raw.body)
        case "signed_headers":
            return _signed_headers(scheme, raw)
        case _:
            text = _text_part(name, scheme, raw, items)
            return None if text is None else text.encode("latin-1", errors="replace")


def _text_part(name: str, scheme: Signature, raw: RawRequest, items: Sequence[tuple[str, str]]) -> str | None:
    kind, _, field = name.partition(".")
    match kind:
        case "timestamp":
            return _stamp_text(scheme.stamp, raw, items) if scheme.stamp else None
        case "id":
            return raw.header(scheme.id_header)
        case "method":
            return raw.method
        case "path":
            # As the sender sees it: a proxy may have taken a prefix off.
            return "/" + raw.public_url.partition("://")[2].partition("/")[2]
        case "url":
            return raw.public_url
        case "url_plain":
            return _ESCAPES.sub(lambda escape: _PLAIN[escape[0].upper()], raw.public_url)
        case _:
            value = next((value for item, value in items if item == field), None)
            return orjson.dumps(value).decode("latin-1") if value is not None and kind == "json" else value


def _as_json(body: bytes) -> bytes | None:
    """Return the body as JavaScript writes it as a JSON string."""
    try:
        return orjson.dumps(body.decode())
    except UnicodeDecodeError:
        return None


def _signed_headers(scheme: Signature, raw: RawRequest) -> bytes | None:
    """Return the headers that the sender says it signed, as `name:value` in its order; its time must be among them."""
    names = [name.strip().lower() for name in (raw.header(scheme.signed) or "").split(",")]
    if scheme.stamp is not None and scheme.stamp.header not in names:
        return None
    values = [(name, raw.header(name)) for name in names]
    if any(value is None for _, value in values):
        return None
    return ";".join(f"{name}:{(value or '').strip()}" for name, value in values).encode("latin-1", errors="replace")
