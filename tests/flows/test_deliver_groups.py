"""Several things for a person in few requests: all are told, however many there are, and each request stands alone."""

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from bridge.core.catalogue import samples
from bridge.core.errors import FailureReason
from bridge.core.events import body_of
from bridge.core.model import Lane, WorkState, Write
from tests.flows.town import NOON

pytestmark = pytest.mark.anyio

COUNT = 60


def cause(number):
    """An event that a person must see to something, with as long a story as there may be."""
    event = samples()["attention.opened"]
    data = orjson.loads(event.body)["data"] | {"subject": {"kind": "cause", "id": f"source:{number}"}, "account": None}
    body = body_of(event.type, data | {"detail": "x" * 800}, NOON)
    return replace(event, id=f"msg_{number:03}", subject=f"cause:source:{number}", created_at=NOON, body=body)


async def gathering(office):
    """An endpoint that has gathered more than one message holds."""
    await office.endpoint("hook", "attention.*", format="slack", group_s=30.0)
    await office.town.store.record([Write(events=tuple(cause(number) for number in range(COUNT)))])
    office.town.clock.move(seconds=30)


def told(office):
    """The causes that the receiver was told of, by request."""
    bodies = [one.json for one in office.receiver.of("hook")]
    return [[block["block_id"] for block in body["blocks"] if "block_id" in block] for body in bodies]


async def test_every_cause_is_told_in_as_many_requests_as_it_takes(build_office):
    office = await build_office()
    await gathering(office)
    requests = await office.run()
    assert 1 < requests == len(told(office)) < COUNT / 5
    every = [name for names in told(office) for name in names]
    assert sorted(every) == sorted(f"cause:source:{number}" for number in range(COUNT))
    assert {row.state for row in await office.rows("hook")} == {WorkState.DONE}


async def test_a_request_that_fails_takes_none_of_the_others_with_it(build_office):
    office = await build_office()
    await gathering(office)
    office.receiver.script("hook", 500)
    await office.run()
    failed, *_ = told(office)
    again = {row.subject for row in await office.rows("hook") if row.state is WorkState.DUE}
    assert again == {*failed}
    office.town.clock.move(seconds=5)
    assert await office.run() == 1
    assert told(office)[-1] == failed


async def test_a_probe_is_one_request(build_office):
    office = await build_office()
    await gathering(office)
    await office.change("hook", failing_since=NOON, held_until=office.town.clock() - timedelta(seconds=1))
    office.receiver.script("hook", 500)
    [batch] = await office.deliverer.claim(Lane.FIRST, 1000)
    assert not await office.deliverer.claim(Lane.FIRST, 1000)
    await office.deliverer.act(batch)
    assert len(told(office)) == 1
    [row] = [row for row in await office.rows("hook") if row.attempts]
    assert row.reason is FailureReason.SERVER_ERROR
