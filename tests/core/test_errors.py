"""Errors carry data: faults as they stand on the wire, a detail that is never cut, all faults of a configuration."""

import pytest

from bridge.core.errors import FailureClass, FailureReason, Fault, PartnerError, Problem, SettingsError


def test_a_fault_is_three_words_on_the_wire():
    assert Fault("accounts[1]", "is empty").wire() == {"field": "accounts[1]", "problem": "is empty", "remedy": ""}


@pytest.mark.parametrize(("length", "kept"), [(249, 249), (250, 249), (9999, 249)])
def test_a_detail_stays_under_what_zapier_shows(length, kept):
    problem = Problem(422, "invalid_request", "x" * length)

    assert len(problem.detail) == kept
    assert problem.detail.endswith("...") is (length != kept)


def test_a_partner_error_says_what_it_knows():
    assert str(PartnerError(FailureReason.TIMEOUT, FailureClass.RETRYABLE)) == "timeout: -"


def test_a_configuration_tells_all_its_faults():
    error = SettingsError([Fault("a", "is x"), Fault("b", "is y")])

    assert (str(error), len(error.faults)) == ("a: is x; b: is y", 2)
