"""Ingest: what makes a repetition, who may publish where, what waits at once, and what is refused."""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason, StoreBusy, StoreFull
from bridge.core.model import PostState, WorkState
from bridge.core.rules import Limits, PublishRules
from tests.flows.town import INSTAGRAM, OTHER_ACCOUNT, TIKTOK, TIKTOK_HOSTED

pytestmark = pytest.mark.anyio


async def test_an_event_is_stored_with_its_post_and_command(town):
    answer = await town.publish()
    [command] = await town.commands(answer.posts[0].id)
    assert (answer.posts[0].state, command.state) == (PostState.ACCEPTED, WorkState.DUE)
    assert (await town.store.event(answer.accepted.event_id))[0].request["caption"] == "hello"


async def test_the_same_key_and_request_answer_the_same_post_as_it_is_now(town):
    first = await town.publish(key="k1")
    await town.work()
    again = await town.publish(key="k1")
    assert again.accepted.duplicate
    assert [post.id for post in again.posts] == [post.id for post in first.posts]
    assert again.posts[0].state is PostState.PENDING


async def test_a_key_with_another_request_is_a_conflict(town):
    first = await town.publish(key="k1")
    problem = await town.refusal(key="k1", caption="other")
    assert (problem.status, problem.slug) == (409, "key_conflict")
    assert problem.extra["event_id"] == first.accepted.event_id


async def test_an_idempotency_key_beats_the_external_id(town):
    await town.publish(key="k1", external_id="x1")
    other = await town.publish(key="k2", external_id="x1")
    again = await town.publish(key="k1", external_id="x1")
    assert (other.accepted.duplicate, again.accepted.duplicate) == (False, True)


async def test_an_external_id_is_a_key(town):
    await town.publish(external_id="x1")
    again, problem = await town.publish(external_id="x1"), await town.refusal(external_id="x1", caption="other")
    assert (again.accepted.duplicate, problem.status) == (True, 409)


async def test_an_external_id_and_an_idempotency_key_of_the_same_text_are_two_keys(town):
    await town.publish(key="k1")
    assert not (await town.publish(external_id="k1")).accepted.duplicate


async def test_a_key_belongs_to_its_token(town):
    await town.publish(key="k1")
    assert not (await town.publish(key="k1", token="only-brand")).accepted.duplicate


async def test_sameness_is_the_parsed_request(town):
    await town.publish(key="k1", text="hello", caption=...)
    assert (await town.publish(key="k1", caption="hello")).accepted.duplicate


async def test_sameness_is_judged_before_defaults(build_town):
    town = await build_town(publish=PublishRules(accounts=("brand-tiktok",)))
    await town.publish(key="k1", accounts=...)
    assert (await town.refusal(key="k1", accounts=["brand-tiktok"])).status == 409


async def test_without_a_key_the_same_content_is_a_repetition_inside_the_window(town):
    await town.publish()
    town.clock.move(hours=71)
    assert (await town.publish()).accepted.duplicate
    assert not (await town.publish(caption="other")).accepted.duplicate


async def test_the_same_content_is_new_after_the_window(town):
    await town.publish()
    town.clock.move(hours=72)
    assert not (await town.publish()).accepted.duplicate


async def test_dedupe_false_turns_the_content_hash_off(town):
    posts = {(await town.publish(dedupe=False)).posts[0].id for _ in range(3)}
    await town.work()
    assert len(posts) == len(town.sim.world.posts) == 3


async def test_dedupe_false_leaves_a_key_alone(town):
    await town.publish(key="k1", dedupe=False)
    assert (await town.publish(key="k1", dedupe=False)).accepted.duplicate


async def test_a_key_is_free_again_after_a_rejection(town):
    town.sim.fault("answer", "create", status=422, body='{"ok": false, "code": 422, "error_code": "invalid_payload"}')
    first = await town.sent(key="k1")
    again = await town.publish(key="k1", caption="mended")
    assert (await town.post(first)).state is PostState.REJECTED
    assert not again.accepted.duplicate
    assert (await town.publish(key="k1", caption="mended")).accepted.duplicate


async def test_a_content_hash_is_free_again_after_a_cancel_here(town):
    first = (await town.publish()).posts[0].id
    await town.actions.cancel(first, ())
    assert not (await town.publish()).accepted.duplicate


