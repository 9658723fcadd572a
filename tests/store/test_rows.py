"""Every noun comes back from its row as it was."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.model import Target
from bridge.store import _rows as rows
from bridge.store._rows import Codec
from bridge.store._types import from_micros, to_micros

CODECS = [value for value in vars(rows).values() if isinstance(value, Codec)]
JSON = st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5))


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Make values of a field's type."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if annotation is datetime:
        return st.integers(0, 2**52).map(from_micros)
    if origin is Mapping:
        return JSON
    if origin is tuple:
        return st.lists(values_of(inside[0]), max_size=2).map(tuple)
    if inside:
        return st.one_of(*map(values_of, inside))
    if annotation is Target:
        return made(Target)
    if issubclass(annotation, StrEnum):
        return st.sampled_from(annotation)
    return {
        type(None): st.none(),
        bool: st.booleans(),
        int: st.integers(0, 99),
        float: st.floats(0, 99),
        bytes: st.binary(max_size=5),
    }.get(annotation, st.text(max_size=5))


def made(noun: Any) -> st.SearchStrategy[Any]:
    return st.builds(noun, **{field.name: values_of(field.type) for field in fields(noun)})


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.table.name)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_noun_comes_back_as_it_was(codec: Codec[Any], data: st.DataObject) -> None:
    noun = data.draw(made(codec.noun))
    row = codec.encode(noun)
    names = [column.name for column in codec.table.columns if hasattr(codec.noun, column.name)]
    by_name = dict(zip(names, row, strict=True))
    assert all(value is None or type(value) in (int, float, bool, str, bytes) for value in row)
    assert codec.decode([by_name[column.name] for column in codec.columns]) == noun


def test_a_target_written_before_a_field_was_added_reads_as_its_default() -> None:
    assert rows.POSTS.table.c.targets.type.decode('[{"account": "a"}]') == (Target("a"),)


def test_a_codec_refuses_a_table_that_lacks_a_field() -> None:
    with pytest.raises(TypeError, match="events"):
        Codec(Target, rows.EVENTS.table)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.timezones()))  # noqa: DTZ001  # Bounds.
def test_an_instant_keeps_its_microsecond_whatever_its_zone(at: datetime) -> None:
    assert from_micros(to_micros(at)) == at.astimezone(UTC)
