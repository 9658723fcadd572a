"""Sources: the address to paste, how it is checked, what came last, and why senders were refused."""

import pytest

from bridge.sources import KINDS
from bridge.web.console.sources import _WHERE
from tests.web.hooks import SECRET, add_source

pytestmark = pytest.mark.anyio

HERE = "/console/sources"


async def count(room):
    """Write down what was counted, as the gauges' tick does."""
    await room.web.store.desk.tally(room.web.metrics.counted.take(room.clock()))


async def send(room, secret=SECRET, **body):
    given = {"caption": "Hello"} | body
    return await room.call("POST", "/hooks/plain", None, json=given, headers={"Authorization": f"Bearer {secret}"})


async def test_without_a_sender_it_says_what_to_do(sign_in):
    page = await (await sign_in("reader")).look(HERE)

    assert "https://bridge.example.com/v1/publish" in page.html
    assert "No sender is configured but the API." in page.text


async def test_each_source_has_its_address_to_copy_and_says_how_it_is_checked(room, sign_in):
    add_source(room, "blog", "ghost", secret=SECRET)
    page = await (await sign_in()).look(HERE)

    assert 'id="url-blog" value="https://bridge.example.com/hooks/blog" readonly' in page.html
    assert 'data-copy="url-blog"' in page.html
    assert "x-ghost-signature" in page.text
    assert "docs/sources/ghost.md" in page.text
    assert "none yet" in page.text
    assert "/console/preview?source=blog&amp;example=1" in page.html


async def test_without_a_public_address_there_is_the_path(room, sign_in):
    object.__setattr__(room.web, "public_url", None)
    add_source(room, "blog", "ghost", secret=SECRET)
    browser = await sign_in("reader")
    page = await browser.look(HERE)

    assert 'value="/hooks/blog"' in page.html
    assert "server.public_url" in page.text


async def test_the_last_event_is_linked_and_refusals_are_told_by_their_reason(room, sign_in):
    add_source(room, "plain", "generic", secret=SECRET, accounts=["other-x"])
    assert (await send(room)).status_code == 200
    assert [(await send(room, "another")).status_code for _ in range(3)] == [401] * 3
    await count(room)
    [event] = (await room.get("/v1/events"))["items"]
    page = await (await sign_in("reader")).look(HERE)

    assert f'href="/console/events/{event["id"]}"' in page.html
    assert "Accepted 1" in page.text
    assert "forged: 3. Their proof does not fit" in page.text


def test_every_kind_says_where_its_sender_is_told():
    assert set(_WHERE) == set(KINDS)
