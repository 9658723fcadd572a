"""The PostEverywhere client as a whole: lost creates, drafts, bulk retries, accounts, links, and its own limits."""

from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import AccountState, Command, CommandKind, Post, PostState
from bridge.partners.posteverywhere import FACTS_AGAIN, FACTS_FOR, PostEverywhere, _a_minute
from bridge.partners.posteverywhere.lookup import Wanted
from bridge.ports import Send
from bridge.simulator.posteverywhere import LINKEDIN, PostEverywhereSimulator, X, app
from tests.partners.things import NOW, Clock, account, answering, command, post, posteverywhere

pytestmark = pytest.mark.anyio

TEXT = "Holiday drops start Monday, and here is what is in them: everything, 50 % off"
SOON = NOW + timedelta(hours=2)
ODD = {"kind": "fail", "text": "Something odd"}


@pytest.fixture
def sim(clock: Clock) -> PostEverywhereSimulator:
    return PostEverywhereSimulator(now=clock, general_per_minute=1000, creates_per_minute=1000)


@pytest.fixture
def partner(sim: PostEverywhereSimulator, clock: Clock) -> PostEverywhere:
    return posteverywhere(httpx.ASGITransport(app=app(sim)), clock)


def ours(*accounts: int, **changes: Any) -> Post:
    content = {"caption": TEXT, "media": None} | changes.pop("content", {})
    return post(*(str(one) for one in accounts or (X,)), content=content, **changes)


async def send(partner: PostEverywhere, cmd: Command, made: Post) -> Any:
    built = partner.build(cmd, made, NOW)
    assert isinstance(built, Send)
    return await partner.send(cmd, made, built.body)


async def lose(sim: PostEverywhereSimulator, partner: PostEverywhere, made: Post) -> Command:
    """Send a create whose answer is lost; give the command as it is then."""
    sim.fault("stored_then_dropped", "create")
    with pytest.raises(PartnerError):
        await send(partner, command(), made)
    built = partner.build(command(), made, NOW)
    assert isinstance(built, Send)
    return command(body=built.body, sent_at=NOW)


def operations(sim: PostEverywhereSimulator) -> list[str]:
    return [entry.operation for entry in sim.journal]


