"""U+0000 goes from texts, and nothing else does."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.nul import INSTEAD, without_nul

VALUES = st.recursive(
    st.text(st.sampled_from('\0\\u0"é ')) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from("\0\\u0")), inner, max_size=2),
)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (rb'{"a": "x\u0000y"}', rb'{"a": "x\ufffdy"}'),
        (rb'["\u0000\u0000"]', rb'["\ufffd\ufffd"]'),
        (rb'["\\u0000"]', rb'["\\u0000"]'),
        (rb'["\\\u0000"]', rb'["\\\ufffd"]'),
        (b"no json \\u0000", b"no json \\ufffd"),
    ],
)
def test_an_escape_of_it_is_replaced_and_what_only_looks_like_one_is_not(body: bytes, read: bytes) -> None:
    assert without_nul(body) == read


@given(VALUES)
def test_the_value_is_the_same_but_for_that_character(value: object) -> None:
    read = json.loads(without_nul(json.dumps(value).encode()))
    assert json.dumps(read) == json.dumps(_replaced(value))


def _replaced(value: object) -> object:
    match value:
        case str():
            return value.replace("\0", INSTEAD)
        case list():
            return [_replaced(one) for one in value]
        case dict():
            return {_replaced(name): _replaced(one) for name, one in value.items()}
        case _:
            return value
