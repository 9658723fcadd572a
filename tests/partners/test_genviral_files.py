"""What Genviral must have stored first, how it is stored, and how a post then names it."""

import io

import httpx
import orjson
import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import CommandKind, Hosted
from bridge.ports import MediaFile, Send
from bridge.simulator.genviral import GenviralSimulator, app
from tests.partners.things import NOW, Clock, Observed, account, answering, command, genviral, post

pytestmark = pytest.mark.anyio

JPEG = b"\xff\xd8\xff\xe0" + bytes(100)
PLAIN = "https://cdn.example.com/a.jpg"


def a_file(content: bytes = JPEG, content_type: str = "image/jpeg") -> MediaFile:
    return MediaFile(io.BytesIO(content), len(content), content_type, "a.jpg")


def slides(*urls: str) -> dict[str, object]:
    return {"media": {"type": "slideshow", "urls": list(urls)}}


def video(url: str) -> dict[str, object]:
    return {"media": {"type": "video", "url": url}}


def client_of(sim: GenviralSimulator, **config):
    return genviral(httpx.ASGITransport(app=app(sim)), Clock(), **config)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({}, ()),
        (video("https://cdn.example.com/a.mp4"), ()),
        (slides(PLAIN, "https://cdn.example.com/b"), ()),
        (video("https://cdn.example.com/a.mp4?Expires=1"), ("https://cdn.example.com/a.mp4?Expires=1",)),
        (video("https://nas.local/a.mp4"), ("https://nas.local/a.mp4",)),
        (slides(PLAIN, "https://c.example/b.WEBP"), ("https://c.example/b.WEBP",)),
        (slides("https://c.example/b.heic", "https://c.example/b.avif"), (
            "https://c.example/b.heic", "https://c.example/b.avif",
        )),
    ],
)  # fmt: skip
def test_only_what_genviral_cannot_take_from_its_address_is_stored(content, found):
    assert client_of(GenviralSimulator()).to_host(content, [account()]) == found


def test_what_it_has_refused_is_stored_altogether():
    partner = client_of(GenviralSimulator())
    assert partner.to_host(slides(PLAIN, PLAIN), [account()], refused=True) == (PLAIN,)


def test_images_that_are_converted_on_the_way_are_no_fault():
    partner = client_of(GenviralSimulator())
    checked = partner.check({"caption": "x", **slides("https://c.example/a.webp")}, [account()], None)
    assert (checked.faults, checked.warnings) == ((), ())


def test_an_animation_is_said_to_lose_its_movement():
    partner = client_of(GenviralSimulator())
    [warning] = partner.check({"caption": "x", **slides("https://c.example/a.gif")}, [account()], None).warnings
    assert (warning["field"], warning["code"]) == ("media.urls[0]", "FIRST_PICTURE")


async def test_a_file_is_announced_then_brought_and_a_post_may_name_it():
    sim, observed = GenviralSimulator(now=Clock()), Observed()
    partner = genviral(httpx.ASGITransport(app=app(sim)), Clock(), observed)

    hosted = await partner.host(a_file())

    [stored] = sim.world.files.values()
    assert (hosted, stored.content, stored.content_type) == (Hosted(stored.url), JPEG, "image/jpeg")
    assert observed.calls == [("brand", "host", "ok")] * 2
    made = post(content=slides("https://nas.local/a.webp"), hosted={"https://nas.local/a.webp": hosted.handle})
    built = partner.build(command(), made, NOW)
    assert isinstance(built, Send)
    await partner.send(command(), made, built.body)
    [kept] = sim.world.posts.values()
    assert kept.content["media"]["urls"] == [stored.url]
    await partner.close()


def test_an_update_names_stored_media_by_their_new_address():
    made = post(hosted={"u": "https://storage.example/1.mp4"})
    changed = command(CommandKind.UPDATE, payload={"changes": video("u")})
    built = client_of(GenviralSimulator()).build(changed, made, NOW)
    assert isinstance(built, Send)
    assert orjson.loads(built.body)["media"]["url"] == "https://storage.example/1.mp4"


