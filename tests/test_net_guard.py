"""The guard: no spelling of an internal address is dialled, whatever leads there; what is allowed works as ever."""

import asyncio
import socket
from ipaddress import ip_network

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.core.errors import FailureReason
from bridge.net import GuardedClient, NetError
from tests.flows.faulty import LOOPBACK, Names, after_one, answers, answers_all, listening, reply, resets

pytestmark = pytest.mark.anyio

BOTH = ("127.0.0.1", "::1")


class Written(AbstractResolver):
    """What the system makes of an address in any of its spellings; it asks nobody about names."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [
            ResolveResult(hostname=host, host=str(to[0]), port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, _, _, _, to in found
        ]

    async def close(self) -> None:
        """There is nothing to close."""


async def refusal(url: str, resolver: AbstractResolver | None = None, **settings) -> NetError:
    """Return how the client refuses to POST to an address."""
    async with GuardedClient(allow_http=True, resolver=resolver, **settings) as client:
        with pytest.raises(NetError) as caught:
            await client.post(url, {}, b"{}", 2.0)
    return caught.value


NAMED = (
    "127.0.0.1", "127.8.9.10", "127.255.255.255", "0x7f000001", "0x7F000001", "0x7f.0x0.0x0.0x1", "0x7f.1", "0x7f.0.1",
    "0x0", "0.0.0.0", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000:0000::0001]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::FFFF:127.0.0.1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:808:808:0:0:80ff:fffe]",
    "[fe80::5efe:127.0.0.1]", "[2606:4700::5efe:127.0.0.1]", "[fe80::1]", "[fe80::1%25lo]", "[::1%25lo]",
    "[fd00:ec2::254]", "[ff02::1]", "[fec0::1]", "[2001:db8::1]", "169.254.169.254", "0xa9fea9fe",
    "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1",
    "192.0.0.1", "192.0.2.1", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "127．0．0．1", "⓪x7f.1",
)  # fmt: skip
"""Hosts that lead here, or somewhere else inside."""

READ_CARELESSLY = (
    "127.1", "127.0.1", "127.0.0.1.", "2130706433", "017700000001", "0177.0.0.01", "0177.1", "0", "00", "0.0",
    "2852039166", "0251.0376.0251.0376", "169.16689662", "4294967295", "4294967296", "127.0.0.256",
    "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "127.0.0.1%00.example.com", "[::1", "[127.0.0.1]", "xn--127-0.0.0.1",
    "user:password@127.0.0.1", "8.8.8.8@127.0.0.1", ":@127.0.0.1", "8.8.8.8\\@127.0.0.1", "127.0.0.1\t", " 127.0.0.1",
)  # fmt: skip
"""Hosts that some programs take to lead here. Whoever refuses them, libraries included, they are not dialled."""

EARLIER = (FailureReason.BLOCKED_ADDRESS, FailureReason.DNS, FailureReason.PROTOCOL, FailureReason.INSECURE_URL)
"""What a request is refused with that was dialled nowhere."""


@pytest.mark.parametrize("host", NAMED)
async def test_no_spelling_of_an_internal_address_is_dialled(host):
    async with listening(answers_all, *BOTH) as canary:
        error = await refusal(f"http://{host}:{canary.port}/", Written())

        assert (error.reason, canary.connections) == (FailureReason.BLOCKED_ADDRESS, 0)


@pytest.mark.parametrize("host", READ_CARELESSLY)
async def test_a_host_that_is_no_proper_address_is_not_dialled(host):
    async with listening(answers_all, *BOTH) as canary:
        error = await refusal(f"http://{host}:{canary.port}/", Written())

        assert error.reason in EARLIER
        assert canary.connections == 0


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "ｌocalhost"])
async def test_this_machines_own_name_leads_nowhere(host):
    async with listening(answers_all, *BOTH) as canary:
        error = await refusal(f"http://{host}:{canary.port}/", Names("::1", "127.0.0.1"))

        assert (error.reason, canary.connections) == (FailureReason.BLOCKED_ADDRESS, 0)


async def test_the_system_is_asked_and_not_believed():
    async with listening(answers_all, *BOTH) as canary:
        error = await refusal(f"http://localhost:{canary.port}/")

        assert (error.reason, canary.connections) == (FailureReason.BLOCKED_ADDRESS, 0)


ADDRESSES = (
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:2::1", "2001:10::1",
    "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "ff0e::1",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_name_that_leads_inside_is_not_dialled(address):
    async with listening(answers_all, *BOTH) as canary:
        error = await refusal(f"http://innocent.example:{canary.port}/", Names(address))

        assert (error.reason, canary.connections) == (FailureReason.BLOCKED_ADDRESS, 0)
        assert error.detail == f"{address} is not public; see network.allow"


async def test_of_a_names_addresses_only_the_allowed_one_is_dialled():
    async with listening(answers_all, "127.0.0.1") as wanted:
        names = Names("::1", "127.0.0.2", "127.0.0.1")
        async with GuardedClient(allow=[ip_network("127.0.0.1/32")], allow_http=True, resolver=names) as client:
            found = await client.post(f"http://name.example:{wanted.port}/", {}, b"{}", 2.0)

        assert (found.status, wanted.connections) == (200, 1)


async def test_a_name_that_leads_elsewhere_when_it_is_dialled_again_gains_nothing():
    """The name leads to an allowed address once; then the kept connection breaks, and it is looked up for another."""
    async with listening(after_one(resets()), *BOTH) as receiver:
        names = Names("127.0.0.1", then=("::1", "127.0.0.2"))
        async with GuardedClient(allow=[ip_network("127.0.0.1/32")], allow_http=True, resolver=names) as client:
            url = f"http://rebinding.example:{receiver.port}/"
            assert (await client.post(url, {}, b"{}", 2.0)).status == 200
            with pytest.raises(NetError) as caught:
                await client.post(url, {}, b"{}", 2.0)

    assert (caught.value.reason, names.asked) == (FailureReason.BLOCKED_ADDRESS, 2)
    assert receiver.connections == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254"])
async def test_a_redirect_is_an_answer_not_an_order(status, host):
    async with listening(answers_all, *BOTH) as canary:
        location = f"http://{host}:{canary.port}/latest/meta-data/"
        moved = answers(reply(status, f"Location: {location}"))
        async with listening(moved) as receiver, GuardedClient(allow=LOOPBACK, allow_http=True) as client:
            found = await client.post(receiver.url, {}, b"{}", 2.0)

        assert (found.status, found.headers["location"], canary.connections) == (status, location, 0)


async def test_no_proxy_of_the_environment_is_asked(monkeypatch):
    async with listening() as proxy, listening() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with GuardedClient(allow=LOOPBACK, allow_http=True) as client:
            await client.post(receiver.url, {}, b"{}", 2.0)

        assert (proxy.connections, receiver.connections) == (0, 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "name.example"])
async def test_what_is_allowed_is_dialled_once_and_used_again(host):
    names = Names("127.0.0.1")
    async with listening() as receiver, GuardedClient(allow=LOOPBACK, allow_http=True, resolver=names) as client:
        for _ in range(20):
            await client.post(f"http://{host}:{receiver.port}/", {}, b"{}", 2.0)

        assert (receiver.connections, len(receiver.requests), names.asked) == (1, 20, int(host == "name.example"))


async def test_many_at_once_share_few_connections():
    async with listening() as receiver, GuardedClient(allow=LOOPBACK, allow_http=True, connections=4) as client:
        await asyncio.gather(*(client.post(receiver.url, {}, b"{}", 2.0) for _ in range(40)))

        assert (receiver.connections, len(receiver.requests)) == (4, 40)


@pytest.mark.parametrize("host", ["name.example", "127.0.0.1", "[::1]"])
async def test_a_port_that_is_not_named_is_refused_before_anything_is_looked_up(host):
    names = Names("127.0.0.1", "::1")
    async with listening(answers_all, *BOTH) as canary:
        error = await refusal(f"http://{host}:{canary.port}/", names, allow=LOOPBACK, ports=(443, 8443))

        assert (error.reason, names.asked, canary.connections) == (FailureReason.BLOCKED_ADDRESS, 0, 0)
        assert error.detail == f"port {canary.port} is not among network.ports"


async def test_a_port_that_is_named_is_taken():
    async with listening() as receiver:
        client = GuardedClient(allow=LOOPBACK, allow_http=True, ports=[receiver.port])
        async with client:
            assert (await client.post(receiver.url, {}, b"{}", 2.0)).status == 200


@pytest.mark.parametrize(("url", "port"), [("https://name.example/", 443), ("http://name.example/", 80)])
async def test_an_address_without_a_port_has_that_of_its_scheme(url, port):
    blocked = await refusal(url, Names(), ports=[8443])
    looked_up = await refusal(url, Names(), ports=[port])

    assert (blocked.reason, looked_up.reason) == (FailureReason.BLOCKED_ADDRESS, FailureReason.DNS)


async def test_a_download_keeps_to_the_ports_too():
    async with listening() as canary, GuardedClient(allow=LOOPBACK, ports=[443]) as client:
        with pytest.raises(NetError, match="is not among network"):
            async with client.opened(canary.url):
                pass

        assert canary.connections == 0


@pytest.mark.parametrize("user", ["name:S3CRET", "S3CRET", ":S3CRET", "name:", "na%40me:S3CRET"])
async def test_a_user_in_the_address_is_refused_and_not_repeated(user):
    async with listening() as canary:
        error = await refusal(f"http://{user}@127.0.0.1:{canary.port}/", allow=LOOPBACK)

        assert (error.reason, canary.connections) == (FailureReason.INSECURE_URL, 0)
        assert "user name or password" in error.detail
        assert "S3CRET" not in str(error)


@pytest.mark.parametrize(
    "url", ["http://example.com/", "ftp://example.com/", "file:///etc/passwd", "h.example", "", "//h/"]
)
async def test_only_https_is_taken_unless_http_is_allowed(url):
    async with GuardedClient() as client:
        with pytest.raises(NetError) as caught:
            await client.post(url, {}, b"{}", 1.0)

    assert caught.value.reason is FailureReason.INSECURE_URL


async def test_one_call_may_be_plain_http_when_others_may_not():
    async with listening() as receiver, GuardedClient(allow=LOOPBACK) as client:
        assert (await client.post(receiver.url, {}, b"{}", 2.0, allow_http=True)).status == 200
        with pytest.raises(NetError, match="insecure_url"):
            await client.post(receiver.url, {}, b"{}", 2.0)


async def test_one_call_may_have_to_be_https_when_others_need_not():
    async with listening() as receiver, GuardedClient(allow=LOOPBACK, allow_http=True) as client:
        assert (await client.post(receiver.url, {}, b"{}", 2.0)).status == 200
        with pytest.raises(NetError, match="insecure_url"):
            await client.post(receiver.url, {}, b"{}", 2.0, allow_http=False)


@pytest.mark.parametrize("url", ["https://", "https://[::1", "https://h:99999/", "https:///path"])
async def test_nonsense_is_not_an_address(url):
    assert (await refusal(url)).reason in (FailureReason.PROTOCOL, FailureReason.CONNECT)
