"""A look at an address: what it answers, and until when its certificate is good."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bridge.core.errors import FailureReason
from bridge.net import GuardedClient, NetError
from tests.flows.faulty import LOOPBACK, answers, listening, reply, self_signed

pytestmark = pytest.mark.anyio


def open_client(**settings) -> GuardedClient:
    return GuardedClient(**{"allow": LOOPBACK, "allow_http": True} | settings)


async def test_a_look_is_a_get_of_any_status():
    async with listening(answers(reply(405, "Allow: POST", body=b"no"))) as receiver, open_client() as client:
        found = await client.look(receiver.url, 2.0)

    assert (found.status, found.headers["allow"], found.body, found.expires_at) == (405, "POST", b"no", None)
    assert receiver.requests[0].startswith(b"GET /hook HTTP/1.1")


async def test_to_reach_an_address_is_to_ask_it_for_nothing():
    async with listening() as receiver, open_client() as client:
        assert await client.reach(receiver.url, 2.0) is None

    assert receiver.requests == []


async def test_nobody_is_reached_where_nobody_is():
    async with open_client() as client:
        with pytest.raises(NetError) as caught:
            await client.reach("http://127.0.0.1:9/hook", 2.0)

    assert caught.value.reason is FailureReason.CONNECT


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"allow": ()}, FailureReason.BLOCKED_ADDRESS), ({"allow_http": False}, FailureReason.INSECURE_URL)],
)
async def test_it_goes_nowhere_that_a_request_may_not(settings, reason: FailureReason):
    async with listening() as receiver, open_client(**settings) as client:
        with pytest.raises(NetError) as caught:
            await client.reach(receiver.url, 2.0)

    assert (caught.value.reason, receiver.requests) == (reason, [])


async def test_a_certificate_says_until_when_it_is_good(tmp_path, monkeypatch):
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=40)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with listening(answers(reply(204)), tls=vouched(tmp_path, until)) as receiver, open_client() as client:
        monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl.create_default_context())
        found = await client.look(receiver.url, 2.0)
        assert await client.reach(receiver.url, 2.0) == until

    assert (found.status, found.expires_at) == (204, until)


async def test_one_that_nobody_vouches_for_is_told_as_that(tmp_path):
    async with listening(tls=self_signed(tmp_path)) as receiver, open_client() as client:
        with pytest.raises(NetError) as caught:
            await client.look(receiver.url, 2.0)

    assert caught.value.reason is FailureReason.TLS


def vouched(folder, until: datetime) -> ssl.SSLContext:
    """Make a certificate for 127.0.0.1 that vouches for itself, and leave it as the only authority."""
    import ipaddress

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(public)
    (folder / "both.pem").write_bytes(private + public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context
