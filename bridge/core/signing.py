"""HMAC signatures: the pieces every signing scheme is made of, and how we sign as Standard Webhooks says.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read 2026-11-21.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from bridge.core.errors import Problem

TOLERANCE = timedelta(minutes=5)
"""How far a sender's clock, or a stored copy of a request, may be from ours."""

_SECRET_PREFIX = "whsec_"


class Algorithm(StrEnum):
    """The hash inside the HMAC."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class Encoding(StrEnum):
    """How the bytes of a signature are written as text."""

    HEX = "hex"
    BASE64 = "base64"
    BASE64URL = "base64url"


class Check(StrEnum):
    """What looking at a signature found; only `GENUINE` lets a request in."""

    GENUINE = "genuine"
    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    STALE = "stale"
    FORGED = "forged"


class Unverified(Problem):
    """A sender that did not prove who it is: 401.

    `check` is for the metrics, and `how` (what was asked for) for the operator; the sender does not learn why.
    """

    def __init__(self, check: Check, how: str = "") -> None:
        slug = "not_verified"
        detail = "The request could not be verified. Compare the secret, and what is signed with it, on both sides."
        super().__init__(401, slug, detail)
        self.check, self.how = check, how


def mac(key: bytes, message: bytes, algorithm: Algorithm = Algorithm.SHA256) -> bytes:
    """Return the HMAC of `message` as raw bytes."""
    return hmac.digest(key, message, algorithm.value)


def encode(digest: bytes, encoding: Encoding) -> str:
    """Write `digest` as text: hexadecimal in lower case, base64 with padding, base64url without."""
    if encoding is Encoding.HEX:
        return digest.hex()
    if encoding is Encoding.BASE64:
        return binascii.b2a_base64(digest, newline=False).decode()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def decode(text: str, encoding: Encoding) -> bytes | None:
    """Read a signature written as text; None when it is not that encoding.

    Padding may be missing and hexadecimal may be in upper case, because senders differ; nothing else is forgiven.
    """
    try:
        if encoding is Encoding.HEX:
            return binascii.unhexlify(text)
        if encoding is Encoding.BASE64URL:
            if "+" in text or "/" in text:
                return None
            text = text.translate({ord("-"): "+", ord("_"): "/"})
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:  # binascii.Error too; also text that is not ASCII.
        return None


def secret_key(secret: str) -> bytes:
    """Return the key inside a configured secret.

    `whsec_` is followed by base64, whose padding may be missing; any other secret is used as its UTF-8 bytes.

    Raises:
        ValueError: the secret is empty, or what follows `whsec_` is not base64. The text is not in the message.
    """
    if not secret.startswith(_SECRET_PREFIX):
        key: bytes | None = secret.encode()
    else:
        key = decode(secret.removeprefix(_SECRET_PREFIX), Encoding.BASE64)
    if key is None:
        raise ValueError("the secret begins with whsec_ but is not base64 after it")
    if not key:
        raise ValueError("the secret is empty")
    return key


def sign(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` of a message: `v1,BASE64`, once per key, separated by spaces.

    Several keys are several secrets while one is being replaced: a receiver accepts either.

    Args:
        keys: what `secret_key` returned, the newest first.
        message_id: the `webhook-id`, the same in every attempt.
        timestamp: the `webhook-timestamp`, whole seconds since 1970, of this attempt.
        body: the exact bytes that are sent.
    """
    message = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return " ".join(f"v1,{encode(mac(key, message), Encoding.BASE64)}" for key in keys)
