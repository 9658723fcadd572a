"""The configuration as it counts, with where each value is from: for people, so no secret is in it."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from bridge.core.redact import MARK, Redactor
from bridge.core.targets import shown, split
from bridge.settings._build import options
from bridge.settings._files import content
from bridge.settings._tree import Faults, Trail, dotted, override, parse, sealing_key
from bridge.settings._types import NAMED, ORDER, SECTIONS, Kinds, Settings, Token

FILE, VARIABLE, DEFAULT = "file", "variable", "default"
_REFERENCES = ({"env"}, {"file"})


@dataclass(frozen=True, slots=True)
class Effective:
    """The tree of a configuration as it counts, and for each path (`server.port`) where its value is from."""

    tree: Mapping[str, Any]
    origins: Mapping[str, str]


def effective(settings: Settings, environ: Mapping[str, str], kinds: Kinds) -> Effective:
    """Return what was loaded, as it would be written in the file; of a secret only where it is kept."""
    faults = Faults()
    written = parse(content(settings.path, pipe=True).decode(), faults) if settings.path else {}
    raw = copy.deepcopy(written)
    override(raw, environ, ORDER, faults)
    sealing_key(raw, environ, faults)
    return _Walk(written, raw, environ, Redactor(settings.secrets)).all(settings, kinds)


class _Walk:
    """Goes through what was built, beside the tree that it was built of."""

    def __init__(
        self, written: Mapping[str, Any], raw: Mapping[str, Any], environ: Mapping[str, str], redactor: Redactor
    ) -> None:
        self._written, self._raw, self._environ, self._redactor = written, raw, environ, redactor
        self._origins: dict[str, str] = {}

    def all(self, settings: Settings, kinds: Kinds) -> Effective:
        tree: dict[str, Any] = {}
        for name in ORDER:
            if name in SECTIONS:
                tree[name] = self._object(SECTIONS[name], getattr(settings, name), (name,))
            elif name == "tokens":
                tree[name] = [self._object(Token, one, (name, place)) for place, one in enumerate(settings.tokens)]
            else:
                tree[name] = dict(self._entries(name, settings, kinds))
        return Effective({name: tree[name] for name in ORDER}, self._origins)

    def _entries(self, name: str, settings: Settings, kinds: Kinds) -> Iterator[tuple[str, Any]]:
        if name == "accounts":
            for account in settings.accounts:
                yield account.name, self._object(NAMED[name], account, (name, account.name))
        elif name == "endpoints":
            for key, entry in settings.endpoints.items():
                yield key, self._object(NAMED[name], entry, (name, key))
        else:
            types = kinds.partners if name == "partners" else kinds.sources
            for key, one in getattr(settings, name).items():
                self._origin((name, key, "kind"))
                yield key, {"kind": one.kind, **self._object(types[one.kind], one.config, (name, key))}

    def _object(self, kind: type, value: Any, trail: Trail) -> dict[str, Any]:
        return {name: self._field(kind, name, getattr(value, name), (*trail, name)) for name in options(kind)}

    def _field(self, kind: type, name: str, value: Any, trail: Trail) -> Any:
        option, raw = options(kind)[name], _at(self._raw, trail)
        if option.nested is not None and value and not _is_reference(raw):
            if option.by_name and value:
                return {key: self._object(option.nested, one, (*trail, str(key))) for key, one in value.items()}
            return self._object(option.nested, value, trail)
        self._origin(trail)
        if (kept := _kept(raw)) is not None:
            return kept
        if option.secret:
            return MARK if value else [] if isinstance(value, tuple) else None
        hint = get_type_hints(kind, include_extras=True)[name]
        return self._told(name, TypeAdapter(hint).dump_python(value, mode="json"), raw)

    def _told(self, name: str, value: Any, raw: Any) -> Any:
        """Return a value as it may be shown: of an address not more than its host, of headers their names."""
        if name == "headers" and isinstance(value, dict):
            given = raw if isinstance(raw, dict) else {}
            return {key: _kept(given.get(key)) or MARK for key in value}
        if isinstance(value, str):
            if split(value) is None:
                return self._redactor.text(value)
            return shown(value) if name == "url" else self._redactor.url(value)
        return self._redactor.json(value)

    def _origin(self, trail: Trail) -> None:
        self._origins[dotted(trail)] = self._from(trail)

    def _from(self, trail: Trail) -> str:
        name = "BRIDGE_" + "__".join(str(step).upper().replace("-", "_") for step in trail)
        above = ["__".join(name.split("__")[:count]) for count in range(len(trail), 1, -1)]
        for one in (*above, *(f"{each}_FILE" for each in above)):
            if one in self._environ and _at(self._raw, trail) is not None:
                return f"{VARIABLE} {one}"
        if _at(self._written, trail) is not None:
            return FILE
        return DEFAULT if _at(self._raw, trail) is None else VARIABLE


def _at(tree: Any, trail: Trail) -> Any:
    """Return what a tree has at a path, or None."""
    for step in trail:
        if isinstance(tree, Mapping):
            tree = tree.get(step)
        elif isinstance(tree, list) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
        else:
            return None
    return tree


def _is_reference(raw: Any) -> bool:
    return isinstance(raw, dict) and set(raw) in _REFERENCES


def _kept(raw: Any) -> Any:
    """Return a reference, or a list of some, as the file has it; None for what is none."""
    if _is_reference(raw):
        return {key: str(Path(value)) if key == "file" else str(value) for key, value in raw.items()}
    if isinstance(raw, list) and raw and any(map(_is_reference, raw)):
        return [_kept(one) or MARK for one in raw]
    return None
