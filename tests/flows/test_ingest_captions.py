"""What each account gets: captions by platform, media for those that need them, and only what is meant for them."""

import pytest

from bridge.core.model import PostState
from bridge.core.rules import PublishRules
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, YOUTUBE, X
from tests.flows.town import VIDEO

pytestmark = pytest.mark.anyio

IMAGES = {"type": "slideshow", "urls": ["https://cdn.example.com/1.jpg"]}


def said(answer) -> dict[str, str]:
    return {target.account: post.content["caption"] for post in answer.posts for target in post.targets}


async def test_each_platform_gets_its_own_caption(town):
    answer = await town.publish(accounts=[TIKTOK, INSTAGRAM, X], captions={"Twitter": "short", "instagram": "long"})

    assert said(answer) == {TIKTOK: "hello", INSTAGRAM: "long", X: "short"}
    assert len({post.external_id for post in answer.posts}) == len(answer.posts) == 3
    assert all("captions" not in post.content for post in answer.posts)
    assert answer.warnings == ({"field": "media", **ANY_DURATION},)


ANY_DURATION = {
    "code": "X_DURATION",
    "message": "X accounts that are not premium need duration_sec of at most 140",
}


async def test_accounts_with_the_same_words_stay_together(town):
    answer = await town.publish(accounts=[TIKTOK, INSTAGRAM, YOUTUBE], captions={"instagram": "hello"})

    assert [len(post.targets) for post in answer.posts] == [3]


async def test_the_partner_is_sent_the_words_of_its_accounts(town):
    await town.publish(accounts=[TIKTOK, INSTAGRAM], captions={"instagram": "long"})
    await town.work()

    assert sorted(post.caption for post in town.sim.world.posts.values()) == ["hello", "long"]


async def test_a_repetition_is_known_whatever_the_platforms_are_called(town):
    await town.publish(accounts=[TIKTOK, X], captions={"twitter": "short"})

    assert (await town.publish(accounts=[TIKTOK, X], captions={"x": "short"})).accepted.duplicate
    assert not (await town.publish(accounts=[TIKTOK, X], captions={"x": "other"})).accepted.duplicate


async def test_a_caption_for_no_target_is_a_warning(town):
    answer = await town.publish(captions={"x": "short", "mastodon": "toot"})

    assert [(one["field"], one["code"]) for one in answer.warnings] == [
        ("captions.x", "NOT_TARGETED"),
        ("captions.mastodon", "NOT_TARGETED"),
    ]


async def test_templates_by_platform_make_the_captions(build_town):
    captions = {"x": "{{ title | truncate_words(6) }}"}
    town = await build_town(publish=PublishRules(caption="{{ title }}", captions=captions))
    answer = await town.publish(caption=..., title="Holiday drops", accounts=[TIKTOK, X])

    assert said(answer) == {TIKTOK: "Holiday drops", X: "Holid…"}


async def test_a_platform_that_is_left_without_words_is_refused(town):
    problem = await town.refusal(caption=..., captions={"x": "short"}, accounts=[TIKTOK, X])

    assert [fault.field for fault in problem.errors] == ["caption"]


async def test_each_post_keeps_what_is_for_its_accounts(town):
    blocks = {"tiktok": {"title": "t"}, "settings": {"x": {"community": "c"}}}
    answer = await town.publish(accounts=[TIKTOK, X], captions={"x": "short"}, **blocks)

    by_account = {post.targets[0].account: post.content for post in answer.posts}
    assert (by_account[TIKTOK]["tiktok"], by_account[TIKTOK]["settings"]) == ({"title": "t"}, {})
    assert ("tiktok" in by_account[X], by_account[X]["settings"]) == (False, {"x": {"community": "c"}})


async def test_media_that_are_missing_are_those_of_the_configuration(build_town):
    town = await build_town(publish=PublishRules(media_default=IMAGES))
    answer = await town.publish(media=...)

    assert answer.posts[0].content["media"] == IMAGES
    assert (await town.publish(media=VIDEO)).posts[0].content["media"]["type"] == "video"


async def test_an_account_that_takes_text_alone_keeps_it(build_town):
    town = await build_town(publish=PublishRules(media_default=IMAGES))
    town.advertise(X, supported_content_kinds=["text_only", "video"])
    answer = await town.publish(media=..., accounts=[TIKTOK, X], tiktok={"title": "t"})

    by_account = {post.targets[0].account: post.content for post in answer.posts}
    assert {account: "media" in content for account, content in by_account.items()} == {TIKTOK: True, X: False}
    assert "tiktok" not in by_account[X]


async def test_an_idle_account_waits_with_its_own_words(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    answer = await town.publish(accounts=[TIKTOK, INSTAGRAM], captions={"tiktok": "later"})

    assert {post.content["caption"]: post.state for post in answer.posts} == {
        "later": PostState.PARKED,
        "hello": PostState.ACCEPTED,
    }


async def test_the_fault_of_a_platforms_own_caption_names_it(town):
    problem = await town.refusal(captions={"tiktok": "y" * 6000})
    assert [fault.field for fault in problem.errors] == ["captions.tiktok"]
