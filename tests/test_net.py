"""The guarded client: no spelling of an internal address gets through, and ordinary requests work as they should."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.core.errors import FailureReason
from bridge.net import MAX_BODY, GuardedClient, NetError

pytestmark = pytest.mark.anyio

LOOPBACK = [ip_network("127.0.0.0/8")]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """A server on a loopback address that counts connections and keeps what it was sent."""

    def __init__(self, serve: Serve | None = None) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.port = 0
        self._serve = serve or self.answer_all
        self._tasks: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
        self.requests.append(head + body)
        return body

    async def answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await self.request(reader)
            writer.write(OK)
            await writer.drain()

    def stop_serving(self) -> None:
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def listening(serve: Serve | None = None, host: str = "127.0.0.1") -> AsyncIterator[Listener]:
    listener = Listener(serve)
    server = await asyncio.start_server(listener.connected, host, 0)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        listener.stop_serving()
        await asyncio.sleep(0)


def answering(answer: bytes) -> Serve:
    """Return a server that reads one request, answers these bytes and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return serve


class Names(AbstractResolver):
    """A resolver that knows only what it is told."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        if not self._addresses:
            raise OSError(None, "no such name")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


async def refusal(url: str, **settings) -> NetError:
    """Return how the client refuses to POST to an address."""
    async with GuardedClient(allow_http=True, **settings) as client:
        with pytest.raises(NetError) as caught:
            await client.post(url, {}, b"{}", 2.0)
    return caught.value


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0x0.0x0.0x1",
        "017700000001",
        "0177.0.0.01",
        "127.8.9.10",
        "0",
        "0.0.0.0",
        "0x0",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "127.0.0.1.",
        "１２７.0.0.1",
        "127。0。0。1",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "user:password@127.0.0.1",
        "example.com@127.0.0.1",
    ],
)
async def test_no_spelling_of_this_machine_is_dialled(host):
    async with listening() as canary:
        error = await refusal(f"http://{host}:{canary.port}/")

        assert error.reason in (FailureReason.BLOCKED_ADDRESS, FailureReason.DNS, FailureReason.PROTOCOL)
        assert canary.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f000001", "0x7f.1", "0x0", "localhost", "[::ffff:127.0.0.1]"])
async def test_a_spelling_that_does_lead_here_is_named_as_blocked(host):
    async with listening() as canary:
        assert (await refusal(f"http://{host}:{canary.port}/")).reason is FailureReason.BLOCKED_ADDRESS
        assert canary.connections == 0


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://0xa9fea9fe/"]
)
async def test_the_cloud_metadata_service_is_blocked(url):
    assert (await refusal(url)).reason is FailureReason.BLOCKED_ADDRESS


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["::1", "127.0.0.1"], ["::ffff:127.0.0.1"], ["10.0.0.1", "fe80::1"]]
)
async def test_a_name_that_leads_inside_is_blocked(addresses):
    async with listening() as canary:
        error = await refusal(f"http://innocent.example:{canary.port}/", resolver=Names(*addresses))

        assert error.reason is FailureReason.BLOCKED_ADDRESS
        assert canary.connections == 0


async def test_of_a_names_addresses_only_the_allowed_one_is_dialled():
    async with listening(host="127.0.0.1") as canary, listening() as wanted:
        names = Names("127.0.0.2", "127.0.0.1")
        allow = [ip_network("127.0.0.1/32")]
        async with GuardedClient(allow=allow, allow_http=True, resolver=names) as client:
            reply = await client.post(f"http://name.example:{wanted.port}/", {}, b"{}", 2.0)

        assert (reply.status, wanted.connections, canary.connections) == (200, 1, 0)


async def test_a_redirect_is_an_answer_not_an_order():
    async with listening(host="127.0.0.2") as canary:
        location = f"http://127.0.0.2:{canary.port}/"
        answer = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        async with listening(answering(answer.encode())) as receiver, open_client() as client:
            reply = await client.post(f"http://127.0.0.1:{receiver.port}/", {}, b"{}", 2.0)

        assert (reply.status, reply.headers["location"]) == (307, location)
        assert canary.connections == 0


async def test_no_proxy_of_the_environment_is_asked(monkeypatch):
    async with listening() as proxy, listening() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with open_client() as client:
            await client.post(f"http://127.0.0.1:{receiver.port}/", {}, b"{}", 2.0)

        assert (proxy.connections, receiver.connections) == (0, 1)


@pytest.mark.parametrize(
    "url", ["http://example.com/", "ftp://example.com/", "file:///etc/passwd", "example.com", "", "//h/"]
)
async def test_only_https_is_taken_unless_http_is_allowed(url):
    async with GuardedClient() as client:
        with pytest.raises(NetError) as caught:
            await client.post(url, {}, b"{}", 1.0)

    assert caught.value.reason is FailureReason.INSECURE_URL


@pytest.mark.parametrize("url", ["https://", "https://[::1", "https://h:99999/", "https:///path"])
async def test_nonsense_is_not_an_address(url):
    assert (await refusal(url)).reason in (FailureReason.PROTOCOL, FailureReason.CONNECT)


async def test_an_answer_comes_back_as_it_was_sent():
    answer = b"HTTP/1.1 410 Gone\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\ngone"
    async with listening(answering(answer)) as receiver, open_client() as client:
        reply = await client.post(f"http://127.0.0.1:{receiver.port}/", {}, b"{}", 2.0)

    assert (reply.status, reply.headers["retry-after"], reply.body) == (410, "7", b"gone")
    assert 0 < reply.duration_s < 2


async def test_the_bytes_and_headers_arrive_as_given():
    async with listening() as receiver, open_client(user_agent="bridge-test") as client:
        url = f"http://127.0.0.1:{receiver.port}/hook?a=b%2Fc"
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
        url = f"http://127.0.0.1:{receiver.port}/"
        await client.request("PUT", url, headers={}, body=body, timeout_s=5.0)
        await client.request("GET", url, headers={}, timeout_s=5.0)

    assert receiver.requests[0].startswith(b"PUT / ")
    assert receiver.requests[0].endswith(body)
    assert receiver.requests[1].startswith(b"GET / ")


async def test_a_connection_is_used_again():
    async with listening() as receiver, open_client() as client:
        for _ in range(5):
            await client.post(f"http://127.0.0.1:{receiver.port}/", {}, b"{}", 2.0)

    assert (receiver.connections, len(receiver.requests)) == (1, 5)


async def test_cookies_are_not_kept():
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    seen = []

    async def serve(reader, writer):
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)

    async with listening(serve) as receiver, open_client() as client:
        for _ in range(2):
            await client.request("GET", f"http://127.0.0.1:{receiver.port}/", headers={}, timeout_s=2.0)

    assert len(seen) == 2
    assert not [head for head in seen if b"cookie" in head.lower()]


@pytest.mark.parametrize("framing", [b"Content-Length: 99999999\r\n\r\n", b"\r\n"])
async def test_only_the_beginning_of_a_long_answer_is_read(framing):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + framing)
        while not writer.is_closing():
            writer.write(b"x" * 65536)
            await writer.drain()

    async with listening(serve) as receiver, open_client() as client:
        reply = await client.post(f"http://127.0.0.1:{receiver.port}/", {}, b"{}", 5.0)

    assert reply.body == b"x" * MAX_BODY


async def test_as_much_of_an_answer_is_read_as_is_asked_for():
    long = answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10 * MAX_BODY)
    async with listening(long) as receiver, open_client() as client:
        url = f"http://127.0.0.1:{receiver.port}/"
        bodies = [
            (await client.request("GET", url, headers={}, timeout_s=5.0, most=most)).body
            for most in (1, 3 * MAX_BODY, 99 * MAX_BODY)
        ]

    assert [len(body) for body in bodies] == [1, 3 * MAX_BODY, 10 * MAX_BODY]


async def test_a_packed_answer_is_not_unpacked():
    bomb = gzip.compress(b"\0" * 10_000_000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(bomb), bomb)
    async with listening(answering(answer)) as receiver, open_client() as client:
        reply = await client.post(f"http://127.0.0.1:{receiver.port}/", {}, b"{}", 2.0)

    assert reply.body == bomb[:MAX_BODY]


async def test_a_slow_answer_ends_at_the_time_out():
    async def drip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.01)

    async with listening(drip) as receiver, open_client() as client:
        with pytest.raises(NetError) as caught:
            await client.post(f"http://127.0.0.1:{receiver.port}/", {}, b"{}", 0.1)

    assert caught.value.reason is FailureReason.TIMEOUT


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", FailureReason.CLOSED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", FailureReason.CLOSED),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", FailureReason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", FailureReason.PROTOCOL),
    ],
)
async def test_a_broken_answer_is_named(answer, reason):
    async with listening(answering(answer)) as receiver, open_client() as client:
        with pytest.raises(NetError) as caught:
            await client.post(f"http://127.0.0.1:{receiver.port}/?secret=LEAK", {}, b"{}", 2.0)

    assert caught.value.reason is reason
    assert "LEAK" not in str(caught.value)
    assert receiver.connections == 1


async def test_a_closed_port_is_a_failed_connect():
    async with listening() as receiver:
        pass

    assert (await refusal(f"http://127.0.0.1:{receiver.port}/", allow=LOOPBACK)).reason is FailureReason.CONNECT


async def test_an_unknown_name_is_a_dns_failure():
    assert (await refusal("http://nowhere.example/", resolver=Names())).reason is FailureReason.DNS


async def test_an_answer_that_is_not_tls_is_a_tls_failure():
    async def serve(reader, writer):
        writer.write(OK)
        await reader.read()

    async with listening(serve) as receiver:
        error = await refusal(f"https://127.0.0.1:{receiver.port}/", allow=LOOPBACK)

    assert error.reason is FailureReason.TLS


async def test_a_header_that_is_not_one_is_refused():
    async with listening() as receiver, open_client() as client:
        with pytest.raises(NetError) as caught:
            await client.post(f"http://127.0.0.1:{receiver.port}/", {"a": "b\r\nc: d"}, b"{}", 2.0)

    assert caught.value.reason is FailureReason.PROTOCOL
    assert receiver.requests == []


async def test_a_kept_connection_closed_under_us_costs_nothing():
    """The first connection serves one request and hangs up on the second; the client sends that once more."""
    listener: Listener

    async def serve(reader, writer):
        await listener.request(reader)
        writer.write(OK)
        if listener.connections == 1:
            await reader.readuntil(b"\r\n\r\n")

    async with listening(serve) as listener, open_client() as client:
        for body in (b"1", b"2"):
            reply = await client.post(f"http://127.0.0.1:{listener.port}/", {}, body, 2.0)
            assert reply.status == 200

    assert (listener.connections, [request[-1:] for request in listener.requests]) == (2, [b"1", b"2"])


async def test_a_new_connection_that_is_closed_is_not_tried_again():
    async with listening(answering(b"")) as receiver, open_client() as client:
        with pytest.raises(NetError):
            await client.post(f"http://127.0.0.1:{receiver.port}/", {}, b"{}", 2.0)

    assert receiver.connections == 1


async def test_a_closed_client_says_so():
    with pytest.raises(RuntimeError, match="not open"):
        await GuardedClient(allow_http=True).post("http://127.0.0.1/", {}, b"{}", 1.0)


def open_client(**settings) -> GuardedClient:
    return GuardedClient(allow=LOOPBACK, allow_http=True, **settings)
