"""What flows rely on, for every partner, against its simulator.

Where a case is about one partner only, or its words differ, its parameters name the kind.
"""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import CommandKind, PostState, TargetState
from bridge.core.states import USABLE
from bridge.metrics import OPERATIONS as METRIC_OPERATIONS
from bridge.partners import CONFIGS, OPERATIONS, PARTNERS, build
from bridge.ports import Later
from bridge.simulator.genviral import DEMO_TOKEN, INSTAGRAM, TIKTOK_HOSTED
from tests.partners.things import (
    BASE_URL,
    NOW,
    Bench,
    Observed,
    account,
    body_of,
    command,
    every_contract,
    genviral_only,
    nobody,
    post,
    published,
    sample,
)

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(hours=3)
FAILS = {"kind": "fail", "text": "Something odd"}


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
    made = await published(bench, bench.post(*bench.ids))
    assert made.partner_id in bench.sim.world.posts
    assert made.state is bench.at_once
    assert bench.observed.calls == [("brand", "create", "ok")]


@pytest.mark.parametrize(("kind", "contract"), [("genviral", "v1"), ("genviral", "v3")])
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


@genviral_only
async def test_same_bytes_again_are_the_same_post(bench: Bench) -> None:
    body = body_of(bench, command(), bench.post())
    first = await bench.partner.send(command(), bench.post(), body)
    second = await bench.partner.send(command(), bench.post(), body)
    assert (first.partner_id, first.duplicate, second.duplicate) == (second.partner_id, False, True)
    assert bench.stored() == 1


@every_contract
@pytest.mark.parametrize("fault", ["stored_then_dropped", "html_502", "empty", "server_error"])
async def test_lost_answer_never_makes_a_second_post(bench: Bench, fault: str) -> None:
    bench.sim.fault(fault, "create", after=True)
    made = bench.post(*bench.ids)
    body = body_of(bench, command(), made)
    with pytest.raises(PartnerError) as caught:
        await bench.partner.send(command(), made, body)
    assert caught.value.maybe_stored
    lost = command(body=body, sent_at=NOW)
    bench.clock.advance(seconds=11)
    if bench.partner.must_find(lost, bench.clock()):
        [receipt] = await bench.partner.find(lost, made)
    else:
        receipt = await bench.partner.send(lost, made, body)
    assert receipt.partner_id in bench.sim.world.posts
    assert bench.stored() == 1


@pytest.mark.parametrize(
    ("kind", "failure"), [("genviral", FailureClass.RETRYABLE), ("posteverywhere", FailureClass.RETRYABLE)]
)
@pytest.mark.parametrize("fault", ["html_502", "empty", "server_error", "dropped"])
async def test_lost_answer_is_tried_again(bench: Bench, fault: str, failure: FailureClass) -> None:
    bench.sim.fault(fault, "create")
    with pytest.raises(PartnerError) as caught:
        await published(bench, bench.post())
    assert (caught.value.failure, caught.value.key_wide) == (failure, False)


@every_contract
async def test_lost_post_is_found(bench: Bench) -> None:
    bench.sim.fault("stored_then_dropped", "create")
    made = bench.post(*bench.ids, scheduled_at=LATER)
    body = body_of(bench, command(), made)
    with pytest.raises(PartnerError):
        await bench.partner.send(command(), made, body)
    bench.clock.advance(seconds=20)
    [receipt] = await bench.partner.find(command(body=body, sent_at=NOW), made)
    assert receipt.partner_id in bench.sim.world.posts
    assert receipt.state is PostState.SCHEDULED


@every_contract
async def test_post_that_never_arrived_is_not_found(bench: Bench) -> None:
    await published(bench, bench.post(content={"caption": "Another"}))
    await published(bench, bench.post(bench.ids[1], external_id="ext-2"))
    body = body_of(bench, command(), bench.post())
    bench.clock.advance(seconds=20)
    assert await bench.partner.find(command(body=body, sent_at=NOW), bench.post()) == []


