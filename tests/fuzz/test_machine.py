"""Bad days by chance: hypothesis plays faults, clocks, deaths and people, and every promise must hold at the end.

`make fuzz` plays more of them than `make test`, with other seeds. A day that fails is shrunk to its shortest form and
printed as a program.
"""

import asyncio
import logging
import os
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bridge.core.errors import FailureClass, Problem
from bridge.core.model import Post, PostState
from bridge.simulator.receiver import HookAnswer
from tests.crash.audit import query
from tests.fuzz.audit import TERMINAL, Day, Wish, broken
from tests.fuzz.town import ACCOUNTS, Town

RUNS = int(os.environ.get("FUZZ_RUNS", "0"))
CI_RUNS = 40
STEPS = 40
LONG_ENOUGH = 12 * 3600
"""Seconds after which whatever is retried has been."""

ROUNDS = 1
"""How often a person sends what is parked: Genviral refuses a second retry of a post while the first one runs."""

PASSING = "Temporary platform error (503)"
TOKEN = "Access token expired, please reconnect"
UNCLEAR = "Request timed out, outcome unknown"
FAULTS = (
    "rate_limited",
    "server_error",
    "html_502",
    "empty",
    "dropped",
    "stored_then_dropped",
    "unauthorized",
    "plan_lapsed",
)
OUTCOMES = (
    {"kind": "fail", "text": PASSING},
    {"kind": "fail", "text": TOKEN},
    {"kind": "fail", "text": TERMINAL},
    {"kind": "fail", "text": UNCLEAR, "live": False},
    {"kind": "fail", "text": UNCLEAR, "live": True},
    {"kind": "late_url", "ticks": 2},
    {"kind": "hang", "ticks": 3},
)
PORTS = ("store", "partner", "receiver")
KEYS = st.sampled_from(("gv", "pe"))
NAMES = st.lists(st.sampled_from(sorted(ACCOUNTS)), min_size=1, max_size=4, unique=True)
TIMES = st.sampled_from((1, 2, 3, 5, -1))
PAUSES = st.sampled_from((2, 30, 300, 900, 3600, 4 * 3600))


