"""Reads YAML. What it cannot read is told with its line, and without the text: that may be a secret."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_DEEPEST = 100
"""How deep a value may be nested: far more than any configuration is, far less than Python stands."""
_QUOTED = re.compile(r"""\s*('[^']*'|"[^"]*")""")
_HARMLESS = re.compile(r"""["'](.|<[a-z ]+>)["']""")
"""What the reader names of its own: a character, or a part of YAML such as '<stream end>'."""
_NO_SCALAR = frozenset({"tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"})
"""What means something only to the mapping that it is a key of."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with a text: on which line, if that is known, what, and what to do about it."""

    line: int | None
    problem: str
    remedy: str = "Mend that line."


def read_yaml(text: str) -> tuple[Any, list[Flaw]]:
    """Return the one value that a text stands for, and its flaws: None with what is not YAML, or no plain value."""
    flaws: list[Flaw] = []
    try:
        return _value(text, flaws), flaws
    except RecursionError:
        flaws.append(Flaw(None, "is not YAML: it is nested too deep", "Write it flatter."))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        flaws.append(Flaw(line, f"is not YAML: it has the character U+{error.character:04X}", "Take it out."))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = _without_text(getattr(error, "problem", None) or "unreadable")
        flaws.append(Flaw(mark.line + 1 if mark else None, f"is not YAML: {problem}"))
    return None, flaws


def _value(text: str, flaws: list[Flaw]) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _look(loader, node, flaws)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _without_text(problem: str) -> str:
    """Return what the reader says without the names that it quotes."""
    return _QUOTED.sub(lambda found: found[0] if _HARMLESS.fullmatch(found[1]) else "", problem)


def _look(loader: yaml.SafeLoader, top: yaml.Node, flaws: list[Flaw]) -> None:
    """Find what the loader lets pass, or fails at: keys that are there twice, and values that are none.

    Raises:
        yaml.YAMLError: no tree can be made of it.
    """
    above: set[int] = set()
    done: set[int] = set()

    def look(node: yaml.Node) -> None:
        if id(node) in above:
            raise _error(node, "an alias stands within what it stands for")
        if len(above) == _DEEPEST:
            raise _error(node, "it is nested too deep")
        if id(node) in done:
            return
        above.add(id(node))
        if isinstance(node, yaml.MappingNode):
            flaws.extend(_twice(node))
        for inner in _within(node):
            look(inner)
        above.remove(id(node))
        done.add(id(node))
        if isinstance(node, yaml.ScalarNode) and node.tag not in _NO_SCALAR:
            _check(loader, node)

    look(top)


def _within(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _twice(node: yaml.MappingNode) -> Iterator[Flaw]:
    """Yield each key that stands twice in a mapping, with the lines of the first and of the other."""
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        name, line = str(key.value), key.start_mark.line + 1
        if name in seen and name != "<<":
            yield Flaw(line, f"the key {name} is there already, on line {seen[name]}", "Keep one of the two.")
        seen.setdefault(name, line)


def _check(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> None:
    try:
        loader.construct_object(node)
    except (ValueError, LookupError, AttributeError, ArithmeticError):
        # The loader leaves it to Python to refuse a 45th of a month, and to a pattern that finds nothing.
        raise _error(node, "a value looks like a date or a number and is none; in quotes it is text") from None


def _error(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
