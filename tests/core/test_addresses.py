"""Which addresses are public, whatever they are written in."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.addresses import is_allowed


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        *[
            (address, True)
            for address in ("8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")
        ],
        ("2002:808:808::1", False),
        *[(address, False) for address in ("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254")],
        *[
            (address, False)
            for address in ("0.0.0.0", "0.1.2.3", "127.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1")
        ],
        *[(address, False) for address in ("224.0.0.1", "239.255.255.250", "192.0.0.8", "192.0.2.1", "192.88.99.1")],
        *[
            (address, False)
            for address in ("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1", "fec0::1", "ff02::1")
        ],
        *[(address, False) for address in ("ff0e::1", "2001:db8::1", "100::1", "64:ff9b:1::a00:1", "64:ff9b::a00:1")],
        *[(address, False) for address in ("::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "::10.0.0.1")],
        *[(address, False) for address in ("2002:7f00:1::", "2002:a9fe:a9fe::", "2001:0:808:808:0:0:80ff:fffe")],
        *[(address, False) for address in ("100:0:0:1::1", "2001::1", "2001:2::1", "2001:20::1", "3fff::1", "5f00::1")],
        *[(address, False) for address in ("198.51.100.1", "203.0.113.1", "100.127.255.255", "172.31.255.255")],
        *[(address, False) for address in ("::ffff:100.64.0.1", "64:ff9b::6440:1", "::ffff:169.254.169.254")],
        *[(address, False) for address in ("4000::1", "8000::1", "fe00::1", "2001:db8::5efe:808:808", "fe80::1%25lo")],
        *[(address, False) for address in ("127.1", "0x7f000001", "2130706433", "127.0.0.01", "127.0.0.1.", "[::1]")],
        ("2606:4700::5efe:808:808", True),
        *[(address, False) for address in ("2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:7f00:1", "nonsense", "")],
    ],
)
def test_only_public_addresses_are_allowed(address, allowed):
    assert is_allowed(address) is allowed


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00::7"])
def test_a_private_network_may_be_allowed(address):
    allow = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]

    assert is_allowed(address, allow)
    assert not is_allowed(address, [ip_network("192.168.0.0/16")])


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_like_itself(address: IPv4Address):
    alone = is_allowed(str(address))

    assert is_allowed(f"::ffff:{address}") is alone
    assert is_allowed(str(IPv6Address((0x64FF9B << 96) | int(address)))) is alone
    assert not is_allowed(str(IPv6Address((0x2002 << 112) | (int(address) << 80) | 1)))


@given(st.ip_addresses(v=6))
def test_of_ipv6_only_the_global_range_and_two_ways_to_ipv4_may_be_public(address: IPv6Address):
    ranges = [ip_network(text) for text in ("2000::/3", "::ffff:0:0/96", "64:ff9b::/96")]

    assert not is_allowed(str(address)) or any(address in one for one in ranges)


@pytest.mark.parametrize("address", ["2002:a01:203::1", "2606:4700::5efe:10.1.2.3", "2001:0:a01:203::f5fe:fdfc"])
def test_a_tunnel_needs_both_its_ends_to_be_allowed(address):
    inner = ip_network("10.0.0.0/8")
    outer = [ip_network("2001::/32"), ip_network("2002::/16")]

    assert is_allowed(address, [inner, *outer])
    assert not is_allowed(address, outer)
