"""Jinja with little in it and a bound on everything: what the templates of a configuration run in.

What is allowed is listed, of filters (`_FILTERS`, `_BOUNDED` and those that the caller adds) and of methods
(`_METHODS`). A rendering has a `Budget` of steps and of characters; whatever makes text or lists takes from it.
JSON's null counts as absent: it is written as nothing, and `default` goes in its place.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from jinja2 import ChainableUndefined, StrictUndefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS, do_dictsort, do_int, do_round, do_truncate, make_attrgetter
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

Listed = TypeVar("Listed")

MOST_STEPS = 10_000
"""How many times one rendering may go round a loop, call something, or put something into a list."""
MOST_CHARACTERS = 1_000_000
"""How long what a template makes, or one operation in it, may get."""
MOST_READ = 4 * MOST_CHARACTERS
"""How much text the filters and methods of one rendering go through."""
BUDGET = "_budget"
"""The name under which a rendering finds its budget."""

_MOST_BITS = 4_096
"""How large a number may get."""
_MOST_DIGITS = 15
"""How many places a number is rounded to."""
_TOO_MUCH = MOST_CHARACTERS + 1

_FILTERS = ("abs", "float", "items")
"""Filters of Jinja that are as they are."""
_ASKING = ("map", "reject", "rejectattr", "select", "selectattr")
"""Those that do something with each item."""
_TEXT_FILTERS = ("capitalize", "lower", "title", "trim", "upper", "urlencode", "wordcount")
"""Those that take a text; null is an empty one."""
_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        {
            "capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isdecimal", "isdigit",
            "islower", "isspace", "istitle", "isupper", "join", "lower", "lstrip", "partition", "removeprefix",
            "removesuffix", "replace", "rfind", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith",
            "strip", "swapcase", "title", "upper",
        }
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
    int: frozenset(),
    float: frozenset({"is_integer"}),
    bytes: frozenset(),
}  # fmt: skip
"""Methods of what a template sees; of other types Jinja itself decides."""


@dataclass(slots=True)
class Budget:
    """What one rendering may still cost."""

    steps: int = MOST_STEPS
    characters: int = MOST_CHARACTERS
    unread: int = MOST_READ

    def step(self, times: int = 1) -> None:
        """Take a step, or several.

        Raises:
            SecurityError: there are none left.
        """
        self.steps -= times
        if self.steps < 0:
            raise SecurityError(f"it takes more than {MOST_STEPS} steps")

    def write(self, text: str) -> str:
        """Take a text that is written.

        Raises:
            SecurityError: it is too long.
        """
        self.characters -= len(text)
        if self.characters < 0:
            raise SecurityError(f"it makes more than {MOST_CHARACTERS} characters")
        return text

    def read(self, length: int) -> None:
        """Take what a filter or method goes through, or makes.

        Raises:
            SecurityError: it is too long.
        """
        self.unread -= length
        if self.unread < 0:
            raise SecurityError(f"it goes through more than {MOST_READ} characters")


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, which keeps templates from our objects, with bounds on what they cost."""

    intercepted_binops = frozenset({"*", "**", "+", "%"})

    def __init__(self, filters: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(undefined=ChainableUndefined, autoescape=False, finalize=_written)
        self.filters = {name: FILTERS[name] for name in _FILTERS}
        self.filters |= {name: of_text(FILTERS[name]) for name in _TEXT_FILTERS}
        self.filters |= {name: _of_items(partial(FILTERS[name], self)) for name in ("max", "min", "sort", "unique")}
        self.filters |= {name: _of_items(FILTERS[name], in_context=True) for name in _ASKING}
        self.filters |= {name: _or_empty(partial(FILTERS[name], self)) for name in ("first", "last")}
        self.filters |= {"truncate": of_text(partial(do_truncate, self)), **_BOUNDED, **_OURS, **filters}
        self.globals = {"namespace": self.globals["namespace"], "range": _range}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow the methods that are listed, and of other objects what Jinja does."""
        known = next((names for type_, names in _METHODS.items() if isinstance(obj, type_)), None)
        return super().is_safe_attribute(obj, attr, value) and (known is None or attr in known)

    def wrap_str_format(self, value: Any) -> None:
        """Make nothing of `format`, which pads as far as it is told to: it is not allowed."""

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Give for what is kept away something whose every use fails."""
        return StrictUndefined(f"{attribute!r} is not allowed here", obj=obj, name=attribute, exc=SecurityError)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute unless the result is too large; what is absent adds nothing."""
        if operator == "%" and isinstance(left, str):
            raise SecurityError("% formatting is not available; ~ puts texts together")
        if operator == "+" and (_is_absent(left) or _is_absent(right)):
            return right if _is_absent(left) else left
        if _size(operator, left, right) > MOST_CHARACTERS:
            raise SecurityError(f"{operator} would make too much of it")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Count what is called, for macros may call themselves; two methods of text are bounded."""
        _budget(context).step()
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, str):
            _budget(context).read(len(owner))
        if isinstance(owner, str) and name == "replace":
            return _replace(context, owner, *args, **kwargs)
        if isinstance(owner, str) and name == "join":
            return _joined(context, args[0] if args else (), owner, None)
        return super().call(context, obj, *args, **kwargs)

    def _generate(self, source: nodes.Template, name: Any, filename: Any, defer_init: bool = False) -> str:
        """Compile with loops, lists and `~` counted, be it a template or an expression."""
        counted = _Counting().visit(source)
        counted.set_environment(self)
        return super()._generate(counted, name, filename, defer_init)


