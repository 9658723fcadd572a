"""Fetch: media that the partner cannot take from their address are with it before the post goes out."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pytest
from PIL import Image

from bridge.core.errors import FailureReason
from bridge.core.model import CommandKind, PostState, WorkState
from tests.flows.town import PUBLIC, TIKTOK, VIDEO, Town

pytestmark = pytest.mark.anyio

SAMPLES = Path(__file__).parent.parent / "samples"
MP4 = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(100)


def picture(form: str = "WEBP", size: tuple[int, int] = (80, 60)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, "red").save(made, form)
    return made.getvalue()


def a_large_picture() -> bytes:
    made = io.BytesIO()
    Image.effect_noise((1800, 1800), 100).convert("RGB").save(made, "PNG")
    assert len(made.getvalue()) > 5_000_000
    return made.getvalue()


@dataclass
class Files:
    """A web server on loopback: what it has by path, and who asked for what."""

    base: str = ""
    has: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, path: str, content: bytes) -> str:
        self.has[path.partition("?")[0]] = content
        return self.base + path

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        path = target.partition("?")[0]
        self.asked.append(target)
        status = self.statuses.get(path, 200 if path in self.has else 404)
        body = self.has.get(path, b"") if status == 200 else b"no"
        head = f"HTTP/1.1 {status} X\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            writer.write(head.encode() + body)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Files]:
    files = Files()
    server = await asyncio.start_server(files.serve, "127.0.0.1", 0)
    files.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield files
    finally:
        server.close()


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    async with serving() as made:
        yield made


def slides(*urls: str) -> dict[str, object]:
    return {"type": "slideshow", "urls": list(urls)}


def media_of(town: Town) -> list[str]:
    """The addresses that the partner's one post names."""
    [post] = town.sim.world.posts.values()
    media = post.content["media"]
    return list(media.get("urls") or [media["url"]])


async def fetches(town: Town, post_id: str) -> list[WorkState]:
    return [one.state for one in await town.commands(post_id) if one.kind is CommandKind.FETCH]


async def test_an_image_in_another_format_becomes_a_post_with_the_partners_own_address(town: Town, files: Files):
    url = files.put("/a.webp", picture())

    post_id = await town.sent(media=url)

    assert (await town.post(post_id)).state is PostState.PENDING
    [stored] = town.sim.world.files.values()
    assert (media_of(town), stored.content_type) == ([stored.url], "image/jpeg")
    assert Image.open(io.BytesIO(stored.content)).format == "JPEG"
    assert (await town.post(post_id)).hosted == {url: stored.url}
    assert (await town.post(post_id)).content["media"]["urls"] == [url]


async def test_a_signed_address_is_brought_as_it_is_and_its_signature_is_shown_nowhere(town: Town, files: Files):
    url = files.put("/a.mp4?X-Amz-Signature=s3cr3t-s1gn", MP4)

    post_id = await town.sent(media=url)

    [stored] = town.sim.world.files.values()
    assert (stored.content, media_of(town)) == (MP4, [stored.url])
    assert "s3cr3t-s1gn" not in repr([await town.attempts(post_id), (await town.commands(post_id))[0].detail])


async def test_a_scheduled_post_has_its_media_fetched_at_once(town: Town, files: Files):
    url = files.put("/a.mp4?Expires=1", MP4)
    await town.sent(media=url, scheduled_at="2026-01-02T12:00:00Z")
    assert len(town.sim.world.files) == 1


async def test_a_parked_post_has_its_media_fetched_at_once(town: Town, files: Files):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    url = files.put("/a.mp4?Expires=1", MP4)

    post_id = await town.sent(media=url)

    post = await town.post(post_id)
    assert (post.state, list(post.hosted or {})) == (PostState.PARKED, [url])
    files.statuses["/a.mp4"] = 403
    town.sim.world.reconnect(TIKTOK)
    await town.advance(10)
    assert (await town.post(post_id)).partner_id is not None


