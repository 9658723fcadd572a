"""Shares: nobody takes everything, whoever has enough is slowed down, and one probe goes before the others."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import Endpoint, Lane
from bridge.core.queries import Division
from bridge.core.sharing import GROUP, TRIPS, Shares, open_for

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIRST, AGAIN = Lane.FIRST, Lane.AGAIN


def endpoint(name="ops", **fields):
    return Endpoint(name, f"https://{name}.example.com/", ("*",), **fields)


class Lanes:
    """Shares, and endpoints that have as much due as anybody takes."""

    def __init__(self, *names, first=64, again=16, **fields):
        self.shares = Shares({FIRST: first, AGAIN: again})
        self.rows = {name: endpoint(name, **fields) for name in names}
        self.at = NOW
        self.begun = defaultdict(list)

    def move(self, seconds):
        self.at += seconds * SECOND

    def room(self, name="ops", lane=FIRST):
        rooms = self.shares.rooms(lane, 1000, self.rows, self.at)
        return min(rooms.named.get(name, rooms.each), rooms.total)

    def claim(self, lane=FIRST, due=10**6):
        """Claim until nothing more is to be had; return what each endpoint has got."""
        got = dict.fromkeys(self.rows, 0)
        while True:
            found = self.claim_once(lane, {name: due - number for name, number in got.items()})
            if not found:
                return got
            got = {name: number + found.get(name, 0) for name, number in got.items()}

    def claim_once(self, lane, due):
        """Make one claim while so much is due by endpoint, as a store does, and return what it gave."""
        rooms = self.shares.rooms(lane, 1000, self.rows, self.at)
        line = [name for name in self.rows if due.get(name, 0) > 0 and rooms.room(name) > 0]
        division, found = Division(rooms, len(line)), {}
        for name in sorted(line, key=lambda name: rooms.turns.get(name, (0, 0))):
            count = min(division.most(name), due[name])
            if count > 0:
                division.give(name, count)
                found[name] = count
        requests = {name: 1 if name in rooms.gathering else count for name, count in found.items()}
        self.shares.took(lane, rooms, found, requests)
        for name, count in requests.items():
            self.begun[lane, name] += [self.at] * count
            for _ in range(count):
                self.shares.began(lane, name, self.at)
        return found

    def end(self, name="ops", lane=FIRST, *, well=True):
        if well is not None:
            (self.shares.worked if well else self.shares.failed)(name)
        self.shares.ended(lane, name, self.begun[lane, name].pop(), self.rows.get(name), self.at)

    def grow(self, name="ops", rounds=8):
        """Let an endpoint do well until its window is as wide as can be."""
        for _ in range(rounds):
            for _ in range(self.claim()[name]):
                self.end(name)


def test_a_new_endpoint_begins_with_an_eighth_of_the_lane():
    assert Lanes("ops").claim() == {"ops": 8}


def test_an_endpoint_that_answers_gets_half_of_the_lane_and_no_more():
    lanes = Lanes("ops")
    lanes.grow()
    assert lanes.claim() == {"ops": 32}


def test_endpoints_that_hang_from_the_start_leave_most_of_the_lane_to_others():
    lanes = Lanes("hangs", "hangs-too", *(f"well-{number}" for number in range(18)))
    got = lanes.claim()
    assert got["hangs"] + got["hangs-too"] <= 16


@given(st.integers(4, 300), st.integers(1, 12), st.data())
def test_the_lane_is_never_overdrawn_and_every_endpoint_has_a_turn_in_the_end(size, many, data):
    lanes = Lanes(*map(str, range(many)), first=size)
    flying = []
    for _ in range(20):
        flying += [
            name for name, number in lanes.claim(due=data.draw(st.integers(1, 50))).items() for _ in range(number)
        ]
        assert 0 < len(flying) <= size
        for name in flying[: data.draw(st.integers(1, len(flying)))]:
            flying.remove(name)
            lanes.end(name, well=data.draw(st.booleans()))
    for name in flying:
        lanes.end(name)
    assert all(lanes.room(name) for name in lanes.rows)


def test_who_used_up_its_room_gets_more_when_half_of_it_is_free():
    lanes = Lanes("ops")
    lanes.claim()
    lanes.end()
    assert (lanes.room(), lanes.shares.more(FIRST)) == (0, False)
    for _ in range(4):
        lanes.end()
    assert (lanes.room() >= 4, lanes.shares.more(FIRST)) == (True, True)


def test_who_has_little_due_is_not_asked_again_with_each_end():
    lanes = Lanes("ops")
    lanes.claim(due=3)
    lanes.end()
    assert (lanes.shares.more(FIRST), lanes.room() > 0) == (False, True)


def test_a_full_lane_wants_more_as_soon_as_there_is_room():
    lanes = Lanes(*"abcdefghijkl", first=12)
    assert (sum(lanes.claim_once(FIRST, dict.fromkeys(lanes.rows, 9)).values()), lanes.shares.more(FIRST)) == (12, True)


@pytest.mark.parametrize("many", [8, 12, 20, 50, 100])
def test_with_enough_to_do_most_of_the_lane_is_in_use(many):
    assert sum(Lanes(*map(str, range(many))).claim().values()) >= 48


def test_the_lanes_do_not_take_from_each_other():
    lanes = Lanes(*"abcdefgh", first=8)
    assert (sum(lanes.claim(FIRST).values()), sum(lanes.claim(AGAIN).values()) > 0) == (8, False)
    assert Lanes(*"abcdefgh").claim(AGAIN, due=2) == dict.fromkeys("abcdefgh", 2)
    assert lanes.shares.rooms(AGAIN, 1000, {}, NOW).total == 16


def test_a_window_only_grows_with_what_it_was_needed_for():
    lanes = Lanes("ops")
    for _ in range(200):
        lanes.claim(due=1)
        lanes.end()
    assert lanes.room() == 8


def test_too_much_cuts_the_window_in_half_once_a_pause():
    lanes = Lanes("ops")
    lanes.grow()
    lanes.claim()
    assert [lanes.shares.slowed("ops", NOW) for _ in range(3)] == [True, False, False]
    for _ in range(32):
        lanes.end(well=False)
    assert (lanes.room(), lanes.shares.rest_s(lanes.rows, NOW)) == (0, 1.0)
    lanes.move(1)
    assert lanes.room() == 16


def test_after_too_much_the_window_grows_by_one_a_round_until_all_is_as_before():
    lanes = Lanes("ops", first=64)
    lanes.claim()
    lanes.shares.slowed("ops", NOW)
    for _ in range(8):
        lanes.end(well=False)
    lanes.move(2)
    sizes, recovered = [], 0
    while not recovered:
        sizes.append(lanes.claim()["ops"])
        for _ in range(sizes[-1]):
            recovered += lanes.shares.worked("ops")
            lanes.end(well=None)
    assert sizes == sorted(sizes)
    assert (sizes[0], max(sizes)) == (4, 7)


def test_the_window_never_falls_below_one():
    lanes = Lanes("ops")
    for _ in range(9):
        lanes.claim()
        lanes.shares.slowed("ops", lanes.at)
        for _ in range(lanes.shares._paces["ops"].busy):
            lanes.end(well=False)
        lanes.move(2)
    assert lanes.claim() == {"ops": 1}


def test_the_breaker_opens_at_the_fifth_failure_in_a_row():
    lanes, ops = Lanes("ops"), endpoint()
    holds = []
    for _ in range(TRIPS):
        lanes.shares.failed("ops")
        holds.append(lanes.shares.breaker(ops, NOW, 0.0))
    assert holds == [None, None, None, None, 5 * SECOND]
    assert lanes.shares.breaker(replace(ops, held_until=NOW + SECOND), NOW, 0.0) is None


def test_a_success_in_between_keeps_the_breaker_shut():
    lanes = Lanes("ops")
    for _ in range(TRIPS - 1):
        lanes.shares.failed("ops")
    lanes.shares.worked("ops")
    lanes.shares.failed("ops")
    assert lanes.shares.breaker(endpoint(), NOW, 0.0) is None


def test_holds_double_up_to_five_minutes_and_chance_adds_a_fifth():
    seconds = [open_for(opened, 0.0).total_seconds() for opened in (0, 1, 2, 5, 6, 10**6)]
    assert seconds == [5, 10, 20, 160, 300, 300]
    assert open_for(0, 0.5) == 5.5 * SECOND


def test_a_breaker_that_opens_again_stays_open_for_longer():
    lanes = Lanes("ops")
    probed = endpoint(held_until=NOW - SECOND)
    lanes.shares.failed("ops")
    holds = []
    for _ in range(3):
        holds.append(lanes.shares.breaker(probed, NOW, 0.0))
        lanes.shares.opened("ops")
    assert holds == [5 * SECOND, 10 * SECOND, 20 * SECOND]


def test_a_held_endpoint_has_no_room_until_then_and_the_pump_rests_as_long():
    lanes = Lanes("ops", held_until=NOW + 7 * SECOND)
    assert (lanes.room(), lanes.shares.rest_s(lanes.rows, NOW)) == (0, 7.0)
    assert Lanes("ops").shares.rest_s({}, NOW) == float("inf")


def test_after_a_hold_exactly_one_probe_goes_whatever_the_lane():
    lanes = Lanes("ops", held_until=NOW - SECOND)
    assert (lanes.claim(AGAIN), lanes.claim(FIRST)) == ({"ops": 1}, {"ops": 0})
    lanes.end(lane=AGAIN)
    assert (lanes.claim(FIRST), lanes.claim(AGAIN)) == ({"ops": 1}, {"ops": 0})


def test_an_endpoint_that_gathers_may_put_many_into_one_request():
    lanes = Lanes("ops", group_s=30.0, rate=1.0, format="slack")
    assert lanes.claim_once(FIRST, {"ops": 40}) == {"ops": 40}
    lanes.end()
    assert lanes.room() == 0


def test_what_is_gathered_is_not_cut_however_little_room_is_left():
    """It counts as what it comes to at most in messages, so others get theirs at the next claim."""
    lanes = Lanes("ops", first=4, group_s=30.0, format="slack")
    lanes.rows["two"] = endpoint("two")
    assert lanes.claim_once(FIRST, {"ops": 40, "two": 9}) == {"ops": 40}
    assert lanes.claim_once(FIRST, {"two": 9}) == {"two": 1}
    assert lanes.claim_once(FIRST, {"ops": GROUP + 1}).get("ops", 0) in (0, GROUP)


def test_who_waits_to_gather_but_has_a_format_that_cannot_gets_no_more_than_others():
    assert Lanes("ops", group_s=30.0, format="flat").claim() == {"ops": 8}


def work(lanes, *, rounds, due=1000, hangs="hangs"):
    """Let all answer at once but those that hang; return what each got in these rounds."""
    got = dict.fromkeys(lanes.rows, 0)
    for _ in range(rounds):
        found = lanes.claim_once(FIRST, {name: due - number for name, number in got.items()})
        for name, count in found.items():
            got[name] += count
            for _ in range(0 if name.startswith(hangs) else count):
                lanes.end(name)
    return got


def test_ten_that_hang_among_a_hundred_leave_nearly_all_of_the_lane_to_the_others():
    lanes = Lanes(*(f"hangs-{number}" for number in range(10)), *(f"well-{number}" for number in range(90)), first=192)
    got = work(lanes, rounds=300, due=100)
    assert all(count == 100 for name, count in got.items() if name.startswith("well"))
    assert sum(count for name, count in got.items() if name.startswith("hangs")) <= 192 // 2


def test_a_claim_that_gave_everybody_the_same_wants_to_give_more():
    lanes = Lanes(*(f"well-{number}" for number in range(40)))
    assert set(lanes.claim_once(FIRST, dict.fromkeys(lanes.rows, 9)).values()) == {1}
    assert lanes.shares.more(FIRST)


@pytest.mark.parametrize("others", [5, 300])
def test_what_happens_to_an_idle_endpoint_goes_out_before_the_backlogs_of_others(others):
    lanes = Lanes(*(f"busy-{number}" for number in range(others)), first=24)
    work(lanes, rounds=40)
    lanes.rows["idle"] = endpoint("idle")
    assert lanes.claim_once(FIRST, dict.fromkeys(lanes.rows, 20_000))["idle"] >= 1


def test_of_many_with_a_backlog_each_has_its_turn():
    lanes = Lanes(*map(str, range(100)), first=10)
    assert set(work(lanes, rounds=50).values()) == {5}


@pytest.mark.parametrize("first", [1, 48])
def test_however_many_hang_half_of_the_lane_is_for_others_once_they_are_slow(first):
    lanes = Lanes(*(f"hangs-{number}" for number in range(40)), first=first)
    for _ in lanes.rows:
        lanes.claim()
        lanes.move(15)
        for (_, name), begun in lanes.begun.items():
            for _ in tuple(begun):
                lanes.end(name, well=None)
        assert lanes.shares.more(FIRST)
    assert sum(lanes.claim().values()) == (first + 1) // 2
    lanes.rows["well"] = endpoint("well")
    assert lanes.claim()["well"] == min(6, first // 2)


def test_a_slow_one_that_ends_makes_room_for_another():
    lanes = Lanes(*(f"fails-{number}" for number in range(60)), first=16, failing_since=NOW - SECOND)
    got = lanes.claim()
    assert (sum(got.values()), lanes.shares.more(FIRST)) == (8, False)
    lanes.end(next(name for name, count in got.items() if count), well=False)
    assert lanes.shares.more(FIRST)
    assert sum(lanes.claim().values()) == 1


def test_who_answers_soon_again_is_slow_no_more():
    lanes = Lanes("ops")
    for seconds, slow in ((3, {"ops"}), (1, set())):
        lanes.claim(due=1)
        lanes.move(seconds)
        lanes.end()
        assert lanes.shares.rooms(FIRST, 1000, lanes.rows, lanes.at).slow == slow
    lanes.claim(due=1)
    lanes.move(3)
    assert lanes.shares.rooms(FIRST, 1000, lanes.rows, lanes.at).slow == {"ops"}


def test_what_is_known_of_an_endpoint_is_forgotten_when_it_was_idle_and_well():
    lanes = Lanes("ops", "ill", "gone")
    for name in lanes.rows:
        lanes.shares.worked(name)
    lanes.claim(due=1)
    for name in lanes.rows:
        lanes.end(name, well=name != "ill")
    del lanes.rows["gone"]
    lanes.move(31)
    lanes.room()
    assert set(lanes.shares._paces) == {"ill"}
