"""What is certain to fail is said at the door: refused, warned of, or not looked at."""

from datetime import timedelta

import pytest

from bridge.core.model import PostState
from bridge.core.rules import PublishRules
from bridge.simulator.genviral import INSTAGRAM, TIKTOK
from tests.flows.town import NOON

pytestmark = pytest.mark.anyio

LONG = "x" * 2300


async def test_a_refusal_names_limit_and_target_of_every_fault(town):
    slides = {"type": "slideshow", "urls": ["https://cdn.example.com/1.jpg"] * 36}
    problem = await town.refusal(caption=LONG, accounts=[INSTAGRAM], media=slides)

    assert [(fault.field, fault.limit, fault.found, fault.unit, fault.target) for fault in problem.errors] == [
        ("caption", 2200, 2300, "characters", f"gv:{INSTAGRAM}"),
        ("media.urls", 35, 36, "images", f"gv:{INSTAGRAM}"),
    ]


async def test_the_accounts_own_limit_beats_the_table(town):
    town.advertise(INSTAGRAM, captionLimit=3, media={"max_images": 1})
    slides = {"type": "slideshow", "urls": ["https://cdn.example.com/1.jpg"] * 2}
    problem = await town.refusal(accounts=[INSTAGRAM], media=slides)

    assert [(fault.field, fault.limit) for fault in problem.errors] == [("caption", 3), ("media.urls", 1)]


async def test_with_warnings_only_it_goes_out(build_town):
    town = await build_town(publish=PublishRules(preflight="warn"))
    answer = await town.publish(caption=LONG, accounts=[INSTAGRAM])

    assert [post.state for post in answer.posts] == [PostState.ACCEPTED]
    [warning] = answer.warnings
    assert (warning["code"], warning["field"], warning["limit"]) == ("PREFLIGHT", "caption", 2200)
    assert (await town.store.event(answer.accepted.event_id))[0].warnings == answer.warnings


async def test_switched_off_nothing_is_looked_at(build_town):
    town = await build_town(publish=PublishRules(preflight="off"))
    answer = await town.publish(caption=LONG, accounts=[INSTAGRAM], scheduled_at=(NOON - timedelta(hours=1)))

    assert ([post.state for post in answer.posts], [one["code"] for one in answer.warnings]) == (
        [PostState.ACCEPTED],
        ["SCHEDULE_PASSED"],
    )


@pytest.mark.parametrize("preflight", ["warn", "off"])
@pytest.mark.parametrize(("left_out", "field"), [("caption", "caption"), ("accounts", "accounts")])
async def test_what_cannot_be_built_is_refused_all_the_same(build_town, preflight, left_out, field):
    town = await build_town(publish=PublishRules(preflight=preflight))

    assert [fault.field for fault in (await town.refusal(**{left_out: ...})).errors] == [field]


@pytest.mark.parametrize(("ago", "taken"), [(timedelta(minutes=5), True), (timedelta(minutes=5, seconds=1), False)])
async def test_a_schedule_that_has_long_passed_is_a_mistake(town, ago, taken):
    at = (NOON - ago).isoformat()
    if taken:
        assert [one["code"] for one in (await town.publish(scheduled_at=at)).warnings] == ["SCHEDULE_PASSED"]
    else:
        assert [fault.field for fault in (await town.refusal(scheduled_at=at)).errors] == ["scheduled_at"]


async def test_a_schedule_that_has_passed_is_a_warning_where_only_that_is_wanted(build_town):
    town = await build_town(publish=PublishRules(preflight="warn"))
    answer = await town.publish(scheduled_at=(NOON - timedelta(hours=1)).isoformat(), accounts=[TIKTOK, INSTAGRAM])

    assert [(one["code"], one["unit"]) for one in answer.warnings] == [("PREFLIGHT", "seconds")]


@pytest.mark.parametrize("key", ["k1", None])
async def test_a_request_that_was_taken_is_known_after_its_schedule_has_passed(town, key):
    at = (NOON + timedelta(minutes=10)).isoformat()
    first = await town.publish(key=key, scheduled_at=at)
    await town.work()
    town.clock.move(hours=1)
    again = await town.publish(key=key, scheduled_at=at)

    assert (again.accepted.duplicate, again.accepted.event_id) == (True, first.accepted.event_id)
    assert again.posts[0].partner_id is not None
    assert (await town.refusal(key=key, scheduled_at=at, caption="other")).status == 422
    assert (await town.refusal(key=key, scheduled_at=at, token="only-brand")).status == 422


async def test_a_request_whose_post_was_taken_back_is_not_known(town):
    at = (NOON + timedelta(minutes=10)).isoformat()
    first = (await town.publish(scheduled_at=at)).posts[0].id
    await town.actions.cancel(first, ())
    town.clock.move(hours=1)

    assert (await town.refusal(scheduled_at=at)).status == 422
