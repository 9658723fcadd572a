"""Files that PostEverywhere keeps: those it fetches, those that are brought, and those it cannot use."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import httpx
import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Hosted
from bridge.partners.posteverywhere import PostEverywhere
from bridge.ports import MediaFile
from bridge.simulator.posteverywhere import PostEverywhereSimulator
from tests.partners.things import VIDEO, Clock, account, answering, posteverywhere

pytestmark = pytest.mark.anyio

BYTES = b"picture" * 1000
NOT_LANDED = {"error": {"message": "File not found. Make sure you uploaded it.", "code": "bad_request"}}


@pytest.fixture
def sim(clock: Clock) -> PostEverywhereSimulator:
    return PostEverywhereSimulator(now=clock)


def file(name: str = "a.jpg", content_type: str = "image/jpeg") -> MediaFile:
    return MediaFile(BytesIO(BYTES), len(BYTES), content_type, name)


def test_all_media_must_be_hosted(partner: PostEverywhere) -> None:
    slides = {"type": "slideshow", "urls": ["https://a.example/1.jpg", "https://a.example/2.jpg"]}
    to = [account("x", id="1")]
    assert partner.to_host({"media": VIDEO}, to) == (VIDEO["url"],)
    assert partner.to_host({"media": slides}, to, refused=True) == tuple(slides["urls"])
    assert partner.to_host({"caption": "text"}, to) == ()


async def test_image_that_is_fetched_is_ready_at_once(sim: PostEverywhereSimulator, partner: PostEverywhere) -> None:
    found = await partner.host_url("https://cdn.example.com/a.jpg")
    assert found is not None
    assert found.ready
    assert found.handle in sim.world.media


async def test_video_that_is_fetched_is_ready_later(sim: PostEverywhereSimulator, partner: PostEverywhere) -> None:
    found = await partner.host_url("https://cdn.example.com/a.mp4")
    assert found is not None
    assert not found.ready
    assert not (await partner.hosted(found.handle)).ready
    sim.tick()
    assert await partner.hosted(found.handle) == Hosted(found.handle, ready=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1/a.jpg", "https://cdn.example.com/a.pdf"])
async def test_what_the_partner_cannot_fetch_must_be_brought(partner: PostEverywhere, url: str) -> None:
    assert await partner.host_url(url) is None


async def test_server_that_fetches_no_videos_has_them_brought(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    sim.world.options.video_by_url = False
    assert await partner.host_url("https://cdn.example.com/a.mp4") is None


@pytest.mark.parametrize("fault", ["unauthorized", "plan_lapsed", "server_error", "rate_limited", "dropped"])
async def test_fetch_that_failed_otherwise_is_raised(
    sim: PostEverywhereSimulator, partner: PostEverywhere, fault: str
) -> None:
    sim.fault(fault, "import_url")
    with pytest.raises(PartnerError):
        await partner.host_url("https://cdn.example.com/a.jpg")


@pytest.mark.parametrize(("content_type", "ready"), [("image/jpeg", True), ("video/mp4", False)])
async def test_file_that_is_brought_lands(
    sim: PostEverywhereSimulator, partner: PostEverywhere, content_type: str, ready: bool
) -> None:
    found = await partner.host(file(content_type=content_type))
    stored = sim.world.media[found.handle]
    # An image comes as a form, which is a little longer than the file.
    assert len(BYTES) <= (stored.landed or 0) <= len(BYTES) + 500
    assert found.ready is ready
    sim.tick()
    assert (await partner.hosted(found.handle)).ready


@pytest.mark.parametrize("content_type", ["image/jpeg", "video/mp4"])
async def test_file_that_cannot_be_used_is_refused_for_good(
    sim: PostEverywhereSimulator, partner: PostEverywhere, content_type: str
) -> None:
    sim.world.bad_media.add("bad.")

    async def bring() -> None:
        found = await partner.host(file("bad.bin", content_type))
        sim.tick()
        await partner.hosted(found.handle)

    with pytest.raises(PartnerError) as caught:
        await bring()
    assert (caught.value.reason, caught.value.failure) == (FailureReason.INVALID, FailureClass.TERMINAL)


@pytest.mark.parametrize("word", ["media_status", "upload_status", "status"])
async def test_words_of_every_client_are_read(word: str) -> None:
    for said, ready in (("ready", True), ("uploading", False), ("processing", False)):
        partner = posteverywhere(answering(200, {"data": {"id": "m", word: said}}), Clock())
        assert await partner.hosted("m") == Hosted("m", ready)


class Storage:
    """Answers an upload: the API's calls, and the storage's with what is given, each once, the last for ever."""

    def __init__(self, completes: list[Any], puts: list[int] | None = None, **target: Any) -> None:
        self.completes, self.puts = completes, puts or [200]
        self.target = {"media_id": "m", "upload_url": "https://storage.example/up?sig=s3cr3t"} | target
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if request.url.path.endswith("/media/upload"):
            return httpx.Response(201, json={"data": self.target})
        if request.url.host == "storage.example":
            return httpx.Response(_next(self.puts))
        body = _next(self.completes)
        return httpx.Response(400 if "error" in body else 200, json=body)

    def client(self) -> PostEverywhere:
        return posteverywhere(httpx.MockTransport(self), Clock())

    @property
    def ways(self) -> list[str]:
        return [request.method for request in self.seen if request.url.host == "storage.example"]


def _next(answers: list[Any]) -> Any:
    return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.mark.parametrize(
    ("target", "way"),
    [
        ({}, "PUT"),
        ({"upload_method": "post"}, "POST"),
        ({"upload_method": "PUT"}, "PUT"),
        ({"protocol": "multipart"}, "POST"),
    ],
)
async def test_way_of_the_upload_is_the_one_that_is_told(target: dict[str, Any], way: str) -> None:
    storage = Storage([{"data": {"id": "m", "status": "ready"}}], **target)
    assert await storage.client().host(file()) == Hosted("m")
    assert storage.ways == [way]
    assert BYTES in storage.seen[1].content
    assert "authorization" not in storage.seen[1].headers


async def test_bytes_that_have_not_landed_are_brought_again() -> None:
    storage = Storage([NOT_LANDED, NOT_LANDED, {"data": {"id": "m", "status": "ready"}}])
    assert await storage.client().host(file()) == Hosted("m")
    assert storage.ways == ["PUT"] * 3
    assert all(request.content == BYTES for request in storage.seen if request.url.host == "storage.example")


@pytest.mark.parametrize(
    ("completes", "ways"),
    [([NOT_LANDED], 3), ([{"error": {"message": "The file is damaged", "code": "bad_request"}}], 1)],
)
async def test_bytes_that_never_land_are_given_up(completes: list[Any], ways: int) -> None:
    storage = Storage(completes)
    with pytest.raises(PartnerError) as caught:
        await storage.client().host(file())
    assert caught.value.failure is FailureClass.TERMINAL
    assert storage.ways == ["PUT"] * ways


@pytest.mark.parametrize(
    ("status", "failure"),
    [(403, "retryable"), (503, "retryable"), (429, "retryable"), (413, "terminal"), (302, "terminal")],
)
async def test_storage_that_refuses(status: int, failure: str) -> None:
    storage = Storage([{}], [status])
    with pytest.raises(PartnerError) as caught:
        await storage.client().host(file())
    error = caught.value
    assert (error.failure, error.key_wide, error.maybe_stored) == (failure, False, False)
    assert "s3cr3t" not in str(error)


@pytest.mark.parametrize(
    "call",
    [lambda partner: partner.host(file()), lambda partner: partner.host_url("https://cdn.example.com/a.jpg")],
    ids=["brought", "fetched"],
)
async def test_answer_without_a_place_or_an_id_is_unreadable(call: Callable[[PostEverywhere], Any]) -> None:
    with pytest.raises(PartnerError) as caught:
        await call(posteverywhere(answering(201, {"data": {"upload_url": 3}}), Clock()))
    assert caught.value.reason is FailureReason.UNREADABLE
