"""HMAC signatures: the pieces every signing scheme is made of, and Standard Webhooks made from them.

All comparisons take the same time whether a signature is nearly right or wholly wrong.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read 2026-11-21.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bridge.core.errors import Problem

TOLERANCE = timedelta(minutes=5)
"""How far a sender's clock, or a stored copy of a request, may be from ours."""

_MAX_SIGNATURES = 16
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


def matches(
    keys: Iterable[bytes],
    message: bytes,
    signatures: Iterable[str],
    *,
    algorithm: Algorithm = Algorithm.SHA256,
    encoding: Encoding = Encoding.HEX,
) -> bool:
    """Tell whether one of `signatures` over `message` was made with one of `keys`.

    Every pair is compared, so that the time tells nothing of which one fitted; past the first 16 signatures none is
    looked at. No keys or no signatures never match.
    """
    given = [decode(text, encoding) or b"" for _, text in zip(range(_MAX_SIGNATURES), signatures, strict=False)]
    found = False
    for key in keys:
        expected = mac(key, message, algorithm)
        for signature in given:
            found |= hmac.compare_digest(expected, signature)
    return found


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


def signed_headers(keys: Sequence[bytes], message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers of a Standard Webhooks message sent at `now`.

    Shape: `{"webhook-id": "msg_1", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9S...="}`.
    """
    timestamp = int(now.timestamp())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(keys, message_id, timestamp, body),
    }


def verify(
    keys: Iterable[bytes],
    body: bytes,
    *,
    message_id: str | None,
    timestamp: str | None,
    signature: str | None,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> Check:
    """Judge a Standard Webhooks message by its three headers; signatures of other versions than v1 are passed over.

    The signature is looked at before the age, so that only the holder of a secret learns about our clock.
    """
    if not (message_id and timestamp and signature):
        return Check.UNSIGNED
    sent_at = moment(timestamp)
    if sent_at is None:
        return Check.MALFORMED
    message = b"%b.%b.%b" % (message_id.encode(errors="replace"), timestamp.encode(), body)
    candidates = (item.removeprefix("v1,") for item in signature.split() if item.startswith("v1,"))
    if not matches(keys, message, candidates, encoding=Encoding.BASE64):
        return Check.FORGED
    return Check.GENUINE if abs(now - sent_at) <= tolerance else Check.STALE


def moment(timestamp: str) -> datetime | None:
    """Return the instant of a header in whole seconds since 1970; None when it is not that."""
    # Eleven digits last until the year 5138; `isdecimal` alone would let other scripts' digits through.
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 11):
        return None
    return datetime.fromtimestamp(int(timestamp), UTC)
