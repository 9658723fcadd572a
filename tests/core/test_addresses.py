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
