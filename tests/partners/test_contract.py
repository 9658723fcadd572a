"""What flows rely on, for every partner, against its simulator."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import CommandKind, Post, PostState, TargetState
from bridge.metrics import OPERATIONS as METRIC_OPERATIONS
from bridge.partners import CONFIGS, OPERATIONS, PARTNERS, build
from bridge.ports import Later, Send
from bridge.simulator.genviral import DEMO_TOKEN, INSTAGRAM, TIKTOK, TIKTOK_HOSTED, YOUTUBE
from tests.partners.things import BASE_URL, NOW, Bench, Observed, account, command, nobody, post, sample

pytestmark = pytest.mark.anyio


async def published(bench: Bench, made: Post) -> Post:
    cmd = command()
    built = bench.partner.build(cmd, made, bench.clock())
    assert isinstance(built, Send)
    receipt = await bench.partner.send(cmd, made, built.body)
    state = receipt.state or PostState.PENDING
    return replace(made, partner_id=receipt.partner_id, state=state, scheduled_at=receipt.scheduled_at)


def stored(bench: Bench) -> int:
    return len(bench.sim.world.posts)


def test_registry_names_each_kind_alike(kind: str) -> None:
    assert PARTNERS[kind].kind == kind
    assert CONFIGS[kind].kind == kind
    assert set(OPERATIONS[kind]) <= set(METRIC_OPERATIONS)


async def test_build_makes_the_partner_of_the_configuration(kind: str) -> None:
    config = CONFIGS[kind](token=DEMO_TOKEN, base_url=BASE_URL)
    partner = build("brand", config, Observed())
    assert (partner.name, partner.kind) == ("brand", kind)
    await partner.close()


async def test_publish_makes_one_post(bench: Bench) -> None:
    made = await published(bench, post(TIKTOK, INSTAGRAM))
    assert made.partner_id in bench.sim.world.posts
    assert made.state is PostState.PENDING
    assert bench.observed.calls == [("brand", "create", "ok")]


@pytest.mark.parametrize("contract", ["v1", "v3"])
async def test_published_example_is_taken_under_every_contract(bench: Bench) -> None:
    """Its music is for TikTok alone and one target is Instagram: v3 takes that only as two requests."""
    example = sample("create-video")["request"]["body"]
    content = {name: example[name] for name in ("caption", "media", "music_url")}
    listed = {one.id: one for one in (await bench.partner.accounts()).accounts}
    wanted = [
        account(listed[one["id"]].platform, id=one["id"], type=listed[one["id"]].type) for one in example["accounts"]
    ]
    assert bench.partner.check(content, wanted, None).faults == ()
    groups = bench.partner.split(content, wanted)
    for n, group in enumerate(groups):
        await published(bench, post(*(one.id for one in group), content=content, external_id=f"ext-{n}"))
    music = {row.account_id: one.content.get("music_url") for one in bench.sim.world.posts.values() for row in one.rows}
    assert music == {TIKTOK_HOSTED: example["music_url"], INSTAGRAM: None}


async def test_same_bytes_again_are_the_same_post(bench: Bench) -> None:
    built = bench.partner.build(command(), post(), NOW)
    assert isinstance(built, Send)
    first = await bench.partner.send(command(), post(), built.body)
    second = await bench.partner.send(command(), post(), built.body)
    assert (first.partner_id, first.duplicate, second.duplicate) == (second.partner_id, False, True)
    assert stored(bench) == 1


@pytest.mark.parametrize("fault", ["stored_then_dropped", "html_502", "empty", "server_error"])
async def test_lost_answer_says_that_it_may_be_stored(bench: Bench, fault: str) -> None:
    bench.sim.fault(fault, "create", after=True)
    with pytest.raises(PartnerError) as caught:
        await published(bench, post())
    assert caught.value.maybe_stored
    assert caught.value.failure is FailureClass.RETRYABLE
    assert (await published(bench, post())).partner_id
    assert stored(bench) == 1


@pytest.mark.parametrize("contract", ["v1", "v3"])
async def test_lost_post_is_found(bench: Bench) -> None:
    bench.sim.fault("stored_then_dropped", "create")
    made = post(TIKTOK, INSTAGRAM, scheduled_at=NOW + timedelta(hours=3))
    built = bench.partner.build(command(), made, NOW)
    assert isinstance(built, Send)
    with pytest.raises(PartnerError):
        await bench.partner.send(command(), made, built.body)
    bench.clock.advance(seconds=20)
    lost = command(body=built.body, sent_at=NOW)
    [receipt] = await bench.partner.find(lost, made)
    assert receipt.partner_id in bench.sim.world.posts
    assert receipt.state is PostState.SCHEDULED


@pytest.mark.parametrize("contract", ["v1", "v3"])
async def test_post_that_never_arrived_is_not_found(bench: Bench) -> None:
    await published(bench, post(content={"caption": "Another"}))
    await published(bench, post(INSTAGRAM, external_id="ext-2"))
    built = bench.partner.build(command(), post(), NOW)
    assert isinstance(built, Send)
    assert await bench.partner.find(command(body=built.body, sent_at=NOW), post()) == []


@pytest.mark.parametrize("contract", ["v1", "v3"])
async def test_must_find_before_bytes_are_sent_again(bench: Bench, contract: str) -> None:
    lost = command(body=b"{}", sent_at=NOW)
    assert bench.partner.must_find(lost, NOW + timedelta(minutes=1)) is (contract == "v1")
    assert bench.partner.must_find(lost, NOW + timedelta(hours=24, seconds=1))
    assert not bench.partner.must_find(command(), NOW + timedelta(days=2))
    assert not bench.partner.must_find(command(CommandKind.RETRY, sent_at=NOW), NOW + timedelta(days=2))


async def test_read_follows_a_post_to_its_end(bench: Bench) -> None:
    made = await published(bench, post(TIKTOK, INSTAGRAM))
    bench.sim.script(INSTAGRAM, {"kind": "fail", "text": "Something odd"})
    waiting = (await bench.partner.read([made], None, 10, known=nobody)).snapshots[0]
    bench.sim.tick(now=bench.clock.advance(minutes=5))
    ended = (await bench.partner.read([made], None, 10, known=nobody)).snapshots[0]
    assert (waiting.state, ended.state) == (PostState.PENDING, PostState.PARTIAL)
    states = {row.account: row.state for row in ended.targets}
    assert states == {TIKTOK: TargetState.POSTED, INSTAGRAM: TargetState.FAILED}
    assert (waiting.read_at, ended.read_at) == (NOW, bench.clock())


async def test_read_keeps_to_its_budget(bench: Bench) -> None:
    made = [await published(bench, post(external_id=f"ext-{n}", content={"caption": str(n)})) for n in range(5)]
    reading = await bench.partner.read(made, None, 2, known=nobody)
    assert [one.partner_id for one in reading.snapshots] == [made[0].partner_id, made[1].partner_id]


async def test_post_that_is_gone_has_vanished(bench: Bench) -> None:
    made = await published(bench, post())
    bench.sim.world.posts.clear()
    reading = await bench.partner.read([made], None, 10, known=nobody)
    assert [one.state for one in reading.snapshots] == [PostState.VANISHED]


async def test_one_failed_read_does_not_end_the_reading(bench: Bench) -> None:
    made = [await published(bench, post(external_id=f"ext-{n}", content={"caption": str(n)})) for n in range(3)]
    bench.sim.fault("server_error", "get", match=made[1].partner_id)
    reading = await bench.partner.read(made, "cursor", 10, known=nobody)
    assert [one.partner_id for one in reading.snapshots] == [made[0].partner_id, made[2].partner_id]
    assert reading.failed == {made[1].partner_id: FailureReason.SERVER_ERROR}
    assert reading.cursor == "cursor"


@pytest.mark.parametrize("fault", ["unauthorized", "plan_lapsed", "tier_not_allowed", "rate_limited"])
async def test_fault_of_the_key_is_raised_unless_something_was_read(bench: Bench, fault: str) -> None:
    made = [await published(bench, post(external_id=f"ext-{n}", content={"caption": str(n)})) for n in range(3)]
    bench.sim.fault(fault, "get", match=made[1].partner_id, times=2)
    assert len((await bench.partner.read(made, None, 10, known=nobody)).snapshots) == 1
    with pytest.raises(PartnerError):
        await bench.partner.read(made[1:], None, 10, known=nobody)


async def test_retry_puts_the_failed_account_back(bench: Bench) -> None:
    bench.sim.script(INSTAGRAM, "fail")
    made = await published(bench, post(TIKTOK, INSTAGRAM))
    bench.sim.tick()
    cmd = command(CommandKind.RETRY, payload={"account_ids": [INSTAGRAM]})
    built = bench.partner.build(cmd, made, NOW)
    assert isinstance(built, Send)
    assert (await bench.partner.send(cmd, made, built.body)).accepted
    again = await bench.partner.send(cmd, made, built.body)
    assert (again.accepted, again.refusal) == (False, "Only failed or partial posts can be retried")


async def test_retry_is_read_out_of_a_500(bench: Bench) -> None:
    bench.sim.script(TIKTOK, "fail")
    made = await published(bench, post())
    bench.sim.tick()
    bench.sim.fault("partial", "retry", done=1)
    cmd = command(CommandKind.RETRY)
    receipt = await bench.partner.send(cmd, made, bench.partner.build(cmd, made, NOW).body)  # type: ignore[union-attr]
    assert (receipt.accepted, receipt.status) == (True, 500)


@pytest.mark.parametrize(("kind_of", "operation"), [(CommandKind.RETRY, "retry"), (CommandKind.CANCEL, "delete")])
async def test_500_without_a_word_of_the_post_is_raised(bench: Bench, kind_of: CommandKind, operation: str) -> None:
    made = await published(bench, post())
    bench.sim.fault("partial", operation, done=0)
    cmd = command(kind_of)
    with pytest.raises(PartnerError) as caught:
        await bench.partner.send(cmd, made, bench.partner.build(cmd, made, NOW).body)  # type: ignore[union-attr]
    assert (caught.value.reason, caught.value.maybe_stored) == (FailureReason.SERVER_ERROR, True)


async def test_cancel_takes_back_what_is_not_out(bench: Bench) -> None:
    made = await published(bench, post())
    cmd = command(CommandKind.CANCEL)
    body = bench.partner.build(cmd, made, NOW).body  # type: ignore[union-attr]
    assert (await bench.partner.send(cmd, made, body)).accepted
    again = await bench.partner.send(cmd, made, body)
    assert (again.accepted, again.refusal) == (False, "Post not found")


async def test_cancel_of_a_posted_post_is_refused(bench: Bench) -> None:
    made = await published(bench, post())
    bench.sim.tick()
    cmd = command(CommandKind.CANCEL)
    receipt = await bench.partner.send(cmd, made, bench.partner.build(cmd, made, NOW).body)  # type: ignore[union-attr]
    assert (receipt.accepted, receipt.state) == (False, PostState.POSTED)
    assert "posted" in (receipt.refusal or "")


async def test_update_changes_the_post(bench: Bench) -> None:
    made = await published(bench, post())
    later = (NOW + timedelta(days=1)).isoformat()
    cmd = command(CommandKind.UPDATE, payload={"changes": {"caption": "Changed", "scheduled_at": later}})
    receipt = await bench.partner.send(cmd, made, bench.partner.build(cmd, made, NOW).body)  # type: ignore[union-attr]
    assert (receipt.state, receipt.scheduled_at) == (PostState.SCHEDULED, NOW + timedelta(days=1))
    assert bench.sim.world.posts[made.partner_id or ""].caption == "Changed"


async def test_update_of_a_posted_post_is_refused(bench: Bench) -> None:
    made = await published(bench, post())
    bench.sim.tick()
    cmd = command(CommandKind.UPDATE, payload={"changes": {"caption": "Changed"}})
    with pytest.raises(PartnerError) as caught:
        await bench.partner.send(cmd, made, bench.partner.build(cmd, made, NOW).body)  # type: ignore[union-attr]
    assert (caught.value.reason, caught.value.failure) == (FailureReason.INVALID, FailureClass.TERMINAL)


@pytest.mark.parametrize("contract", ["v1", "v3"])
async def test_accounts_are_listed_with_what_the_key_sees(bench: Bench) -> None:
    first = await bench.partner.accounts()
    bench.sim.world.set_account_status(YOUTUBE, "revoked")
    second = await bench.partner.accounts()
    assert first.scope == second.scope == "workspace:4cb5d3fd-8c8f-4ed7-a17c-4ffb52c7e6ac"
    assert {one.id for one in first.accounts} - {one.id for one in second.accounts} == {YOUTUBE}
    assert first.read_at == NOW


async def test_schedule_in_the_gap_goes_out_later_and_at_once(bench: Bench) -> None:
    made = post(scheduled_at=NOW + timedelta(seconds=90))
    built = bench.partner.build(command(), made, NOW)
    assert isinstance(built, Later)
    bench.clock.at = built.until
    assert (await published(bench, made)).state is PostState.PENDING


async def test_schedule_that_came_into_the_gap_on_its_way_may_be_rebuilt(bench: Bench) -> None:
    made = post(scheduled_at=NOW + timedelta(seconds=136))
    built = bench.partner.build(command(), made, NOW)
    assert isinstance(built, Send)
    bench.clock.advance(seconds=30)
    with pytest.raises(PartnerError) as caught:
        await bench.partner.send(command(), made, built.body)
    assert (caught.value.reason, caught.value.failure) == (FailureReason.NOT_ALLOWED_NOW, FailureClass.RETRYABLE)
    assert not caught.value.maybe_stored
    with pytest.raises(PartnerError) as again:
        await bench.partner.send(command(calls=2), made, built.body)
    assert again.value.failure is FailureClass.TERMINAL


async def test_held_key_lets_nothing_out(bench: Bench) -> None:
    bench.partner.hold(NOW + timedelta(minutes=10))
    with pytest.raises(PartnerError) as caught:
        await bench.partner.accounts()
    assert (caught.value.reason, caught.value.retry_after) == (FailureReason.RATE_LIMITED, timedelta(minutes=10))
    assert len(bench.sim.journal) == 0
    bench.partner.hold(None)
    assert (await bench.partner.accounts()).accounts


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_holds_the_whole_key(bench: Bench, as_date: bool) -> None:
    bench.sim.fault("rate_limited", "create", retry_after=90, as_date=as_date)
    with pytest.raises(PartnerError) as caught:
        await published(bench, post())
    assert (caught.value.retry_after, caught.value.maybe_stored) == (timedelta(seconds=90), False)
    with pytest.raises(PartnerError):
        await bench.partner.accounts()
    assert len(bench.sim.journal) == 1
    bench.clock.advance(seconds=91)
    assert (await bench.partner.accounts()).accounts


@pytest.mark.parametrize("fault", ["extra_fields", "unknown_status"])
async def test_what_is_new_there_is_tolerated(bench: Bench, fault: str) -> None:
    bench.sim.fault(fault, times=-1)
    made = await published(bench, post())
    reading = await bench.partner.read([made], None, 10, known=nobody)
    assert reading.snapshots[0].targets
    if fault == "unknown_status":
        assert (reading.snapshots[0].state, reading.snapshots[0].raw_status) == (PostState.UNKNOWN, "reconciling")
    assert len((await bench.partner.accounts()).accounts) == 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 502])
async def test_no_error_shows_the_token(bench: Bench, status: int) -> None:
    secret = DEMO_TOKEN.partition(".")[2]
    for body in (
        f'{{"ok":false,"message":"bad key {DEMO_TOKEN}","issues":["{secret}"]}}',
        f"<p>Bearer {DEMO_TOKEN}</p>",
    ):
        bench.sim.fault("answer", "*", status=status, body=body)
        with pytest.raises(PartnerError) as caught:
            await bench.partner.accounts()
        told = [
            str(caught.value),
            repr(caught.value),
            caught.value.detail,
            repr(caught.value.issues),
            str(caught.value.code),
        ]
        assert secret not in " ".join(told)
        assert caught.value.__cause__ is None
    assert secret not in repr(bench.partner)
