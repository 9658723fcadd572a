"""Replays in the console: how far each is, and stopping one."""

import pytest

from tests.web.console.test_deliveries import some_dead, states

pytestmark = pytest.mark.anyio

HERE = "/console/replays"


async def begun(room, count=3, **fields):
    await some_dead(room, count)
    return (await room.call("POST", "/v1/deliveries/replay", "admin", json=fields or {"all": True})).json()["id"]


async def test_replays_are_listed(room, sign_in):
    admin = await sign_in()
    assert "There is no replay yet." in (await admin.look(HERE)).text
    job = await begun(room, endpoint="ops", type="post.pending")

    page = await admin.look(f"{HERE}?state=running")

    assert f'<a href="{HERE}/{job}">Dead letters, to ops, of post.pending</a>' in page.html
    assert "0 of 3" in page.text
    assert "There is no replay like that." in (await admin.look(f"{HERE}?state=stopped")).text


async def test_a_replay_shows_how_far_it_is_until_it_is_done(room, sign_in):
    job = await begun(room)
    admin = await sign_in()
    page = await admin.look(f"{HERE}/{job}")
    assert ('value="0" max="3"' in page.html, page.deeds) == (True, [f"{HERE}/{job}/stop"])

    await room.web.replayer.tick()
    await room.web.replayer.tick()
    page = await admin.look(f"{HERE}/{job}")

    assert 'value="3" max="3"' in page.html
    assert "3 of 3 sent." in page.text
    assert (page.deeds, "done" in page.text) == ([], True)


async def test_one_that_found_nothing_says_so(room, sign_in):
    job = await begun(room, 1, source="nobody")

    assert "There was nothing to send again." in (await (await sign_in()).look(f"{HERE}/{job}")).text


async def test_what_an_endpoint_missed_is_told_in_words(room, sign_in):
    job = await begun(room, 1, endpoint="ops", missed_since="2025-01-20T00:00:00Z")

    page = await (await sign_in()).look(f"{HERE}/{job}")

    assert "What ops missed" in page.text
    assert '<time datetime="2025-01-20T00:00:00.000000Z">' in page.html


async def test_a_replay_is_stopped(room, sign_in):
    job = await begun(room)

    page = await (await sign_in()).send(f"{HERE}/{job}/stop")

    assert page.said == "Stopped. What it sent so far stays sent."
    assert "Stopped by admin" in page.text
    assert page.deeds == []
    assert await states(room) == ["dead"] * 3


async def test_who_may_only_read_sees_no_button_and_is_refused(room, sign_in):
    job = await begun(room)
    reader = await sign_in("reader")

    assert (await reader.look(f"{HERE}/{job}")).deeds == []
    await reader.send(f"{HERE}/{job}/stop", status=403)
    await (await sign_in()).send(f"{HERE}/{job}/stop", {"csrf": "x"}, status=403)
    await reader.look(f"{HERE}/rpl_nobody", 404)
    assert (await room.get(f"/v1/replays/{job}"))["state"] == "running"
