"""Where requests to addresses from users may go, as far as an address tells by itself; dialling it is judged again."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from bridge.core.addresses import Network, is_allowed
from bridge.core.errors import Fault
from bridge.core.redact import MARK

WEB_PORTS = (80, 443, 8080, 8443)
"""The ports that addresses may name unless the configuration says otherwise."""

MOST_URL = 2_000
"""How many characters an address may have."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SHOW = 40
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)
"""How the last label of a host looks that some take for an IPv4 address, and others for no host at all.

Source: https://url.spec.whatwg.org/#ends-in-a-number-checker, read 2026-11.
"""


@dataclass(frozen=True, slots=True)
class Reachable:
    """What may be reached beyond public https addresses. `ports` are all that may be named; none: any."""

    allow: tuple[Network, ...] = ()
    allow_http: bool = False
    ports: Collection[int] = WEB_PORTS


ANYWHERE = Reachable((ip_network("0.0.0.0/0"), ip_network("::/0")), allow_http=True, ports=())
"""What may be reached when nobody knows what is configured."""


def url_faults(
    url: str, reachable: Reachable, *, field: str = "url", allow_http: str = "network.allow_http: true"
) -> list[Fault]:
    """Return everything wrong with an address.

    Args:
        url: as it was given. Nothing of it is told but its host or its port.
        reachable: what may be reached. `allow_http` is also that of the endpoint itself.
        field: how it is called.
        allow_http: how plain http is allowed, for the remedy.
    """
    parts = split(url)
    if parts is None:
        return [Fault(field, "is not an http(s) address", "Write it as https://HOST/PATH.")]
    if is_shown(url):
        return [Fault(field, "is what is shown of an address", "Give the whole address, or leave it as it is.")]
    found = (*_secrecy(parts, reachable, allow_http), *_port(parts, reachable.ports), *_host(parts, reachable.allow))
    return [Fault(field, said, remedy) for said, remedy in found]


def split(url: str) -> SplitResult | None:
    """Return the parts of an http(s) address, None when it is not one."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    # What `urlsplit` drops without a word (line ends, control characters) was nobody's intention.
    written = url.isprintable() and " " not in url and "\\" not in url and len(url) <= MOST_URL
    return parts if valid and written else None


def shown(url: str) -> str:
    """Return what may be shown of an address: whoever knows the rest of it may be able to post there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{MARK}"


def is_shown(url: str) -> bool:
    """Say whether this is what is shown of an address, and no address itself."""
    return MARK in url


def _secrecy(parts: SplitResult, reachable: Reachable, allow_http: str) -> Iterator[tuple[str, str]]:
    if parts.username is not None or parts.password is not None:
        yield "has a user or password in it", "Take it out: it would be known to whoever reads this."
    if parts.scheme == "http" and not reachable.allow_http:
        yield "is plain http", f"Use https, or set {allow_http}."


def _port(parts: SplitResult, ports: Collection[int]) -> Iterator[tuple[str, str]]:
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    if ports and port not in ports:
        yield f"names the port {port}", f"Use one of {', '.join(map(str, ports))}, or add it to network.ports."


def _host(parts: SplitResult, allow: tuple[Network, ...]) -> Iterator[tuple[str, str]]:
    named = (parts.hostname or "").removesuffix(".")
    host = "127.0.0.1" if named == "localhost" or named.endswith(".localhost") else named
    try:
        address = ip_address(host)
    except ValueError:
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            yield "names its host by a number that is no address", "Write all four numbers, as in 192.0.2.1, or a name."
        return
    if not is_allowed(host, allow):
        remedy = f"Add its network to network.allow, such as {address}/{address.max_prefixlen}."
        yield f"is the private address {host[:_SHOW]}", remedy
