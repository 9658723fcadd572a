"""While replicas are replaced, one leaves to the others what it cannot send; what nobody can send fails in the end."""

from dataclasses import replace

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import Lane, WorkState
from bridge.core.sealing import SealError, Unconfigured
from bridge.flows.deliver import Deliverer

pytestmark = pytest.mark.anyio


class Shared:
    """A store that other processes may use, too."""

    shared = True

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.fixture
def replica(office):
    """Make one more process over the office's store; it lacks the secrets of `lacks`."""

    def make(*lacks):
        def sending(endpoint, now):
            if endpoint.name in lacks:
                raise (Unconfigured if endpoint.configured else SealError)("not here")
            return office.deliverer.caller.sending(endpoint, now)

        first = office.deliverer
        kit = replace(office.town.kit, store=Shared(office.town.store))
        return replace(office, deliverer=Deliverer(kit, first.rules, first.client, sending, first.caller.redactor))

    return make


async def test_what_another_replica_can_send_is_left_to_it_and_costs_no_try(office, replica):
    old, new = replica("hook"), replica()
    await old.tell(2)

    assert await old.run() == 0
    assert await new.run() == 2
    assert [(one.state, one.attempts, one.calls) for one in await office.rows("hook")] == [(WorkState.DONE, 1, 1)] * 2


async def test_an_endpoint_that_appears_costs_no_try_of_what_was_claimed_before_it_was_known(office, replica):
    old, new = replica("two"), replica()
    await old.deliverer.claim(Lane.FIRST, 10)
    await office.endpoint("two", "*")
    await office.tell()

    await old.run()
    [left] = await office.rows("two")
    office.town.clock.move(seconds=2)
    await old.run()
    await new.run()

    assert (left.state, left.attempts, left.reason, left.lane) == (WorkState.DUE, 0, FailureReason.SEALED, Lane.FIRST)
    assert len(office.receiver.of("two")) == 1


async def test_what_no_key_opens_fails_after_an_hour_and_says_why(office, replica):
    await office.endpoint("two", "*", configured=False)
    only = replica("two")
    await only.tell()
    await only.run()
    [before] = await office.rows("two")
    office.town.clock.move(minutes=61)
    await only.run()

    [after] = await office.rows("two")
    assert (before.attempts, after.attempts, after.reason) == (0, 1, FailureReason.SEALED)
