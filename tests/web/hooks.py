"""What real senders post to `/hooks/NAME`: the samples, how each one is signed, and a room with a source that takes it.

Signatures are computed here, with `hmac` alone, as the senders' pages say: nothing of ours judges itself.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from pydantic import TypeAdapter

from bridge.sources import CONFIGS, build
from bridge.web import public_app
from tests.web.room import NOW, Room

SAMPLES = Path(__file__).parents[1] / "samples" / "inbound"
PUBLIC_URL = "https://bridge.example.com"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""One that every scheme can use: some take it as text, Standard Webhooks as a key."""
ACCOUNTS = ("other-x",)
"""An account that takes a text alone as well as one with images."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request as a sender makes it, before it is signed."""

    body: bytes
    headers: Mapping[str, str]
    path: str
    at: datetime
    method: str = "POST"

    @property
    def url(self) -> str:
        return PUBLIC_URL + self.path

    @property
    def ms(self) -> str:
        return str(int(self.at.timestamp() * 1000))

    @property
    def seconds(self) -> str:
        return str(int(self.at.timestamp()))


Sign = Callable[[Sent, str], dict[str, str]]
"""Returns the headers that prove who sent a request."""


def digest(secret: str | bytes, message: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(secret if isinstance(secret, bytes) else secret.encode(), message, algorithm).digest()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def plain(header: str, *, prefix: str = "", algorithm: str = "sha256", as_b64: bool = False) -> Sign:
    """A signature of the body alone."""

    def sign(sent: Sent, secret: str) -> dict[str, str]:
        found = digest(secret, sent.body, algorithm)
        return {header: prefix + (b64(found) if as_b64 else found.hex())}

    return sign


def token(header: str = "Authorization", prefix: str = "Bearer ") -> Sign:
    """The secret as it is."""
    return lambda sent, secret: {header: prefix + secret}


def basic(sent: Sent, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64((secret if ":" in secret else f"bridge:{secret}").encode())}


def nothing(sent: Sent, secret: str) -> dict[str, str]:
    return {}


def standard(sent: Sent, secret: str, brand: str = "webhook") -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    message_id = sent.headers.get(f"{brand}-id", "msg_1")
    signed = digest(key, f"{message_id}.{sent.seconds}.".encode() + sent.body)
    return {
        f"{brand}-id": message_id,
        f"{brand}-timestamp": sent.seconds,
        f"{brand}-signature": f"v1,{b64(signed)}",
    }


def ghost(sent: Sent, secret: str) -> dict[str, str]:
    return {"X-Ghost-Signature": f"sha256={digest(secret, sent.body + sent.ms.encode()).hex()}, t={sent.ms}"}


def contentful(sent: Sent, secret: str) -> dict[str, str]:
    meta = {name.lower(): value for name, value in sent.headers.items() if name.lower().startswith("x-contentful-t")}
    meta["x-contentful-timestamp"] = sent.ms
    names = ",".join(sorted((*meta, "x-contentful-signed-headers")))
    meta["x-contentful-signed-headers"] = names
    listed = ";".join(f"{name}:{meta[name]}" for name in sorted(meta))
    text = f"{sent.method}\n{sent.path}\n{listed}\n".encode() + sent.body
    return {
        "x-contentful-timestamp": sent.ms,
        "x-contentful-signed-headers": names,
        "x-contentful-signature": digest(secret, text).hex(),
    }


def sanity(sent: Sent, secret: str) -> dict[str, str]:
    found = base64.urlsafe_b64encode(digest(secret, f"{sent.ms}.".encode() + sent.body)).rstrip(b"=").decode()
    return {"sanity-webhook-signature": f"t={sent.ms},v1={found}"}


def webflow(sent: Sent, secret: str) -> dict[str, str]:
    found = digest(secret, f"{sent.ms}:".encode() + sent.body).hex()
    return {"x-webflow-timestamp": sent.ms, "x-webflow-signature": found}


def hygraph(sent: Sent, secret: str) -> dict[str, str]:
    text = f'{{"Body":{json.dumps(sent.body.decode(), ensure_ascii=False)},"EnvironmentName":"master",'
    found = b64(digest(secret, f'{text}"TimeStamp":{sent.ms}}}'.encode()))
    return {"gcms-signature": f"sign={found}, env=master, t={sent.ms}"}


def kontent(sent: Sent, secret: str) -> dict[str, str]:
    body = sent.body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return {"X-Kontent-ai-Signature": b64(digest(secret, body))}


def hubspot(sent: Sent, secret: str) -> dict[str, str]:
    text = f"{sent.method}{sent.url}".encode() + sent.body + sent.ms.encode()
    return {"X-HubSpot-Request-Timestamp": sent.ms, "X-HubSpot-Signature-v3": b64(digest(secret, text))}


def hubspot_v2(sent: Sent, secret: str) -> dict[str, str]:
    text = f"{secret}{sent.method}{sent.url}".encode() + sent.body
    return {"X-HubSpot-Signature": hashlib.sha256(text).hexdigest(), "X-HubSpot-Signature-Version": "v2"}


def slack(sent: Sent, secret: str) -> dict[str, str]:
    found = digest(secret, f"v0:{sent.seconds}:".encode() + sent.body).hex()
    return {"X-Slack-Request-Timestamp": sent.seconds, "X-Slack-Signature": f"v0={found}"}


def posteverywhere(sent: Sent, secret: str) -> dict[str, str]:
    found = digest(secret, sent.body).hex()
    return {"X-PostEverywhere-Signature": f"sha256={found}", "X-PostEverywhere-Timestamp": sent.seconds}


def airtable(sent: Sent, secret: str) -> dict[str, str]:
    found = digest(base64.b64decode(secret), sent.body).hex()
    return {"X-Airtable-Content-MAC": f"hmac-sha256={found}"}


SIGNS: Mapping[str, Sign] = {
    "generic": token(),
    "cloudevents": token(),
    "contentful": contentful,
    "datocms": basic,
    "directus": token(),
    "feed": plain("X-Hub-Signature", prefix="sha256="),
    "ghost": ghost,
    "github": plain("X-Hub-Signature-256", prefix="sha256="),
    "gitlab": token("X-Gitlab-Token", ""),
    "hubspot": hubspot,
    "hygraph": hygraph,
    "kontent": kontent,
    "notion": plain("X-Notion-Signature", prefix="sha256="),
    "posteverywhere": posteverywhere,
    "prismic": nothing,
    "sanity": sanity,
    "shopify": plain("X-Shopify-Hmac-Sha256", as_b64=True),
    "slack": slack,
    "standard_webhooks": standard,
    "storyblok": plain("webhook-signature", algorithm="sha1"),
    "strapi": token(),
    "webflow": webflow,
    "woocommerce": plain("X-WC-Webhook-Signature", as_b64=True),
    "wordpress": plain("X-WP-Webhook-Signature", as_b64=True),
}
"""How the senders of a kind prove themselves when nothing else is configured; that of Prismic is in its body."""

NEEDED: Mapping[str, Mapping[str, Any]] = {
    "feed": {"feed": "https://example.org/feed"},
    "posteverywhere": {"partner": "genviral"},
}
"""What a kind cannot be configured without."""


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(CONFIGS[kind])


def add_source(room: Room, name: str, kind: str, **config: Any) -> None:
    """Give the room a source, configured with what could stand in a file."""
    usual = {"accounts": ACCOUNTS} if kind != "posteverywhere" else {}
    given = {**usual, **NEEDED.get(kind, {}), **config}
    rules = _adapter(kind).validate_python(given)
    ingest = room.web.ingest
    ingest.sources = {**ingest.sources, name: build(name, kind, rules)}
    if kind != "posteverywhere":
        ingest._own = {**ingest._own, name: rules}


def widen(room: Room, most: int = 2 * 1024 * 1024) -> None:
    """Let the room take bodies of that many bytes, as a bridge does by itself."""
    app = public_app(replace(room.web, max_body=most))
    room.public = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bridge")


async def post(client: httpx.AsyncClient, sent: Sent, proof: Mapping[str, str]) -> httpx.Response:
    """Send a request with its proof; of a header that is there twice the proof's counts."""
    lowered = {name.lower(): value for name, value in (*sent.headers.items(), *proof.items())}
    return await client.request(sent.method, sent.path, content=sent.body, headers=lowered)


async def events(room: Room, source: str) -> list[dict[str, Any]]:
    """What is stored of a source, oldest first."""
    found = await room.get("/v1/events", params={"source": source})
    return [await room.get(f"/v1/events/{one['id']}") for one in reversed(found["items"])]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A captured or documented request, and what has to become of it.

    `at` is when it comes, `sign` what makes its proof, None when what it was sent with still counts. `expected` has an
    entry for each event; one with `refused` says the status of the answer instead.
    """

    file: str
    kind: str
    headers: Mapping[str, str]
    config: Mapping[str, Any]
    expected: tuple[Mapping[str, Any], ...]
    at: datetime
    sign: Sign | None
    secret: str
    query: str = ""

    @property
    def path(self) -> str:
        return f"/hooks/cms{self.query}"

    @property
    def sent(self) -> Sent:
        return Sent(body=(SAMPLES / self.file).read_bytes(), headers=self.headers, path=self.path, at=self.at)

    @property
    def proof(self) -> dict[str, str]:
        return self.sign(self.sent, self.secret) if self.sign else {}


def _read_headers(path: Path) -> dict[str, str]:
    """The headers of a sample, without those of which only the place is known."""
    lines = (line.split(": ", 1) for line in path.read_text().splitlines() if line)
    return {name: value for name, value in lines if "<" not in value or name.lower() == "link"}


_OWN_PROOF: Mapping[str, str] = {
    "contentstack/entry_update.json": "test:testing",
    "datocms/item_publish.json": "ciao:miao",
    "gitlab/release.json": "secrettoken",
    "kontent/workflow_step_changed_signed.json": "hx3snVrI9E2Lgpi1LaL+WfiPWCh88OjI7Bv/3ihq+Qo=",
    "prismic/api_update.json": "my-secret",
    "prismic/test_trigger.json": "my-secret",
    "sanity/minimal_signed.json": "test",
    "sanity/title_signed.json": "try-me",
    "standard_webhooks/signed_minimal.json": SECRET,
    "zapier/typical_form.form": "secret",
}
"""The secrets of samples whose own proof counts."""

WITHOUT_SECRET = ("notion/verification_handshake.json",)
"""Samples that come before there is one."""

_OTHER_SIGNS: Mapping[str, Sign] = {
    "airtable/ping.json": airtable,
    "auto_blogger/post_published.json": plain("X-Webhook-Signature"),
    "buttondown/email_sent.json": plain("X-Buttondown-Signature", prefix="sha256="),
    "buttondown/subscriber_confirmed.json": plain("X-Buttondown-Signature", prefix="sha256="),
    "zapier/docs_json.json": basic,
    "zapier/docs_form.form": basic,
    "zapier/docs_xml.xml": basic,
    "wordpress_com/publish_post.form": nothing,
    "notion/verification_handshake.json": nothing,
}
"""Samples that prove themselves in another way than most of their kind."""

_TIMES: Mapping[str, datetime] = {
    "datocms/item_publish.json": datetime(2024, 8, 26, 12, 49, 17, tzinfo=UTC),
    "feed/youtube_new_video.xml": datetime(2015, 3, 6, 21, 41, tzinfo=UTC),
    "ghost/post_deleted.json": datetime(2019, 4, 3, 10, 27, 43, tzinfo=UTC),
    "ghost/post_published.json": datetime(2019, 4, 3, 10, 27, 43, tzinfo=UTC),
    "github/release_released.json": datetime(2023, 3, 5, 23, 4, 12, tzinfo=UTC),
    "gitlab/release.json": datetime(2023, 3, 6, 4, 44, 6, tzinfo=UTC),
    "hubspot/workflow_contact.json": datetime(2023, 4, 2, 15, 8, 43, tzinfo=UTC),
    "hygraph/update_draft.json": datetime(2021, 11, 29, 18, 22, tzinfo=UTC),
    "sanity/minimal_signed.json": datetime(2021, 10, 6, 11, 30, 11, tzinfo=UTC),
    "sanity/title_signed.json": datetime(2021, 10, 6, 11, 13, 41, tzinfo=UTC),
    "shopify/products_create.json": datetime(2024, 8, 7, 22, 59, 16, tzinfo=UTC),
    "webflow/collection_item_changed_draft.json": datetime(2023, 3, 27, 22, 26, 41, tzinfo=UTC),
    "webflow/collection_item_published.json": datetime(2023, 3, 27, 22, 30, 1, tzinfo=UTC),
    "woocommerce/product_created.json": datetime(2023, 3, 26, 9, 29, 40, tzinfo=UTC),
}
"""When a sample came, where it says so itself; the others come now."""


def _sample(folder: Path, entry: Mapping[str, Any]) -> Sample:
    file, kind, headers = f"{folder.name}/{entry['file']}", entry["kind"], _read_headers(folder / entry["headers"])
    own = _OWN_PROOF.get(file)
    usual = standard if "webhook-signature" in headers else SIGNS[kind]
    sign = None if own else _OTHER_SIGNS.get(file, usual)
    # Airtable's is base64; that of Standard Webhooks is text for everybody else.
    secret = own or (b64(b"airtable's key") if sign is airtable else SECRET)
    expected = entry["expected"]
    return Sample(
        file=file,
        kind=kind,
        headers=headers,
        config={**entry["config"], **({} if file in WITHOUT_SECRET else {"secret": secret})},
        expected=tuple(expected) if isinstance(expected, list) else (expected,),
        at=_at(file, headers),
        sign=sign,
        secret=secret,
        query=f"?token={SECRET}" if file.startswith("wordpress_com/") else "",
    )


def _at(file: str, headers: Mapping[str, str]) -> datetime:
    stamp = headers.get("webhook-timestamp")
    return datetime.fromtimestamp(int(stamp), UTC) if stamp else _TIMES.get(file, NOW)


def _listed(name: str) -> list[Sample]:
    folder = SAMPLES / name
    return [_sample(folder, entry) for entry in json.loads((folder / "index.json").read_text())]


def _unlisted(file: str, *expected: Mapping[str, Any]) -> Sample:
    folder, _, name = file.partition("/")
    entry = {"file": name, "headers": f"{Path(name).stem}.headers", "kind": folder, "config": {}}
    return _sample(SAMPLES / folder, {**entry, "expected": list(expected)})


_FEED = {"intent": "publish", "revision": None, "key": None}

WITHOUT_INDEX = (
    _unlisted(
        "notion/page_created.json", {"intent": "needs_fetch", "object_id": "0ef104cd-477e-80e1-8571-cfd10e92339a"}
    ),
    _unlisted("notion/verification_handshake.json", {"intent": "handshake", "object_id": None}),
    _unlisted("prismic/api_update.json", {"intent": "needs_fetch", "object_id": "X6LUfBEAACIAnkzc"}),
    _unlisted("prismic/test_trigger.json", {"intent": "test", "object_id": None}),
    _unlisted("storyblok/published.json", {"intent": "needs_fetch", "object_id": "123"}),
    _unlisted("storyblok/unpublished.json", {"intent": "unpublish", "object_id": "123"}),
    _unlisted("storyblok/workflow_stage_changed.json", {"intent": "ignore", "object_id": "2270165"}),
    _unlisted("feed/simple.json", {**_FEED, "object_id": "1"}, {**_FEED, "object_id": "2"}),
)
"""Samples that stand in their folder alone, with what is expected of them."""

EVERY = (
    *(sample for index in sorted(SAMPLES.glob("*/index.json")) for sample in _listed(index.parent.name)),
    *WITHOUT_INDEX,
)