class _Counting(NodeTransformer):
    """Puts our filters around what makes much of a short template."""

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        """Visit the parts of a node, then the node."""
        super().generic_visit(node, *args, **kwargs)
        match node:
            case nodes.For():
                node.iter = _filtered("_counted", node.iter)
            case nodes.Concat():
                return _filtered("_concat", *node.nodes)
            case nodes.List() | nodes.Dict():
                return _filtered("_listed", node)
            case nodes.Tuple(ctx="load"):  # Not what a loop or an assignment unpacks into.
                return _filtered("_listed", node)
        return node


def _filtered(name: str, first: Any, *rest: Any) -> nodes.Filter:
    return nodes.Filter(first, name, list(rest), [], None, None, lineno=first.lineno)


def _budget(context: Context) -> Budget:
    found = context[BUDGET]
    if not isinstance(found, Budget):
        raise SecurityError(f"{BUDGET} is not to be set")
    return found


def _size(operator: str, left: Any, right: Any) -> int:
    """Return how long the result of an operation gets; a number counts when it is huge, a list much."""
    numbers = [one for one in (left, right) if isinstance(one, int)]
    lengths = [len(one) for one in (left, right) if isinstance(one, (str, list, tuple))]
    weight = 1 if isinstance(left, str) or isinstance(right, str) else MOST_CHARACTERS // MOST_STEPS
    match operator:
        case "%":
            return 0
        case "+":
            return sum(lengths) * weight
        case "*" if lengths and numbers:
            return lengths[0] * numbers[0] * weight
        case "*":
            return _TOO_MUCH if sum(one.bit_length() for one in numbers) > _MOST_BITS else 0
        case _:
            return _TOO_MUCH if len(numbers) == 2 and left.bit_length() * abs(right) > _MOST_BITS else 0


def as_text(value: object) -> str:
    """Return a value as text; what is absent is empty."""
    return "" if value is None else str(value)


def _text(context: Context, value: Any) -> str:
    """Return a value as text, after looking at how long that gets; what gives one item after the other as a list."""
    if isinstance(value, Iterator):
        return _joined(context, value, ", ", None)
    _weigh(context, value)
    return as_text(value)


@pass_context
def _written(context: Context, value: Any) -> str:
    """Return what stands for a value in a text."""
    return _budget(context).write(_text(context, value))


def _weigh(context: Context, value: Any) -> None:
    """Take a step for all that a list or mapping holds, however deep."""
    budget, length, level = _budget(context), 0, [value]
    while level:
        one = level.pop()
        if isinstance(one, (list, tuple, Mapping)):
            for inner in _inside(one):
                budget.step()
                level.append(inner)
        elif isinstance(one, str):
            length += len(one)
            if length > MOST_CHARACTERS:
                raise SecurityError("a list would hold too much")


def _inside(value: Sequence[Any] | Mapping[Any, Any]) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.keys()
        yield from value.values()
    else:
        yield from value


@pass_context
def _counted(context: Context, items: Iterable[Any] | None) -> Iterator[Any]:
    """Yield what a loop goes over, counting; null is nothing to go over."""
    for item in () if items is None else items:
        _budget(context).step()
        yield item


