"""The `v1a` signatures of Standard Webhooks 1.0.0: Ed25519, which receivers verify with public keys alone.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (read 2026-11); the keys are
published as a JSON Web Key Set (RFC 7517, RFC 8037).
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PREFIX = "whsk_"
_SEED = 32


def private_key(secret: str) -> Ed25519PrivateKey:
    """Return the key inside a configured secret: `whsk_` and base64 of its 32 bytes (the public ones may follow).

    Raises:
        ValueError: it is not that. The text is not in the message.
    """
    try:
        raw = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not whsk_ and base64") from None
    if len(raw) not in (_SEED, 2 * _SEED):
        raise ValueError(f"has {len(raw)} bytes, not {_SEED}")
    return Ed25519PrivateKey.from_private_bytes(raw[:_SEED])


def key_fault(secret: str) -> str:
    """Say what is wrong with a configured secret; empty when it holds a key."""
    try:
        private_key(secret)
    except ValueError as error:
        return str(error)
    return ""


def sign(keys: Iterable[Ed25519PrivateKey], message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1a,BASE64` for each key, separated by spaces; the arguments are those of `signing.sign`."""
    message = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return " ".join(f"v1a,{base64.b64encode(key.sign(message)).decode()}" for key in keys)


def key_set(keys: Iterable[Ed25519PrivateKey]) -> dict[str, Any]:
    """Return the public keys as a JSON Web Key Set; `kid` is the thumbprint of RFC 7638."""
    return {"keys": [_jwk(key) for key in keys]}


def _jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    needed = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_key().public_bytes_raw())}
    thumbprint = hashlib.sha256(orjson.dumps(needed, option=orjson.OPT_SORT_KEYS)).digest()
    return {**needed, "alg": "EdDSA", "use": "sig", "kid": _base64url(thumbprint)}


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
