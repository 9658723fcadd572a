"""Deliver: every event reaches who wants it, signed, at least once; what cannot arrive is kept with its reason."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_network

import pytest

from bridge.core.errors import FailureReason, StoreBusy
from bridge.core.model import AttemptOutcome, Endpoint, WorkState, Write
from bridge.core.redact import Redactor
from bridge.core.rules import DeliverRules
from bridge.core.signing import secret_key
from bridge.flows.deliver import Deliverer
from bridge.net import GuardedClient
from bridge.ports import Find
from bridge.simulator import running
from bridge.simulator.receiver import HookAnswer, Receiver
from tests.flows.town import NOON, TIKTOK, Town

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SECRET, OLD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_b2xkLXNlY3JldC1vZi10aGUtaG9vaw=="
LOOPBACK = [ip_network("127.0.0.0/8")]
RULES = DeliverRules(timeout=timedelta(seconds=2))


@dataclass
class Post:
    """A town whose events go to a real receiver."""

    town: Town
    receiver: Receiver
    deliverer: Deliverer
    base: str

    async def endpoint(self, name, *events, path=None, **given):
        row = Endpoint(name, f"{self.base}/hook/{path or name}", events or ("*",), **given)
        await self.town.store.record([Write(endpoints=(row,))])

    async def run(self):
        """Deliver everything that is due now, once."""
        for item in await self.deliverer.claim(1000):
            await self.deliverer.act(item)

    async def row(self, **find):
        [found] = await self.town.store.find_deliveries(Find(**find))
        return found

    def types(self, name="ops"):
        return [one.json["type"] for one in self.receiver.of(name)]


@pytest.fixture
async def build_post(build_town):
    async with AsyncExitStack() as stack:

        async def build(rules=RULES, *, hooks=("ops",), allow=LOOPBACK):
            town = await build_town()
            await town.store.record(
                [Write(endpoints=(replace((await town.store.endpoints())["ops"], version=2, events=()),))]
            )
            receiver = Receiver({"ops": SECRET, "two": SECRET}, check_time=False, now=town.clock)
            base = await stack.enter_async_context(running(receiver.app()))
            client = await stack.enter_async_context(GuardedClient(allow=allow, allow_http=True))
            keys = {"hook": [secret_key(SECRET)], "two": [secret_key(SECRET)]}
            receiver.trust("hook", SECRET)
            return Post(town, receiver, Deliverer(town.kit, rules, client, keys, Redactor(("s3cret-word",))), base)

        yield build


@pytest.fixture
async def post(build_post):
    made = await build_post()
    await made.endpoint("hook", "post.*")
    return made


async def test_an_event_arrives_signed_and_the_library_agrees(post):
    await post.town.sent()
    await post.run()
    [received] = post.receiver.of("hook")
    assert (received.verified, received.why_not, received.json["type"]) == (True, "", "post.pending")
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-timestamp"] == str(int(NOON.timestamp()))


async def test_the_body_is_the_stored_bytes(post):
    post_id = await post.town.sent()
    await post.run()
    [event] = (await post.town.store.timeline(post_id)).events
    [received] = post.receiver.of("hook")
    assert (received.body, received.webhook_id) == (event.body, event.id)


async def test_both_secrets_sign_while_one_is_replaced(post):
    post.deliverer.keys = {"hook": [secret_key(SECRET), secret_key(OLD_SECRET)]}
    post.receiver.trust("hook", OLD_SECRET)
    await post.town.sent()
    await post.run()
    assert post.receiver.of("hook")[0].verified


async def test_endpoints_get_the_types_they_want(build_post):
    post = await build_post()
    await post.endpoint("two", "attention.*", "account.disconnected")
    await post.endpoint("hook", "target.posted")
    post.town.sim.world.set_account_status(TIKTOK, "paused")
    await post.town.sent(accounts=["brand-instagram"])
    await post.town.advance(10)
    await post.run()
    assert sorted(post.types("two")) == ["account.disconnected", "attention.opened"]
    assert post.types("hook") == ["target.posted"]


async def test_a_delivery_ends_done_with_its_attempt(post):
    await post.town.sent()
    await post.run()
    delivery, _, [attempt] = await post.town.store.delivery((await post.row(destination="hook")).id)
    assert (delivery.state, delivery.attempts, delivery.settled_at) == (WorkState.DONE, 1, NOON)
    assert (attempt.outcome, attempt.status, attempt.number) == (AttemptOutcome.OK, 200, 1)


async def test_failures_are_tried_on_schedule_under_one_webhook_id(build_post):
    rules = DeliverRules(schedule=(timedelta(), timedelta(seconds=5), timedelta(minutes=5)))
    post = await build_post(rules)
    await post.endpoint("hook", "post.*")
    post.receiver.script("hook", HookAnswer(500, times=-1))
    await post.town.sent()
    dues = []
    while (row := await post.row(destination="hook")).state is WorkState.DUE:
        dues.append((row.due_at - NOON).total_seconds())
        post.town.clock.at = row.due_at
        await post.run()
    assert dues == [0, 5, 305]
    assert (row.state, row.reason, row.attempts) == (WorkState.DEAD, FailureReason.EXHAUSTED, 3)
    assert list(post.receiver.unique("hook").values()) == [3]


async def test_the_default_schedule_is_the_published_one():
    hours = [step / timedelta(hours=1) for step in DeliverRules().schedule]
    assert hours == [0, 5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]


async def test_each_attempt_is_signed_anew(post):
    post.receiver.script("hook", 500)
    await post.town.sent()
    await post.run()
    post.town.clock.move(seconds=5)
    await post.run()
    first, second = post.receiver.of("hook")
    assert first.webhook_id == second.webhook_id
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 5
    assert second.verified


@pytest.mark.parametrize("as_date", [False, True])
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_never_shortened(post, status, as_date):
    text = format_datetime(NOON + timedelta(minutes=20), usegmt=True) if as_date else "1200"
    post.receiver.script("hook", HookAnswer(status, retry_after=text))
    await post.town.sent()
    await post.run()
    assert (await post.row(destination="hook")).due_at == NOON + timedelta(minutes=20)


async def test_retry_after_never_makes_it_sooner_than_the_schedule(post):
    post.receiver.script("hook", HookAnswer(503, retry_after="1"))
    await post.town.sent()
    await post.run()
    assert (await post.row(destination="hook")).due_at == NOON + timedelta(seconds=5)


@pytest.mark.parametrize("text", ["soon", "-5", "Thu, 99 Foo", ""])
async def test_a_retry_after_that_cannot_be_read_changes_nothing(post, text):
    post.receiver.script("hook", HookAnswer(503, retry_after=text))
    await post.town.sent()
    await post.run()
    assert (await post.row(destination="hook")).due_at == NOON + timedelta(seconds=5)


async def test_a_retry_after_of_years_is_capped_at_a_day(post):
    post.receiver.script("hook", HookAnswer(503, retry_after="999999999999"))
    await post.town.sent()
    await post.run()
    assert (await post.row(destination="hook")).due_at == NOON + timedelta(hours=24)


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
async def test_only_2xx_counts_and_no_redirect_is_followed(post, answer, reason):
    post.receiver.script("hook", answer)
    await post.town.sent()
    await post.run()
    row = await post.row(destination="hook")
    assert (row.state, row.reason) == (WorkState.DUE, reason)
    assert post.receiver.of("other") == []


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_a_success(post, status):
    post.receiver.script("hook", status)
    await post.town.sent()
    await post.run()
    assert (await post.row(destination="hook")).state is WorkState.DONE


async def test_an_answer_that_takes_too_long_is_a_time_out(build_post):
    post = await build_post(replace(RULES, timeout=timedelta(seconds=0.1)))
    await post.endpoint("hook")
    post.receiver.script("hook", HookAnswer(delay_s=1))
    await post.town.sent()
    await post.run()
    assert (await post.row(destination="hook")).reason is FailureReason.TIMEOUT


async def test_an_internal_address_is_not_reached(build_post):
    post = await build_post(allow=[])
    await post.endpoint("hook")
    await post.town.sent()
    await post.run()
    delivery, _, [attempt] = await post.town.store.delivery((await post.row(destination="hook")).id)
    assert (delivery.reason, attempt.status) == (FailureReason.BLOCKED_ADDRESS, None)
    assert post.receiver.total == 0


async def test_an_endpoints_answer_is_kept_short_and_without_secrets(post):
    post.receiver.script("hook", HookAnswer(500, body="s3cret-word " + "x" * 9_000))
    await post.town.sent()
    await post.run()
    _, _, [attempt] = await post.town.store.delivery((await post.row(destination="hook")).id)
    assert len(attempt.answer["body"]) <= 2_000
    assert "s3cret-word" not in attempt.answer["body"]


async def gone(post):
    """Two events for an endpoint that answers the first with 410."""
    post.receiver.script("hook", 410)
    await post.town.sent(caption="one")
    await post.town.sent(caption="two")
    await post.run()


async def test_410_disables_at_once_and_what_waits_dies_where_it_can_be_replayed(post):
    await post.endpoint("two", "endpoint.*")
    await gone(post)
    endpoint = (await post.town.store.endpoints())["hook"]
    rows = await post.town.store.find_deliveries(Find(destination="hook"))
    assert (endpoint.enabled, endpoint.reason) == (False, FailureReason.GONE)
    assert {row.state for row in rows} == {WorkState.DEAD}
    assert len(post.receiver.of("hook")) == 1
    await post.run()
    assert post.types("two") == ["endpoint.disabled"]


async def test_events_for_a_disabled_endpoint_are_kept_with_the_reason(post):
    await gone(post)
    post.town.clock.move(seconds=1)
    await post.town.sent(caption="three")
    newest = (await post.town.store.find_deliveries(Find(destination="hook")))[0]
    assert (newest.state, newest.reason) == (WorkState.DEAD, FailureReason.ENDPOINT_DISABLED)


async def test_an_enabled_endpoint_gets_new_events_at_once_and_old_ones_by_replay(post):
    await gone(post)
    await post.town.actions.enable("hook")
    await post.town.sent(caption="three")
    await post.run()
    assert len(post.receiver.of("hook")) == 2
    assert await post.town.store.replay(Find(destination="hook", state="dead"), (), post.town.clock()) == 2
    await post.run()
    assert {row.state for row in await post.town.store.find_deliveries(Find(destination="hook"))} == {WorkState.DONE}


async def test_an_endpoint_that_is_gone_again_is_disabled_again(post):
    await gone(post)
    await post.town.actions.enable("hook")
    post.receiver.script("hook", 410)
    await post.town.sent(caption="three")
    await post.run()
    assert not (await post.town.store.endpoints())["hook"].enabled


async def test_two_410s_at_once_are_told_once(post):
    await post.endpoint("two", "endpoint.*")
    post.receiver.script("hook", 410, 410)
    await post.town.sent(caption="one")
    await post.town.sent(caption="two")
    await asyncio.gather(*(post.deliverer.act(item) for item in await post.deliverer.claim(10)))
    await post.run()
    assert post.types("two") == ["endpoint.disabled"]


async def test_an_endpoint_whose_address_changes_is_met_at_the_new_one(post):
    await post.town.sent(caption="one")
    await post.run()
    row = (await post.town.store.endpoints())["hook"]
    moved = replace(row, url=f"{post.base}/hook/two", version=row.version + 1)
    await post.town.store.record([Write(endpoints=(moved,))])
    post.deliverer.endpoints = {}
    await post.town.sent(caption="two")
    await post.run()
    assert len(post.receiver.of("two")) == 1


async def exhausted(build_post, *events):
    post = await build_post(replace(RULES, schedule=(timedelta(),)))
    await post.endpoint("hook", *events)
    await post.endpoint("two", "delivery.*")
    post.receiver.script("hook", 500)
    await post.town.sent()
    await post.run()
    return post


async def test_a_dead_letter_is_told_with_its_reason(build_post):
    post = await exhausted(build_post, "post.*")
    dead = await post.row(destination="hook")
    await post.run()
    [received] = post.receiver.of("two")
    data = received.json["data"]
    assert (received.json["type"], data["subject"]) == ("delivery.exhausted", {"kind": "delivery", "id": dead.id})
    assert (data["endpoint"], data["reason"], data["webhook_id"]) == ("hook", "server_error", dead.outbound_id)


async def test_a_dead_letter_is_replayed_under_its_webhook_id(build_post):
    post = await exhausted(build_post, "post.*")
    dead = await post.row(destination="hook")
    await post.town.store.replay(Find(), [dead.id], post.town.clock())
    await post.run()
    row = await post.row(destination="hook")
    assert (row.state, row.calls) == (WorkState.DONE, 2)
    assert list(post.receiver.unique("hook").values()) == [2]


async def test_an_exhausted_delivery_about_a_delivery_is_not_told(build_post):
    post = await build_post(replace(RULES, schedule=(timedelta(),)))
    await post.endpoint("hook", "*")
    post.receiver.script("hook", HookAnswer(500, times=-1))
    await post.town.sent()
    for _ in range(5):
        await post.run()
    rows = await post.town.store.find_deliveries(Find(destination="hook"))
    assert sorted(row.type for row in rows) == ["delivery.exhausted", "post.pending"]


async def test_a_delivery_whose_settlement_is_lost_is_made_again_under_its_id(post):
    post.town.store.lose["settle"] = [StoreBusy()]
    before = post.town.metric("bridge_storage_errors_total", kind="busy")
    await post.town.sent()
    await post.run()
    assert post.town.metric("bridge_storage_errors_total", kind="busy") == before + 1
    post.town.clock.move(minutes=2)
    await post.run()
    received = post.receiver.of("hook")
    assert (len(received), len({one.webhook_id for one in received})) == (2, 1)
    _, _, attempts = await post.town.store.delivery((await post.row(destination="hook")).id)
    assert [one.outcome for one in attempts] == [AttemptOutcome.LOST, AttemptOutcome.OK]


async def test_a_claimant_that_lost_its_lease_settles_nothing(post):
    await post.town.sent()
    [old] = await post.deliverer.claim(10)
    post.town.clock.move(minutes=2)
    [new] = await post.deliverer.claim(10)
    await post.deliverer.act(new)
    post.receiver.script("hook", 500)
    await post.deliverer.act(old)
    assert (await post.row(destination="hook")).state is WorkState.DONE


async def test_a_fault_of_ours_is_one_more_failed_attempt(post):
    post.deliverer.keys = {"hook": [None]}
    await post.town.sent()
    await post.run()
    row = await post.row(destination="hook")
    assert (row.state, row.reason, row.attempts) == (WorkState.DUE, FailureReason.INTERNAL, 1)


async def test_attempts_are_counted_by_outcome_and_reason(metrics, post):
    post.receiver.script("hook", 500)
    await post.town.sent()
    await post.run()
    post.town.clock.move(seconds=5)
    await post.run()
    for outcome in ("done", "later"):
        assert post.town.metric("bridge_deliveries_total", endpoint="other", outcome=outcome) == 1
    assert post.town.metric("bridge_deliveries_failed_total", endpoint="other", reason="server_error") == 1
