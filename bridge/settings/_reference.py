"""Makes the JSON Schema for editors and the settings reference, both from the fields of the configuration types."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from bridge.core.hook_rules import HookRules
from bridge.core.mapping import NAMES
from bridge.settings._build import defaults, help_of, options, schema
from bridge.settings._types import NAMED, ORDER, SECTIONS, Kinds, Token

_SECRET: dict[str, Any] = {"$ref": "#/$defs/secret"}
_SECRETS: dict[str, Any] = {"anyOf": [_SECRET, {"type": "array", "items": _SECRET, "minItems": 1}]}
_MAYBE_TEXT = [{"type": "string"}, {"type": "null"}]
_OF_SECRETS = "Where a secret is kept; never the secret itself."
_REFERENCES = {
    "env": "Name of the variable that holds it.",
    "file": "Path of the file that holds it; it counts from the configuration's folder.",
}
_WORDS = {"string": "text", "boolean": "true or false", "null": "nothing", "object": "mapping"}


def json_schema(kinds: Kinds) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the configuration file."""
    sections: dict[str, Any] = {name: _object(kind) for name, kind in SECTIONS.items()}
    sections |= {name: _by_name(_object(kind)) for name, kind in NAMED.items()}
    sections["tokens"] = {"type": "array", "items": _object(Token)}
    sections["partners"] = _by_kind(kinds.partners)
    sections["sources"] = _by_kind(kinds.sources)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:bridge:configuration",
        "title": "The configuration of bridge",
        "description": "One YAML file; a secret is {env: NAME} or {file: PATH}. BRIDGE_SECTION__KEY lies over it.",
        **_closed({name: sections[name] for name in ORDER}),
        "$defs": {"secret": {"description": _OF_SECRETS, "oneOf": [_reference(word) for word in ("env", "file")]}},
    }


def _reference(word: str) -> dict[str, Any]:
    return _closed({word: {"type": "string", "description": _REFERENCES[word]}}, [word])