async def test_files_keep_their_order_and_only_those_that_must_are_brought(town: Town, files: Files):
    urls = [files.put(f"/{n}.webp", picture(size=(20 + n, 20))) for n in range(3)]
    plain = "https://cdn.example.com/b.jpg"

    await town.sent(media=slides(urls[0], plain, urls[1], urls[2]))

    shown = media_of(town)
    widths = {one.url: Image.open(io.BytesIO(one.content)).width for one in town.sim.world.files.values()}
    assert (shown[1], [widths[url] for url in (shown[0], *shown[2:])]) == (plain, [20, 21, 22])


async def test_a_heic_photo_of_a_phone_is_posted(town: Town, files: Files):
    url = files.put("/a.heic", (SAMPLES / "left-blue.heic").read_bytes())
    await town.sent(media=slides(url))
    [stored] = town.sim.world.files.values()
    assert media_of(town) == [stored.url]


async def test_a_plain_address_is_tried_as_it_is(town: Town):
    post_id = await town.sent()
    assert (await fetches(town, post_id), media_of(town)) == ([], [VIDEO])


async def test_an_address_that_the_partner_cannot_reach_is_brought_to_it(town: Town, files: Files):
    url = files.put("/a.mp4", MP4).replace("127.0.0.1", PUBLIC)
    town.sim.world.unreachable.add(url)

    post_id = await town.sent(media=url)

    [stored] = town.sim.world.files.values()
    assert (media_of(town), await fetches(town, post_id)) == ([stored.url], [WorkState.DONE])
    assert len({orjson.loads(body)["external_id"] for body in town.wire.creates}) == 1


@pytest.mark.parametrize(
    ("name", "kind", "content"),
    [("a.png", "image/png", a_large_picture), ("a", "image/webp", picture)],
    ids=["too large", "another format"],
)
async def test_a_plain_address_that_the_partner_refuses_for_what_is_behind_it_is_brought(
    town, files, name, kind, content
):
    url = files.put(f"/{name}", content()).replace("127.0.0.1", PUBLIC)
    town.sim.world.declared[url] = (kind, len(content()))

    post_id = await town.sent(media=slides(url))

    [stored] = town.sim.world.files.values()
    assert ((await town.post(post_id)).partner_id is not None, media_of(town)) == (True, [stored.url])
    assert (stored.content_type, len(town.calls("create")), len(files.asked)) == ("image/jpeg", 2, 1)


async def test_a_rule_that_is_not_about_files_brings_none(town, files):
    url = files.put("/a.mp4", MP4).replace("127.0.0.1", PUBLIC)
    refused = {"ok": False, "error_code": "validation_failed", "message": "Caption exceeds 500 characters"}
    town.sim.fault("answer", "create", status=400, body=orjson.dumps(refused).decode())
    post_id = await town.sent(media=url)
    assert ((await town.post(post_id)).reason, files.asked) == (FailureReason.INVALID, [])


MUSIC = "https://www.tiktok.com/@brand/video/1234567890"


@pytest.mark.parametrize(("turns_up", "state"), [(True, PostState.POSTED), (False, PostState.REJECTED)])
async def test_what_stays_unreachable_though_the_media_were_brought_is_tried_three_times(town, files, turns_up, state):
    """It is the music, then, which the partner has to fetch itself."""
    town.sim.world.unreachable.add(MUSIC)
    url = files.put("/a.mp4", MP4).replace("127.0.0.1", PUBLIC)
    post_id = await town.sent(media=url, music_url=MUSIC)
    if turns_up:
        town.sim.world.unreachable.clear()
    await town.advance(20)
    assert (await town.post(post_id)).state is state
    assert (len(town.calls("create")), len(town.calls("host"))) == (3, 1)


# What goes wrong.


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.webp", b"<html>Please log in</html>" * 9, FailureReason.MEDIA_INVALID),
        ("a.webp", picture()[:60], FailureReason.MEDIA_INVALID),
        ("a.webp", b"", FailureReason.MEDIA_INVALID),
        ("a.webp", MP4, FailureReason.MEDIA_INVALID),
        ("a.gif", picture("GIF", (8000, 7000)), FailureReason.MEDIA_INVALID),
        ("a.webp", bytes(50_000_001), FailureReason.MEDIA_TOO_LARGE),
    ],
    ids=["page", "cut", "empty", "video", "bomb", "large"],
)
async def test_what_is_no_image_for_the_partner_is_refused_with_the_reason(town, files, name, content, reason):
    post_id = await town.sent(media=slides(files.put(f"/{name}", content)))

    post = await town.post(post_id)
    assert (post.state, post.reason) == (PostState.REJECTED, reason)
    assert post.error
    assert [one.state for one in await town.commands(post_id)] == [WorkState.DEAD] * 2
    assert (await town.events(post_id), town.calls("create")) == (["post.rejected"], [])


