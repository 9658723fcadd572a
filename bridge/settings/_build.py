"""Makes the typed sections out of the tree: unknown keys, literal secrets and wrong values all become faults."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from bridge.core.mistakes import nearest, problem
from bridge.core.redact import Redactor
from bridge.settings._tree import Faults, Fetched, Given, Trail
from bridge.settings._types import NAMED, ORDER, SECTIONS, Entry, Kinds, Token

PLACEHOLDER = "\0placeholder"
"""What a required field is given that cannot be read, so that the rest of its entry can be; no text of a person's."""

_HIDDEN = "'***'"
_MAX_SHOWN = 60
_IN_FILE = ("url", "headers")
"""What `repr` leaves out and may stand in the file all the same."""
_FIELD_FIRST = re.compile(r"(\w+): (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Option:
    """What is known of one field of a configuration type.

    `nested` is the type of the mapping it is; with `by_name`, of each value in a mapping of names.
    """

    secret: bool
    nested: type | None
    by_name: bool


@cache
def options(kind: type) -> dict[str, Option]:
    """Return the fields of a dataclass or pydantic model; what `repr` leaves out, or a `SecretStr`, is a secret."""
    hints = get_type_hints(kind, include_extras=True)
    if is_dataclass(kind):
        shown = {item.name: item.repr for item in fields(kind)}
    else:
        shown = {name: info.repr for name, info in _model(kind).model_fields.items()}
    return {
        name: Option(
            secret=(not visible or SecretStr in _classes(hints[name])) and name not in _IN_FILE,
            nested=next((part for part in _classes(hints[name]) if is_dataclass(part) or _is_model(part)), None),
            by_name=any(get_origin(part) is Mapping for part in _parts(hints[name])),
        )
        for name, visible in shown.items()
    }


def help_of(kind: type, name: str) -> str:
    """Return the help of a field: its own description, else the line `name: help` of the type's docstring."""
    described = schema(kind).get("properties", {}).get(name, {}).get("description")
    told = dict(re.findall(r"^ +(\w+): (.+)$", kind.__doc__ or "", re.MULTILINE))
    text = str(described or told.get(name, ""))
    return text[:1].upper() + text[1:]


def defaults(kind: type) -> dict[str, Any]:
    """Return the default of each field that has one."""
    if not is_dataclass(kind):
        infos = _model(kind).model_fields.items()
        return {name: info.get_default(call_default_factory=True) for name, info in infos if not info.is_required()}
    plain = {item.name: item.default for item in fields(kind) if item.default is not MISSING}
    return plain | {item.name: item.default_factory() for item in fields(kind) if item.default_factory is not MISSING}


@cache
def adapter(kind: type) -> TypeAdapter[Any]:
    """Return what validates a configuration type."""
    return TypeAdapter(kind)


@cache
def schema(kind: type) -> dict[str, Any]:
    """Return the JSON Schema that pydantic makes of a configuration type."""
    return adapter(kind).json_schema()


def _classes(hint: Any) -> Iterator[type]:
    """Yield every class inside an annotation."""
    return (part for part in _parts(hint) if isinstance(part, type))


def _parts(hint: Any) -> Iterator[Any]:
    """Yield an annotation and everything inside it."""
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _is_model(kind: type) -> bool:
    return issubclass(kind, BaseModel)


def _model(kind: type) -> type[BaseModel]:
    if not _is_model(kind):
        raise TypeError(f"{kind.__name__} is neither a dataclass nor a pydantic model")
    return kind


def build(tree: Mapping[str, Any], kinds: Kinds, faults: Faults) -> dict[str, Any]:
    """Return what could be made of each section and entry; a field with a fault has its default, or `PLACEHOLDER`."""
    for name in set(map(str, tree)) - set(ORDER):
        faults.add((name,), "is not a section of the configuration", nearest(name, ORDER))
    built: dict[str, Any] = {}
    for name, kind in SECTIONS.items():
        built[name] = one(kind, tree.get(name), (name,), faults)
    for name, kind in NAMED.items():
        built[name] = {key: one(kind, raw, (name, key), faults) for key, raw in _mapping(tree, name, faults)}
    built["tokens"] = [one(Token, raw, ("tokens", index), faults) for index, raw in _sequence(tree, "tokens", faults)]
    for name, types in (("partners", kinds.partners), ("sources", kinds.sources)):
        built[name] = {key: _entry(types, raw, (name, key), faults) for key, raw in _mapping(tree, name, faults)}
    return {
        name: {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value
        for name, value in built.items()
        if value is not None
    }


def one(kind: type, raw: object, trail: Trail, faults: Faults) -> Any:
    """Return an instance of `kind` made from `raw`, with what can be read of it; None raw gives the defaults.

    Whatever has a fault is taken out and the rest is tried again, for as long as that shows new faults: so each field's
    own check runs, whatever else is wrong beside it. None when nothing can be made even so.
    """
    raw = {} if raw is None else raw
    if not isinstance(raw, dict):
        faults.add(
            trail, f"must be a mapping; got {_shown(raw)}", f"Write the keys below it: {', '.join(options(kind))}."
        )
        return None
    _check_keys(kind, raw, trail, faults)
    given = {key: raw[key] for key in options(kind) if key in raw}
    value = _tried(kind, given, trail, faults)
    while faults.within(trail):
        count = len(faults.all)
        value = _tried(kind, _readable(kind, given, trail, faults), trail, faults)
        if value is not None or len(faults.all) == count:
            break
    return value


def _tried(kind: type, given: Mapping[str, Any], trail: Trail, faults: Faults) -> Any:
    try:
        return adapter(kind).validate_python(given)
    except ValidationError as error:
        for detail in error.errors():
            _explain(kind, detail, trail, faults)
    return None


def _readable(kind: type, given: Mapping[str, Any], trail: Trail, faults: Faults) -> dict[str, Any]:
    """Return what has no fault so far of the fields; a list keeps its sound items."""
    kept: dict[str, Any] = {}
    for name, option in options(kind).items():
        path = (*trail, name)
        if name in given:
            value = given[name]
            if not faults.within(path):
                kept[name] = value
            elif isinstance(value, list):
                sound = [item for index, item in enumerate(value) if not faults.within((*path, index))]
                if sound and len(sound) < len(value):
                    kept[name] = sound
            elif option.nested and option.by_name and isinstance(value, dict):
                entries = {key: _inner(option.nested, one, (*path, str(key)), faults) for key, one in value.items()}
                kept[name] = {key: one for key, one in entries.items() if one is not None}
            elif option.nested and (inner := _inner(option.nested, value, path, faults)) is not None:
                kept[name] = inner
        if name not in kept and name not in defaults(kind) and faults.within(path):
            kept[name] = PLACEHOLDER
    return kept


def _inner(kind: type, value: object, path: Trail, faults: Faults) -> dict[str, Any] | None:
    """Return what can be read of a mapping inside; None when something that it must have cannot."""
    if not isinstance(value, dict):
        return None
    inner = _readable(kind, value, path, faults)
    return None if PLACEHOLDER in inner.values() else inner


def _mapping(tree: Mapping[str, Any], name: str, faults: Faults) -> list[tuple[str, Any]]:
    value = tree.get(name)
    if value is None or isinstance(value, dict):
        return [(str(key), item) for key, item in (value or {}).items()]
    faults.add((name,), f"must be a mapping of names; got {_shown(value)}", "Write NAME: {...} below it.")
    return []


def _sequence(tree: Mapping[str, Any], name: str, faults: Faults) -> list[tuple[int, Any]]:
    value = tree.get(name)
    if value is None or isinstance(value, list):
        return list(enumerate(value or ()))
    faults.add((name,), f"must be a list; got {_shown(value)}", "Write - {...} below it, once for each.")
    return []


def _entry(types: Mapping[str, type], raw: Any, trail: Trail, faults: Faults) -> Entry | None:
    """Build an entry whose type depends on its `kind`, which may be left out when the entry is named like it."""
    given = raw if isinstance(raw, dict) else {}
    kind = str(given.get("kind", trail[-1]))
    if "kind" not in given and kind not in types:
        faults.add((*trail, "kind"), "is missing", nearest("", types))
        return None
    if kind not in types:
        faults.add((*trail, "kind"), f"is unknown; got {_shown(kind)}", nearest(kind, types))
        return None
    rest = raw
    if "kind" in given and "kind" not in options(types[kind]):
        rest = {key: value for key, value in given.items() if key != "kind"}
    config = one(types[kind], rest, trail, faults)
    return None if config is None else Entry(kind, config)


def _check_keys(kind: type, raw: Mapping[Any, Any], trail: Trail, faults: Faults) -> None:
    known = options(kind)
    for key, value in raw.items():
        option = known.get(key)
        if option is None:
            faults.add((*trail, str(key)), "is not a key here", nearest(str(key), known), of_key=True)
        elif option.secret:
            _check_given(value, (*trail, key), faults)
        elif option.nested:
            for path, inner in _mappings(option, value, (*trail, key)):
                _check_keys(option.nested, inner, path, faults)


def _mappings(option: Option, value: object, trail: Trail) -> Iterator[tuple[Trail, dict[Any, Any]]]:
    """Yield the mappings that a nested field is made of, with their paths."""
    if isinstance(value, dict):
        entries = [((*trail, str(key)), one) for key, one in value.items()] if option.by_name else [(trail, value)]
        yield from ((path, one) for path, one in entries if isinstance(one, dict))


def _check_given(value: object, trail: Trail, faults: Faults) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _check_given(item, (*trail, index), faults)
    elif value is not None and not isinstance(value, Given):
        name = "_".join(part for part in trail[1:] if isinstance(part, str)).upper().replace("-", "_")
        remedy = (
            f"Write {{env: {name}}} and set that variable, or {{file: PATH}}; the value itself is to leave the file."
        )
        faults.add(trail, f"is a secret, and stands in the file itself; got {_HIDDEN}", remedy)


def secrets(kind: type, raw: object) -> Iterator[str]:
    """Yield the secret values in the tree of one entry."""
    if not isinstance(raw, dict):
        return
    for name, option in options(kind).items():
        value = raw.get(name)
        if option.secret:
            yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))
        elif option.nested:
            for _, inner in _mappings(option, value, ()):
                yield from secrets(option.nested, inner)


