"""The media library of PostEverywhere: three-step upload, import from a URL, and what becomes of a file."""

import pytest

pytestmark = pytest.mark.anyio


async def imported(pe, url, **more):
    return await pe.client.post("/media/upload-from-url", json={"url": url} | more)


async def started(pe, kind="video/mp4", name="size"):
    answer = await pe.client.post("/media/upload", json={"filename": "a.mp4", "content_type": kind, name: 3})
    return answer.json()["data"]


async def status(pe, media_id):
    return (await pe.read(f"/media/{media_id}"))["media_status"]


async def test_an_image_from_a_url_is_ready_at_once(pe):
    answer = await imported(pe, "https://example.com/a/hero.webp?size=2")
    data = answer.json()["data"]
    assert (answer.status_code, data["media_status"], data["type"]) == (201, "ready", "image")
    assert (data["filename"], data["content_type"], data["media_ids"]) == (
        "hero.webp",
        "image/webp",
        [data["media_id"]],
    )


@pytest.mark.parametrize(("bad", "end"), [([], "ready"), (["clip.mp4"], "failed")])
async def test_a_video_from_a_url_ends_some_ticks_later(pe, bad, end):
    await pe.control("/media", {"bad": bad})
    pe.sim.world.options.video_ticks = 2
    media_id = (await imported(pe, "https://example.com/clip.mp4")).json()["data"]["media_id"]
    seen = [await status(pe, media_id)]
    for _ in range(2):
        pe.sim.tick()
        seen.append(await status(pe, media_id))
    assert seen == ["uploading", "uploading", end]
    assert ((await pe.read(f"/media/{media_id}"))["error_message"] is not None) == (end == "failed")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://10.0.0.1/a.png",
        "http://[::1]/a.png",
        "http://169.254.169.254/latest",
        "http://localhost/a.png",
        "http://db.internal/a.png",
        "ftp://example.com/a.png",
        "",
    ],
)
async def test_an_address_that_is_not_public_is_refused(pe, url):
    assert (await imported(pe, url)).status_code == 400


async def test_what_cannot_be_imported_is_415_or_400(pe):
    assert (await imported(pe, "https://example.com/a.pdf")).status_code == 415
    pe.sim.world.options.video_by_url = False
    answer = await imported(pe, "https://example.com/a.mp4")
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
    pe.sim.world.bad_media = {"broken"}
    assert (await imported(pe, "https://example.com/broken.png")).status_code == 400


@pytest.mark.parametrize(
    ("kind", "name", "method", "before"),
    [("image/png", "file_size", "POST", "ready"), ("video/mp4", "size", "PUT", "uploading")],
)
async def test_an_upload_is_signed_put_and_completed(pe, kind, name, method, before):
    data = await started(pe, kind, name)
    assert (data["upload_method"], data["expires_in"]) == (method, 900)
    assert (await pe.client.put(data["upload_url"], content=b"abc")).status_code == 200
    answer = await pe.client.post(f"/media/{data['media_id']}/complete")
    assert answer.json()["data"]["status"] == await status(pe, data["media_id"]) == before
    pe.sim.tick()
    assert await status(pe, data["media_id"]) == "ready"


async def test_completing_before_the_bytes_came_says_what_the_sdk_looks_for(pe):
    answer = await pe.client.post(f"/media/{(await started(pe))['media_id']}/complete")
    assert (answer.status_code, "make sure you uploaded" in answer.json()["error"]["message"].lower()) == (400, True)


async def test_a_signed_address_ends_after_fifteen_minutes(pe):
    data = await started(pe)
    pe.clock.advance(minutes=16)
    assert (await pe.client.put(data["upload_url"], content=b"abc")).status_code == 403
    assert (await pe.client.put("http://simulator/_upload/none", content=b"abc")).status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 400),
        ({"filename": "a.png", "content_type": "image/png"}, 400),
        ({"filename": "a.zip", "content_type": "application/zip", "size": 1}, 415),
    ],
)
async def test_an_upload_tells_what_it_is(pe, body, code):
    assert (await pe.client.post("/media/upload", json=body)).status_code == code


async def test_media_are_listed_by_type_newest_first_and_deleted(pe):
    names = ["a.png", "b.mp4", "c.png"]
    ids = [(await imported(pe, f"https://example.com/{one}")).json()["data"]["media_id"] for one in names]
    data = await pe.read("/media", type="image", limit=1)
    assert ([one["filename"] for one in data["media"]], data["total"]) == (["c.png"], 2)
    assert (await pe.client.delete(f"/media/{ids[0]}")).json()["data"] == {"media_id": ids[0], "deleted": True}
    assert (await pe.client.get(f"/media/{ids[0]}")).status_code == 404


async def test_media_of_a_scheduled_post_are_deleted_by_force_only(pe):
    media_id = (await imported(pe, "https://example.com/a.png")).json()["data"]["media_id"]
    await pe.created(media_ids=[media_id], scheduled_for=pe.soon(days=1))
    assert (await pe.client.delete(f"/media/{media_id}")).status_code == 409
    assert (await pe.client.delete(f"/media/{media_id}", params={"force": "true"})).status_code == 200


@pytest.mark.parametrize("options", [{"contract": "sdk"}])
async def test_the_sdk_calls_the_state_upload_status(pe):
    media_id = (await imported(pe, "https://example.com/a.png")).json()["data"]["media_id"]
    data = await pe.read(f"/media/{media_id}")
    assert (data["id"], data["upload_status"], data["media_type"]) == (media_id, "ready", "image")
