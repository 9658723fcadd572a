"""The PostEverywhere client as a whole: drafts, bulk retries, accounts, links, and its own limits."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import AccountState, CommandKind, PostState
from bridge.partners.posteverywhere import FACTS_AGAIN, FACTS_FOR, PostEverywhere
from bridge.partners.posteverywhere.calls import a_minute
from bridge.simulator.posteverywhere import BLUESKY, LINKEDIN, PostEverywhereSimulator, X, app
from tests.partners.sending import operations, ours, published_id, send
from tests.partners.things import NOW, Clock, account, answering, command, posteverywhere

pytestmark = pytest.mark.anyio

SOON = NOW + timedelta(hours=2)
ODD = {"kind": "fail", "text": "Something odd"}


async def test_draft_that_is_given_a_time_is_scheduled(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    sim.seed_post("draft", id="d", account_ids=[X], content="Draft")
    cmd = command(CommandKind.UPDATE, payload={"changes": {"scheduled_at": SOON.isoformat()}})
    receipt = await send(partner, cmd, ours(partner_id="d", state=PostState.DRAFT))
    assert operations(sim) == ["schedule"]
    assert (receipt.state, receipt.scheduled_at) == (PostState.SCHEDULED, SOON)


async def test_many_posts_are_retried_by_one_call(sim: PostEverywhereSimulator, partner: PostEverywhere) -> None:
    sim.script(X, ODD, ODD)
    made = [await published_id(partner, ours(content={"caption": str(n)})) for n in range(2)]
    sim.tick()
    sim.tick()
    fine = await published_id(partner, ours(content={"caption": "fine"}))
    receipts = await partner.retry_failed([*made, fine])
    assert [receipt.accepted for receipt in receipts] == [True, True, False]
    assert operations(sim).count("retry_failed") == 1


async def test_content_that_failed_too_often_is_refused_for_good(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    sim.world.options.breaker_limit = 1
    sim.script(X, ODD)
    await published_id(partner, ours())
    sim.tick()
    sim.tick()
    with pytest.raises(PartnerError) as caught:
        await send(partner, command(), ours())
    error = caught.value
    assert (error.reason, error.failure, error.maybe_stored) == (FailureReason.CONTENT, FailureClass.TERMINAL, False)


async def test_facts_of_the_key_are_asked_once_an_hour(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    for wait in (timedelta(), timedelta(minutes=1), FACTS_FOR):
        clock.at += wait
        await partner.accounts()
    asked = [name for name in operations(sim) if name != "health"]
    assert asked == ["accounts", "me", "rules", "accounts", "accounts", "me", "rules"]


async def test_facts_that_cannot_be_read_harm_nothing(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    sim.fault("html_502", "me")
    sim.fault("forbidden", "rules")
    assert (await partner.accounts()).scope == "organization"
    clock.at += FACTS_AGAIN
    assert (await partner.accounts()).scope.startswith("organization:")


async def test_rules_of_the_server_are_laid_over_the_limits() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("platform-rules"):
            return httpx.Response(200, json={"data": {"platforms": {"x": {"characterLimit": 10}}}})
        return httpx.Response(200, json={"data": {"accounts": []}})

    partner = posteverywhere(httpx.MockTransport(respond), Clock())
    content, to = {"caption": "Longer than ten"}, [account("x", id="1")]
    before = partner.check(content, to, None)
    await partner.accounts()
    assert (before.faults, [fault.limit for fault in partner.check(content, to, None).faults]) == ((), [10])


async def test_account_health_has_the_reasons(sim: PostEverywhereSimulator, partner: PostEverywhere) -> None:
    sim.expire_soon(X, days=3)
    sim.expire(LINKEDIN)
    soon, dead = await partner.account_health(str(X)), await partner.account_health(str(LINKEDIN))
    assert (soon.state, soon.detail) == (AccountState.DEGRADED, "its token expires within 7 days")
    assert dead.state is AccountState.DISCONNECTED
    assert "its token has expired" in dead.detail


async def test_reconnect_link_expires(sim: PostEverywhereSimulator, partner: PostEverywhere) -> None:
    link = await partner.reconnect_link(str(X))
    assert link is not None
    assert link.url.startswith("http")
    assert link.expires_at == NOW + timedelta(minutes=10)
    assert await partner.reconnect_link("999999") is None


async def test_what_is_connected_with_credentials_has_no_link(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    linked = [name for name in ("x", "linkedin-page", "bluesky", "telegram", "discord") if partner.links(name)]
    assert linked == ["x", "linkedin-page"]
    assert await partner.reconnect_link(str(BLUESKY)) is None


@pytest.mark.parametrize(
    ("data", "life_s"),
    [({"url": "https://a.example"}, 600), ({"authorization_url": "https://a.example", "expires_in": 60}, 60)],
)
async def test_links_of_every_guess_are_read(data: dict[str, Any], life_s: int) -> None:
    link = await posteverywhere(answering(200, {"data": data}), Clock()).reconnect_link("1")
    assert link is not None
    assert (link.url, link.expires_at) == ("https://a.example", NOW + timedelta(seconds=life_s))


async def test_nothing_is_told_while_writes_are_off(sim: PostEverywhereSimulator, clock: Clock) -> None:
    partner = posteverywhere(httpx.ASGITransport(app=app(sim)), clock, writes=False)
    for call in (
        partner.send(command(), ours(), b"{}"),
        partner.retry_failed(["p"]),
        partner.host_url("https://a.example"),
        partner.reconnect_link(str(X)),
    ):
        with pytest.raises(PartnerError) as caught:
            await call
        assert (caught.value.reason, caught.value.status) == (FailureReason.NOT_ALLOWED_NOW, None)
    assert operations(sim) == []


async def test_fetch_is_no_call_of_a_partner(partner: PostEverywhere) -> None:
    with pytest.raises(PartnerError) as caught:
        await partner.send(command(CommandKind.FETCH), ours(), b"")
    assert caught.value.failure is FailureClass.TERMINAL


@pytest.mark.parametrize("calls", [1, 5, 20, 60, 1000])
def test_no_minute_sees_more_calls_than_allowed(calls: int) -> None:
    bucket, at, out = a_minute(calls), 0.0, []
    while at < 120:
        at += bucket.wait_s(at)
        bucket.take(at)
        out.append(at)
    assert max(sum(start <= one < start + 59.99 for one in out) for start in out[: calls + 1]) <= calls


async def test_rate_headers_of_the_partner_are_obeyed() -> None:
    """Creates are counted apart: when none is left, reads go on."""
    headers = {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0"}
    reset = str(int((NOW + timedelta(hours=1)).timestamp()))
    body = {"data": {"post_id": "p", "status": "publishing", "accounts": []}}
    partner = posteverywhere(answering(201, body, **headers, **{"x-ratelimit-reset": reset}), Clock())
    await send(partner, command(), ours())
    with pytest.raises(PartnerError) as caught:
        await send(partner, command(), ours())
    assert (caught.value.reason, caught.value.maybe_stored) == (FailureReason.RATE_LIMITED, False)
    assert (await partner.accounts()).accounts == ()
