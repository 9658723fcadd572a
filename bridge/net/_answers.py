"""What comes of a request: an answer, or an error with its reason."""

import os
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp

from bridge.core.errors import BridgeError, FailureReason
from bridge.net._wire import Dialling, dialling


class NetError(BridgeError):
    """A request that got no usable answer.

    Args:
        reason: one of `blocked_address` (or port), `dns`, `connect`, `tls`, `timeout`, `closed`, `protocol`,
            `insecure_url`. Only after `timeout`, `closed` and `protocol` may the other side have seen the request.
        detail: what is known beyond that, without the address's query or credentials.
    """

    def __init__(self, reason: FailureReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of any status, redirects included.

    `headers` finds names in any case. `body` is the beginning of what was sent, as it was: still packed, if it was.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    duration_s: float


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at an address found: an answer of any status, and until when its certificate is good.

    `body` is as that of `Reply`. `expires_at` is None for plain http.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    expires_at: datetime | None


class Incoming:
    """An answer whose body has yet to come; `headers` finds names in any case."""

    def __init__(self, response: aiohttp.ClientResponse, dialled: Dialling) -> None:
        self.status, self.headers = response.status, response.headers
        self._content, self._dialled = response.content, dialled

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the body piece by piece, as it was sent.

        Raises:
            NetError: it broke off.
        """
        while True:
            try:
                chunk = await self._content.readany()
            except (aiohttp.ClientError, OSError) as error:
                raise _named(error, self._dialled) from error
            if not chunk:
                return
            yield chunk


@contextmanager
def watched() -> Iterator[Dialling]:
    """Take down what the connector does meanwhile, and name what goes wrong.

    Raises:
        NetError: there was no answer.
    """
    exchange = Dialling()
    token = dialling.set(exchange)
    try:
        yield exchange
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _named(error, exchange) from error
    finally:
        dialling.reset(token)


def expiry(exchange: Dialling) -> datetime | None:
    """Return until when the certificate of the other side is good; None where there was none."""
    certificate = exchange.wire.certificate if exchange.wire is not None else None
    if not certificate or "notAfter" not in certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)


def _named(error: Exception, exchange: Dialling) -> NetError:
    if isinstance(error, TimeoutError):
        return NetError(FailureReason.TIMEOUT)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NetError(FailureReason.DNS, error.host)
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return NetError(FailureReason.TLS, _cause(error))
    if isinstance(error, aiohttp.ClientConnectorError):
        if exchange.blocked:
            return NetError(FailureReason.BLOCKED_ADDRESS, f"{exchange.blocked} is not public; see network.allow")
        number = error.os_error.errno
        return NetError(FailureReason.CONNECT, os.strerror(number) if number else str(error.os_error))
    if exchange.malformed:
        return NetError(FailureReason.PROTOCOL, "the answer is not proper HTTP")
    if isinstance(error, (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError)):
        return NetError(FailureReason.CLOSED, type(error).__name__)
    invalid = isinstance(error, aiohttp.InvalidURL)
    return NetError(FailureReason.PROTOCOL, "this is not an address" if invalid else type(error).__name__)


def _cause(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return str(error.certificate_error)
    return str(getattr(error, "os_error", error))
