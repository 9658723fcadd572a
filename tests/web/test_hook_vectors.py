"""Signatures that senders publish, or that their own code makes: each one counts, and nothing like it does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.web import public_app
from tests.web.hooks import SAMPLES, Sent, add_source, b64, events, post
from tests.web.room import NOW, problem

pytestmark = pytest.mark.anyio

CORE = Path(__file__).parents[1] / "core" / "signature_vectors.json"
FOLDERS = ("contentful", "hubspot", "hygraph", "kontent")
"""Kinds whose vectors stand beside their samples alone."""

NO_TIME = "the sender signs no time"
NO_ADDRESS = "the sender does not sign the address it sends to"
MINUTES, HOUR = timedelta(minutes=5), timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """How a sender signs, as far as it matters for what may go wrong.

    `proof` are the headers that must all be there, the signature first. `stale` is how old a request may be and `path`
    whether the address is signed; where a case does not apply, they say why.
    """

    kind: str
    proof: tuple[str, ...]
    stale: timedelta | str = NO_TIME
    path: bool | str = NO_ADDRESS
    at: float | None = None
    config: Mapping[str, Any] | None = None
    sent_to: str = "/hooks/cms"


SCHEMES = {
    "slack": Scheme(
        kind="generic",
        proof=("X-Slack-Signature", "X-Slack-Request-Timestamp"),
        stale=MINUTES,
        at=1531420618,
        config={
            "signature": {
                "header": "X-Slack-Signature",
                "prefix": "v0=",
                "template": "v0:{timestamp}:{body}",
                "timestamp": "X-Slack-Request-Timestamp",
            }
        },
    ),
    "standard_webhooks": Scheme(
        kind="standard_webhooks",
        proof=("webhook-signature", "webhook-id", "webhook-timestamp"),
        stale=MINUTES,
        at=1614265330,
    ),
    "sanity-1": Scheme(kind="sanity", proof=("sanity-webhook-signature",), stale=MINUTES, at=1633519811.129),
    "sanity-2": Scheme(kind="sanity", proof=("sanity-webhook-signature",), stale=MINUTES, at=1633518820.676),
    "github": Scheme(kind="github", proof=("X-Hub-Signature-256",)),
    "shopify": Scheme(kind="shopify", proof=("X-Shopify-Hmac-Sha256",)),
    "ghost": Scheme(kind="ghost", proof=("X-Ghost-Signature",), stale=MINUTES, at=1700000000),
    "webflow": Scheme(
        kind="webflow", proof=("x-webflow-signature", "x-webflow-timestamp"), stale=MINUTES, at=1700000000
    ),
    "storyblok": Scheme(kind="storyblok", proof=("webhook-signature",)),
    "notion": Scheme(kind="notion", proof=("X-Notion-Signature",)),
    "wordpress_wp_webhooks": Scheme(kind="wordpress", proof=("X-WP-Webhook-Signature",)),
    "woocommerce": Scheme(kind="woocommerce", proof=("X-WC-Webhook-Signature",)),
    "buttondown": Scheme(
        kind="generic",
        proof=("X-Buttondown-Signature",),
        config={"signature": {"header": "X-Buttondown-Signature", "prefix": "sha256="}},
    ),
    "stripe_style": Scheme(
        kind="generic",
        proof=("Stripe-Signature",),
        stale=MINUTES,
        at=1700000000,
        config={
            "signature": {
                "header": "Stripe-Signature",
                "separator": ",",
                "field": "v1",
                "timestamp": "field:t",
                "template": "{timestamp}.{body}",
            }
        },
    ),
    "contentful": Scheme(
        kind="contentful",
        proof=(
            "x-contentful-signature",
            "x-contentful-signed-headers",
            "x-contentful-timestamp",
            "x-contentful-topic",
        ),
        stale=MINUTES,
        path=True,
        at=1700000000,
    ),
    "hubspot-1": Scheme(
        kind="hubspot",
        proof=("X-HubSpot-Signature", "X-HubSpot-Signature-Version"),
        config={"signatures": ["v3", "v2", "v1"]},
    ),
    "hubspot-2": Scheme(
        kind="hubspot",
        proof=("X-HubSpot-Signature", "X-HubSpot-Signature-Version"),
        path=True,
        sent_to="/webhook_uri",
    ),
    "hubspot-3": Scheme(
        kind="hubspot",
        proof=("X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp"),
        stale=MINUTES,
        path=True,
        at=1693657560,
        sent_to="/webhook_uri",
    ),
    "hygraph": Scheme(kind="hygraph", proof=("gcms-signature",), stale=HOUR, at=1638210000),
    "kontent": Scheme(kind="kontent", proof=("X-Kontent-ai-Signature",)),
}
"""Vector -> how it is signed. The number tells several vectors of one sender apart."""


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A request whose signature is known to be right."""

    scheme: Scheme
    secret: str
    sent: Sent


def read_vectors() -> dict[str, Vector]:
    """Every vector by its name."""
    listed = [(one["source"], CORE.parent, one) for one in json.loads(CORE.read_text())]
    for kind in FOLDERS:
        listed += [(kind, SAMPLES / kind, one) for one in json.loads((SAMPLES / kind / "vectors.json").read_text())]
    found: dict[str, Vector] = {}
    for source, folder, one in listed:
        several = sum(other == source for other, _, _ in listed) > 1
        number = sum(name.startswith(f"{source}-") for name in found) + 1
        name = f"{source}-{number}" if several else source
        scheme = SCHEMES[name]
        body = (folder / one["file"]).read_bytes() if "file" in one else one["body"].encode()
        at = datetime.fromtimestamp(scheme.at, UTC) if scheme.at else NOW
        sent = Sent(body=body, headers=one["headers"], path=scheme.sent_to, at=at)
        found[name] = Vector(scheme=scheme, secret=one["secret"], sent=sent)
    return found