def _explain(kind: type, detail: Any, trail: Trail, faults: Faults) -> None:
    """Turn one complaint of pydantic into a fault."""
    steps, said = tuple(step for step in detail["loc"] if step != "[key]"), problem(detail)
    named = _FIELD_FIRST.fullmatch(said)
    if not steps and named and named[1] in options(kind):
        steps, said = (named[1],), named[2]
    name = str(steps[0]) if steps else ""
    option = options(kind).get(name)
    if detail["type"] == "missing":
        shown = ""
    else:
        shown = f"; got {_HIDDEN if option is None or option.secret else _shown(detail['input'])}"
    at = (*trail, *steps)
    if not faults.at(at):
        told = getattr(detail.get("ctx", {}).get("error"), "remedy", None)
        remedy = _remedy(detail["type"], name, help_of(kind, name), bool(option and option.secret))
        faults.add(at, said.rstrip(".") + shown, told or remedy)


def _remedy(complaint: str, name: str, help_text: str, secret: bool) -> str:
    if complaint == "missing" and secret:
        return f"Add {name}: {{env: NAME}} or {{file: PATH}}."
    if complaint == "string_type":
        return "Put it in quotation marks."
    return f"What it is: {help_text}" if help_text else "See docs/configuration.md."


def _shown(value: object) -> str:
    """Return a value as a fault may show it: short, and without whatever looks like a secret."""
    if isinstance(value, Fetched):
        return _HIDDEN
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return Redactor().text(repr(str(value) if isinstance(value, str) else value), _MAX_SHOWN)
