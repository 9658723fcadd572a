"""Who may go and who goes next where several bounds hold at once."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.lanes import Lanes


def test_a_full_lane_keeps_out_and_takes_nothing_of_the_others():
    lanes: Lanes[str] = Lanes()
    assert lanes.enter("1", {("a",): 1, ("all",): 2})
    assert not lanes.enter("2", {("a",): 1, ("all",): 2})
    assert lanes.enter("3", {("b",): 1, ("all",): 2})
    assert not lanes.enter("4", {("c",): 1, ("all",): 2})


def test_those_that_fit_are_called_in_the_order_in_which_they_came():
    lanes: Lanes[str] = Lanes()
    slow, quick = {("slow",): 1, ("all",): 2}, {("quick",): 1, ("all",): 2}
    assert lanes.enter("1", slow)
    for name, bounds in (("2", slow), ("3", quick), ("4", quick), ("2", slow)):
        lanes.wait(name, bounds, f"item {name}")

    assert (lanes.called(), len(lanes)) == (["item 3"], 2)
    lanes.leave(slow)
    assert (lanes.called(), lanes.called(), len(lanes)) == (["item 2", "item 4"], [], 0)


def test_who_enters_without_being_called_stands_in_line_no_more():
    lanes: Lanes[str] = Lanes()
    lanes.wait("1", {("a",): 1}, "item")
    assert lanes.enter("1", {("a",): 1})
    lanes.leave({("a",): 1})
    assert lanes.called() == []


names = st.sampled_from("abc").map(lambda name: (name,))
acts = st.tuples(st.integers(0, 5), st.dictionaries(names, st.integers(1, 3), min_size=1), st.booleans())


@given(st.lists(acts, max_size=40))
def test_no_bound_is_ever_broken_and_nobody_is_lost(done):
    lanes: Lanes[int] = Lanes()
    inside, waiting = [], {}
    for name, bounds, leaves in done:
        if leaves and inside:
            lanes.leave(inside.pop(0))
            for called in lanes.called():
                del waiting[called]
        elif lanes.enter(str(name), bounds):
            inside.append(bounds)
            waiting.pop(name, None)
            counts = Counter(lane for one in inside for lane in one)
            assert all(counts[lane] <= most for lane, most in bounds.items())
        else:
            lanes.wait(str(name), bounds, name)
            waiting[name] = bounds
    assert len(lanes) == len(waiting)
