"""The guarded client at work: what it sends, and what it gives back."""

import gzip

import pytest

from bridge.core.errors import FailureReason
from bridge.net import MAX_BODY, GuardedClient, NetError
from tests.flows.faulty import HEAD, LOOPBACK, Line, answers, endless, listening, reply

pytestmark = pytest.mark.anyio


def open_client(**settings) -> GuardedClient:
    return GuardedClient(allow=LOOPBACK, allow_http=True, **settings)


async def test_an_answer_comes_back_as_it_was_sent():
    gone = answers(reply(410, "Retry-After: 7", body=b"gone"))
    async with listening(gone) as receiver, open_client() as client:
        found = await client.post(receiver.url, {}, b"{}", 2.0)

    assert (found.status, found.headers["retry-after"], found.body) == (410, "7", b"gone")
    assert 0 < found.duration_s < 2


async def test_the_bytes_and_headers_arrive_as_given():
    async with listening() as receiver, open_client(user_agent="bridge-test") as client:
        url = f"{receiver.url}?a=b%2Fc"
        await client.post(url, {"Content-Type": "application/json", "webhook-id": "msg_1"}, b'{"a": 1}', 2.0)

    (request,) = receiver.requests
    assert request.startswith(b"POST /hook?a=b%2Fc HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"a": 1}')
    for line in (
        b"webhook-id: msg_1",
        b"Content-Type: application/json",
        b"User-Agent: bridge-test",
        b"Accept-Encoding: identity",
    ):
        assert line in request


async def test_a_large_body_and_another_method_work():
    async with listening() as receiver, open_client() as client:
        body = b"x" * (1024 * 1024 + 1)
        await client.request("PUT", receiver.url, headers={}, body=body, timeout_s=5.0)
        await client.request("GET", receiver.url, headers={}, timeout_s=5.0)

    assert receiver.requests[0].startswith(b"PUT /hook ")
    assert receiver.requests[0].endswith(body)
    assert receiver.requests[1].startswith(b"GET /hook ")


async def test_cookies_are_not_kept():
    async def serve(line: Line) -> None:
        while True:
            await line.request()
            await line.send(reply(200, "Set-Cookie: a=b"))

    async with listening(serve) as receiver, open_client() as client:
        for _ in range(2):
            await client.request("GET", receiver.url, headers={}, timeout_s=2.0)

    assert len(receiver.requests) == 2
    assert not [request for request in receiver.requests if b"cookie" in request.lower()]


@pytest.mark.parametrize("framing", [b"Content-Length: 99999999\r\n\r\n", b"\r\n"])
async def test_only_the_beginning_of_a_long_answer_is_read(framing):
    async with listening(endless(HEAD + framing, b"x")) as receiver, open_client() as client:
        found = await client.post(receiver.url, {}, b"{}", 5.0)

    assert found.body == b"x" * MAX_BODY


async def test_as_much_of_an_answer_is_read_as_is_asked_for():
    long = answers(HEAD + b"\r\n" + b"x" * 10 * MAX_BODY)
    async with listening(long) as receiver, open_client() as client:
        bodies = [
            (await client.request("GET", receiver.url, headers={}, timeout_s=5.0, most=most)).body
            for most in (1, 3 * MAX_BODY, 99 * MAX_BODY)
        ]

    assert [len(body) for body in bodies] == [1, 3 * MAX_BODY, 10 * MAX_BODY]


async def test_a_packed_answer_is_not_unpacked():
    bomb = gzip.compress(b"\0" * 10_000_000)
    packed = answers(reply(200, "Content-Encoding: gzip", body=bomb))
    async with listening(packed) as receiver, open_client() as client:
        found = await client.post(receiver.url, {}, b"{}", 2.0)

    assert found.body == bomb[:MAX_BODY]


async def test_a_header_that_is_not_one_is_refused():
    async with listening() as receiver, open_client() as client:
        with pytest.raises(NetError) as caught:
            await client.post(receiver.url, {"a": "b\r\nc: d"}, b"{}", 2.0)

    assert caught.value.reason is FailureReason.PROTOCOL
    assert receiver.requests == []


async def test_a_closed_client_says_so():
    with pytest.raises(RuntimeError, match="not open"):
        await GuardedClient(allow_http=True).post("http://127.0.0.1/", {}, b"{}", 1.0)
