"""v1a: what a real receiver got is verified with the key that the running service publishes."""

import base64
import re
from ipaddress import ip_network
from pathlib import Path

import httpx
import orjson
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook

from bridge.app import running
from bridge.core.tokens import Token
from bridge.settings import Database, EndpointEntry, Reach, Server, Settings
from bridge.simulator import running as serving
from bridge.simulator.receiver import Receiver
from bridge.web import public_app

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SECRET = "whsec_" + "A" * 32
KEYS = tuple(f"whsk_{base64.b64encode(bytes([place]) * 32).decode()}" for place in (1, 2))


def opened(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def python_of_the_page() -> list[str]:
    page = Path(__file__).parent.parent / "docs" / "verifying.md"
    return re.findall(r"```python\n(.+?)```", page.read_text(), re.DOTALL)


def of_the_page() -> str:
    [code] = [code for code in python_of_the_page() if "v1a" in code]
    return code


def receivers_of_secrets():
    """Give what the page says for receivers with a secret: a v1a word beside theirs must not disturb them."""
    for code in python_of_the_page():
        if "v1a" not in code:
            names = {"SECRET": SECRET}
            exec(code, names)
            yield names["receive"]


async def asked(bridge):
    transport = httpx.ASGITransport(public_app(bridge.web))
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
        return await client.get("/.well-known/jwks.json")


async def test_the_published_keys_verify_what_arrives(tmp_path):
    receiver = Receiver({"ops": SECRET})
    async with serving(receiver.app()) as base:
        settings = Settings(
            database=Database(url=f"sqlite:///{tmp_path / 'bridge.db'}"),
            server=Server(signing_key=KEYS),
            endpoints={"ops": EndpointEntry(url=f"{base}/hook/ops", secret=(SECRET,), allow_http=True)},
            network=Reach(allow=(ip_network("127.0.0.0/8"),), ports=()),
        )
        async with running(settings) as bridge:
            published = (await asked(bridge)).json()
            await bridge.endpoints.test("ops", Token("ops", frozenset({"admin"})))
            [received] = await receiver.wait_for(bool)

    assert received.verified
    assert Webhook(SECRET).verify(received.body, received.headers)
    message = b".".join(
        (received.headers["webhook-id"].encode(), received.headers["webhook-timestamp"].encode(), received.body)
    )
    signatures = re.findall(r"v1a,(\S+)", received.headers["webhook-signature"])
    assert len(signatures) == len(published["keys"]) == 2
    for signature, jwk in zip(signatures, published["keys"], strict=True):
        public = Ed25519PublicKey.from_public_bytes(opened(jwk["x"]))
        public.verify(base64.b64decode(signature), message)
        with pytest.raises(InvalidSignature):
            public.verify(base64.b64decode(signature), message + b" ")
    page = {"KEYS": published}
    exec(of_the_page(), page)
    assert page["receive"](received.headers, received.body) == received.json
    for changed in (b" " + received.body, received.body + b" "):
        with pytest.raises(PermissionError, match="not genuine"):
            page["receive"](received.headers, changed)
    for receive in receivers_of_secrets():
        assert receive(received.headers, received.body) == received.json
    assert not any(key.removeprefix("whsk_") in orjson.dumps(published).decode() for key in KEYS)


async def test_without_a_key_none_is_published_and_nothing_else_changes(tmp_path):
    async with running(Settings(database=Database(url=f"sqlite:///{tmp_path / 'bridge.db'}"))) as bridge:
        answer = await asked(bridge)
    assert (answer.status_code, answer.json()) == (200, {"keys": []})
