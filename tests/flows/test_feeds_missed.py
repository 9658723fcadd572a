"""A hook and its feed together: whichever comes first, an entry is posted once; beyond the brake a person decides."""

import hmac
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from aiohttp import web

from bridge.core.model import PostState
from bridge.flows.feeds import Feeds, Followed
from bridge.flows.resume import let_all_go
from bridge.net import GuardedClient
from bridge.ports import Find
from bridge.sources.feed import parse
from bridge.sources.ghost import GhostConfig
from tests.flows.feeding import LOOPBACK, Site, a_site
from tests.flows.town import Town

pytestmark = pytest.mark.anyio

SECRET = "ghost-secret"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with a_site() as made:
        yield made


class Blog:
    """A Ghost site whose posts are in its feed, and come by its hook when it is said to send them."""

    def __init__(self, town: Town, site: Site, feeds: Feeds) -> None:
        self.town, self.feeds, self._entries = town, feeds, ""
        site.serve = self._serve

    async def _serve(self, _: web.Request) -> web.Response:
        body = f'<rss version="2.0"><channel>{self._entries}</channel></rss>'
        return web.Response(text=body, content_type="application/rss+xml")

    def publish(self, name: str) -> None:
        at = self.town.clock().strftime("%a, %d %b %Y %H:%M:%S GMT")
        self._entries = (
            f"<item><title>{name}</title><link>https://blog.example/{name}/</link><pubDate>{at}</pubDate>"
            f'<guid isPermaLink="false">id-{name}</guid>'
            f'<enclosure url="https://cdn.example.com/{name}.jpg" type="image/jpeg"/></item>{self._entries}'
        )

    async def send(self, name: str, **more: str) -> None:
        current = {
            "id": f"id-{name}", "title": name, "status": "published", "url": f"https://blog.example/{name}/",
            "visibility": "public", "feature_image": f"https://cdn.example.com/{name}.jpg",
            "updated_at": self.town.clock().isoformat(), "published_at": self.town.clock().isoformat(),
        } | more  # fmt: skip
        body = orjson.dumps({"post": {"current": current, "previous": {"status": "draft"}}})
        stamp = str(int(self.town.clock().timestamp() * 1000))
        digest = hmac.new(SECRET.encode(), body + stamp.encode(), "sha256").hexdigest()
        await self.town.receive("blog", self.town.hook(body, x_ghost_signature=f"sha256={digest}, t={stamp}"))

    async def later(self, **span: float) -> None:
        self.town.clock.move(**span)
        await self.feeds.tick()

    async def posts(self) -> dict[str, PostState]:
        found = await self.town.store.find_posts(Find())
        return {str(post.content["title"]): post.state for post in found}


@pytest.fixture
async def blog(build_town, site) -> AsyncIterator[Blog]:
    rules = GhostConfig(
        secret=(SECRET,),
        accounts=("brand-tiktok",),
        caption="{{ title }} {{ url }}",
        feed=site.url,
        brake=2,
        when=("title != 'secret'",),
        non_public="ignore",
    )
    town = await build_town(hooks={"blog": ("ghost", rules)})
    async with GuardedClient(allow=LOOPBACK, allow_http=True) as client:
        feeds = Feeds(town.kit, client, [Followed("blog", rules, hooked=True)], town.ingest.take, parse)
        await feeds.tick()
        yield Blog(town, site, feeds)


async def test_of_two_entries_whose_hook_brought_one_the_other_is_posted(blog):
    blog.publish("one")
    blog.publish("two")
    await blog.send("one")

    for _ in range(3):
        await blog.later(minutes=16)
    await blog.town.work()

    assert sorted(await blog.posts()) == ["one", "two"]
    assert len(blog.town.wire.creates) == 2


async def test_a_hook_that_comes_after_the_sweep_posts_nothing_again(blog):
    blog.publish("one")
    await blog.later(minutes=16)

    await blog.send("one")

    assert sorted(await blog.posts()) == ["one"]
    assert len(await blog.town.store.find_posts(Find())) == 1


