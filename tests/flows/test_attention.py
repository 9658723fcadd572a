"""What a person is told when a cause opens: which account, what waits for it, and what to do."""

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from bridge.core.model import WorkState
from bridge.core.resume import resume
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.step import Step
from bridge.flows import NAMED
from bridge.ports import Find
from tests.flows.town import TIKTOK, failing

pytestmark = pytest.mark.anyio


async def opened(town):
    """The data of the only cause that was opened."""
    [delivery] = await town.store.find_deliveries(Find(type="attention.opened"))
    _, event, _ = await town.store.delivery(delivery.id)
    return orjson.loads(event.body)["data"]


async def lose(town, account=TIKTOK):
    town.sim.world.set_account_status(account, "paused")
    for _ in range(2):
        await town.watcher.accounts()


async def test_a_lost_account_names_itself_and_every_post_that_will_meet_it(town):
    later = (town.clock() + timedelta(hours=3)).isoformat()
    scheduled = await town.sent(scheduled_at=later)
    pending = await town.sent(caption="two")
    await town.sent(caption="three", accounts=["brand-instagram"])
    await lose(town)

    data = await opened(town)
    assert data["account"] == {
        "id": TIKTOK, "platform": "tiktok", "username": "brandhq.tt", "name": "brand-tiktok",
    }  # fmt: skip
    assert (data["waits"], data["waiting"]) == (sorted([scheduled, pending]), 2)
    assert data["what_to_do"].startswith("Reconnect the account in the partner's dashboard")


async def test_a_partner_that_makes_links_is_said_to(town):
    town.kit.partners["gv"].links = "tiktok".__eq__
    await lose(town)

    data = await opened(town)
    assert f"POST /v1/accounts/gv:{TIKTOK}/reconnect-link" in data["what_to_do"]
    assert (data["waits"], data["waiting"]) == ([], 0)


@pytest.mark.parametrize(("linked", "writes"), [("x", True), ("tiktok", False)])
async def test_no_link_is_offered_that_the_partner_would_not_make(town, linked, writes):
    partner = town.kit.partners["gv"]
    partner.links, partner.writes = linked.__eq__, writes
    await lose(town)

    assert "POST" not in (await opened(town))["what_to_do"]


async def test_a_flood_is_counted_and_not_named(town):
    for number in range(NAMED + 5):
        await town.publish(caption=f"{number}")
    await lose(town)

    data = await opened(town)
    assert (len(data["waits"]), data["waiting"]) == (NAMED, NAMED + 5)


async def test_a_dead_token_names_the_post_that_failed_first(town):
    town.sim.script(TIKTOK, failing("Token expired, please reconnect your account"))
    failed = await town.sent()
    waiting = await town.publish(caption="two", scheduled_at=(town.clock() + timedelta(hours=3)).isoformat())
    await town.advance(5)

    assert (await opened(town))["waits"] == [failed, waiting.posts[0].id]


async def test_a_refused_key_names_what_cannot_be_sent_and_no_account(town):
    await town.sent(scheduled_at=(town.clock() + timedelta(hours=3)).isoformat())
    town.sim.fault("plan_lapsed", "create")
    ids = [(await town.publish(caption=f"{number}")).posts[0].id for number in range(2)]
    await town.work()

    data = await opened(town)
    assert (data["account"], sorted(data["waits"]), data["reason"]) == (None, ids, "payment_required")


async def test_an_account_that_nobody_ever_listed_is_named_by_its_id(build_town):
    town = await build_town(listed=False)
    town.sim.script(TIKTOK, failing("Token expired, please reconnect your account"))
    await town.sent(accounts=[TIKTOK])
    town.clock.move(minutes=5)
    town.sim.tick()
    await town.watcher.posts()

    assert (await opened(town))["account"]["id"] == TIKTOK


async def test_an_account_that_is_dead_in_the_baseline_needs_somebody_once_work_waits_for_it(build_town):
    town = await build_town(listed=False)
    town.sim.fault("unknown_status", "accounts", word="revoked", times=-1)
    await town.watcher.accounts()
    assert await town.told("a*") == []
    post_id = (await town.publish()).posts[0].id
    await town.advance(10)

    assert await town.told("a*") == ["attention.opened"]
    data = await opened(town)
    assert (data["waits"], data["detail"]) == ([post_id], "tiktok account brandhq.tt: listed as revoked")


async def test_nothing_more_is_read_while_nothing_opens(town):
    await town.sent()
    town.store.lose["waiting"] = [AssertionError("asked for what waits")]
    await town.advance(10)

    assert len(town.store.lose["waiting"]) == 1


# What is read in parts must fit together.


class Between:
    """A store whose rows change between two reads of one look at the world: after the first of these."""

    def __init__(self, store, change):
        self._store, self._change = store, change

    def __getattr__(self, name):
        plain = getattr(self._store, name)
        if name not in ("causes", "accounts", "keys"):
            return plain

        async def read():
            answer = await plain()
            change, self._change = self._change, None
            if change is not None:
                await change()
            return answer

        return read


@pytest.fixture
async def waiting(town):
    """A post that waits for a dead account, which is listed again."""
    await lose(town)
    post_id = await town.sent()
    town.sim.world.reconnect(TIKTOK)
    return post_id


async def test_an_account_that_is_back_between_two_reads_has_no_cause_opened_again(town, waiting):
    """Causes are read before accounts: one that is seen closed is never seen beside the dead account that it was."""
    world = await replace(town.kit, store=Between(town.store, town.watcher.accounts)).world()
    parked = await town.store.parked(10)
    step = Step(town.kit.moment(), world)
    resume(step, [(item.command, item.post) for item in parked], PublishRules(), WatchRules())

    assert not (await town.cause(f"account:gv:{TIKTOK}")).open
    assert [event.type for event in step.write().events] == []


@pytest.mark.parametrize("name", ["resumer", "watcher", "publisher"])
async def test_whatever_runs_while_an_account_comes_back_its_cause_is_told_once(town, waiting, name):
    flow, back = getattr(town, name), town.watcher.accounts
    flow.kit = replace(town.kit, store=Between(town.store, back))
    await town.advance(15)

    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]
    assert [command.state for command in await town.commands(waiting)] == [WorkState.DONE]
