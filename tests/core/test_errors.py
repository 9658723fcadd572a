"""Errors carry data: faults as they stand on the wire, a detail that is never cut, all faults of a configuration."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import (
    MOST_DETAIL,
    FailureClass,
    FailureReason,
    Fault,
    PartnerError,
    Problem,
    SettingsError,
    summary,
)


def test_a_fault_is_three_words_on_the_wire():
    assert Fault("accounts[1]", "is empty").wire() == {"field": "accounts[1]", "problem": "is empty", "remedy": ""}


@pytest.mark.parametrize(("length", "kept"), [(249, 249), (250, 249), (9999, 249)])
def test_a_detail_stays_under_what_zapier_shows(length, kept):
    problem = Problem(422, "invalid_request", "x" * length)

    assert len(problem.detail) == kept
    assert problem.detail.endswith("...") is (length != kept)


def test_a_summary_says_what_would_be_right_as_long_as_there_is_room():
    faults = [Fault("a", "is x", "Send y."), Fault("b", "is z"), Fault("", "names nothing", "Name one")]

    assert summary(faults[:2]) == "a is x. Send y. b is z"
    assert summary(faults) == "a is x. Send y. b is z; names nothing. Name one"
    assert summary([Fault("a", "is x", "y" * 300), Fault("b", "is z" * 70)]) == "a is x (and 1 more)"


_WORDS = st.text(st.sampled_from("ab .;"), min_size=1, max_size=30).map(lambda text: f"f{text.strip()}")


@given(st.lists(st.builds(Fault, _WORDS, _WORDS, st.just("") | st.just("Send an address, such as https://a.example."))))
def test_a_summary_of_any_faults_fits_and_loses_none_without_a_word(faults):
    told = summary(faults)

    more = re.search(r" \(and (\d+) more\)$", told)
    named = faults[: len(faults) - int(more[1])] if more else faults
    assert all(f"{fault.field} {fault.problem}" in told for fault in named)
    assert len(told) <= MOST_DETAIL
    assert not faults or named


def test_a_partner_error_says_what_it_knows():
    assert str(PartnerError(FailureReason.TIMEOUT, FailureClass.RETRYABLE)) == "timeout: -"


def test_a_configuration_tells_all_its_faults():
    error = SettingsError([Fault("a", "is x"), Fault("b", "is y")])

    assert (str(error), len(error.faults)) == ("a: is x; b: is y", 2)