class Machine(RuleBasedStateMachine):
    """One day; `contract` is Genviral's."""

    contract = "v3"

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()
        self.town = Town(Path(self._folder.name), self.contract)
        self.day = Day(self.town)

    def _do(self, coroutine):
        return self._runner.run(coroutine)

    @initialize()
    def start(self):
        self._do(self.town.start())
        self._do(self.town.tick())

    # Senders.

    @rule(wanted=st.lists(st.tuples(NAMES, st.sampled_from((None, None, 10, 90))), min_size=1, max_size=3))
    def publish(self, wanted):
        self._publish(wanted)

    def _publish(self, wanted):
        for accounts, minutes in wanted:
            number = len(self.day.wishes)
            media = f"https://cdn.example.com/{number}.jpg"
            fields = {"caption": f"Wish {number:03}", "media": media, "accounts": accounts}
            if minutes:
                fields["scheduled_at"] = (self.town.clock() + timedelta(minutes=minutes)).isoformat()
            self.day.wishes.append(Wish(number, fields))
            self._hand_in(self.day.wishes[-1])

    @rule(key=KEYS, kind=st.sampled_from(("stored_then_dropped", "dropped", "html_502", "die")), accounts=NAMES)
    def publish_and_lose_the_answer(self, key, kind, accounts):
        if kind == "die":
            self.town.fuse.arm("partner", 1 + len(accounts), after=True)
        else:
            self.town.simulators[key].fault(kind, "create")
        self._publish([(accounts, None)])
        self._do(self.town.work())

    @precondition(lambda self: self.day.wishes)
    @rule(number=st.integers(0, 50), changed=st.booleans())
    def publish_again(self, number, changed):
        wish = self.day.wishes[number % len(self.day.wishes)]
        if not changed:
            self._hand_in(wish)
        elif wish.event_id and not self._is_free(wish):
            self._refused(wish.fields | {"caption": "Something else"}, wish.key)

    def _told(self, coroutine):
        """Return what a caller is told: an answer, a refusal, or nothing because the process died."""
        try:
            return self._do(coroutine)
        except Problem as problem:
            return problem

    def _hand_in(self, wish):
        told = self._told(self.town.publish(wish.fields, wish.key))
        known = wish.event_id is not None and not self._is_free(wish)
        if isinstance(told, Problem):
            # A store that refuses, or a time that went by before it was taken.
            assert told.status == 503 or (told.status == 422 and not known), f"{wish.caption}: {told}"
        elif told is not None:
            assert not known or told.accepted.event_id == wish.event_id, f"{wish.caption} was taken twice"
            wish.event_id = told.accepted.event_id

    def _is_free(self, wish):
        ours = self._do(self.town.posts(wish.event_id))
        return all(post.state in (PostState.CANCELED, PostState.REJECTED) for post in ours)

    def _refused(self, fields, key):
        told = self._told(self.town.publish(fields, key))
        if told is not None:
            assert isinstance(told, Problem), "one key was taken for two requests"
            assert told.status in (409, 422, 503), told

    # Partners.

    @rule(
        key=KEYS,
        kind=st.sampled_from(FAULTS),
        operation=st.sampled_from(("*", "create", "retry", "list")),
        times=TIMES,
        after=st.sampled_from((None, 5, 120)),
    )
    def lose_calls(self, key, kind, operation, times, after):
        self.town.simulators[key].fault(kind, operation, times=times, retry_after=after)

    @rule(key=KEYS)
    def mend(self, key):
        self.town.simulators[key].faults.clear()

    @rule(name=st.sampled_from(sorted(ACCOUNTS)), outcome=st.sampled_from(OUTCOMES), times=st.integers(1, 4))
    def fare_badly(self, name, outcome, times):
        if name.startswith("gv") or not outcome.get("live"):
            self.town.script(name, *[outcome] * times)

    @rule(name=st.sampled_from(sorted(ACCOUNTS)), back=st.booleans())
    def switch(self, name, back):
        (self.town.reconnect if back else self.town.disconnect)(name)

    # The receiver.

    @rule(status=st.sampled_from((500, 503, 429, 404, 0)), times=st.integers(1, 8))
    def refuse_deliveries(self, status, times):
        answer = HookAnswer(status, times=times) if status else HookAnswer(drop=True, times=times)
        self.town.receiver.script("ops", answer)

    # Time, and the process.

    @rule(seconds=PAUSES)
    def advance(self, seconds):
        self._do(self.town.advance(seconds))

    @rule(flow=st.sampled_from(("work", "watch", "resume", "deliver", "partners", "restart")))
    def turn(self, flow):
        self._do(getattr(self.town, flow)())

    @rule(port=st.sampled_from(PORTS), number=st.integers(1, 12), after=st.booleans(), busy=st.booleans())
    def die_later(self, port, number, after, busy):
        refuses = busy and port == "store"
        self.town.fuse.arm(port, number, after=after and not refuses, busy=refuses)

    # People.

    @rule(number=st.integers(0, 50), verb=st.sampled_from(("cancel", "retry", "send")))
    def decide(self, number, verb):
        posts = self._do(self.town.posts())
        if posts:
            self._decide(posts[number % len(posts)], verb)

    def _decide(self, post, verb):
        """What a person does who looks at the network first when the outcome is not clear."""
        unclear = [target for target in post.targets if target.failure is FailureClass.AMBIGUOUS]
        if verb != "cancel" and unclear and any(self.town.is_live(post, target.account) for target in unclear):
            verb = "live"
        if verb in ("retry", "send"):
            self.day.by_hand.add(post.id)
        told = self._told(self.town.act(verb, post.id))
        assert told is None or told.status in (409, 503), told

    # The end.

    @invariant()
    def nothing_is_on_a_network_twice(self):
        assert not self.town.gv.world.posted_twice()
        assert not self.town.pe.world.published_twice()

    def teardown(self):
        try:
            if hasattr(self.town, "bridge"):
                self._finish()
        finally:
            self._do(self.town.end())
            self._runner.close()
            self._folder.cleanup()

    def _finish(self):
        """Everything is well again: what can go on goes on, and people decide about the rest."""
        self.town.mend()
        for wish in self.day.wishes:
            if wish.event_id is None:
                self._hand_in(wish)
        self.day.wishes = [wish for wish in self.day.wishes if wish.event_id]
        self._settle()
        for _ in range(ROUNDS):
            for post in self._parked():
                self._decide(post, "send")
            self._settle()
        assert self._parked() == [], "it was sent by a person, and is parked again"

    def _settle(self):
        self._do(self.town.settle(LONG_ENOUGH))
        faults = self._do(broken(self.day))
        assert faults == [], "\n".join(faults)

    def _parked(self) -> list[Post]:
        waiting = {row[0] for row in query(self.town.database, "select post_id from commands where state = 'parked'")}
        return [post for post in self._do(self.town.posts()) if post.id in waiting]


class OlderMachine(Machine):
    """Genviral as it was before it knew `external_id`: a lost create must be looked for."""

    contract = "v1"


@pytest.fixture(autouse=True)
def _quiet():
    """A bad day has much to say, and nobody reads it."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def play(machine: type[Machine]) -> None:
    """Play so many days."""
    chosen = settings(
        max_examples=RUNS or CI_RUNS,
        stateful_step_count=STEPS,
        derandomize=not RUNS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(machine, settings=chosen)


def test_a_bad_day_breaks_no_promise():
    play(Machine)


def test_a_bad_day_under_the_older_contract_breaks_no_promise():
    play(OlderMachine)
