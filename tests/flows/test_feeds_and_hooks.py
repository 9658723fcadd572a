"""A source with a hook and a feed: one post per object, whichever tells of it first, and under whatever name."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import pytest

from bridge.flows.feeds import Feeds, Followed
from bridge.flows.ingest import Result
from bridge.net import GuardedClient
from bridge.sources.feed import parse
from bridge.sources.strapi import StrapiRules
from tests.flows.feeding import LOOPBACK, Site, a_site, an_entry
from tests.flows.test_ingest_objects import SECRET, a_cms, all_posts, say
from tests.flows.town import VIDEO, Town

pytestmark = pytest.mark.anyio

PAGE = "https://blog.example/hello"


@dataclass
class Both:
    """A town whose one source has a hook and a feed that was swept once."""

    town: Town
    site: Site
    feeds: Feeds

    async def told(self, intent: str = "publish", rev: str | None = "1", **fields: Any) -> Result:
        result = await say(self.town, intent, rev, **fields)
        await self.town.work()
        return result

    async def swept(self) -> None:
        self.town.clock.move(minutes=15)
        await self.feeds.tick()
        await self.town.work()

    async def shown(self, url: str, name: str = "guid-7") -> None:
        """Publish on the site, at this moment; it is swept 15 minutes later."""
        self.site.entries = [one for one in self.site.entries if one["id"] != name]
        self.site.show(an_entry(name, self.town.clock, age=0, url=url))
        await self.swept()

    async def posts(self) -> int:
        return len(await all_posts(self.town))


Build = Callable[..., Awaitable[Both]]


@pytest.fixture
async def build(build_town) -> AsyncIterator[Build]:
    async with a_site() as site, GuardedClient(allow=LOOPBACK, allow_http=True) as client:

        async def made(hooks: dict | None = None, **rules: Any) -> Both:
            hooks = hooks or a_cms(feed=site.url, **rules)
            town = await build_town(hooks=hooks)
            followed = [Followed("cms", hooks["cms"][1], hooked=True)]
            both = Both(town, site, Feeds(town.kit, client, followed, town.ingest.take, parse))
            await both.feeds.tick()
            return both

        made.site = site
        yield made


FORMS = [
    (f"{PAGE}?utm_source=rss", PAGE),
    (f"{PAGE}/", PAGE),
    ("http://blog.example/hello", PAGE),
    (PAGE, "https://www.blog.example/hello/?utm_source=cms#top"),
]


@pytest.mark.parametrize(("listed", "sent"), FORMS)
async def test_what_the_hook_told_of_is_not_posted_by_the_feed_in_another_form(build, listed, sent):
    both = await build()
    await both.told(url=sent)
    await both.shown(listed)

    assert await both.posts() == 1


@pytest.mark.parametrize(("listed", "sent"), FORMS)
async def test_what_the_feed_posted_is_not_posted_by_the_hook_in_another_form(build, listed, sent):
    both = await build()
    await both.shown(listed)
    result = await both.told(url=sent)

    assert (result.outcome, await both.posts()) == ("skipped", 1)


LINK = "https://www.example.com/{{ raw.slug }}"


@pytest.mark.parametrize("sent", [{}, {"url": "https://cms.example.com/api/7"}, {"url": "/hello"}])
@pytest.mark.parametrize("first", ["hook", "feed"])
async def test_a_link_says_where_the_page_is(build, sent, first):
    both = await build(site="https://cms.example.com", link=LINK)
    if first == "hook":
        await both.told(slug="hello", **sent)
    await both.shown("https://example.com/hello/")
    if first == "feed":
        await both.told(slug="hello", **sent)

    assert await both.posts() == 1
    assert (await both.town.store.objects("cms", ["url:example.com/hello"]))[0].event_id is not None


async def test_what_has_no_address_is_warned_of(build):
    both = await build()
    [without] = (await both.told()).warnings
    linked = (await both.told(id="8", url=PAGE)).warnings

    assert (without["field"], without["code"], linked) == ("url", "NO_ADDRESS", ())
    assert "`link`" in without["message"]


async def test_without_a_feed_no_address_is_no_matter(build):
    both = await build(a_cms())

    assert (await both.told()).warnings == ()


@pytest.mark.parametrize("missed", [False, True], ids=["hook told of it", "the hook was missed"])
async def test_a_corrected_slug_makes_no_other_post(build, missed):
    both = await build()
    if not missed:
        await both.told(url="https://blog.example/helo/")
    await both.shown("https://blog.example/helo/")
    await both.shown(PAGE)
    await both.told(rev="2", url=PAGE)

    assert await both.posts() == 1


async def test_a_corrected_slug_that_the_hook_told_of_is_known_to_the_feed(build):
    both = await build()
    await both.told(url="https://blog.example/helo/")
    await both.told("update", "2", url=PAGE)
    await both.shown(PAGE)

    assert await both.posts() == 1


async def test_a_hook_that_was_matched_by_its_address_is_known_by_its_id_then(build):
    both = await build()
    await both.shown("https://blog.example/helo")
    await both.told(rev="2", url="https://blog.example/helo")
    result = await both.told(rev="3", url=PAGE)

    assert (result.outcome, await both.posts()) == ("skipped", 1)


async def test_taking_back_finds_what_the_feed_posted(build):
    both = await build(link=LINK)
    await both.shown("https://example.com/hello")
    result = await both.told("unpublish", "2", slug="hello")

    assert result.outcome == "changed"


async def test_objects_without_a_page_of_their_own_are_not_one(build):
    both = await build(link=LINK)
    await both.told(id="1", url="https://blog.example/")
    await both.told(id="2", url="https://blog.example/")

    assert await both.posts() == 2


@pytest.mark.slow
async def test_hook_and_sweep_at_the_same_moment_make_one_post_each(build):
    both = await build()
    urls = [f"https://blog.example/{number}" for number in range(10)]
    for url in urls:
        both.site.show(an_entry(f"guid of {url}", both.town.clock, age=0, url=url))
    both.town.clock.move(minutes=15)

    async def hook(number: int, url: str) -> None:
        # Both begin at once; the hooks come in while the sweep is at its entries.
        await both.town.store.feeds()
        await say(both.town, id=str(number), url=url)

    await asyncio.gather(both.feeds.tick(), *(hook(number, url) for number, url in enumerate(urls)))
    await both.town.work()

    assert await both.posts() == 10


async def test_many_ways_in_at_the_same_moment_make_one_post_each(build):
    both = await build()

    async def listed(number: int) -> None:
        entry = an_entry(f"guid-{number}", both.town.clock, url=f"https://blog.example/{number}/")
        [item] = parse(b'{"items": [%s]}' % orjson.dumps(entry), "application/json", "").items
        await both.town.ingest.take("cms", [item], body=orjson.dumps(entry), content_type="application/json")

    hooks = [say(both.town, id=str(number), url=f"https://blog.example/{number}") for number in range(10)]
    await asyncio.gather(*hooks, *(listed(number) for number in range(10)))

    assert await both.posts() == 10


LATE = {"repeat": "repost"}


@pytest.mark.parametrize("minutes", [None, 0, 60], ids=["no time", "the same time", "later"])
async def test_under_repost_a_late_hook_makes_another_post_only_of_what_was_published_later(build, minutes):
    both = await build(**LATE)
    published = both.town.clock()
    await both.shown(PAGE)
    await both.town.advance(10)
    said = {} if minutes is None else {"published_at": (published + timedelta(minutes=minutes)).isoformat()}
    result = await both.told("publish", "2026-01-01T12:00:00Z", url=PAGE, **said)

    assert (result.outcome, await both.posts()) == (("accepted", 2) if minutes else ("skipped", 1))


async def test_under_repost_what_the_hook_says_after_that_makes_another_post(build):
    both = await build(**LATE)
    await both.shown(PAGE)
    await both.town.advance(10)
    await both.told(rev="1", url=PAGE)
    result = await both.told(rev="2", url=PAGE)

    assert (result.outcome, await both.posts()) == ("accepted", 2)


@pytest.mark.parametrize("first", ["hook", "feed"])
async def test_strapi_with_the_link_of_its_page(build, first):
    rules = StrapiRules(
        secret=(SECRET,),
        site="https://cms.example.com",
        link="https://www.example.com/{{ raw.entry.slug }}",
        feed=build.site.url,
        accounts=("brand-tiktok",),
        content={"media": {"type": "video", "url": VIDEO}},
    )
    both = await build({"cms": ("strapi", rules)})

    async def publish() -> None:
        at = both.town.clock().isoformat()
        entry = {"documentId": "abc", "title": "Hello", "slug": "hello", "publishedAt": at, "updatedAt": at}
        body = {"event": "entry.publish", "createdAt": at, "model": "article", "entry": entry}
        await both.town.receive("cms", both.town.hook(body, authorization=f"Bearer {SECRET}"))
        await both.town.work()

    if first == "hook":
        await publish()
    await both.shown("https://www.example.com/hello", name="https://www.example.com/hello")
    if first == "feed":
        await publish()

    assert await both.posts() == 1
