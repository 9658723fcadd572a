"""Meters: calls of several processes against one bucket, decided in order."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.meters import Bucket, Level, Meter, Spending, spend

ALL = Meter("partner:pe:all", 1.0, 2)
CREATES = Meter("partner:pe:creates", 10.0, 1)
READ, COMMAND = Spending([ALL], yields=True), Spending([ALL])


def test_calls_of_one_transaction_use_up_the_burst_in_order():
    answers, levels = spend([READ, READ, READ], {})
    assert answers == [(0.0,), (0.0,), (1.0,)]
    assert levels == {ALL.name: Level(2.0)}


def test_a_call_is_counted_against_all_its_meters_or_none():
    create = Spending([ALL, CREATES], yields=True)
    answers, levels = spend([create, create, READ], {})
    assert answers == [(0.0, 0.0), (0.0, 10.0), (0.0,)]
    assert levels == {ALL.name: Level(2.0), CREATES.name: Level(10.0)}


def test_what_nothing_was_counted_against_did_not_change():
    levels = {CREATES.name: Level(4.0), ALL.name: Level(1.0)}
    assert spend([Spending([CREATES], yields=True)], levels) == ([(4.0,)], {})


def test_a_meter_that_is_full_again_counts_from_now():
    assert spend([READ], {ALL.name: Level(-3600.0, -3600.0)}) == ([(0.0,)], {ALL.name: Level(1.0)})


def test_a_clock_a_little_behind_waits_and_one_that_went_back_does_not_stop_the_key():
    assert spend([READ], {ALL.name: Level(30.0)}) == ([(29.0,)], {})
    assert spend([READ], {ALL.name: Level(3600.0, 3600.0)}) == ([(0.0,)], {ALL.name: Level(1.0)})


def test_what_a_command_was_refused_is_kept_for_it_and_for_no_longer_than_it_may_take_to_ask_again():
    [refused], marked = spend([COMMAND], {ALL.name: Level(2.5)})
    kept = Level(0.5, marked[ALL.name].wanted_s - 2.0)
    answers, after = spend([READ, COMMAND, READ], {ALL.name: kept})

    assert (refused, marked) == ((1.5,), {ALL.name: Level(2.5, 3.5)})
    assert answers == [(1.0,), (0.0,), (0.5,)]
    assert after == {ALL.name: Level(1.5)}
    assert spend([READ], {ALL.name: Level(-1.0, -0.1)})[0] == [(0.0,)]


def test_a_command_that_waits_for_one_meter_keeps_reads_from_no_other():
    levels = {CREATES.name: Level(4.0)}
    _, marked = spend([Spending([ALL, CREATES])], levels)
    assert marked == {CREATES.name: Level(4.0, 6.0)}


def test_a_bucket_that_others_drained_lets_the_next_call_go_when_they_said():
    bucket = Bucket(0.5, 4)
    bucket.drain(100.0, 2.0)
    assert (bucket.wait_s(100.0), bucket.wait_s(102.0), bucket.wait_s(102.0, ahead=1)) == (2.0, 0.0, 0.5)
    bucket.drain(100.0, 1.0)
    assert bucket.wait_s(100.0) == 2.0


@given(
    st.floats(0.1, 50), st.integers(1, 8), st.lists(st.floats(0, 3), min_size=1, max_size=60),
)  # fmt: skip
def test_bucket_never_lets_out_more_than_burst_and_rate(rate: float, burst: int, gaps: list[float]) -> None:
    bucket, at, out = Bucket(1 / rate, burst), 0.0, []
    for gap in gaps:
        at += gap
        at += bucket.wait_s(at)
        bucket.take(at)
        out.append(at)
    for first in range(len(out)):
        for last in range(first, len(out)):
            assert last - first + 1 <= burst + (out[last] - out[first]) * rate + 1e-6


@given(st.lists(st.floats(0, 2), max_size=60), st.integers(1, 5))
def test_in_no_span_do_more_calls_go_than_the_rate_and_the_burst_allow(pauses: list[float], burst: int):
    meter, levels, at, gone = Meter("m", 0.7, burst), dict[str, Level](), 0.0, list[float]()
    for pause in pauses:
        at += pause
        levels = {name: Level(level.backlog_s - pause, level.wanted_s - pause) for name, level in levels.items()}
        [(wait_s,)], changed = spend([Spending([meter])], levels)
        levels |= changed
        if not wait_s:
            gone.append(at)
    for first, began in enumerate(gone):
        for last in range(first, len(gone)):
            assert last - first + 1 <= burst + (gone[last] - began) / meter.interval_s + 1e-6
