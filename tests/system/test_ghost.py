"""A real Ghost tells the real service, which posts at a simulated Genviral: three processes, on loopback."""

import base64
import contextlib
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.simulator import DEMO_TOKEN
from bridge.simulator.genviral import X
from tests.e2e.process import SECRETS, Process, running, write_config
from tests.system import ghost as site
from tests.system.ghost import Ghost

SECRET = "ghost-secret-0123456789"
ENVIRON = SECRETS | {"GHOST_SECRET": SECRET, "PARTNER_TOKEN": DEMO_TOKEN}
HEADERS = {"Authorization": f"Bearer {SECRETS['E2E_TOKEN']}"}
CAPTION = "{{ title }}: {{ excerpt }} [{{ tags | join(', ') }}]\n{{ body }}\n{{ url }}"
EVENTS = (*site.EVENTS, "post.scheduled", "post.rescheduled", "post.unscheduled")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
PATIENCE_S = 30.0
SECOND = timedelta(seconds=1)
"""The finest that Ghost tells times apart, and so the versions of a post."""
OUT, SCHEDULED, CANCELED = "posted", "scheduled", "canceled"


class Blog:
    """A Ghost and, between it and a partner of its own, bridge at a port that Ghost knows."""

    def __init__(self, ghost: Ghost, port: int, folder: Path, partner_url: str) -> None:
        self.ghost, self._port, self._folder, self._partner_url = ghost, port, folder, partner_url
        self._lives = 0

    @contextlib.contextmanager
    def bridge(self, **rules: Any) -> Iterator[Process]:
        """Run bridge on the database of this test, to its end; `rules` are more of the source's configuration."""
        self._lives += 1
        partner = {
            "kind": "genviral", "token": {"env": "PARTNER_TOKEN"}, "base_url": f"{self._partner_url}/api/partner/v1",
        }  # fmt: skip
        source = {"kind": "ghost", "secret": {"env": "GHOST_SECRET"}, "accounts": ["brand"], "caption": CAPTION}
        config = write_config(
            self._folder,
            server={"host": "127.0.0.1", "port": self._port},
            partners={"genviral": partner},
            accounts={"brand": {"partner": "genviral", "id": X}},
            sources={"blog": source | rules},
            watch={"tick": "100ms", "first_poll": "100ms", "max_poll": "200ms"},
            network={"allow": ["127.0.0.0/8"], "allow_http": True, "ports": []},
        )
        log = self._folder / f"bridge-{self._lives}.log"
        with running(log, "serve", "-c", str(config), environ=ENVIRON) as process:
            process.addresses()
            # Until the partner has told of its accounts, nobody knows that this one takes text alone.
            until(lambda: self._items("accounts"), "the accounts")
            yield process
            assert process.end(signal.SIGTERM) == 0

    def heard(self, post: site.Post) -> Counter[str]:
        """What bridge knows to have happened to a post of Ghost's, however it learned of it."""
        events = self._items("events?source=blog&limit=200")
        return Counter(event["intent"] for event in events if event["object_id"] == post["id"])

    def hears(self, post: site.Post, **times: int) -> None:
        """Wait until bridge knows so much of a post, and Ghost that every webhook was taken."""
        until(lambda: self.heard(post) == Counter(times), f"{times} of {post['title']}")
        until(lambda: set(self.ghost.deliveries().values()) == {(200, None)}, "an answer of 200 to every webhook")

    def posts(self) -> list[dict[str, Any]]:
        """The posts that bridge made."""
        return self._items("posts?limit=200")

    def ended(self, *states: str) -> list[dict[str, Any]]:
        """Wait until bridge's posts stand like this, and return what the partner has."""
        until(lambda: sorted(post["state"] for post in self.posts()) == sorted(states), f"{states}", self.posts)
        return self.at_partner()

    def at_partner(self) -> list[dict[str, Any]]:
        return list(_get(f"{self._partner_url}/_control/state").json()["posts"])

    def _items(self, path: str) -> list[dict[str, Any]]:
        return list(_get(f"http://127.0.0.1:{self._port}/v1/{path}").json()["items"])


def _get(url: str) -> httpx.Response:
    return httpx.get(url, headers=HEADERS, trust_env=False, timeout=10).raise_for_status()


