"""Reads the YAML file, lays `BRIDGE_*` over it and fetches the secrets: out comes one tree of plain values.

Every string that came from the environment or from a file of its own is `Given`: only such a string may be a secret.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.core.errors import Fault
from bridge.core.mistakes import nearest
from bridge.settings._files import Stamp, content, stamp
from bridge.settings._yaml import read_yaml

Trail = tuple[str | int, ...]
_REFERENCE = frozenset({"env", "file"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MAX_SECRET_BYTES = 65_536
_KEY = "BRIDGE_SECRET_KEY"


class Given(str):
    """A string from the environment or from a secret's own file; its `repr` does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Fetched(Given):
    """A string that a reference stands for: never shown, whatever it is for."""

    __slots__ = ()


class Faults:
    """Gathers faults, at most one for each path: what is wrong further up or earlier hides what follows from it.

    With `without_secrets` nothing is said of secrets that are not at hand, nor of whatever stands for them. `files` are
    those that were looked at, each as it was before that.
    """

    def __init__(self, *, without_secrets: bool = False) -> None:
        self.all: list[Fault] = []
        self.files: dict[Path, Stamp] = {}
        self._paths: set[str] = set()
        self._without_secrets = without_secrets
        self._unset: set[str] = set()

    def add(self, path: Trail, problem: str, remedy: str, *, of_key: bool = False) -> None:
        """Note a fault of a value, or of the key itself."""
        field = dotted(path)
        stands_in = not of_key and any(_within(other, field) for other in self._unset)
        if field not in self._paths and not stands_in:
            self._paths.add(field)
            self.all.append(Fault(field, problem, remedy))

    def look_at(self, file: Path) -> Path:
        """Note that a file is about to be read, and return it."""
        self.files.setdefault(file, stamp(file))
        return file

    def add_unset(self, path: Trail, problem: str, remedy: str) -> None:
        """Note that what a reference refers to is not there."""
        if self._without_secrets:
            self._unset.add(dotted(path))
        else:
            self.add(path, problem, remedy)

    def take(self, path: Trail, found: Iterable[Fault]) -> None:
        """Note what was found wrong with fields below a path; of one field it is one fault."""
        by_field: dict[str, list[Fault]] = {}
        for fault in found:
            by_field.setdefault(fault.field, []).append(fault)
        for field, those in by_field.items():
            problems, remedies = (fault.problem for fault in those), (fault.remedy for fault in those)
            self.add((*path, *field.split(".", 1)), ", and ".join(problems), " ".join(remedies))

    def within(self, path: Trail) -> bool:
        """Tell whether this path or one below it has a fault."""
        field = dotted(path)
        return any(_within(other, field) for other in self._paths)

    def at(self, path: Trail) -> bool:
        """Tell whether this path or one above or below it has a fault."""
        field = dotted(path)
        return any(_within(field, other) or _within(other, field) for other in self._paths)


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def dotted(path: Trail) -> str:
    """Write a path as people do: `tokens[0].token`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parse(text: str, faults: Faults, file: str = "bridge.yaml") -> dict[str, Any]:
    """Parse the text of a configuration file; anything but one mapping, and a key that is there twice, is a fault."""
    tree, flaws = read_yaml(text)
    for flaw in flaws:
        where = f"{file} line {flaw.line}" if flaw.line else file
        faults.add((where,), flaw.problem, flaw.remedy)
    if tree is None or isinstance(tree, dict):
        return tree or {}
    faults.add((file,), "must be a mapping of sections", "Begin with a section, such as partners:")
    return {}


def override(tree: dict[str, Any], environ: Mapping[str, str], sections: Iterable[str], faults: Faults) -> None:
    """Lay the variables `BRIDGE_SECTION__KEY...` over the tree.

    Parts are separated by two underscores, in capitals; `-` in a name is written `_`; a number is a place in a list.
    The value is text, or YAML when it begins with `[` or `{`. `..._FILE` gives the path of a file with the value.
    A variable without two underscores (`BRIDGE_TOKEN`), or one that `{env: ...}` names, is nobody's override.
    """
    known = set(sections)
    named = set(_named_variables(tree))
    for name in sorted(environ):
        parts = name.removeprefix("BRIDGE_").lower().split("__")
        if not name.startswith("BRIDGE_") or len(parts) < 2 or name in named:
            continue
        if parts[0] not in known:
            remedy = nearest(parts[0], known)
            faults.add((name,), f"{parts[0]} is not a section of the configuration", remedy)
            continue
        value, parts = _value(name, parts, environ, faults)
        if not _put(tree, parts, value):
            faults.add((name,), "goes through something that is not a mapping or list", "Give the whole value there.")


def sealing_key(tree: dict[str, Any], environ: Mapping[str, str], faults: Faults) -> None:
    """Put `server.secret_key` into the tree from its own variable, or its file, where nothing else gives it."""
    server = tree.get("server") or {}
    if not isinstance(server, dict) or server.get("secret_key") is not None:
        return
    text, file = environ.get(_KEY, "").strip(), environ.get(f"{_KEY}_FILE", "").strip()
    if text and file:
        faults.add((f"{_KEY}_FILE",), f"is set, and so is {_KEY}", "Set one of the two.")
    elif text or file:
        tree["server"] = {**server, "secret_key": Fetched(text) if text else {"file": file}}


def _named_variables(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        if set(tree) == {"env"}:
            yield str(tree["env"])
        for value in tree.values():
            yield from _named_variables(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _named_variables(value)


def _value(name: str, parts: list[str], environ: Mapping[str, str], faults: Faults) -> tuple[object, list[str]]:
    text = environ[name]
    if parts[-1].endswith("_file"):
        if name.removesuffix("_FILE") in environ:
            faults.add((name,), f"is set, and so is {name.removesuffix('_FILE')}", "Set one of the two.")
        return {"file": text}, [*parts[:-1], parts[-1].removesuffix("_file")]
    if text.startswith(("[", "{")):
        value, flaws = read_yaml(text)
        if not flaws:
            return _given(value), parts
        faults.add((name,), f"begins like YAML, but {flaws[0].problem}", "Write it as [a, b] or {key: value}.")
    return Given(text), parts


def _given(value: object) -> object:
    if isinstance(value, dict):
        return value if set(value) <= _REFERENCE else {key: _given(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_given(item) for item in value]
    return Given(value) if isinstance(value, str) else value


def _put(node: Any, parts: list[str], value: object) -> bool:
    """Put a value into the tree, making what is missing on the way; False when something else is in the way."""
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        key = _place(node, part)
        if key is None:
            return False
        if following is None:
            node[key] = value
        elif node[key] is None:
            node[key] = [] if following.isdecimal() else {}
        node = node[key]
    return True


def _place(node: Any, part: str) -> Any:
    """Return the key or index that a part of a variable's name means in this node (None there if new), else None."""
    if isinstance(node, list) and part.isdecimal() and int(part) <= len(node):
        if int(part) == len(node):
            node.append(None)
        return int(part)
    if not isinstance(node, dict):
        return None
    key = next((key for key in node if str(key).lower().replace("-", "_") == part), part)
    node.setdefault(key, None)
    return key


