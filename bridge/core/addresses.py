"""Which IP addresses may be connected to, when whoever named the host is not vouched for."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Refused beside what `ipaddress` knows to be private: its tables differ between Python versions.
_NEVER = tuple(
    ip_network(text)
    for text in (
        *("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"),
        *(
            "64:ff9b:1::/48",
            "100::/64",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "3fff::/20",
            "5f00::/16",
            "fc00::/7",
            "fec0::/10",
        ),
    )
)
_NAT64 = ip_network("64:ff9b::/96")


def is_allowed(address: str, allow: Iterable[Network] = ()) -> bool:
    """Tell whether an IP address may be connected to: it is public, or in one of the networks `allow`.

    IPv4 inside IPv6 is judged by the IPv4 address it leads to (mapped, NAT64); in 6to4, Teredo and ISATAP, which nobody
    needs any more, both the outer and the inner address must be fit.
    """
    try:
        outer = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    networks = tuple(allow)
    return all(_is_public(ip) or any(ip in network for network in networks) for ip in _destinations(outer))


def _destinations(ip: Address) -> list[Address]:
    if isinstance(ip, IPv4Address):
        return [ip]
    if ip.ipv4_mapped is not None:
        return [ip.ipv4_mapped]
    if ip in _NAT64:
        return [IPv4Address(ip.packed[12:])]
    if ip.sixtofour is not None:
        return [ip, ip.sixtofour]
    if ip.teredo is not None:
        return [ip, *ip.teredo]
    if ip.packed[8:12] in (b"\0\0\x5e\xfe", b"\x02\0\x5e\xfe"):
        return [ip, IPv4Address(ip.packed[12:])]
    return [ip]


def _is_public(ip: Address) -> bool:
    return not (
        not ip.is_global
        or ip.is_multicast
        or ip.is_reserved
        or ip.is_unspecified
        or any(ip in network for network in _NEVER)
    )