async def test_a_large_image_that_the_partner_takes_by_its_type_is_made_to_fit(town, files):
    await town.sent(media=slides(files.put("/a.png?token=x", a_large_picture())))
    [stored] = town.sim.world.files.values()
    assert (stored.content_type, len(stored.content) < 5_000_000) == ("image/jpeg", True)


@pytest.mark.parametrize(("status", "tries"), [(403, 1), (410, 1), (404, 3), (500, 3)])
async def test_what_cannot_be_fetched_is_tried_as_long_as_it_makes_sense(town, files, status, tries):
    url = files.put("/a.webp", picture())
    files.statuses["/a.webp"] = status

    post_id = await town.sent(media=url)
    await town.advance(5, step=0.25)

    post = await town.post(post_id)
    assert (post.state, post.reason) == (PostState.REJECTED, FailureReason.MEDIA_UNREACHABLE)
    assert (post.error, len(files.asked)) == (f"127.0.0.1 answered {status}", tries)


async def test_a_file_that_turns_up_meanwhile_is_posted(town, files):
    url = f"{files.base}/a.webp"
    post_id = await town.sent(media=url)
    files.put("/a.webp", picture())
    await town.advance(2, step=0.5)
    assert (await town.post(post_id)).partner_id is not None


async def test_an_address_that_bridge_may_not_reach_is_said(town):
    post_id = await town.sent(media="https://10.0.0.1/a.mp4")
    post = await town.post(post_id)
    assert (post.state, post.reason) == (PostState.REJECTED, FailureReason.MEDIA_UNREACHABLE)
    assert "network.allow" in (post.error or "")


async def test_a_partner_that_fails_is_asked_again_and_no_file_is_stored_twice(town, files):
    urls = [files.put(f"/{n}.webp", picture()) for n in range(2)]
    town.sim.fault("server_error", "host", after=True)

    post_id = await town.sent(media=slides(*urls))
    await town.advance(2, step=0.5)

    assert (await town.post(post_id)).partner_id is not None
    assert len(town.calls("host")) == 3
    assert len(media_of(town)) == 2


async def test_a_blocked_key_parks_the_post_once_and_it_goes_out_when_that_is_over(town, files):
    url = files.put("/a.webp", picture())
    town.sim.fault("unauthorized", times=-1)

    post_id = await town.sent(media=url)

    assert (await town.post(post_id)).state is PostState.PARKED
    assert await town.events(post_id) == ["post.parked"]
    town.sim.faults.clear()
    await town.advance(30)
    assert (await town.post(post_id)).partner_id is not None


async def test_writes_that_are_off_bring_nothing(town, files):
    town.kit.partners["gv"]._config = replace(town.kit.partners["gv"]._config, writes=False)
    post_id = await town.sent(media=files.put("/a.webp", picture()))
    assert ((await town.post(post_id)).state, town.calls("host")) == (PostState.PARKED, [])


async def test_posts_of_one_event_share_what_is_stored(town, files):
    """Its TikTok block makes two posts of one event."""
    url = files.put("/a.webp", picture())
    answer = await town.publish(media=slides(url), accounts=["brand-tiktok", "brand-instagram"], tiktok={"title": "t"})
    claimed = await town.publisher.claim(32)
    await asyncio.gather(*(town.publisher.act(one) for one in claimed))
    await town.work()

    posts = await town.posts(answer.accepted.event_id)
    [stored] = town.sim.world.files.values()
    assert [post.hosted for post in posts] == [{url: stored.url}] * 2
    assert (files.asked, len(town.sim.world.posts)) == (["/a.webp"], 2)