@every_contract
async def test_must_find_before_bytes_are_sent_again(bench: Bench, contract: str) -> None:
    lost = command(body=b"{}", sent_at=NOW)
    assert bench.partner.must_find(lost, NOW + timedelta(minutes=1)) is (contract != "v3")
    assert bench.partner.must_find(lost, NOW + timedelta(hours=24, seconds=1))
    assert not bench.partner.must_find(command(), NOW + timedelta(days=2))
    assert not bench.partner.must_find(command(CommandKind.RETRY, sent_at=NOW), NOW + timedelta(days=2))


@every_contract
async def test_read_follows_a_post_to_its_end(bench: Bench, contract: str) -> None:
    made = await published(bench, bench.post(*bench.ids))
    bench.script(bench.ids[1], FAILS)
    [waiting] = (await bench.partner.read([made], None, 10, known=nobody)).snapshots
    bench.clock.advance(minutes=5)
    bench.run()
    [ended] = (await bench.partner.read([made], None, 10, known=nobody)).snapshots
    # The older generations have no word for a post on its way: one of them shows no time, the other the present one.
    assert waiting.state is {"sdk": PostState.SCHEDULED, "old": PostState.PENDING}.get(contract, bench.at_once)
    assert ended.state is PostState.PARTIAL
    states = {row.account: row.state for row in ended.targets}
    assert states == {bench.ids[0]: TargetState.POSTED, bench.ids[1]: TargetState.FAILED}
    assert (waiting.read_at, ended.read_at) == (NOW, bench.clock())


async def test_read_keeps_to_its_budget(bench: Bench) -> None:
    made = [await published(bench, bench.post(external_id=f"ext-{n}", content={"caption": str(n)})) for n in range(5)]
    calls = len(bench.sim.journal)
    reading = await bench.partner.read(made, None, 2, known=nobody)
    assert len(bench.sim.journal) - calls <= 2
    assert {made[0].partner_id, made[1].partner_id} <= {one.partner_id for one in reading.snapshots}


async def test_post_that_is_gone_has_vanished(bench: Bench) -> None:
    made = await published(bench, bench.post())
    bench.sim.world.posts.clear()
    reading = await bench.partner.read([made], None, 10, known=nobody)
    assert [one.state for one in reading.snapshots] == [PostState.VANISHED]


@every_contract
async def test_retry_puts_the_failed_account_back(bench: Bench) -> None:
    bench.script(bench.ids[1], FAILS)
    made = await published(bench, bench.post(*bench.ids))
    bench.run()
    cmd = command(CommandKind.RETRY, payload={"account_ids": [bench.ids[1]]})
    body = body_of(bench, cmd, made)
    assert (await bench.partner.send(cmd, made, body)).accepted
    again = await bench.partner.send(cmd, made, body)
    assert (again.accepted, again.refusal) == (False, bench.nothing_to_retry)


@genviral_only
async def test_retry_is_read_out_of_a_500(bench: Bench) -> None:
    bench.script(bench.ids[0], "fail")
    made = await published(bench, bench.post())
    bench.run()
    bench.sim.fault("partial", "retry", done=1)
    cmd = command(CommandKind.RETRY)
    receipt = await bench.partner.send(cmd, made, body_of(bench, cmd, made))
    assert (receipt.accepted, receipt.status) == (True, 500)


@pytest.mark.parametrize(("kind", "fault"), [("genviral", "partial"), ("posteverywhere", "server_error")])
@pytest.mark.parametrize(("kind_of", "operation"), [(CommandKind.RETRY, "retry"), (CommandKind.CANCEL, "delete")])
async def test_500_without_a_word_of_the_post_is_raised(
    bench: Bench, fault: str, kind_of: CommandKind, operation: str
) -> None:
    made = await published(bench, bench.post())
    bench.sim.fault(fault, operation, done=0)
    cmd = command(kind_of)
    with pytest.raises(PartnerError) as caught:
        await bench.partner.send(cmd, made, body_of(bench, cmd, made))
    assert (caught.value.reason, caught.value.maybe_stored) == (FailureReason.SERVER_ERROR, True)