def until(holds: Callable[[], Any], what: str, instead: Callable[[], Any] = str) -> None:
    """Wait until something holds of these processes; `instead` tells how they are when it does not."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come: {instead()}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def ghost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ghost]:
    with site.running(tmp_path_factory.mktemp("ghost")) as ghost:
        yield ghost


@pytest.fixture
def blog(ghost: Ghost, tmp_path: Path) -> Iterator[Blog]:
    port = site.free_port()
    integration = ghost.tell(f"http://127.0.0.1:{port}/hooks/blog", SECRET, EVENTS)
    with running(tmp_path / "partner.log", "simulate", "genviral", "--port", "0", "--tick", "0.2") as partner:
        found = partner.until(lambda: re.search(r"http://[^/\s]+", partner.log.read_text()), "the partner's address")
        yield Blog(ghost, port, tmp_path, str(found.group()))
    ghost.forget(integration)


def test_a_post_goes_out_once_with_its_words_its_link_and_its_image(blog: Blog):
    image = blog.ghost.upload("harbour.png", PNG)
    with blog.bridge():
        post = blog.ghost.create(
            title="The harbour", text="Boats.", custom_excerpt="At dawn", feature_image=image, tags=["News", "#own"]
        )
        blog.ghost.publish(post["id"])
        blog.hears(post, publish=1)
        [made] = blog.ended(OUT)

    assert made["caption"] == f"The harbour: At dawn [News]\nBoats.\n{blog.ghost.url}/the-harbour/"
    # Nobody else can reach this image, so the partner was given it to keep.
    assert [_get(url).content for url in made["media"]["urls"]] == [PNG]


def test_neither_an_edit_nor_publishing_again_posts_again(blog: Blog):
    with blog.bridge():
        post = blog.ghost.create(title="The ferry", status="published")
        blog.hears(post, publish=1)
        [made] = blog.ended(OUT)
        blog.ghost.edit(post["id"], title="The late ferry")
        blog.hears(post, publish=1, update=1)
        blog.ghost.unpublish(post["id"])
        blog.hears(post, publish=1, update=1, unpublish=1)
        until(lambda: datetime.now(UTC) > _said(post["updated_at"]) + SECOND, "another time for Ghost to write")
        blog.ghost.publish(post["id"])
        blog.hears(post, publish=2, update=1, unpublish=1)

        assert blog.ended(OUT) == [made]


def test_what_is_scheduled_waits_moves_and_is_taken_back(blog: Blog):
    first, second = _in(days=1), _in(days=2)
    with blog.bridge():
        post = blog.ghost.create(title="The regatta", status="scheduled", published_at=_written(first))
        blog.hears(post, schedule=1)
        [made] = blog.ended(SCHEDULED)
        assert (made["status"], _said(made["scheduled_at"])) == ("scheduled", first)
        assert made["caption"].endswith(f"{blog.ghost.url}/the-regatta/")

        blog.ghost.edit(post["id"], published_at=_written(second))
        until(
            lambda: [_said(one["scheduled_at"]) for one in blog.at_partner()] == [second],
            "the new time",
        )
        blog.ghost.unpublish(post["id"])
        blog.hears(post, schedule=1, update=1, unpublish=1)

        assert blog.ended(CANCELED) == []


def test_deleting_a_post_that_is_out_is_taken_and_changes_nothing(blog: Blog):
    with blog.bridge():
        post = blog.ghost.create(title="The lighthouse", status="published")
        blog.hears(post, publish=1)
        [made] = blog.ended(OUT)
        blog.ghost.delete(post["id"])
        until(lambda: {"post.unpublished", "post.deleted"} <= blog.ghost.deliveries().keys(), "both webhooks")
        # Both say the same, so they are one event.
        blog.hears(post, publish=1, delete=1)

        assert blog.ended(OUT) == [made]


@pytest.mark.parametrize("visibility", ["members", "paid"])
def test_a_post_that_not_everybody_may_read_gives_away_nothing(blog: Blog, visibility: str):
    with blog.bridge():
        post = blog.ghost.create(
            title=f"For {visibility}", text="The hidden truth.", status="published", visibility=visibility
        )
        blog.hears(post, publish=1)
        [made] = blog.ended(OUT)

    assert made["caption"] == f"For {visibility}:  []\n\n{blog.ghost.url}/for-{visibility}/"


def test_the_feed_brings_what_the_hook_missed_and_nothing_else(blog: Blog):
    feed = {"feed": f"{blog.ghost.url}/rss/", "feed_every": "1s", "feed_after": "0s"}
    with blog.bridge(**feed) as process:
        assert process.said("feed.swept")["first_sweep"] > 0
        brought = blog.ghost.create(title="Brought", status="published")
        blog.hears(brought, publish=1)
        blog.ended(OUT)
    missed = blog.ghost.create(title="Missed", text="Fog.", status="published")
    closed = blog.ghost.create(title="Closed", text="The hidden truth.", status="published", visibility="paid")
    until(lambda: blog.ghost.deliveries()["post.published"][1], "the loss of the webhook")

    with blog.bridge(**feed) as process:
        assert process.said("feed.swept")["posted"] == 2
        captions = {one["caption"] for one in blog.ended(OUT, OUT, OUT)}
        assert captions > {f"Missed:  []\nFog.\n{missed['url']}", f"Closed:  []\n\n{closed['url']}"}

        # The feed names a post by the id that the webhooks have: it is known when its webhook comes after all.
        assert blog.heard(missed) == {"publish": 1}
        blog.ghost.unpublish(missed["id"])
        blog.ghost.publish(missed["id"])
        blog.hears(missed, publish=2, unpublish=1)
        blog.ended(OUT, OUT, OUT)


def _in(days: int) -> datetime:
    return (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)


def _said(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _written(moment: datetime) -> str:
    """A time as Ghost writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.000Z}"
