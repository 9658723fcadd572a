"""Checks the addresses in a configuration, as far as they tell by themselves."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from bridge.settings._tree import Faults, Trail
from bridge.settings._types import Reach


def reachable(url: str, trail: Trail, network: Reach | None, faults: Faults) -> None:
    """Add the fault of an address that bridge would never reach."""
    problems = list(_address(url, network))
    if problems:
        said, remedies = zip(*problems, strict=True)
        faults.add(trail, ", and ".join(said), " ".join(remedies))


def _address(url: str, network: Reach | None) -> Iterator[tuple[str, str]]:
    """Yield why bridge would never go to an address, as far as the address alone can tell, with what to do.

    Without `network` (it has a fault), what it may allow is not held against the address.
    """
    parts = split(url)
    if parts is None:
        yield "is not an http(s) address", "Write it as https://HOST/PATH."
        return
    if parts.username is not None or parts.password is not None:
        yield "has a user or password in it", "Take it out: it would be known to whoever reads this."
    if network is None:
        return
    if parts.scheme == "http" and not network.allow_http:
        yield "is plain http", "Use https, or set network.allow_http: true."
    host = {"localhost": "127.0.0.1"}.get(parts.hostname or "", parts.hostname or "")
    try:
        address = ip_address(host)
    except ValueError:
        return
    if not address.is_global and not any(address in allowed for allowed in network.allow):
        remedy = f"Add its network to network.allow, such as {address}/{address.max_prefixlen}."
        yield f"is the private address {host}", remedy


def split(url: str) -> SplitResult | None:
    """Return the parts of an http(s) address, None when it is not one."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if valid and not re.search(r"\s", url) else None
