"""The simulated files: announced over the API, brought to a signed address, and only then good for a post."""

import pytest

from tests.simulator.conftest import Partner

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


async def announced(partner: Partner, **changes: object) -> dict[str, object]:
    body = {"contentType": "image/png", "filename": "a.png", "size": len(PNG)} | changes
    answer = await partner.client.post("/files", json={name: one for name, one in body.items() if one is not ...})
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["data"])


async def put(partner: Partner, url: object, content: bytes = PNG, kind: str = "image/png", **headers: str) -> int:
    request = partner.client.build_request("PUT", str(url), content=content, headers={"content-type": kind, **headers})
    if "authorization" not in headers:
        del request.headers["authorization"]
    return (await partner.client.send(request)).status_code


async def create(partner: Partner, url: object) -> int:
    return (await partner.create(media={"type": "slideshow", "urls": [url]})).status_code


async def test_a_file_is_announced_brought_named_and_served(partner: Partner) -> None:
    place = await announced(partner)
    assert (place["contentType"], place["expiresIn"]) == ("image/png", 600)
    assert str(place["url"]).endswith(".png")

    assert await put(partner, place["uploadUrl"]) == 200

    assert await create(partner, place["url"]) == 201
    served = await partner.client.get(str(place["url"]))
    assert (served.content, served.headers["content-type"]) == (PNG, "image/png")


async def test_a_file_whose_bytes_never_came_is_good_for_no_post(partner: Partner) -> None:
    place = await announced(partner)
    assert await create(partner, place["url"]) == 400
    assert (await partner.client.get(str(place["url"]))).status_code == 404


@pytest.mark.parametrize(
    ("kind", "size", "text"),
    [
        ("image/webp", 9, "Unsupported slideshow format image/webp"),
        ("image/png", 5_000_000, "File size exceeds the 5MB limit"),
    ],
)
async def test_a_slide_is_refused_for_what_is_known_to_be_behind_its_address(
    partner: Partner, kind: str, size: int, text: str
) -> None:
    partner.sim.world.declared["https://cdn.example.com/a"] = (kind, size)
    answer = await partner.create(media={"type": "slideshow", "urls": ["https://cdn.example.com/a"]})
    told = answer.json()
    assert (answer.status_code, told["error_code"], told["message"]) == (400, "validation_failed", text)


async def test_a_stored_file_that_is_too_large_for_a_slide_is_refused(partner: Partner) -> None:
    content = PNG + bytes(5_000_000)
    place = await announced(partner, size=len(content))
    assert await put(partner, place["uploadUrl"], content) == 200
    assert await create(partner, place["url"]) == 400


@pytest.mark.parametrize(
    ("content", "kind"),
    [(PNG + b"x", "image/png"), (PNG, "image/jpeg"), (b"\xff\xd8\xff" + PNG[3:], "image/png")],
    ids=["size", "type", "bytes"],
)
async def test_other_bytes_than_announced_are_refused(partner: Partner, content: bytes, kind: str) -> None:
    place = await announced(partner)
    assert await put(partner, place["uploadUrl"], content, kind) == 403


async def test_the_size_need_not_be_said(partner: Partner) -> None:
    place = await announced(partner, size=...)
    assert await put(partner, place["uploadUrl"], PNG + b"xyz") == 200


async def test_a_bearer_is_not_for_the_bucket(partner: Partner) -> None:
    place = await announced(partner)
    assert await put(partner, place["uploadUrl"], authorization="Bearer gva_live_demo.simulator-secret") == 403


async def test_a_wrong_signature_is_refused(partner: Partner) -> None:
    place = await announced(partner)
    assert await put(partner, f"{place['uploadUrl']}0") == 403


async def test_the_address_ends_after_ten_minutes(partner: Partner) -> None:
    place = await announced(partner)
    partner.clock.advance(minutes=11)
    assert await put(partner, place["uploadUrl"]) == 403


@pytest.mark.parametrize("body", [{"contentType": "image/avif"}, {}, {"contentType": "image/png", "size": 0}])
async def test_a_type_or_size_that_is_none_is_refused(partner: Partner, body: dict[str, object]) -> None:
    answer = await partner.client.post("/files", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (422, "invalid_payload")


async def test_without_a_key_nothing_is_announced(partner: Partner) -> None:
    answer = await partner.client.post("/files", json={}, headers={"authorization": "Bearer nobody"})
    assert answer.status_code == 401