def _closed(properties: Mapping[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": dict(properties)}
    return schema | ({"required": required} if required else {})


def _by_name(schema: Mapping[str, Any] | bool) -> dict[str, Any]:
    names = {"pattern": "^[a-z0-9][a-z0-9_-]*$"}
    return {"type": "object", "propertyNames": names, "additionalProperties": schema}


def _by_kind(types: Mapping[str, type]) -> dict[str, Any]:
    choices = []
    for name, kind in types.items():
        schema = _object(kind)
        schema["properties"] = {"kind": {"const": name}, **schema["properties"]}
        choices.append(schema)
    return _by_name({"anyOf": choices} if choices else False)


def _object(kind: type) -> dict[str, Any]:
    given = defaults(kind)
    properties = {name: _property(kind, name) for name in options(kind)}
    return _closed(properties, [name for name in properties if name not in given])


def _property(kind: type, name: str) -> dict[str, Any]:
    """Return the schema of one field: its own, with references where text may be one, its help and its default."""
    option = options(kind)[name]
    whole = schema(kind)
    own = _inlined(whole["properties"][name], whole.get("$defs", {}))
    told = {"description": help_of(kind, name), **_default(kind, name)}
    if option.secret:
        return {**_secret(own), **told}
    if option.nested is not None and option.by_name:
        return {"type": "object", "additionalProperties": _object(option.nested), **told}
    if option.nested is not None:
        return {**_object(option.nested), **told}
    if own.get("type") == "string" and not {"enum", "$comment"} & set(own):
        return {"anyOf": [own, _SECRET], **told}
    if own.get("anyOf") == _MAYBE_TEXT:
        return {"anyOf": [*_MAYBE_TEXT, _SECRET], **told}
    if own.get("additionalProperties") == {"type": "string"}:
        return {**own, "additionalProperties": {"anyOf": [{"type": "string"}, _SECRET]}, **told}
    return {**own, **told}


def _secret(own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a secret whose value has this one: a reference, a list of some, or nothing."""
    kinds = {one.get("type") for one in (own, *own.get("anyOf", ()))}
    plain = _SECRETS if "array" in kinds else _SECRET
    return {"anyOf": [*plain.get("anyOf", [plain]), {"type": "null"}]} if "null" in kinds else plain


def _inlined(schema: Any, defs: Mapping[str, Any]) -> Any:
    """Return a schema without titles, help and defaults of its own, and with its definitions in their places."""
    if isinstance(schema, list):
        return [_inlined(item, defs) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(defs[schema["$ref"].rpartition("/")[2]], defs)
    return {key: _inlined(item, defs) for key, item in schema.items() if key not in ("title", "description", "default")}


def _default(kind: type, name: str) -> dict[str, Any]:
    given = defaults(kind)
    if name not in given or given[name] is None or (options(kind)[name].secret and not given[name]):
        return {}
    hint = get_type_hints(kind, include_extras=True)[name]
    return {"default": TypeAdapter(hint).dump_python(given[name], mode="json")}


def reference(kinds: Kinds) -> str:
    """Return the settings reference as Markdown: docs/configuration.md."""
    lines = [_INTRODUCTION]
    for name in ORDER:
        lines += ["", f"## {name}", ""]
        if name in SECTIONS:
            lines += _section(SECTIONS[name])
        elif name in NAMED:
            lines += [f"A mapping, NAME: {{...}}. {_first_line(NAMED[name])}", "", *_table(NAMED[name])]
        elif name == "tokens":
            lines += [f"A list. {_first_line(Token)}", "", *_table(Token)]
        else:
            lines += _kinds(name, kinds.partners if name == "partners" else kinds.sources)
    return "\n".join([*lines, ""])


def _section(kind: type) -> Iterator[str]:
    yield _first_line(kind)
    yield ""
    yield from _table(kind)


def _kinds(name: str, types: Mapping[str, type]) -> Iterator[str]:
    yield _KINDS[name]
    if any(issubclass(kind, HookRules) for kind in types.values()):
        yield "\n### every kind of source\n"
        yield from _table(HookRules)
        yield _NAMES
        yield from (f"| `{name}` | {meaning[0].upper()}{meaning[1:]}. |" for name, meaning in NAMES.items())
    for word, kind in types.items():
        yield f"\n### kind: {word}\n"
        own = [key for key in options(kind) if not _is_common(kind, key)]
        yield from _table(kind, own) if own else ["It has the keys of every kind, and no others."]


def _is_common(kind: type, key: str) -> bool:
    """Say whether a key of a source is one that all have, and means there what it means everywhere."""
    return (
        issubclass(kind, HookRules) and key in options(HookRules) and _property(kind, key) == _property(HookRules, key)
    )


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def _table(kind: type, names: Iterable[str] | None = None) -> Iterator[str]:
    yield "| Key | What | Default | Meaning |"
    yield "| --- | --- | --- | --- |"
    yield from _rows(kind, "", names)


def _rows(kind: type, prefix: str, names: Iterable[str] | None = None) -> Iterator[str]:
    given = defaults(kind)
    for name in options(kind) if names is None else names:
        option, shape = options(kind)[name], _property(kind, name)
        default = "required" if name not in given else _text(shape.get("default"))
        if option.nested and not option.by_name and given.get(name) is not None:
            default = "as below"
        what = "mapping by name" if option.by_name and option.nested else "mapping" if option.nested else _what(shape)
        yield f"| `{prefix}{name}` | {what} | {default} | {shape['description']} |"
        if option.nested:
            yield from _rows(option.nested, f"{prefix}{name}.{'NAME.' if option.by_name else ''}")


def _what(schema: Mapping[str, Any]) -> str:
    """Say in a few words what a value may be."""
    if "$ref" in schema:
        return "secret"
    if "anyOf" in schema:
        choices = [_what(item) for item in schema["anyOf"] if item.get("type") != "null"]
        return choices[0] if choices[1:] == ["secret"] else " or ".join(choices)
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_plural(_what(schema['items']))}"
    word = str(schema.get("$comment", schema.get("type")))
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = f", {low} to {high}" if high is not None else f", at least {low}" if low is not None else ""
    return _WORDS.get(word, word) + bounds


def _plural(word: str) -> str:
    return f"{word}s" if word in ("secret", "duration", "network") else word


def _text(default: Any) -> str:
    if default in (None, ""):
        return "none"
    if isinstance(default, list):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


_INTRODUCTION = """# Configuration

One YAML file: the one that `--config` or `BRIDGE_CONFIG` names, else `./bridge.yaml` if it is there, else none.
`bridge check` reads it and lists every fault at once; `docs/bridge.example.yaml` is a full example. A key that is not
known, or is there twice, is a fault.

**Secrets** are never in the file: `{env: NAME}` takes a variable, `{file: PATH}` the content of a file (its path counts
from the configuration's folder, its last line end does not count). Where a list of secrets may stand, each one is good:
that is how a secret is replaced without a pause.

**Variables** lie over the file: `BRIDGE_SERVER__PORT=9000` is `server: {port: 9000}`. Two underscores part the keys,
`-` in a name is written `_`, and a number is a place in a list, as in `BRIDGE_TOKENS__0__NAME`. A value that begins
with `[` or `{` is YAML. `BRIDGE_..._FILE` names a file to read the value from. Variables without two underscores are
yours, for secrets to refer to.

**In an editor:** `bridge config schema > bridge.schema.json` writes a JSON Schema (2020-12) of all this, and the first
line `# yaml-language-server: $schema=bridge.schema.json` of the YAML file lets an editor with the YAML language server
complete keys, show what each means, and mark what is wrong. `bridge config show`
prints the configuration as it counts, each value with where it is from: the file, a variable, or the default. Of a
secret it shows only where it is kept.

**Durations** have a unit (`500ms`, `30s`, `10m`, `72h`, `7d`, `2w`, `1h30m`), **sizes** too (`64kB`, `2MB`, `1GiB`).
**Names** are small letters, digits, `-` and `_`.

This page is written by `bridge.settings.reference`; a test compares the two."""

_NAMES = """
Conditions and templates see these names; templates see `platform`, too, such as `x`. Filters beside those of Jinja:
`truncate_words(200)` (links stay whole), `strip_html`, `hashtags` or `hashtags(3)` (as many as suit the platform),
`date("%d %B")`. What a path does not lead to is empty.

| Name | What it is |
| --- | --- |"""

_KINDS = {
    "partners": """A mapping, NAME: {kind: ..., ...}. One entry for each key; several of one kind are normal.
`kind` may be left out when the entry is named like it.""",
    "sources": """A mapping, NAME: {kind: ..., ...}. What may send to /hooks/NAME.
`kind` may be left out when the entry is named like it. Conditions and templates are Jinja.""",
}