async def test_a_key_is_not_free_after_a_cancel_at_the_partner(town):
    post_id = await town.sent(key="k1")
    await town.actions.cancel(post_id, ())
    await town.work()
    again = await town.publish(key="k1")
    assert again.accepted.duplicate
    assert again.posts[0].state is PostState.CANCELED


async def test_a_refused_request_takes_no_key(town):
    assert (await town.refusal(key="k1", media="https://e.com/what")).status == 422
    assert not (await town.publish(key="k1")).accepted.duplicate


async def test_a_glob_means_our_names(town):
    post = (await town.publish(accounts=["brand-*"])).posts[0]
    assert {(target.account, target.name) for target in post.targets} == {
        (TIKTOK, "brand-tiktok"),
        (INSTAGRAM, "brand-instagram"),
    }


@pytest.mark.parametrize("word", [TIKTOK, f"gv:{TIKTOK}", "brand-tiktok"])
async def test_an_account_has_three_names(town, word):
    post = (await town.publish(accounts=[word])).posts[0]
    assert [(target.account, target.name) for target in post.targets] == [(TIKTOK, "brand-tiktok")]


async def test_an_account_named_twice_is_one_target(town):
    assert len((await town.publish(accounts=[TIKTOK, "brand-tiktok", "brand-t*"])).posts[0].targets) == 1


async def test_the_default_accounts_are_used_when_none_are_named(build_town):
    town = await build_town(publish=PublishRules(accounts=("ugc-*",)))
    assert [one.account for one in (await town.publish(accounts=...)).posts[0].targets] == [TIKTOK_HOSTED]


async def test_no_accounts_at_all_is_a_fault(town):
    problem = await town.refusal(accounts=...)
    assert (problem.status, problem.errors[0].field) == (422, "accounts")


async def test_an_unknown_account_is_a_fault_with_its_place(town):
    problem = await town.refusal(accounts=["brand-tiktok", "nobody", "x-*"])
    assert problem.status == 422
    assert [fault.field for fault in problem.errors] == ["accounts[1]", "accounts[2]"]


async def test_a_token_may_use_its_accounts_only(town):
    problem = await town.refusal(token="only-brand", accounts=["brand-tiktok", "ugc-tiktok", TIKTOK_HOSTED])
    assert (problem.status, problem.slug, len(problem.errors)) == (403, "account_not_allowed", 2)


async def test_a_glob_shows_a_token_its_own_accounts(town):
    post = (await town.publish(token="only-brand", accounts=["*"])).posts[0]
    assert {target.name for target in post.targets} == {"brand-tiktok", "brand-instagram"}


@pytest.mark.parametrize(("token", "status"), [("wrong", 401), ("", 401)])
async def test_an_unknown_token_is_refused(town, token, status):
    assert (await town.refusal(token=token)).status == status


async def test_every_bad_field_is_named_at_once(town):
    problem = await town.refusal(caption="a", text="b", media=7, scheduled_at="soon", wat=1)
    assert {fault.field for fault in problem.errors} == {"text", "media", "scheduled_at", "wat"}


