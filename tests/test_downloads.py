"""Files from strangers: bounded in size, time and redirects, and from nowhere that is not allowed."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest

from bridge.core.errors import FailureReason, MediaError
from bridge.downloads import download
from bridge.net import GuardedClient

pytestmark = pytest.mark.anyio

LOOPBACK = [ip_network("127.0.0.0/8")]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


@asynccontextmanager
async def serving(*answers: bytes, then: Serve | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve these answers, one a connection; `then` writes more of the last one."""
    waiting, asked = list(answers), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(waiting.pop(0) if len(waiting) > 1 else waiting[0])
            await writer.drain()
            if then is not None and len(waiting) == 1:
                await then(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with GuardedClient(allow=LOOPBACK) as made:
        yield made


async def fetch(client: GuardedClient, url: str, *, max_bytes: int = 1_000, timeout_s: float = 20.0) -> bytes:
    into = io.BytesIO()
    size = await download(client, url, into, max_bytes=max_bytes, timeout_s=timeout_s)
    content = into.read()
    assert len(content) == size
    return content


async def refusal(client: GuardedClient, url: str, **bounds: float) -> MediaError:
    with pytest.raises(MediaError) as caught:
        await fetch(client, url, **bounds)  # type: ignore[arg-type]  # One value a bound.
    return caught.value


async def test_a_file_is_written_whole_and_the_query_goes_out_as_it_is(client):
    async with serving(answer(200, b"x" * 1_000, Content_Type="text/html")) as (base, asked):
        assert await fetch(client, f"{base}/a.jpg?X-Amz-Signature=a%2Fb") == b"x" * 1_000
    assert asked[0].startswith(b"GET /a.jpg?X-Amz-Signature=a%2Fb HTTP/1.1\r\n")
    assert not [line for line in asked[0].lower().split(b"\r\n") if line.startswith((b"authorization", b"cookie"))]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(client, status):
    async with serving(answer(status, Location="/b?c=d"), answer(200, b"here")) as (base, asked):
        assert await fetch(client, f"{base}/a") == b"here"
    assert asked[1].startswith(b"GET /b?c=d HTTP/1.1\r\n")


async def test_three_redirects_are_enough(client):
    async with serving(*[answer(302, Location="/again")] * 4) as (base, asked):
        error = await refusal(client, base)
    assert (error.reason, error.final, len(asked)) == (FailureReason.MEDIA_UNREACHABLE, True, 4)


async def test_a_redirect_leads_to_no_private_network(client):
    async with serving(answer(302, Location="http://10.0.0.1/secret")) as (base, _):
        error = await refusal(client, base)
    assert (error.reason, error.final) == (FailureReason.MEDIA_UNREACHABLE, True)
    assert error.detail.startswith("10.0.0.1: blocked_address")


@pytest.mark.parametrize("location", ["", "ftp://a.example/b", "http://[", "file:///etc/passwd"])
async def test_a_redirect_to_what_is_no_web_address_is_refused(client, location):
    async with serving(answer(302, **{"Location": location} if location else {})) as (base, _):
        error = await refusal(client, base)
    assert (error.reason, error.final) == (FailureReason.MEDIA_UNREACHABLE, True)


@pytest.mark.parametrize(
    ("status", "final"), [(400, True), (401, True), (403, True), (404, False), (410, True), (429, False), (503, False)]
)
async def test_a_refusal_says_whether_another_try_makes_sense(client, status, final):
    async with serving(answer(status, b"gone")) as (base, _):
        error = await refusal(client, f"{base}/a?token=s3cret")
    told = (FailureReason.MEDIA_UNREACHABLE, final, f"127.0.0.1 answered {status}")
    assert (error.reason, error.final, error.detail) == told


async def test_a_body_that_says_that_it_is_too_large_is_not_read(client):
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n") as (base, _):
        error = await refusal(client, base)
    assert (error.reason, error.final) == (FailureReason.MEDIA_TOO_LARGE, True)


async def test_a_body_that_turns_out_too_large_is_cut(client):
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"400\r\n" + bytes(1024) + b"\r\n")
            await writer.drain()

    async with serving(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", then=flood) as (base, _):
        error = await refusal(client, base, max_bytes=100_000)
    assert error.reason is FailureReason.MEDIA_TOO_LARGE


async def test_a_body_that_drips_is_given_up_when_the_time_is_over(client):
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.01)

    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", then=drip) as (base, _):
        error = await refusal(client, base, timeout_s=0.1)
    assert (error.reason, error.final) == (FailureReason.MEDIA_UNREACHABLE, False)
    assert "longer than 0.1 s" in error.detail


async def test_a_body_that_breaks_off_is_no_file(client):
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhalf") as (base, _):
        error = await refusal(client, base)
    assert (error.reason, error.final) == (FailureReason.MEDIA_UNREACHABLE, False)


async def test_nothing_is_no_file(client):
    async with serving(answer(200)) as (base, _):
        assert (await refusal(client, base)).reason is FailureReason.MEDIA_INVALID


async def test_nobody_there_may_be_over_in_a_moment(client):
    async with serving(answer(200)) as (base, _):
        pass
    error = await refusal(client, base)
    assert (error.reason, error.final) == (FailureReason.MEDIA_UNREACHABLE, False)


@pytest.mark.parametrize("url", ["http://192.168.0.1/a", "ftp://a.example/b", "http://2130706433/a"])
async def test_what_may_not_be_reached_is_refused_for_good(url):
    async with GuardedClient() as client:
        error = await refusal(client, url)
    assert (error.reason, error.final) == (FailureReason.MEDIA_UNREACHABLE, True)


async def test_a_client_that_is_not_open_is_a_mistake_of_ours():
    with pytest.raises(RuntimeError):
        await fetch(GuardedClient(), "http://127.0.0.1/")