@every_contract
async def test_cancel_takes_back_what_is_not_out(bench: Bench) -> None:
    made = await published(bench, bench.post(scheduled_at=LATER))
    cmd = command(CommandKind.CANCEL)
    body = body_of(bench, cmd, made)
    assert (await bench.partner.send(cmd, made, body)).accepted
    again = await bench.partner.send(cmd, made, body)
    assert (again.accepted, (again.refusal or "").strip(".")) == (False, "Post not found")
    assert bench.stored() == 0


@pytest.mark.parametrize(
    ("kind", "state", "refusal"),
    [
        ("genviral", PostState.POSTED, "a post that is posted cannot be deleted"),
        ("posteverywhere", None, "Published posts cannot be deleted."),
    ],
)
async def test_cancel_of_a_posted_post_is_refused(bench: Bench, state: PostState | None, refusal: str) -> None:
    made = await published(bench, bench.post())
    bench.run()
    cmd = command(CommandKind.CANCEL)
    receipt = await bench.partner.send(cmd, made, body_of(bench, cmd, made))
    assert (receipt.accepted, receipt.state, receipt.refusal) == (False, state, refusal)


@every_contract
async def test_update_changes_the_post(bench: Bench) -> None:
    made = await published(bench, bench.post(scheduled_at=LATER))
    later = (NOW + timedelta(days=1)).isoformat()
    cmd = command(CommandKind.UPDATE, payload={"changes": {"caption": "Changed", "scheduled_at": later}})
    receipt = await bench.partner.send(cmd, made, body_of(bench, cmd, made))
    assert (receipt.state, receipt.scheduled_at) == (PostState.SCHEDULED, NOW + timedelta(days=1))
    [stored] = bench.sim.world.posts.values()
    assert "Changed" in (getattr(stored, "caption", ""), getattr(stored, "content", ""))


async def test_update_of_a_posted_post_is_refused(bench: Bench) -> None:
    made = await published(bench, bench.post())
    bench.run()
    cmd = command(CommandKind.UPDATE, payload={"changes": {"caption": "Changed"}})
    with pytest.raises(PartnerError) as caught:
        await bench.partner.send(cmd, made, body_of(bench, cmd, made))
    assert (caught.value.failure, caught.value.key_wide) == (FailureClass.TERMINAL, False)


@every_contract
async def test_account_that_is_lost_and_comes_back(bench: Bench, kind: str) -> None:
    async def usable() -> set[str]:
        listing = await bench.partner.accounts()
        assert (listing.scope, listing.read_at) == (bench.scope, NOW)
        return {one.id for one in listing.accounts if one.state in USABLE}

    lost = bench.ids[1]
    lose, find = {
        "genviral": (
            lambda: bench.sim.world.set_account_status(lost, "revoked"),
            lambda: bench.sim.world.set_account_status(lost, "active"),
        ),
        "posteverywhere": (lambda: bench.sim.expire(int(lost)), lambda: bench.sim.reconnect(int(lost))),
    }[kind]
    before = await usable()
    lose()
    assert before - await usable() == {lost}
    find()
    assert await usable() == before


@genviral_only
async def test_schedule_in_the_gap_goes_out_later_and_at_once(bench: Bench) -> None:
    made = bench.post(scheduled_at=NOW + timedelta(seconds=90))
    built = bench.partner.build(command(), made, NOW)
    assert isinstance(built, Later)
    bench.clock.at = built.until
    assert (await published(bench, made)).state is PostState.PENDING


async def test_schedule_that_came_too_near_on_its_way_may_be_rebuilt(bench: Bench) -> None:
    made = bench.post(scheduled_at=NOW + bench.lead)
    body = body_of(bench, command(), made)
    bench.clock.at += bench.late
    with pytest.raises(PartnerError) as caught:
        await bench.partner.send(command(calls=3), made, body)
    assert (caught.value.reason, caught.value.failure) == (FailureReason.NOT_ALLOWED_NOW, FailureClass.RETRYABLE)
    assert not caught.value.maybe_stored
    with pytest.raises(PartnerError) as again:
        await bench.partner.send(command(progress={"lost_at": NOW.isoformat()}), made, body)
    assert again.value.failure is FailureClass.TERMINAL