async def test_the_bytes_go_out_without_the_credential():
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        data = {"uploadUrl": "http://bucket.example/u?sig=1", "url": "https://cdn.example/1.jpg", "expiresIn": 600}
        return httpx.Response(201, json=data) if request.method == "POST" else httpx.Response(200)

    partner = genviral(httpx.MockTransport(handle), Clock())
    assert await partner.host(a_file()) == Hosted("https://cdn.example/1.jpg")
    announced, put = seen
    assert orjson.loads(announced.content) == {"contentType": "image/jpeg", "filename": "a.jpg", "size": len(JPEG)}
    assert ("authorization" in announced.headers, "authorization" in put.headers) == (True, False)
    assert (put.url.host, put.headers["content-type"], put.headers["content-length"]) == (
        "bucket.example",
        "image/jpeg",
        str(len(JPEG)),
    )


@pytest.mark.parametrize(
    ("status", "reason", "failure"),
    [
        (403, FailureReason.MEDIA_INVALID, FailureClass.RETRYABLE),
        (413, FailureReason.MEDIA_TOO_LARGE, FailureClass.TERMINAL),
        (503, FailureReason.SERVER_ERROR, FailureClass.RETRYABLE),
        (302, FailureReason.MEDIA_INVALID, FailureClass.RETRYABLE),
    ],
)
async def test_a_storage_that_refuses_the_bytes_is_judged_by_its_status(status, reason, failure):
    def handle(request: httpx.Request) -> httpx.Response:
        data = {"uploadUrl": "http://bucket.example/u?sig=s3cret", "url": "https://cdn.example/1.jpg"}
        return httpx.Response(201, json={"data": data}) if request.method == "POST" else httpx.Response(status)

    with pytest.raises(PartnerError) as caught:
        await genviral(httpx.MockTransport(handle), Clock()).host(a_file())
    assert (caught.value.reason, caught.value.failure, caught.value.key_wide) == (reason, failure, False)
    assert "s3cret" not in str(caught.value)


async def test_bytes_go_to_no_plain_address_when_the_api_is_not_plain():
    data = {"uploadUrl": "http://bucket.example/u", "url": "https://cdn.example/1.jpg"}
    partner = genviral(answering(201, data), Clock(), base_url="https://www.genviral.io/api/partner/v1")
    with pytest.raises(PartnerError) as caught:
        await partner.host(a_file())
    assert caught.value.reason is FailureReason.INSECURE_URL


@pytest.mark.parametrize("data", [{}, {"uploadUrl": 3, "url": "https://a"}, {"uploadUrl": "https://a", "url": "/b"}])
async def test_an_answer_that_does_not_say_where_is_unreadable(data):
    with pytest.raises(PartnerError) as caught:
        await genviral(answering(201, {"data": data}), Clock()).host(a_file())
    assert (caught.value.reason, caught.value.failure) == (FailureReason.UNREADABLE, FailureClass.RETRYABLE)


async def test_a_late_upload_is_refused_and_asked_for_anew():
    sim = GenviralSimulator(now=Clock())
    sim.fault("rate_limited", "host", retry_after=30)
    partner = client_of(sim)
    with pytest.raises(PartnerError) as caught:
        await partner.host(a_file())
    assert caught.value.reason is FailureReason.RATE_LIMITED


async def test_with_writes_off_nothing_is_stored():
    sim = GenviralSimulator(now=Clock())
    with pytest.raises(PartnerError) as caught:
        await client_of(sim, writes=False).host(a_file())
    assert (caught.value.reason, sim.journal.total) == (FailureReason.NOT_ALLOWED_NOW, 0)


def test_the_limits_are_those_of_posts():
    most = client_of(GenviralSimulator()).limits.most
    assert (most["image/jpeg"], most["video/mp4"]) == (4_999_999, 99_999_999)
    assert not {"image/webp", "image/gif", "video/webm"} & set(most)
