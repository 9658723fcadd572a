"""`bridge demo` as a newcomer runs it."""

import pytest

from tests.e2e.process import run

pytestmark = pytest.mark.slow


def test_the_demo_tells_its_story_and_every_check_holds():
    demo = run("demo", timeout=90)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    for title in (
        "(a)",
        "(b)",
        "(c)",
        "(d)",
        "(e)",
        "posted on two accounts",
        "one retry, and posted",
        "it went out by itself",
        "one event, one post at each partner",
        "all three accounts have it live, with its address",
        "are hints that count once",
    ):
        assert title in demo.stdout
    assert "All checks held" in demo.stdout
    assert "  NO  " not in demo.stdout
