"""What flows rely on when a partner refuses, is down, or says something new: every partner against its simulator."""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Post, PostState, TargetState
from tests.partners.things import NOW, Bench, every_contract, genviral_only, nobody, published

pytestmark = pytest.mark.anyio


async def two_posts(bench: Bench) -> list[Post]:
    return [await published(bench, bench.post(external_id=f"ext-{n}", content={"caption": str(n)})) for n in range(2)]


async def test_one_failed_read_does_not_end_the_reading(bench: Bench) -> None:
    made = await two_posts(bench)
    bench.sim.fault("server_error", "get", match=made[0].partner_id)
    reading = await bench.partner.read(made, None, 10, known=nobody)
    assert [one.partner_id for one in reading.snapshots] == [made[1].partner_id]
    assert reading.failed == {made[0].partner_id: FailureReason.SERVER_ERROR}


@pytest.mark.parametrize("fault", ["unauthorized", "plan_lapsed", "tier_not_allowed", "rate_limited"])
async def test_fault_of_the_key_is_raised_unless_something_was_read(bench: Bench, fault: str) -> None:
    made = await two_posts(bench)
    bench.sim.fault(fault, "get", match=made[1].partner_id, times=2)
    assert len((await bench.partner.read(made, None, 10, known=nobody)).snapshots) == 1
    with pytest.raises(PartnerError):
        await bench.partner.read(made[1:], None, 10, known=nobody)


@pytest.mark.parametrize(
    ("kind", "fault", "reason"),
    [
        ("genviral", "unauthorized", FailureReason.UNAUTHORIZED),
        ("genviral", "plan_lapsed", FailureReason.PAYMENT_REQUIRED),
        ("genviral", "tier_not_allowed", FailureReason.FORBIDDEN),
        ("posteverywhere", "unauthorized", FailureReason.UNAUTHORIZED),
        ("posteverywhere", "plan_lapsed", FailureReason.PAYMENT_REQUIRED),
        ("posteverywhere", "forbidden", FailureReason.FORBIDDEN),
        ("posteverywhere", "tier_not_allowed", FailureReason.PAYMENT_REQUIRED),
    ],
)
async def test_refused_key_needs_a_person(bench: Bench, fault: str, reason: FailureReason) -> None:
    bench.sim.fault(fault, "create")
    with pytest.raises(PartnerError) as caught:
        await published(bench, bench.post())
    error = caught.value
    assert (error.reason, error.failure, error.key_wide) == (reason, FailureClass.NEEDS_HUMAN, True)
    assert not error.maybe_stored


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
        await published(bench, bench.post())
    assert (caught.value.retry_after, caught.value.maybe_stored) == (timedelta(seconds=90), False)
    with pytest.raises(PartnerError):
        await bench.partner.accounts()
    assert len(bench.sim.journal) == 1
    bench.clock.advance(seconds=91)
    assert (await bench.partner.accounts()).accounts


@pytest.mark.parametrize(("kind", "wait"), [("genviral", None), ("posteverywhere", timedelta(minutes=1))])
async def test_429_without_retry_after_waits_for_the_reset_where_one_is_told(
    bench: Bench, wait: timedelta | None
) -> None:
    bench.sim.fault("rate_limited", "create")
    with pytest.raises(PartnerError) as caught:
        await published(bench, bench.post())
    assert (caught.value.reason, caught.value.retry_after) == (FailureReason.RATE_LIMITED, wait)


@every_contract
@pytest.mark.parametrize("fault", ["extra_fields", "unknown_status"])
async def test_what_is_new_there_is_tolerated(bench: Bench, fault: str) -> None:
    listed = len((await bench.partner.accounts()).accounts)
    bench.sim.fault(fault, times=-1)
    made = await published(bench, bench.post())
    [shown] = (await bench.partner.read([made], None, 10, known=nobody)).snapshots
    assert shown.targets
    if fault == "unknown_status":
        assert {row.state for row in shown.targets} == {TargetState.UNKNOWN}
    assert len((await bench.partner.accounts()).accounts) == listed


@genviral_only
async def test_unknown_word_of_a_post_is_kept(bench: Bench) -> None:
    bench.sim.fault("unknown_status", times=-1)
    made = await published(bench, bench.post())
    [shown] = (await bench.partner.read([made], None, 10, known=nobody)).snapshots
    assert (shown.state, shown.raw_status) == (PostState.UNKNOWN, "reconciling")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 502])
async def test_no_error_shows_the_token(bench: Bench, status: int) -> None:
    token = bench.token
    secret = token.rpartition(".")[2].rpartition("_")[2]
    said = f'{{"message":"bad key {token}","code":"{token}","details":["{secret}"]}}'
    for body in (
        f'{{"ok":false,"message":"bad key {token}","issues":["{secret}"],"error":{said}}}',
        f"<p>Bearer {token}</p>",
        f"<p>{secret}</p>",
    ):
        bench.sim.fault("answer", "*", status=status, body=body)
        with pytest.raises(PartnerError) as caught:
            await bench.partner.accounts()
        bench.partner.hold(None)
        error = caught.value
        told = [str(error), repr(error), error.detail, repr(error.issues), str(error.code)]
        assert secret not in " ".join(told)
        assert error.__cause__ is None
    assert secret not in repr(bench.partner)
