"""Servers that misbehave: what went wrong gets its name, within bounds, and is only tried twice where that is safe."""

import asyncio
import time

import pytest

from bridge.core.errors import FailureReason
from bridge.net import MAX_BODY, GuardedClient, NetError
from tests.flows.faulty import (
    HEAD,
    LOOPBACK,
    OK,
    Line,
    Names,
    Serve,
    after_one,
    answers,
    answers_all,
    answers_unread,
    closed_port,
    drips,
    endless,
    hangs,
    in_turn,
    listening,
    reads_nothing,
    reply,
    resets,
    self_signed,
    traced,
)

pytestmark = pytest.mark.anyio

CLOSED, PROTOCOL, TIMEOUT = FailureReason.CLOSED, FailureReason.PROTOCOL, FailureReason.TIMEOUT
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = HEAD + b"Content-Length: 1000\r\n\r\n"
SHORT_S = 0.2


@pytest.fixture(params=["asyncio", pytest.param("uvloop", marks=pytest.mark.slow)])
def anyio_backend(request):
    """The loop of the service, and the one of the standard library: they hand bytes on in different pieces."""
    return ("asyncio", {"use_uvloop": request.param == "uvloop"})


def open_client(**settings) -> GuardedClient:
    return GuardedClient(allow=LOOPBACK, allow_http=True, **settings)


async def failure(url: str, timeout_s: float = 2.0, body: bytes = b"{}", **settings) -> NetError:
    async with open_client(**settings) as client:
        with pytest.raises(NetError) as caught:
            await client.post(url, {}, body, timeout_s)
    return caught.value