async def test_what_was_there_at_the_first_sweep_is_posted_by_its_hook_alone(blog):
    blog.publish("old")
    before = blog.feeds.feeds["blog"]
    rules = replace(before.rules, feed=f"{before.url}?moved")
    await Feeds(blog.town.kit, blog.feeds.client, [replace(before, rules=rules)], blog.town.ingest.take, parse).tick()
    swept = await blog.posts()

    await blog.send("old")

    assert (swept, sorted(await blog.posts())) == ({}, ["old"])


async def test_beyond_the_brake_posts_wait_until_a_person_lets_them_go(blog):
    for name in ("a", "b", "c", "d"):
        blog.publish(name)
    await blog.later(minutes=16)
    town = blog.town
    held = await blog.posts()
    await town.resumer.tick()
    told = await town.told("attention.*")

    await let_all_go(town.kit, "source:blog")
    await town.resumer.tick()
    first = await blog.posts()
    town.clock.move(minutes=11)
    await town.resumer.tick()

    assert (held["c"], held["d"], told) == (PostState.PARKED, PostState.PARKED, ["attention.opened"])
    assert sorted((first["c"], first["d"])) == [PostState.ACCEPTED, PostState.PARKED]
    assert PostState.PARKED not in (await blog.posts()).values()


async def test_what_a_person_let_go_goes_though_the_feed_brakes_anew(blog):
    town = blog.town
    for name in ("a", "b", "c", "d"):
        blog.publish(name)
    await blog.later(minutes=16)

    await let_all_go(town.kit, "source:blog")
    for name in ("e", "f"):
        blog.publish(name)
    await blog.later(minutes=16)
    again = await town.told("attention.*")
    for _ in range(3):
        town.clock.move(minutes=11)
        await town.resumer.tick()

    states = await blog.posts()
    assert again == ["attention.opened", "attention.closed", "attention.opened"]
    assert {name for name, state in states.items() if state is PostState.PARKED} == {"e", "f"}


async def test_a_brake_closes_by_itself_when_everything_was_decided_one_by_one(blog):
    for name in ("a", "b", "c"):
        blog.publish(name)
    await blog.later(minutes=16)
    town = blog.town
    [parked] = [post for post in await town.store.find_posts(Find()) if post.state is PostState.PARKED]

    await town.actions.drop(parked.id, ())
    await town.resumer.tick()
    first = await town.told("attention.*")
    town.clock.move(minutes=11)
    await town.resumer.tick()

    assert (first, await town.told("attention.*")) == (["attention.opened"], ["attention.opened", "attention.closed"])


@pytest.mark.parametrize(("name", "more"), [("secret", {}), ("paid", {"visibility": "paid"})])
async def test_what_the_configuration_leaves_out_of_the_hook_is_left_out_of_the_feed(blog, name, more):
    blog.publish(name)
    await blog.send(name, **more)
    await blog.later(minutes=16)

    assert await blog.posts() == {}


async def test_a_draft_that_was_saved_does_not_hide_its_publish_from_the_feed(blog):
    await blog.send("one", status="draft")
    blog.publish("one")
    await blog.later(minutes=16)

    assert set(await blog.posts()) == {"one"}


async def test_what_is_closed_while_it_waits_is_taken_back_and_left_out_of_the_feed(blog):
    town = blog.town
    planned = (town.clock() + timedelta(hours=1)).isoformat()
    await blog.send("one", status="scheduled", published_at=planned)
    waiting = await blog.posts()

    town.clock.move(minutes=1)
    await blog.send("one", status="scheduled", published_at=planned, visibility="paid")
    taken_back = await blog.posts()
    town.clock.move(hours=1)
    blog.publish("one")
    await blog.send("one", visibility="paid")
    await blog.later(minutes=16)
    await town.work()

    assert (waiting, taken_back) == ({"one": PostState.ACCEPTED}, {"one": PostState.CANCELED})
    assert await blog.posts() == taken_back
    assert len(await town.store.find_posts(Find())) == 1
    assert town.wire.creates == []