async def test_lost_create_is_not_looked_for_before_lists_can_show_it(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    lost = await lose(sim, partner, ours())
    clock.advance(seconds=9)
    with pytest.raises(PartnerError) as caught:
        await partner.find(lost, ours())
    assert (caught.value.reason, caught.value.failure) == (FailureReason.UNKNOWN_OUTCOME, FailureClass.RETRYABLE)
    assert caught.value.retry_after is None
    clock.advance(seconds=1)
    assert len(await partner.find(lost, ours())) == 1
    assert operations(sim) == ["create", "list", "list"]


async def test_create_of_an_earlier_process_is_waited_for_too(sim: PostEverywhereSimulator, clock: Clock) -> None:
    transport = httpx.ASGITransport(app=app(sim))
    lost = await lose(sim, posteverywhere(transport, clock), ours())
    clock.advance(seconds=2)
    reborn = posteverywhere(transport, clock)
    with pytest.raises(PartnerError):
        await reborn.find(lost, ours())
    clock.advance(seconds=8)
    assert len(await reborn.find(lost, ours())) == 1


async def test_create_that_was_refused_after_a_lost_one_is_looked_for_at_once(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    sim.fault("dropped", "create")
    with pytest.raises(PartnerError):
        await send(partner, command(), ours())
    built = partner.build(command(), ours(), NOW)
    assert isinstance(built, Send)
    again = command(body=built.body, sent_at=clock.advance(seconds=20), calls=2)
    sim.fault("answer", "create", status=400, body='{"error": {"code": "validation_error", "message": "No"}}')
    with pytest.raises(PartnerError):
        await partner.send(again, ours(), built.body)
    assert await partner.find(again, ours()) == []


@pytest.mark.parametrize("scheduled_at", [None, SOON])
async def test_equal_posts_are_found_oldest_first_and_others_not(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock, scheduled_at: Any
) -> None:
    lost = await lose(sim, partner, ours(X, LINKEDIN, scheduled_at=scheduled_at))
    [first] = sim.world.posts
    clock.advance(seconds=5)
    twin = await published_id(partner, ours(LINKEDIN, X, scheduled_at=scheduled_at))
    for other in (
        ours(X, scheduled_at=scheduled_at),
        ours(X, LINKEDIN, scheduled_at=SOON + timedelta(hours=1)),
        ours(X, LINKEDIN, scheduled_at=scheduled_at, content={"caption": TEXT + "!"}),
    ):
        await published_id(partner, other)
    clock.advance(seconds=10)
    found = await partner.find(lost, ours(X, LINKEDIN))
    assert [receipt.partner_id for receipt in found] == [first, twin]


async def published_id(partner: PostEverywhere, made: Post) -> str:
    return str((await send(partner, command(id="other"), made)).partner_id)


async def test_lost_create_is_found_behind_many_others(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    lost = await lose(sim, partner, ours())
    [wanted] = sim.world.posts
    for n in range(150):
        sim.seed_post(
            "scheduled", content=f"Other {n}", account_ids=[X], created_at=clock.advance(seconds=1).isoformat()
        )
    found = await partner.find(lost, ours())
    assert [receipt.partner_id for receipt in found] == [wanted]


async def test_look_stops_where_older_posts_begin(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    for n in range(300):
        sim.seed_post("published", content=TEXT, account_ids=[X], created_at=f"2024-01-01T00:{n // 60:02}:{n % 60:02}Z")
    lost = await lose(sim, partner, ours())
    clock.advance(seconds=10)
    assert len(await partner.find(lost, ours())) == 1


async def test_too_many_posts_to_look_through_is_no_absence(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    for n in range(2001):
        sim.seed_post("published", content=f"Other {n}", account_ids=[X], created_at=NOW.isoformat())
    lost = await lose(sim, partner, ours())
    clock.advance(seconds=10)
    with pytest.raises(PartnerError) as caught:
        await partner.find(lost, ours())
    assert caught.value.failure is FailureClass.AMBIGUOUS


async def test_list_that_hides_the_accounts_is_no_absence() -> None:
    row = {"id": "p", "content": "Hello", "created_at": NOW.isoformat(), "scheduled_for": None}
    partner = posteverywhere(answering(200, {"data": {"posts": [row]}}), Clock())
    lost = command(body=b'{"account_ids":[1],"content":"Hello"}', sent_at=NOW)
    with pytest.raises(PartnerError) as caught:
        await partner.find(lost, ours())
    assert caught.value.failure is FailureClass.AMBIGUOUS


@pytest.mark.parametrize(
    ("sent", "data", "found"),
    [
        ({"content": "Hi  there"}, {"content": "Hi there "}, True), ({"content": "Hi"}, {"content": "Ho"}, False),
        ({"content": "Hi"}, {"content": "Hi", "account_ids": ["2"]}, False),
        ({"content": "Hi"}, {"content": "Hi", "account_ids": ["1"]}, True),
        ({"content": "Hi"}, {"content": "Hi", "account_ids": [], "destinations": [{"social_account_id": 1}]}, True),
        ({"platform_content": {"x": {"content": "Own"}}}, {"platform_content": {"x": {"content": "Own"}}}, True),
        ({"platform_content": {"x": {"content": "Own"}}}, {"platform_content": {"x": {"content": "Other"}}}, False),
        ({"content": "Hi", "scheduled_for": "2025-02-01T15:00:00Z"}, {"content": "Hi"}, False),
        ({"content": "Hi", "scheduled_for": "2025-02-01T15:00:00Z"},
         {"content": "Hi", "scheduled_at": "2025-02-01T15:00:00.000Z"}, True),
        ({"content": "Hi"}, {"content": "Hi", "scheduled_for": NOW.isoformat()}, True),
        ({"content": "Hi"}, {"content": "Hi", "scheduled_for": SOON.isoformat()}, False),
    ],
)  # fmt: skip
def test_lost_post_is_known_by_what_was_sent(sent: dict[str, Any], data: dict[str, Any], found: bool) -> None:
    wanted = Wanted.of(orjson.dumps({"account_ids": [1]} | sent))
    assert wanted.matches({"account_ids": [1], "created_at": NOW.isoformat()} | data) is found


async def test_nothing_was_sent_so_nothing_is_found(sim: PostEverywhereSimulator, partner: PostEverywhere) -> None:
    assert await partner.find(command(), ours()) == []
    assert operations(sim) == []


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
    ):
        with pytest.raises(PartnerError) as caught:
            await call
        assert (caught.value.reason, caught.value.status) == (FailureReason.NOT_ALLOWED_NOW, None)
    assert await partner.reconnect_link(str(X)) is None
    assert operations(sim) == []
    assert [one["code"] for one in partner.check({"caption": "a"}, [account("x", id="1")], None).warnings] == [
        "WRITES_OFF"
    ]


async def test_fetch_is_no_call_of_a_partner(partner: PostEverywhere) -> None:
    with pytest.raises(PartnerError) as caught:
        await partner.send(command(CommandKind.FETCH), ours(), b"")
    assert caught.value.failure is FailureClass.TERMINAL


@pytest.mark.parametrize("calls", [1, 5, 20, 60, 1000])
def test_no_minute_sees_more_calls_than_allowed(calls: int) -> None:
    bucket, at, out = _a_minute(calls), 0.0, []
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
