"""What is made of a traceparent: https://www.w3.org/TR/trace-context-2/#versioning-of-traceparent, read 2026-11."""

import pytest

from bridge.core.traces import carried, is_same, parse, trace_id

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (GOOD, GOOD),
        (f"  {GOOD} ", GOOD),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-03"),
        # Flags that mean nothing yet are not handed on.
        (f"00-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-03"),
        # A later version is read as far as this one goes.
        (f"cc-{TRACE}-{SPAN}-01", GOOD),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", GOOD),
    ],
)
def test_a_context_is_kept_as_version_00(given, expected):
    assert parse(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00",
        GOOD[:-1],
        GOOD + "-more",
        GOOD + "x",
        f"cc-{TRACE}-{SPAN}-01x",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        GOOD.upper(),
        GOOD.replace("-", "_"),
        f"00-{TRACE}-{SPAN}-0g",
        f"00-{TRACE[:-1]}é-{SPAN}-01",
        "x" * 60_000,
    ],
)
def test_what_is_none_is_ignored(given):
    assert parse(given) is None


def test_of_two_headers_none_counts():
    assert carried([("host", "x"), ("traceparent", GOOD)]) == GOOD
    assert carried([("traceparent", GOOD), ("traceparent", GOOD)]) is None
    assert carried([("traceparent", "nonsense")]) is None
    assert carried([]) is None


def test_contexts_of_one_trace_are_the_same():
    assert trace_id(GOOD) == TRACE
    assert is_same(GOOD, f"00-{TRACE}-{'1' * 16}-00")
    assert not is_same(GOOD, GOOD.replace("4bf9", "4bf8"))
    assert not is_same(GOOD, None)
    assert not is_same(None, None)
