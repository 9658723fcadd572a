"""What a delivery looks like on the wire: formats, groups, headers, secrets that cannot be opened, times and rates."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.endpoints import Sending
from bridge.core.errors import FailureReason
from bridge.core.model import AttemptOutcome, Lane, OutboundEvent, WorkState, Write
from bridge.core.sealing import SealError
from bridge.core.signing import secret_key
from bridge.flows import LEASE
from bridge.simulator.receiver import HookAnswer
from tests.flows.sending import RULES, SECRET
from tests.flows.town import NOON, TIKTOK

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("cloudevents", "application/cloudevents+json"), ("flat", "application/json"), ("standard", "application/json")],
)
async def test_every_format_is_signed_and_has_its_media_type(build_office, name, content_type):
    office = await build_office()
    await office.endpoint("hook", "post.*", format=name)
    await office.tell()
    await office.run()
    [received] = office.receiver.of("hook")
    assert received.verified
    assert received.headers["content-type"].startswith(content_type)


async def test_headers_of_the_endpoint_go_along_and_never_replace_ours(office):
    own = {"X-Team": "social", "Webhook-Id": "forged", "Host": "evil.example", "Content-Length": "1"}
    office.sendings["hook"] = lambda _now: Sending((secret_key(SECRET),), own)
    await office.tell()
    await office.run()
    [received] = office.receiver.of("hook")
    assert (received.verified, received.headers["x-team"]) == (True, "social")
    assert received.headers["host"] in office.base
    assert received.webhook_id == (await office.row(destination="hook")).outbound_id


async def test_an_answer_that_repeats_the_endpoints_own_headers_is_kept_without_them(office):
    office.sendings["hook"] = lambda _now: Sending((), {"X-Key": "only-they-know"})
    office.receiver.script("hook", HookAnswer(500, body='you sent {"x-key": "only-they-know"}'))
    await office.tell()
    await office.run()
    _, _, [attempt] = await office.town.store.delivery((await office.row(destination="hook")).id)
    assert attempt.answer == {"body": 'you sent {"x-key": "[redacted]"}'}


async def test_a_request_goes_to_the_whole_address_and_an_answer_is_kept_without_it(office):
    await office.change("hook", url="https://never.invalid/[redacted]")
    office.sendings["hook"] = lambda _now: Sending(url=f"{office.base}/hook/hook?k=SESAME")
    office.receiver.script("hook", HookAnswer(500, body="no POST /hook/hook?k=SESAME here"))
    await office.tell()
    await office.run()
    _, _, [attempt] = await office.town.store.delivery((await office.row(destination="hook")).id)
    assert attempt.answer == {"body": "no POST [redacted] here"}


@pytest.mark.parametrize(
    "body", ["Cannot POST /hook/PATHSECRET99", "unknown key QUERY SECRET", "k=QUERY%20SECRET", "no hook PATHSECRET99"]
)
async def test_an_answer_is_kept_without_any_part_of_the_address(office, body):
    url = f"{office.base}/hook/PATHSECRET99?k=QUERY%20SECRET"
    office.deliverer.caller.sending = lambda endpoint, now: Sending(url=url)
    office.receiver.script("PATHSECRET99", HookAnswer(500, body=body))
    await office.tell()
    await office.run()
    _, _, [attempt] = await office.town.store.delivery((await office.row()).id)
    assert "SECRET" not in str(attempt.answer)
    assert str(attempt.answer).count("[redacted]") == 1


@pytest.mark.parametrize("body", ["-" * (16 * 1024 - 10) + "only-they-know" * 9, "only-they-know" * 2_000])
async def test_a_secret_across_the_border_of_what_is_read_or_kept_is_not_kept_in_part(office, body):
    office.sendings["hook"] = lambda _now: Sending((), {"X-Key": "only-they-know"})
    office.receiver.script("hook", HookAnswer(500, body=body))
    await office.tell()
    await office.run()
    _, _, [attempt] = await office.town.store.delivery((await office.row(destination="hook")).id)
    assert "on" not in attempt.answer["body"]
    assert 10_000 < len(attempt.answer["body"]) <= 16 * 1024


async def test_secrets_that_cannot_be_opened_put_a_delivery_off_and_lose_nothing(office):
    def sealed(_now):
        raise SealError("no key of server.secret_key opens the secrets of this endpoint")

    office.sendings["hook"] = sealed
    await office.tell()
    await office.run()
    row = await office.row(destination="hook")
    _, _, [attempt] = await office.town.store.delivery(row.id)
    assert (row.state, row.reason, row.due_at) == (WorkState.DUE, FailureReason.SEALED, NOON + timedelta(seconds=5))
    assert "server.secret_key" in attempt.detail
    assert (await office.row_of("hook")).failing_since is None, "the endpoint was not asked"


async def grouped(build_office):
    """An endpoint that gathers for 30 s, and things that a person must see to."""
    office = await build_office()
    await office.endpoint("hook", "account.*", "attention.*", format="slack", group_s=30.0)
    office.town.sim.world.set_account_status(TIKTOK, "paused")
    await office.town.advance(10)
    office.town.clock.move(seconds=30)
    return office


async def test_what_is_gathered_goes_out_as_one_signed_request(build_office):
    office = await grouped(build_office)
    rows = await office.rows("hook")
    assert len(rows) > 1
    assert await office.run() == 1
    [received] = office.receiver.of("hook")
    assert (received.verified, received.webhook_id) == (True, min(row.outbound_id for row in rows))
    assert {(row.state, row.attempts) for row in await office.rows("hook")} == {(WorkState.DONE, 1)}


async def test_what_was_gathered_fails_and_is_tried_again_together(build_office):
    office = await grouped(build_office)
    office.receiver.script("hook", 500)
    await office.run()
    rows = await office.rows("hook")
    assert {(row.state, row.reason, row.lane) for row in rows} == {
        (WorkState.DUE, FailureReason.SERVER_ERROR, Lane.AGAIN)
    }
    office.town.clock.move(seconds=5)
    assert await office.run() == 1
    first, second = office.receiver.of("hook")
    assert (first.webhook_id, first.body) == (second.webhook_id, second.body)


async def test_an_endpoint_has_its_own_time_out(build_office):
    office = await build_office(replace(RULES, timeout=timedelta(seconds=60)))
    await office.endpoint("hook", timeout_s=0.1)
    office.receiver.script("hook", HookAnswer(delay_s=1))
    await office.tell()
    await office.run()
    assert (await office.row(destination="hook")).reason is FailureReason.TIMEOUT


async def test_a_delivery_stays_ours_for_as_long_as_it_takes(office):
    await office.tell()
    [batch] = await office.deliverer.claim(Lane.FIRST, 10)
    assert batch[0].delivery.lease_until - NOON == LEASE
    office.town.clock.move(seconds=20)
    await office.deliverer._renew([batch])
    assert (await office.row(destination="hook")).lease_until == office.town.clock() + LEASE


async def test_an_endpoint_has_its_own_schedule(office):
    await office.change("hook", schedule_s=(0.0, 60.0))
    office.receiver.script("hook", HookAnswer(500, times=-1))
    await office.tell()
    await office.run()
    row = await office.row(destination="hook")
    office.town.clock.at = row.due_at
    await office.run()
    last = await office.row(destination="hook")
    assert (row.due_at, last.reason) == (NOON + timedelta(seconds=60), FailureReason.EXHAUSTED)


async def test_a_rate_lets_the_rest_wait_and_uses_up_no_tries(office):
    await office.change("hook", rate=2.0)
    await office.tell(5)
    counts = []
    for _ in range(3):
        counts.append(await office.run())
        office.town.clock.move(seconds=1)
    assert counts == [2, 2, 1]
    assert {row.calls for row in await office.rows("hook")} == {1}


async def test_a_retry_does_not_wait_for_first_tries(office):
    office.receiver.script("hook", 500)
    await office.tell()
    await office.run(Lane.FIRST)
    office.town.clock.move(seconds=5)
    await office.tell()
    [again] = await office.deliverer.claim(Lane.AGAIN, 10)
    [first] = await office.deliverer.claim(Lane.FIRST, 10)
    assert (again[0].delivery.attempts, first[0].delivery.attempts) == (1, 0)


async def test_an_attempt_that_is_cancelled_stays_begun_and_is_made_again(office):
    office.receiver.script("hook", HookAnswer(delay_s=2))
    await office.tell()
    [batch] = await office.deliverer.claim(Lane.FIRST, 10)
    task = asyncio.create_task(office.deliverer.act(batch))
    while not office.receiver.total:  # noqa: ASYNC110  # It arrives in its own time.
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    _, _, [attempt] = await office.town.store.delivery(batch[0].delivery.id)
    assert attempt.outcome is AttemptOutcome.STARTED
    office.town.clock.move(minutes=2)
    assert await office.run() == 1
    assert (await office.row(destination="hook")).state is WorkState.DONE


@pytest.mark.usefixtures("unjudged_receivers")
async def test_an_endpoint_that_hangs_holds_up_nobody_else(build_office):
    office = await build_office(replace(RULES, concurrency=16, timeout=timedelta(seconds=30)))
    await office.endpoint("hook", "post.*")
    await office.endpoint("two", "post.*")
    office.receiver.script("hook", HookAnswer(delay_s=30, times=-1))
    events = [OutboundEvent(f"msg_{number}", "post.posted", "post:p", number, NOON, b"{}") for number in range(100)]
    await office.town.store.record([Write(events=tuple(events))])
    pumps = [asyncio.create_task(pump.run()) for pump in office.deliverer.pumps]
    await office.receiver.wait_for(lambda _: len(office.receiver.of("two")) == 100, timeout=20)
    for pump in office.deliverer.pumps:
        await pump.stop(0.01)
    await asyncio.gather(*pumps)
    begun = [row for row in await office.rows("hook") if row.calls]
    assert 0 < len(begun) <= 6, "half of the lane of first tries, at most"
    assert {row.state for row in begun} == {WorkState.DUE}
