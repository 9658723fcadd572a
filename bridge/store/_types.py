"""How values are written: instants as microseconds, JSON as text, words as text, targets as JSON, large bodies packed.

Each type has `encode` and `decode` for values that are not None; SQLAlchemy and the row codecs use the same two.
"""

import zlib
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Any, get_args

import orjson
from sqlalchemy import BigInteger, Boolean, Dialect, LargeBinary, TypeDecorator

from bridge.core.model import Target
from bridge.store._columns import WORDS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(at: datetime) -> int:
    """Return an aware instant as microseconds since 1970, exactly (a float would round)."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """Return the instant that `to_micros` gave."""
    return EPOCH + timedelta(microseconds=micros)


def _reader(annotation: object) -> Callable[[Any], Any] | None:
    """Say how a field of that type is read from JSON; None when it is as it stands."""
    kinds = [kind for kind in (get_args(annotation) or (annotation,)) if isinstance(kind, type)]
    if datetime in kinds:
        return from_micros
    return next((kind for kind in kinds if issubclass(kind, StrEnum)), None)


_READERS = {field.name: read for field in fields(Target) if (read := _reader(field.type)) is not None}
_DEFAULTS = tuple((field.name, field.default, _READERS.get(field.name) is from_micros) for field in fields(Target))


def targets_to_text(targets: tuple[Target, ...]) -> str:
    """Write the targets of a post."""
    return orjson.dumps([_to_object(target) for target in targets]).decode()


def targets_from_text(text: str) -> tuple[Target, ...]:
    """Read the targets of a post."""
    return tuple(_from_object(shown) for shown in orjson.loads(text))


def _to_object(target: Target) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, default, is_instant in _DEFAULTS:
        value = getattr(target, name)
        if value != default:
            shown[name] = to_micros(value) if is_instant else value
    return shown


def _from_object(shown: dict[str, Any]) -> Target:
    for name, read in _READERS.items():
        if name in shown:
            shown[name] = read(shown[name])
    return Target(**shown)


_PACKED = b"\x00zlib\x00"
"""What a packed body begins with. One that itself begins so is packed whatever its size: so there is no doubt."""
_LARGE = 65_536
_LEVEL = 1
"""Of JSON it leaves about two fifths, at 40 MB/s; level 3 takes half as long again for a fortieth less."""


def pack(body: bytes) -> bytes:
    """Return a body as it is kept: one over 64 KB is compressed, where that makes it smaller."""
    if len(body) <= _LARGE and not body.startswith(_PACKED):
        return body
    packed = _PACKED + zlib.compress(body, _LEVEL)
    return packed if len(packed) < len(body) or body.startswith(_PACKED) else body


def unpack(kept: bytes) -> bytes:
    """Return the body that `pack` got.

    What is unpacked has a bound, though none is set here: `pack` alone writes the mark, and what it packed had been
    taken uncompressed, within `server.max_body`. No sender's bytes can pass for packed ones.
    """
    return zlib.decompress(memoryview(kept)[len(_PACKED) :]) if kept.startswith(_PACKED) else kept


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _tuple_from_json(text: str) -> tuple[Any, ...]:
    return tuple(orjson.loads(text))


class _Converted(TypeDecorator[Any]):
    """A type that says how a value that is not None is written and read; `Codec` uses the two functions directly."""

    impl: Any = WORDS
    cache_ok = True
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Write a value for statements that SQLAlchemy runs itself."""
        return None if value is None else self.encode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read a value for statements that SQLAlchemy runs itself."""
        return None if value is None else self.decode(value)


class Instant(_Converted):
    """An aware UTC datetime as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True
    encode = staticmethod(to_micros)
    decode = staticmethod(from_micros)


class JsonText(_Converted):
    """A JSON value as text."""

    cache_ok = True
    encode = staticmethod(_to_json)
    decode = staticmethod(orjson.loads)


class JsonTuple(_Converted):
    """A tuple as a JSON list."""

    cache_ok = True
    encode = staticmethod(_to_json)
    decode = staticmethod(_tuple_from_json)


class Targets(_Converted):
    """The accounts' rows of a post as a JSON list of objects."""

    cache_ok = True
    encode = staticmethod(targets_to_text)
    decode = staticmethod(targets_from_text)


class Body(_Converted):
    """Bytes of any size; many of them are packed."""

    impl = LargeBinary
    cache_ok = True
    encode = staticmethod(pack)
    decode = staticmethod(unpack)


class Word(_Converted):
    """A word of a closed set as text."""

    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words
        self.encode = attrgetter("_value_")
        self.decode = {word.value: word for word in words}.__getitem__


class Flag(_Converted):
    """A boolean, read as one from engines that keep a number."""

    impl = Boolean
    cache_ok = True
    encode = bool
    decode = bool