BROKEN: dict[str, tuple[Serve, FailureReason]] = {
    "hangs up at once": (answers(b""), CLOSED),
    "resets before the head": (resets(), CLOSED),
    "resets in the status line": (resets(b"HTTP/1."), CLOSED),
    "resets in the head": (resets(HEAD + b"Content-"), CLOSED),
    "resets in the body": (resets(LONG + b"half"), CLOSED),
    "hangs up in the status line": (answers(b"HTTP/1."), CLOSED),
    "hangs up in the head": (answers(HEAD + b"Content-"), CLOSED),
    "hangs up in the body": (answers(LONG + b"half"), CLOSED),
    "hangs up in a chunk": (answers(CHUNKED + b"5\r\nhal"), CLOSED),
    "hangs up before the last chunk": (answers(CHUNKED + b"4\r\nhalf\r\n"), CLOSED),
    "hangs up after 100": (answers(b"HTTP/1.1 100 Continue\r\n\r\n"), CLOSED),
    "hangs up after 103": (answers(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), CLOSED),
    "hangs before the head": (hangs(), TIMEOUT),
    "hangs in the head": (hangs(HEAD + b"Content-"), TIMEOUT),
    "hangs in the body": (hangs(LONG + b"half"), TIMEOUT),
    "hangs in a chunk": (hangs(CHUNKED + b"5\r\nhal"), TIMEOUT),
    "hangs after 100": (hangs(b"HTTP/1.1 100 Continue\r\n\r\n"), TIMEOUT),
    "never reads": (reads_nothing, TIMEOUT),
    "drips the head": (drips(HEAD + b"X: "), TIMEOUT),
    "drips the body": (drips(LONG), TIMEOUT),
    "drips chunks": (drips(CHUNKED, b"1\r\nx\r\n"), TIMEOUT),
    "drips interim answers": (drips(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), TIMEOUT),
    "speaks another protocol": (answers(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), PROTOCOL),
    "sends noise": (answers(bytes(range(256)) * 4), PROTOCOL),
    "sends HTML alone": (answers(b"<html>Hello</html>\r\n\r\n"), PROTOCOL),
    "sends TLS": (answers(b"\x15\x03\x01\x00\x02\x02\x46"), PROTOCOL),
    "has a status of words": (answers(b"HTTP/1.1 OK 200\r\n\r\n"), PROTOCOL),
    "has an unreadable length": (answers(HEAD + b"Content-Length: two\r\n\r\nok"), PROTOCOL),
    "has a negative length": (answers(HEAD + b"Content-Length: -2\r\n\r\nok"), PROTOCOL),
    "has two lengths": (answers(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"), PROTOCOL),
    "has a head in one long line": (answers(HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n"), PROTOCOL),
    "has a thousand headers": (answers(HEAD + b"X: y\r\n" * 1000 + b"\r\n"), PROTOCOL),
    "has no size of a chunk": (answers(CHUNKED + b"zz\r\nhi\r\n0\r\n\r\n"), PROTOCOL),
    "has no size of a later chunk": (drips(CHUNKED, b"1\r\nx\r\nzz\r\n"), PROTOCOL),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_broken_answer_is_named_and_not_asked_for_again(case):
    serve, reason = BROKEN[case]
    async with listening(serve) as receiver:
        error = await failure(f"{receiver.url}?secret=LEAK", SHORT_S if reason is TIMEOUT else 2.0)

    assert (error.reason, receiver.connections) == (reason, 1)
    assert "LEAK" not in str(error)


ODD: dict[str, tuple[bytes, int, bytes]] = {
    "100 first": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
    "102 and 103 first": (b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nLink: </a>\r\n\r\n" + OK, 200, b"ok"),
    "more than the length says": (HEAD + b"Content-Length: 2\r\n\r\nok and more", 200, b"ok"),
    "no length": (HEAD + b"\r\nok", 200, b"ok"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nok", 200, b"ok"),
    "no phrase": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    "an unknown status": (reply(799), 799, b"ok"),
    "a body where none belongs": (HEAD.replace(b"200", b"204") + b"Content-Length: 2\r\n\r\nok", 204, b""),
    "bytes that are no text": (HEAD + b"X-Odd: \xff\xfe\r\nContent-Length: 2\r\n\r\n\xff\x00", 200, b"\xff\x00"),
    "chunks": (CHUNKED + b"1\r\no\r\n1;a=b\r\nk\r\n0\r\nX: y\r\n\r\n", 200, b"ok"),
}


@pytest.mark.parametrize("case", ODD)
async def test_an_odd_answer_is_an_answer(case):
    sent, status, body = ODD[case]
    async with listening(answers(sent)) as receiver, open_client() as client:
        found = await client.post(receiver.url, {}, b"{}", 2.0)

    assert (found.status, found.body) == (status, body)


async def test_a_switch_of_protocols_is_an_answer_that_ends_the_connection():
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    async with listening(hangs(switched + b"x" * 1000)) as receiver, open_client() as client:
        for _ in range(2):
            assert (await client.post(receiver.url, {}, b"{}", 0.5)).status == 101

    assert receiver.connections == 2


@pytest.mark.parametrize("promise", ["Connection: keep-alive", "Keep-Alive: timeout=60"])
async def test_a_receiver_that_closes_in_spite_of_its_promise_costs_nothing(promise):
    async with listening(answers(reply(200, promise))) as receiver, open_client() as client:
        for _ in range(5):
            assert (await client.post(receiver.url, {}, b"{}", 2.0)).status == 200

    assert (receiver.connections, len(receiver.requests)) == (5, 5)


ENDLESS: dict[str, tuple[Serve, FailureReason | None]] = {
    "body": (endless(HEAD + b"\r\n", b"x"), None),
    "body of a length": (endless(HEAD + b"Content-Length: 999999999999\r\n\r\n", b"x"), None),
    "small chunks": (endless(CHUNKED, b"1\r\nx\r\n"), None),
    "one chunk": (endless(CHUNKED + b"fffffffff\r\n", b"x"), None),
    "extension of a chunk": (endless(CHUNKED + b"1;", b"x"), PROTOCOL),
    "size of a chunk": (endless(CHUNKED, b"0"), PROTOCOL),
    "trailers": (endless(CHUNKED + b"2\r\nok\r\n0\r\n", b"X: y\r\n"), PROTOCOL),
    "status line": (endless(b"HTTP/1.1 200 ", b"x"), PROTOCOL),
    "header": (endless(HEAD + b"X: ", b"x"), PROTOCOL),
    "name of a header": (endless(HEAD, b"x"), PROTOCOL),
    "headers": (endless(HEAD, b"X-Some: header\r\n"), PROTOCOL),
    "empty lines": (endless(b"", b"\r\n"), PROTOCOL),
    "interim answers": (endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), PROTOCOL),
    "interim answers with headers": (endless(b"", b"HTTP/1.1 103 E\r\n" + b"Link: </a>\r\n" * 9 + b"\r\n"), PROTOCOL),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", ENDLESS)
async def test_what_never_ends_is_cut_off_at_once_and_in_bounded_memory(case):
    serve, reason = ENDLESS[case]
    async with listening(serve) as receiver, open_client() as client:
        with traced() as memory:
            ended = await outcome(client, receiver.url)

    assert ended == (reason or b"x" * MAX_BODY)
    assert memory.peak < 16_000_000


async def outcome(client: GuardedClient, url: str) -> FailureReason | bytes:
    """Return the reason of a failure, or the body that was read."""
    try:
        return (await client.post(url, {}, b"{}", 5.0)).body
    except NetError as error:
        return error.reason


async def test_a_receiver_that_answers_and_does_not_read_on_is_not_waited_for():
    """Its answer is there; the rest of the request would never be taken."""
    async with listening(answers_unread) as receiver, open_client() as client:
        started = time.perf_counter()
        found = await client.post(receiver.url, {}, b"x" * 20_000_000, 1.0)

    assert (found.status, time.perf_counter() - started < 0.9) == (200, True)


async def test_a_closed_port_is_a_failed_connect():
    async with closed_port() as port:
        assert (await failure(f"http://127.0.0.1:{port}/")).reason is FailureReason.CONNECT


async def test_an_unknown_name_is_a_dns_failure():
    assert (await failure("http://nowhere.example/", resolver=Names())).reason is FailureReason.DNS


async def test_an_answer_that_is_not_tls_is_a_tls_failure():
    async with listening(answers_unread) as receiver:
        error = await failure(receiver.url.replace("http:", "https:"))

    assert error.reason is FailureReason.TLS


async def test_a_certificate_that_nobody_vouches_for_is_a_tls_failure(tmp_path):
    async with listening(tls=self_signed(tmp_path)) as receiver:
        error = await failure(receiver.url)

    assert (error.reason, receiver.requests) == (FailureReason.TLS, [])
    assert "self-signed" in error.detail


GONE: dict[str, Serve] = {"hangs up": answers(b""), "resets": resets()}
"""What becomes of a kept connection when the other side does not want it any more, and the request crosses that."""


@pytest.mark.parametrize("case", GONE)
async def test_a_kept_connection_closed_under_us_costs_nothing(case):
    async with listening(in_turn(after_one(GONE[case]), answers(OK))) as receiver, open_client() as client:
        for body in (b"1", b"2"):
            assert (await client.post(receiver.url, {}, body, 2.0)).status == 200

    assert receiver.connections == 2
    assert [request[-1:] for request in receiver.requests] == [b"1", b"2", b"2"]


HEARD: dict[str, Serve] = {
    "hangs up in the status line": answers(b"HTTP"),
    "hangs up in the head": answers(HEAD + b"Content-"),
    "hangs up in the body": answers(LONG + b"half"),
    "hangs up after 100": answers(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "resets in the status line": resets(b"HTTP"),
    "resets in the head": resets(HEAD + b"Content-"),
    "resets in the body": resets(LONG + b"half"),
    "resets after 103": resets(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
}


@pytest.mark.parametrize("case", HEARD)
async def test_a_request_that_was_being_answered_is_not_sent_again(case):
    """Whatever came of an answer on a kept connection: the receiver has been at work."""
    async with listening(in_turn(after_one(HEARD[case]), answers(OK))) as receiver, open_client() as client:
        await client.post(receiver.url, {}, b"1", 2.0)
        with pytest.raises(NetError) as caught:
            await client.post(receiver.url, {}, b"2", 2.0)

    assert (caught.value.reason, receiver.connections, len(receiver.requests)) == (CLOSED, 1, 2)


async def test_the_second_try_has_only_what_is_left_of_the_time():
    async with listening(in_turn(after_one(answers(b"")), hangs())) as receiver, open_client() as client:
        await client.post(receiver.url, {}, b"1", 2.0)
        with pytest.raises(NetError) as caught:
            await client.post(receiver.url, {}, b"2", SHORT_S)

    assert (caught.value.reason, receiver.connections) == (TIMEOUT, 2)
    assert len(receiver.requests) == 3


@pytest.mark.parametrize("case", GONE)
async def test_what_must_not_be_done_twice_is_sent_once(case):
    async with listening(in_turn(after_one(GONE[case]), answers(OK))) as receiver, open_client() as client:
        await client.post(receiver.url, {}, b"1", 2.0)
        with pytest.raises(NetError) as caught:
            await client.post(receiver.url, {}, b"2", 2.0, again=False)

    assert (caught.value.reason, receiver.connections, len(receiver.requests)) == (CLOSED, 1, 2)


async def test_there_is_no_third_try():
    async with listening(in_turn(after_one(answers(b"")), answers(b""))) as receiver, open_client() as client:
        await client.post(receiver.url, {}, b"1", 2.0)
        with pytest.raises(NetError) as caught:
            await client.post(receiver.url, {}, b"2", 2.0)

    assert (caught.value.reason, receiver.connections, len(receiver.requests)) == (CLOSED, 2, 3)


@pytest.mark.slow
async def test_a_connection_that_breaks_after_a_while_is_not_one_that_was_closed_under_us():
    async def slow(line: Line) -> None:
        await line.request()
        await asyncio.sleep(1.1)

    async with listening(in_turn(after_one(slow), answers(OK))) as receiver, open_client() as client:
        await client.post(receiver.url, {}, b"1", 2.0)
        with pytest.raises(NetError) as caught:
            await client.post(receiver.url, {}, b"2", 2.0)

    assert (caught.value.reason, receiver.connections) == (CLOSED, 1)


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one():
    stray = asyncio.Event()

    async def serve(line: Line) -> None:
        await line.request()
        await line.send(OK)
        await stray.wait()
        await line.send(reply(410))
        await line.until_gone()

    async with listening(in_turn(serve, answers_all)) as receiver, open_client() as client:
        await client.post(receiver.url, {}, b"1", 2.0)
        stray.set()
        await asyncio.sleep(0.02)
        found = await client.post(receiver.url, {}, b"2", 2.0)

    assert (found.status, receiver.connections, len(receiver.requests)) == (200, 2, 2)