def drawn(context: Context, items: Iterable[Any] | None) -> Iterator[Any]:
    """Yield what a filter goes through, counting items and characters."""
    for item in () if items is None else items:
        _budget(context).step()
        _budget(context).read(len(item) if isinstance(item, str) else 0)
        yield item


@pass_context
def _listed(context: Context, items: Listed) -> Listed:
    """Return a list that a template writes down, its parts counted: a list of itself twice doubles."""
    _weigh(context, items)
    return items


@pass_context
def _concat(context: Context, *parts: Any) -> str:
    return _joined(context, parts, "", None)


@pass_context
def _join(context: Context, value: Any, d: Any = "", attribute: Any = None) -> str:
    """Return the texts of items with `d` between them."""
    return _joined(context, value, as_text(d), attribute)


def _joined(context: Context, items: Iterable[Any] | None, between: str, attribute: Any) -> str:
    get = make_attrgetter(context.environment, attribute) if attribute is not None else None
    found, size = list[str](), 0
    for item in () if items is None else items:
        text = _text(context, get(item) if get else item)
        found.append(text)
        size += len(text) + len(between)
        _budget(context).read(len(text) + len(between))
        if size > MOST_CHARACTERS + len(between):
            raise SecurityError("join would make too much of it")
    return between.join(found)


@pass_context
def _replace(context: Context, text: Any, old: Any, new: Any, count: int | None = None) -> str:
    """Return a text with one thing in place of another."""
    whole, before, after = _text(context, text), as_text(old), as_text(new)
    _budget(context).read(len(whole))
    times = whole.count(before) if count is None or count < 0 else min(count, whole.count(before))
    size = len(whole) + times * (len(after) - len(before))
    if size > MOST_CHARACTERS:
        raise SecurityError("replace would make too much of it")
    _budget(context).read(size)
    return whole.replace(before, after, times)


def _round(value: Any, precision: int = 0, method: Any = "common") -> Any:
    if abs(precision) > _MOST_DIGITS:
        raise SecurityError(f"round goes to at most {_MOST_DIGITS} places")
    return do_round(value, precision, method)


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """Return a value, or another where it is absent (or, with `boolean`, empty)."""
    absent = value is None or isinstance(value, Undefined) or (boolean and not value)
    return default_value if absent else value


def _is_absent(value: Any) -> bool:
    return value is None or isinstance(value, ChainableUndefined)


@pass_context
def _sum(context: Context, items: Iterable[Any], attribute: Any = None) -> Any:
    get = make_attrgetter(context.environment, attribute) if attribute is not None else None
    return sum((get(item) if get else item) or 0 for item in drawn(context, items))


@pass_context
def _dictsort(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
    _budget(context).step(len(value))
    return do_dictsort(value, *args, **kwargs)


@pass_context
def _reverse(context: Context, value: Any) -> Any:
    if isinstance(value, str):
        _budget(context).read(len(value))
        return value[::-1]
    return [*drawn(context, value)][::-1]


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > MOST_STEPS:
        raise SecurityError(f"a range has at most {MOST_STEPS} numbers")
    return found


def of_text(made: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that takes a value as text, by whose length it costs."""

    @pass_context
    def counting(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = _text(context, value) if isinstance(value, Iterator) else as_text(value)
        _budget(context).read(len(text))
        return made(text, *args, **kwargs)

    return counting


def _of_items(made: Callable[..., Any], *, in_context: bool = False) -> Callable[..., Any]:
    """Return a filter of lists that costs by what it goes through; null is an empty list."""

    @pass_context
    def counting(context: Context, items: Any, *args: Any, **kwargs: Any) -> Any:
        return made(*([context] if in_context else []), drawn(context, items), *args, **kwargs)

    return counting


def _or_empty(made: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter for which null is an empty list."""
    return lambda items: made(() if items is None else items)


_OURS: Mapping[str, Callable[..., Any]] = {"_counted": _counted, "_listed": _listed, "_concat": _concat}
_BOUNDED: Mapping[str, Callable[..., Any]] = {
    "count": _or_empty(len),
    "d": _default,
    "default": _default,
    "dictsort": _dictsort,
    "int": lambda value, default=0: do_int(value, default),
    "join": _join,
    "length": _or_empty(len),
    "list": _of_items(list),
    "replace": _replace,
    "reverse": _reverse,
    "round": _round,
    "string": pass_context(_text),
    "sum": _sum,
}
"""Filters of Jinja without what makes much of a short call."""
