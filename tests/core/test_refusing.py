"""What a partner found wrong is told as faults, however it wrote it down."""

from datetime import UTC, datetime

from bridge.core.errors import Fault
from bridge.core.model import Attempt
from bridge.core.refusing import complaints

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def attempt(number, answer=None):
    return Attempt("cmd_1", number, "post_1", NOW, answer=answer)


def test_issues_become_faults_however_their_path_is_written():
    issues = [{"path": ["tiktok", "title"], "message": "Too long"}, {"field": "media"}, {"message": "No"}, "odd", 5]

    found = complaints([attempt(1, {"issues": issues})])

    assert found == [Fault("tiktok.title", "Too long"), Fault("", "No"), Fault("", "odd")]


def test_the_last_answer_that_has_any_counts():
    first, last = {"issues": [{"path": "a", "message": "x"}]}, {"issues": [{"path": "b", "message": "y"}]}

    assert complaints([attempt(1, first), attempt(2, last), attempt(3), attempt(4, {"code": "z"})]) == [Fault("b", "y")]
    assert complaints([attempt(1, {"issues": "odd"}), attempt(2)]) == []
