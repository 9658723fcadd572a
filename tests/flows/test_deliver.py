"""Deliver: every event reaches who wants it, signed, at least once; what cannot arrive is kept with its reason."""

from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest

from bridge import flows
from bridge.core.endpoints import Sending
from bridge.core.errors import FailureReason, StoreBusy, StoreError, StoreFull
from bridge.core.model import AttemptOutcome, Lane, WorkState
from bridge.core.rules import DeliverRules
from bridge.core.signing import secret_key
from bridge.simulator.receiver import HookAnswer
from tests.flows.sending import OLD_SECRET, RULES, SECRET
from tests.flows.town import NOON, TIKTOK

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_an_event_arrives_signed_and_the_library_agrees(office):
    await office.town.sent()
    await office.run()
    [received] = office.receiver.of("hook")
    assert (received.verified, received.why_not, received.json["type"]) == (True, "", "post.pending")
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-timestamp"] == str(int(NOON.timestamp()))


async def test_the_body_is_the_stored_bytes(office):
    post_id = await office.town.sent()
    await office.run()
    [event] = (await office.town.store.timeline(post_id)).events
    [received] = office.receiver.of("hook")
    assert (received.body, received.webhook_id) == (event.body, event.id)


async def test_both_secrets_sign_while_one_is_replaced(office):
    keys = (secret_key(SECRET), secret_key(OLD_SECRET))
    office.sendings["hook"] = lambda _now: Sending(keys)
    office.receiver.trust("hook", OLD_SECRET)
    await office.town.sent()
    await office.run()
    assert office.receiver.of("hook")[0].verified


async def test_endpoints_get_the_types_they_want(build_office):
    office = await build_office()
    await office.endpoint("two", "attention.*", "account.disconnected")
    await office.endpoint("hook", "target.posted")
    office.town.sim.world.set_account_status(TIKTOK, "paused")
    await office.town.sent(accounts=["brand-instagram"])
    await office.town.advance(10)
    await office.run()
    assert sorted(office.types("two")) == ["account.disconnected", "attention.opened"]
    assert office.types("hook") == ["target.posted"]


async def test_a_delivery_ends_done_with_its_attempt(office):
    await office.town.sent()
    await office.run()
    delivery, _, [attempt] = await office.town.store.delivery((await office.row(destination="hook")).id)
    assert (delivery.state, delivery.attempts, delivery.settled_at) == (WorkState.DONE, 1, NOON)
    assert (attempt.outcome, attempt.status, attempt.number) == (AttemptOutcome.OK, 200, 1)


async def test_failures_are_tried_on_schedule_under_one_webhook_id(build_office):
    rules = DeliverRules(schedule=(timedelta(), timedelta(seconds=5), timedelta(minutes=5)))
    office = await build_office(rules)
    await office.endpoint("hook", "post.*")
    office.receiver.script("hook", HookAnswer(500, times=-1))
    await office.town.sent()
    dues = []
    while (row := await office.row(destination="hook")).state is WorkState.DUE:
        dues.append((row.due_at - NOON).total_seconds())
        office.town.clock.at = row.due_at
        await office.run()
    assert dues == [0, 5, 305]
    assert (row.state, row.reason, row.attempts) == (WorkState.DEAD, FailureReason.EXHAUSTED, 3)
    assert list(office.receiver.unique("hook").values()) == [3]


async def test_the_default_schedule_is_the_published_one():
    hours = [step / timedelta(hours=1) for step in DeliverRules().schedule]
    assert hours == [0, 5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]


async def test_each_attempt_is_signed_anew(office):
    office.receiver.script("hook", 500)
    await office.town.sent()
    await office.run()
    office.town.clock.move(seconds=5)
    await office.run()
    first, second = office.receiver.of("hook")
    assert first.webhook_id == second.webhook_id
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 5
    assert second.verified


@pytest.mark.parametrize("as_date", [False, True])
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_never_shortened(office, status, as_date):
    text = format_datetime(NOON + timedelta(minutes=20), usegmt=True) if as_date else "1200"
    office.receiver.script("hook", HookAnswer(status, retry_after=text))
    await office.town.sent()
    await office.run()
    assert (await office.row(destination="hook")).due_at == NOON + timedelta(minutes=20)


async def test_retry_after_never_makes_it_sooner_than_the_schedule(office):
    office.receiver.script("hook", HookAnswer(503, retry_after="1"))
    await office.town.sent()
    await office.run()
    assert (await office.row(destination="hook")).due_at == NOON + timedelta(seconds=5)


@pytest.mark.parametrize("text", ["soon", "-5", "Thu, 99 Foo", ""])
async def test_a_retry_after_that_cannot_be_read_changes_nothing(office, text):
    office.receiver.script("hook", HookAnswer(503, retry_after=text))
    await office.town.sent()
    await office.run()
    assert (await office.row(destination="hook")).due_at == NOON + timedelta(seconds=5)