VECTORS = read_vectors()
every_vector = pytest.mark.parametrize("name", VECTORS)


class Ingress:
    """Hands on what is sent to `/webhook_uri` as a hook; the bytes of the address stay those that the sender signed."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = "/hooks/cms" if scope["path"] == "/webhook_uri" else scope["path"]
        await self.app({**scope, "path": path}, receive, send)


def hook_up(room: Any, vector: Vector, *secrets: str, public_url: str = "https://www.example.com") -> None:
    """Make the source that a vector goes to, at the time when it was sent."""
    room.clock.at = vector.sent.at
    for name in ("cms", "other"):
        add_source(room, name, vector.scheme.kind, secret=secrets or (vector.secret,), **(vector.scheme.config or {}))
    app = Ingress(public_app(replace(room.web, public_url=public_url)))
    room.public = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bridge")


async def is_refused(room: Any, sent: Sent) -> None:
    """Check that a request is refused without a hint of why, and leaves nothing behind."""
    told = problem(await post(room.public, sent, {}), 401, "not_verified")

    assert told["detail"].startswith("The request could not be verified.")
    for source in ("cms", "other"):
        assert await events(room, source) == []


def test_every_vector_is_covered():
    assert set(VECTORS) == set(SCHEMES)
    assert len(VECTORS) == 20


@every_vector
async def test_a_vector_is_genuine(room, name):
    """What was sent in the vendor's test need not be an event, nor JSON; but who sent it is known."""
    vector = VECTORS[name]
    hook_up(room, vector)
    answer = await post(room.public, vector.sent, {})

    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        problem(answer, 400, "invalid_json")
    assert len(await events(room, "cms")) == (answer.status_code == 200)


@every_vector
async def test_a_vector_is_genuine_while_its_secret_is_replaced(room, name):
    hook_up(room, VECTORS[name], other_secret(name), VECTORS[name].secret)

    assert (await post(room.public, VECTORS[name].sent, {})).status_code in (200, 400)


@every_vector
async def test_another_body_is_refused(room, name):
    vector = VECTORS[name]
    hook_up(room, vector)
    body = vector.sent.body
    for place in (0, len(body) // 2, len(body) - 1):
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        await is_refused(room, replace(vector.sent, body=changed))


def other_secret(name: str) -> str:
    return "whsec_" + b64(b"another key") if name == "standard_webhooks" else "another secret"


@every_vector
async def test_another_secret_is_refused(room, name):
    hook_up(room, VECTORS[name], other_secret(name))

    await is_refused(room, VECTORS[name].sent)


@every_vector
async def test_a_header_that_is_missing_is_refused(room, name):
    vector = VECTORS[name]
    hook_up(room, vector)
    assert set(vector.scheme.proof) <= set(vector.sent.headers)
    for gone in vector.scheme.proof:
        left = {header: value for header, value in vector.sent.headers.items() if header != gone}
        await is_refused(room, replace(vector.sent, headers=left))


MALFORMED = (
    "",
    "nonsense",
    "=",
    ",",
    "sha256=",
    "v0=zz",
    "t=,v1=",
    "t=1,v1=ab",
    "v1,!!!",
    "sign=,env=,t=",
    "é",
    "a" * 9000,
)


@every_vector
async def test_a_header_that_is_malformed_is_refused(room, name):
    vector = VECTORS[name]
    hook_up(room, vector)
    for header in vector.scheme.proof:
        for text in MALFORMED:
            await is_refused(
                room, replace(vector.sent, headers={**vector.sent.headers, header: text.encode("latin-1")})
            )


STALE = [(name, one.stale) for name, one in SCHEMES.items()]


@pytest.mark.parametrize(("name", "tolerance"), [pair for pair in STALE if isinstance(pair[1], timedelta)])
async def test_what_is_too_old_or_from_the_future_is_refused(room, name, tolerance):
    vector = VECTORS[name]
    hook_up(room, vector)
    for later in (tolerance + timedelta(seconds=1), -tolerance - timedelta(seconds=1)):
        room.clock.at = vector.sent.at + later
        await is_refused(room, vector.sent)

    room.clock.at = vector.sent.at + tolerance
    assert (await post(room.public, vector.sent, {})).status_code in (200, 400)


@pytest.mark.parametrize("name", [name for name, why in STALE if why == NO_TIME])
async def test_what_signs_no_time_counts_at_any_time(room, name):
    """Why it is not among what is too old."""
    hook_up(room, VECTORS[name])
    room.clock.advance(days=400)

    assert (await post(room.public, VECTORS[name].sent, {})).status_code in (200, 400)


@pytest.mark.parametrize("name", [name for name, one in SCHEMES.items() if one.path is True])
async def test_a_signature_for_another_address_is_refused(room, name):
    vector = VECTORS[name]
    hook_up(room, vector)
    for path in ("/hooks/other", f"{vector.sent.path}?a=b"):
        await is_refused(room, replace(vector.sent, path=path))

    if vector.scheme.kind == "hubspot":
        hook_up(room, vector, public_url="https://www.example.org")
        await is_refused(room, vector.sent)


@pytest.mark.parametrize("name", [name for name, one in SCHEMES.items() if one.path == NO_ADDRESS])
async def test_what_signs_no_address_counts_at_any_address(room, name):
    """Why it is not among what is sent to another address."""
    hook_up(room, VECTORS[name], public_url="https://www.example.org")

    assert (await post(room.public, replace(VECTORS[name].sent, path="/hooks/other"), {})).status_code in (200, 400)