async def test_a_disconnected_account_parks_at_accept_and_the_healthy_one_goes(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    answer = await town.publish(accounts=["brand-*"])
    by_account = {post.targets[0].account: post for post in answer.posts}
    await town.work()
    assert by_account[TIKTOK].state is PostState.PARKED
    assert by_account[TIKTOK].reason is FailureReason.ACCOUNT_INACTIVE
    assert (await town.post(by_account[INSTAGRAM].id)).state is PostState.PENDING
    assert await town.events(by_account[TIKTOK].id) == ["post.parked"]


async def test_what_parked_at_accept_goes_out_when_the_account_is_back(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    post_id = (await town.publish()).posts[0].id
    town.sim.world.reconnect(TIKTOK)
    await town.advance(10)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_before_the_first_listing_a_bare_id_is_taken_as_it_is(build_town):
    town = await build_town(listed=False)
    post_id = await town.sent(accounts=[TIKTOK])
    assert (await town.post(post_id)).state is PostState.PENDING


async def test_before_the_first_listing_a_name_by_username_cannot_be_told(build_town):
    town = await build_town(listed=False)
    problem = await town.refusal(accounts=["brand-instagram"])
    assert (problem.status, problem.slug) == (503, "accounts_not_read")
    assert problem.retry_after == timedelta(seconds=5)


async def test_accounts_of_two_keys_make_two_posts_of_one_event(build_town):
    town = await build_town(two_keys=True)
    answer = await town.publish(accounts=[TIKTOK, OTHER_ACCOUNT], external_id="x1")
    assert [(post.partner, post.external_id) for post in answer.posts] == [("gv", "x1"), ("two", "x1-2")]


async def test_more_than_ten_accounts_are_split_over_requests(town):
    for number in range(12):
        new = f"00000000-0000-4000-8000-{number:012}"
        town.sim.world.reconnect(TIKTOK_HOSTED, new_id=new)
    town.sim.world.set_account_status(TIKTOK_HOSTED, "active")
    for account in town.sim.world.accounts.values():
        account.status, account.username = "active", account.id
    await town.watcher.accounts()
    answer = await town.publish(accounts=list(town.sim.world.accounts)[:-1], media=VIDEO_SHORT)
    assert sum(len(post.targets) for post in answer.posts) == len(town.sim.world.accounts) - 1
    assert all(len(post.targets) <= 10 for post in answer.posts)
    assert len({post.external_id for post in answer.posts}) == len(answer.posts) > 1


VIDEO_SHORT = {"type": "video", "url": "https://cdn.example.com/a.mp4", "duration_sec": 30}


async def test_an_accept_writes_at_most_three_rows(town):
    write = []
    real = town.kit.store._store.accept

    async def seen(items, now):
        write.extend(item.write for item in items)
        return await real(items, now)

    town.kit.store.accept = seen
    await town.publish()
    assert len(write[0].posts) + len(write[0].commands) + len(write[0].events) + 1 == 3


async def test_a_full_queue_is_refused_with_the_time_to_come_back(build_town):
    town = await build_town(limits=Limits(queue=10))
    town.ingest.load.queue = 10
    problem = await town.refusal()
    assert (problem.status, problem.slug, problem.retry_after) == (429, "queue_full", timedelta(seconds=30))


async def test_a_full_disk_is_refused_before_it_is_full(town):
    town.ingest.load.free = 199_999_999
    problem = await town.refusal()
    assert (problem.status, problem.slug, problem.retry_after) == (503, "disk_full", timedelta(seconds=60))


async def test_a_draining_process_takes_nothing(town):
    town.ingest.load.draining = True
    assert (await town.refusal()).status == 503


async def test_a_stranger_learns_nothing_of_the_load(town):
    town.ingest.load.draining = True
    assert (await town.refusal(token="wrong")).status == 401


@pytest.mark.parametrize(("error", "slug"), [(StoreBusy(), "storage_unavailable"), (StoreFull(), "storage_full")])
async def test_a_store_that_refuses_is_a_503_and_the_same_request_works_later(town, error, slug):
    town.store.lose["accept"] = [error]
    problem = await town.refusal(key="k1")
    assert (problem.status, problem.slug, problem.retry_after) == (503, slug, timedelta(seconds=5))
    assert not (await town.publish(key="k1")).accepted.duplicate


async def test_an_accept_whose_answer_is_lost_is_a_repetition_next_time(town):
    town.store.drop["accept"] = [StoreBusy()]
    assert (await town.refusal(key="k1")).status == 503
    assert (await town.publish(key="k1")).accepted.duplicate
    await town.work()
    assert len(town.sim.world.posts) == 1


async def test_accepts_and_refusals_are_counted(metrics, town):
    await town.publish(key="k1")
    await town.publish(key="k1")
    await town.refusal(key="k1", caption="other")
    for outcome in ("accepted", "duplicate", "conflict"):
        assert town.metric("bridge_events_total", source="api", outcome=outcome) == 1


async def test_an_event_that_a_fault_of_ours_refused_is_counted(metrics, town):
    town.store.lose["accept"] = [RuntimeError("a fault")]
    with pytest.raises(RuntimeError):
        await town.publish()
    assert town.metric("bridge_events_total", source="api", outcome="failed") == 1