async def test_a_retry_after_of_years_is_capped_at_a_day(office):
    office.receiver.script("hook", HookAnswer(503, retry_after="999999999999"))
    await office.town.sent()
    await office.run()
    assert (await office.row(destination="hook")).due_at == NOON + timedelta(hours=24)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (HookAnswer(301, location="/hook/other"), FailureReason.REDIRECT),
        (HookAnswer(307, location="/hook/other"), FailureReason.REDIRECT),
        (HookAnswer(304), FailureReason.REDIRECT),
        (HookAnswer(400), FailureReason.CLIENT_ERROR),
        (HookAnswer(401), FailureReason.UNAUTHORIZED),
        (HookAnswer(403), FailureReason.FORBIDDEN),
        (HookAnswer(404), FailureReason.NOT_FOUND),
        (HookAnswer(429), FailureReason.RATE_LIMITED),
        (HookAnswer(500), FailureReason.SERVER_ERROR),
        (HookAnswer(drop=True), FailureReason.CLOSED),
    ],
)
async def test_only_2xx_counts_and_no_redirect_is_followed(office, answer, reason):
    office.receiver.script("hook", answer)
    await office.town.sent()
    await office.run()
    row = await office.row(destination="hook")
    assert (row.state, row.reason) == (WorkState.DUE, reason)
    assert office.receiver.of("other") == []


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_a_success(office, status):
    office.receiver.script("hook", status)
    await office.town.sent()
    await office.run()
    assert (await office.row(destination="hook")).state is WorkState.DONE


async def test_an_answer_that_takes_too_long_is_a_time_out(build_office):
    office = await build_office(replace(RULES, timeout=timedelta(seconds=0.1)))
    await office.endpoint("hook")
    office.receiver.script("hook", HookAnswer(delay_s=1))
    await office.town.sent()
    await office.run()
    assert (await office.row(destination="hook")).reason is FailureReason.TIMEOUT


async def test_an_internal_address_is_not_reached(build_office):
    office = await build_office(allow=[])
    await office.endpoint("hook")
    await office.town.sent()
    await office.run()
    delivery, _, [attempt] = await office.town.store.delivery((await office.row(destination="hook")).id)
    assert (delivery.reason, attempt.status) == (FailureReason.BLOCKED_ADDRESS, None)
    assert office.receiver.total == 0


async def test_an_endpoints_answer_is_kept_short_and_without_secrets(office):
    office.receiver.script("hook", HookAnswer(500, body="s3cret-word " + "x" * 20_000))
    await office.town.sent()
    await office.run()
    _, _, [attempt] = await office.town.store.delivery((await office.row(destination="hook")).id)
    assert len(attempt.answer["body"]) <= 16 * 1024
    assert "s3cret-word" not in attempt.answer["body"]


async def test_an_endpoint_whose_address_changes_is_met_at_the_new_one(office):
    await office.tell()
    await office.run()
    await office.change("hook", url=f"{office.base}/hook/two")
    office.town.clock.move(seconds=1)
    await office.tell()
    await office.run()
    assert len(office.receiver.of("two")) == 1


async def test_a_delivery_whose_settlement_is_lost_is_made_again_under_its_id(office):
    office.town.store.lose["settle"] = [StoreError()]
    before = office.town.metric("bridge_storage_errors_total", kind="error")
    await office.town.sent()
    await office.run()
    assert office.town.metric("bridge_storage_errors_total", kind="error") == before + 1
    office.town.clock.move(minutes=2)
    await office.run()
    received = office.receiver.of("hook")
    assert (len(received), len({one.webhook_id for one in received})) == (2, 1)
    _, _, attempts = await office.town.store.delivery((await office.row(destination="hook")).id)
    assert [one.outcome for one in attempts] == [AttemptOutcome.LOST, AttemptOutcome.OK]


async def test_a_delivery_is_settled_as_soon_as_the_store_is_back(office, monkeypatch):
    monkeypatch.setattr(flows, "_AGAIN_S", 0)
    office.town.store.drop["settle"] = [StoreBusy(), StoreFull()]
    await office.town.sent()
    await office.run()
    row = await office.row(destination="hook")
    assert (row.state, row.calls, len(office.receiver.of("hook"))) == (WorkState.DONE, 1, 1)


async def test_a_claimant_that_lost_its_lease_settles_nothing(office):
    await office.town.sent()
    [old] = await office.deliverer.claim(Lane.FIRST, 10)
    office.town.clock.move(minutes=2)
    [new] = await office.deliverer.claim(Lane.FIRST, 10)
    await office.deliverer.act(new)
    office.receiver.script("hook", 500)
    await office.deliverer.act(old)
    assert (await office.row(destination="hook")).state is WorkState.DONE


async def test_a_fault_of_ours_is_one_more_failed_attempt(office):
    office.sendings["hook"] = lambda _now: Sending((None,))
    await office.town.sent()
    await office.run()
    row = await office.row(destination="hook")
    assert (row.state, row.reason, row.attempts) == (WorkState.DUE, FailureReason.INTERNAL, 1)


async def test_attempts_are_counted_by_outcome_and_reason(metrics, office):
    await office.endpoint("made", "post.*", path="hook", configured=False)
    await office.endpoint("sub", "post.*", path="hook", configured=False, kind="subscription")
    office.receiver.script("hook", HookAnswer(500, times=3))
    await office.tell()
    await office.run()
    office.town.clock.move(seconds=5)
    await office.run()
    for name in ("other", "api", "subscription"):
        for outcome in ("done", "later"):
            assert office.town.metric("bridge_deliveries_total", endpoint=name, outcome=outcome) == 1
        assert office.town.metric("bridge_deliveries_failed_total", endpoint=name, reason="server_error") == 1
