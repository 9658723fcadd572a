"""Files that only a source's token reads: it goes to their host and nowhere else, and no error has it."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from bridge.core.errors import FailureReason, MediaError
from bridge.core.model import PostState
from bridge.core.rules import MediaRules, PublishRules, WatchRules
from bridge.core.slack import Workspace
from bridge.core.slack.files import headers_for
from bridge.downloads import download
from bridge.flows.fetch import Fetcher
from tests.flows.test_fetch import picture
from tests.test_downloads import answer, client, serving

__all__ = ["client"]

pytestmark = pytest.mark.anyio

TOKEN = "xoxb-s3cret-t0ken"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
LOGIN = answer(200, b"<html>Sign in</html>", Content_Type="text/html; charset=utf-8")


@asynccontextmanager
async def guarded(content: bytes) -> AsyncIterator[str]:
    """A server that gives a file to whoever has the token, and a page to log in to anybody else."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(200, content) if f"Bearer {TOKEN}".encode() in head else LOGIN)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def got(client, url: str) -> bytes:
    into = io.BytesIO()
    await download(client, url, into, max_bytes=1_000, timeout_s=20, headers=HEADERS)
    return into.read()


async def test_the_token_goes_along_on_one_host(client):
    async with serving(answer(302, Location="/b"), answer(200, b"here")) as (base, asked):
        assert await got(client, f"{base}/a") == b"here"
    assert [TOKEN.encode() in one for one in asked] == [True, True]


async def test_the_token_stays_when_a_redirect_leads_elsewhere_even_if_it_leads_back(client):
    """The other server sends back to the first, which then sends the file."""
    answers: list[bytes] = []

    async def back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(302, Location=f"{base}/c"))
        writer.close()

    other = await asyncio.start_server(back, "127.0.0.1", 0)
    elsewhere = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/b"
    async with other, serving(answer(302, Location=elsewhere), answer(200, b"here")) as (base, asked):
        assert await got(client, f"{base}/a") == b"here"
    assert [TOKEN.encode() in one for one in (*asked, *answers)] == [True, False, False]


@pytest.mark.parametrize("page", [LOGIN, answer(403), answer(401)])
async def test_a_page_to_log_in_is_told_for_what_it_is(client, page):
    async with serving(page) as (base, _):
        with pytest.raises(MediaError) as caught:
            await got(client, f"{base}/a")
    assert caught.value.reason is FailureReason.MEDIA_UNREACHABLE
    assert "lacks files:read, or its app is not in the channel" in caught.value.detail
    assert TOKEN not in str(caught.value)


async def test_a_token_that_is_no_header_is_an_error_without_it(client):
    async with serving(answer(200, b"x")) as (base, _):
        with pytest.raises(MediaError) as caught:
            await download(
                client, base, io.BytesIO(), max_bytes=9, timeout_s=20, headers={"Authorization": f"{TOKEN}\r\nX: y"}
            )
    assert TOKEN not in repr(caught.value)


@pytest.mark.parametrize(("source", "state"), [("api", PostState.PENDING), ("chat", PostState.REJECTED)])
async def test_a_post_has_its_file_read_with_the_token_of_its_own_source(town, client, source, state):
    async with guarded(picture()) as base:
        workspaces = {source: Workspace(name=source, bot_token=TOKEN, api_url=f"{base}/api/")}
        town.publisher.fetch = Fetcher(
            town.kit,
            client,
            MediaRules(),
            PublishRules(),
            WatchRules(),
            access=partial(headers_for, workspaces),
        ).act

        post_id = await town.sent(media={"type": "slideshow", "urls": [f"{base}/a.webp"]})

    post = await town.post(post_id)
    assert post.state is state
    assert TOKEN not in repr([post, await town.attempts(post_id), await town.commands(post_id)])