def resolve(node: Any, path: Trail, environ: Mapping[str, str], folder: Path, faults: Faults) -> Any:
    """Return the tree with the value in place of each reference; a file's path counts from `folder`."""
    if isinstance(node, dict) and node and set(node) <= _REFERENCE:
        return _fetch(node, path, environ, folder, faults)
    if isinstance(node, dict):
        return {key: resolve(value, (*path, str(key)), environ, folder, faults) for key, value in node.items()}
    if isinstance(node, list):
        return [resolve(value, (*path, index), environ, folder, faults) for index, value in enumerate(node)]
    return node


_STAND_IN = "https://placeholder.invalid/"
"""What stands for a secret that is not there: text that may be an address, too."""


def _fetch(
    reference: Mapping[str, object], path: Trail, environ: Mapping[str, str], folder: Path, faults: Faults
) -> Fetched:
    """Return what a reference refers to; a placeholder when there is a fault, so that nothing else complains of it."""
    if len(reference) > 1:
        faults.add(path, "names both env and file", "Keep one of the two.")
    elif "env" in reference:
        name = str(reference["env"])
        if not _VARIABLE.fullmatch(name):
            faults.add(path, "does not name a variable", "Write the name of a variable, not its value.")
            return Fetched(_STAND_IN)
        if environ.get(name, "").strip():
            return Fetched(environ[name])
        state = "is empty" if name in environ else "is not set"
        faults.add_unset(path, f"the environment variable {name} {state}", f"Set {name} to the secret.")
    else:
        text, problem = _read(faults.look_at(folder / str(reference["file"])))
        if text.strip():
            return Fetched(text)
        faults.add_unset(
            path, f"the file {reference['file']} {problem or 'is empty'}", "Put the secret there, or mend the path."
        )
    return Fetched(_STAND_IN)


def fetched(node: object) -> Iterator[str]:
    """Yield every value in the tree that a reference stood for."""
    if isinstance(node, Fetched):
        yield str(node)
    elif isinstance(node, (dict, list)):
        for value in node.values() if isinstance(node, dict) else node:
            yield from fetched(value)


def _read(file: Path) -> tuple[str, str]:
    """Return a secret file's text without its last line ends, and what was wrong."""
    try:
        found = content(file, _MAX_SECRET_BYTES + 1)
        if len(found) > _MAX_SECRET_BYTES:
            return "", "is too large for a secret"
        return found.decode().rstrip("\r\n"), ""
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    except ValueError:
        return "", "is not text in UTF-8"
