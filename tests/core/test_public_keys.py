"""v1a signatures and the key set, judged by `cryptography` on the receiver's side and by the published vector."""

import base64
import hashlib
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bridge.core.public_keys import key_set, private_key, sign

# From the tests of the vendor's Go library (libraries/go/webhook_asymmetric_test.go, read 2026-11).
KEY = "VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
MESSAGE = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
SIGNATURE = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="


def opened(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("secret", [KEY, f"whsk_{KEY}"])
def test_the_published_vector(secret):
    assert sign([private_key(secret)], *MESSAGE) == SIGNATURE


def test_a_receiver_verifies_with_the_published_key():
    [jwk] = key_set([private_key(KEY)])["keys"]
    assert (jwk["kty"], jwk["crv"], jwk["alg"], jwk["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    public = Ed25519PublicKey.from_public_bytes(opened(jwk["x"]))
    signature = base64.b64decode(SIGNATURE.removeprefix("v1a,"))
    public.verify(signature, b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}')
    with pytest.raises(InvalidSignature):
        public.verify(signature, b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265331.{"test": 2432232314}')


def test_the_key_id_is_the_thumbprint():
    [jwk] = key_set([private_key(KEY)])["keys"]
    needed = json.dumps({name: jwk[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
    assert opened(jwk["kid"]) == hashlib.sha256(needed.encode()).digest()


def test_the_thumbprint_of_the_standard():
    """RFC 8037, appendix A.3: the key of A.1 has this thumbprint."""
    seed = opened("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    [jwk] = key_set([private_key(base64.b64encode(seed).decode())])["keys"]
    assert jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert jwk["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_two_keys_sign_while_one_is_replaced():
    other = "whsk_" + base64.b64encode(bytes(32)).decode()
    both = sign([private_key(KEY), private_key(other)], *MESSAGE)
    assert both.split()[0] == SIGNATURE
    assert len(both.split()) == 2


def test_a_private_key_with_its_public_half_is_the_same_key():
    raw = base64.b64decode(KEY)
    public = private_key(KEY).public_key().public_bytes_raw()
    assert sign([private_key(base64.b64encode(raw + public).decode())], *MESSAGE) == SIGNATURE


@pytest.mark.parametrize(("secret", "told"), [("whsk_***", "base64"), ("whsk_AAAA", "3 bytes"), ("", "0 bytes")])
def test_what_is_no_key_is_named_without_its_text(secret, told):
    with pytest.raises(ValueError, match=told) as caught:
        private_key(secret)
    assert not secret.strip("whsk_*") or secret not in str(caught.value)
