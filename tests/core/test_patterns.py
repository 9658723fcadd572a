"""What a pattern fits, and that none of them takes long."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.patterns import fits, fits_any

LETTERS = st.text("ab.*", max_size=12)


@given(pattern=LETTERS, word=st.text("ab.", max_size=12))
def test_a_star_is_any_characters_as_everywhere(pattern, word):
    assert fits(pattern, word) is fnmatchcase(word, pattern)


@pytest.mark.parametrize(
    ("pattern", "word"), [("a?c", "abc"), ("[ab]", "a"), ("A", "a"), ("a*a", "a"), ("", "a"), ("ab*ba", "aba")]
)
def test_nothing_else_is_a_wildcard_and_no_letter_counts_twice(pattern, word):
    assert not fits(pattern, word)
    assert fits(pattern, pattern)


def test_a_pattern_that_would_keep_others_busy_is_done_at_once():
    assert not fits("a*" * 50 + "b", "a" * 10_000)


def test_one_of_several_fits_one_of_several():
    assert fits_any(["x", "b*"], ["a", "bc"])
    assert not fits_any([], ["a"])
    assert not fits_any(["*"], [])
