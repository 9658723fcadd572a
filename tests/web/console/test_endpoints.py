"""Endpoints in the console: how each fares, and making, testing, rotating, switching and deleting one."""

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import Endpoint, WorkState, Write

pytestmark = pytest.mark.anyio

HERE = "/console/endpoints"
NEW = f"{HERE}/_new"
OPS, TEAM = f"{HERE}/ops", f"{HERE}/team"
SECRET = "whsec_" + "QUJD" * 11


async def made(browser, **fields):
    """Make the endpoint `team`."""
    form = {"name": "team", "url": "https://team.example.com/hook", "events": ["post.failed", "post.posted"], **fields}
    return await browser.send(HERE, form)


async def test_endpoints_are_listed_those_that_fail_first(room, sign_in):
    row = Endpoint("zeta", "https://zeta.example.com/hook", failing_since=room.clock(), description="for the team")
    await room.web.store.record([Write(endpoints=(row,))])

    page = await (await sign_in()).look(HERE)

    assert page.text.index("zeta") < page.text.index("ops")
    assert "for the team has failed since" in page.text
    assert f'href="{NEW}"' in page.html


async def test_no_endpoint_at_all_is_told(room, sign_in):
    await room.web.store.record([Write(drop_endpoints=("ops",))])

    assert "Nothing is told to anybody yet." in (await (await sign_in()).look(HERE)).text


async def test_an_endpoint_shows_how_it_fares_and_what_it_got(room, sign_in):
    await room.published(caption="one")
    await room.fail_deliveries()
    await room.published(caption="two")
    await room.settle_deliveries(WorkState.DONE)

    page = await (await sign_in()).look(OPS)

    assert "2 deliveries in the last 24 hours" in page.text
    assert "0.0 %" in page.text
    assert "post.pending" in page.text
    assert f"{HERE.replace('endpoints', 'dead-letters')}?endpoint=ops" in page.html
    assert '<svg class="spark"' in page.html


async def test_an_endpoint_that_got_nothing_is_told(room, sign_in):
    page = await (await sign_in()).look(OPS)

    assert "nothing was sent" in page.text
    assert "Nothing was sent here yet." in page.text


async def test_one_of_the_configuration_is_changed_there(room, sign_in):
    page = await (await sign_in()).look(OPS)

    assert "is one of the configuration" in page.text
    assert page.deeds == [f"{OPS}/test", f"{OPS}/disable"]


async def test_a_page_of_no_endpoint_is_not_there(room, sign_in):
    admin = await sign_in()
    await admin.look(f"{HERE}/nobody", 404)
    await admin.send(f"{OPS}/paint", status=404)
    await admin.send(f"{HERE}/nobody/test", status=404)


async def test_an_endpoint_is_made_and_its_secret_shown_once(room, sign_in):
    admin = await sign_in()
    assert "post.failed" in (await admin.look(NEW)).text

    page = await made(admin, description="Tells the team")

    assert "The endpoint team is made" in page.text
    assert page.html.count("whsec_") == 1
    assert page.answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in page.answer.headers
    row = await room.endpoint("team")
    assert (row.events, row.description, row.owner) == (("post.failed", "post.posted"), "Tells the team", "admin")
    assert 'value="whsec_' in page.html
    assert 'value="whsec_' not in (await admin.look(TEAM)).html


async def test_one_for_slack_is_not_signed(room, sign_in):
    page = await made(await sign_in(), format="slack", events=[])

    assert (page.answer.url.path, page.said.startswith("The endpoint is made")) == (TEAM, True)
    assert (await room.endpoint("team")).events == ("attention.*",)


async def test_faults_stand_beside_their_fields_and_what_was_typed_is_kept_but_the_secret(room, sign_in):
    form = {"name": "Not <so>", "url": "http://10.0.0.1/x", "secret": "mine-alone", "description": "kept"}
    form |= {"events": ["post.failed"], "format": "flat"}

    page = await (await sign_in()).send(HERE, form, status=422)

    for name in ("name", "url", "secret"):
        assert f'id="fault-{name}"' in page.html
        assert f'aria-describedby="fault-{name}' in page.html
    assert "mine-alone" not in page.html
    assert 'value="Not &lt;so&gt;"' in page.html
    assert 'value="kept"' in page.html
    assert 'value="post.failed" checked' in page.html
    assert '<option value="flat" selected>' in page.html
    assert set(await room.web.store.endpoints()) == {"ops"}


async def test_a_name_that_is_taken_is_said_beside_the_name(room, sign_in):
    page = await (await sign_in()).send(HERE, {"name": "ops", "url": "https://a.example.com/x"}, status=409)

    assert "There is an endpoint 'ops' already." in page.text
    assert 'id="fault-name"' in page.html


async def test_a_test_leads_to_the_delivery_that_shows_the_attempt(room, sign_in):
    room.web.ingest.load.draining = True

    page = await (await sign_in()).send(f"{OPS}/test")

    assert page.answer.url.path.startswith("/console/deliveries/dlv_")
    assert "webhook.test" in page.text
    assert page.said.startswith("A test is sent")


async def test_a_secret_is_rotated_and_shown_once(room, sign_in):
    admin = await sign_in()
    await made(admin)

    page = await admin.send(f"{TEAM}/rotate")

    assert "team has a new secret" in page.text
    assert "The one before signs too until" in page.text
    assert page.html.count("whsec_") == 1
    own = await admin.send(f"{TEAM}/rotate", {"secret": SECRET, "revoke": "yes"})
    assert SECRET in own.html
    assert "The one before signs" not in own.text
    same = await admin.send(f"{TEAM}/rotate", {"secret": SECRET})
    assert (same.answer.url.path, same.said) == (
        TEAM,
        "secret signs already. Send another one, or leave it out: one is made.",
    )
    refused = await admin.send(f"{OPS}/rotate")
    assert "is one of the configuration" in refused.said


async def test_an_endpoint_is_disabled_and_enabled(room, sign_in):
    admin = await sign_in()
    await room.published()
    off = await admin.send(f"{OPS}/disable")
    assert (off.said, "It gets nothing" in off.text) == ("Disabled: it gets nothing any more.", True)
    assert off.deeds == [f"{OPS}/enable"]
    room.clock.advance(minutes=1)
    assert "disabled" in (await admin.send(f"{OPS}/test")).said

    on = await admin.send(f"{OPS}/enable")

    assert on.said == "Enabled. It lost 1 delivery: see dead letters."
    assert (await room.endpoint("ops")).enabled


async def test_who_enables_one_may_replay_what_it_lost(room, sign_in):
    admin = await sign_in()
    await room.published()
    await admin.send(f"{OPS}/disable")
    room.clock.advance(minutes=1)

    page = await admin.send(f"{OPS}/enable", {"replay": "yes"})

    assert page.answer.url.path.startswith("/console/replays/rpl_")
    assert "0 of 1 sent" in page.text


async def test_an_endpoint_is_deleted(room, sign_in):
    admin = await sign_in()
    await made(admin)

    page = await admin.send(f"{TEAM}/delete")

    assert (page.answer.url.path, page.said) == (HERE, "team is deleted.")
    assert await room.endpoint("team") is None


async def test_one_that_failed_too_long_says_why(room, sign_in):
    await room.change_endpoint("ops", enabled=False, reason=FailureReason.FAILING)

    assert "It is disabled: failing." in (await (await sign_in()).look(OPS)).text


async def test_who_may_only_read_sees_no_buttons_and_is_refused(room, sign_in):
    await made(await sign_in())
    reader = await sign_in("reader")

    assert NEW not in (await reader.look(HERE)).html
    assert (await reader.look(TEAM)).deeds == (await reader.look(OPS)).deeds == []
    await reader.look(NEW, 403)
    await reader.send(HERE, {"url": "https://a.example.com/x"}, status=403)
    for deed in ("test", "rotate", "enable", "disable", "delete"):
        await reader.send(f"{TEAM}/{deed}", status=403)
    assert (await room.endpoint("team")).enabled


async def test_a_form_of_another_session_is_refused(room, sign_in):
    admin = await sign_in()
    await made(admin)

    answers = [await admin.send(f"{TEAM}/{deed}", {"csrf": ""}, status=403) for deed in ("delete", "rotate")]

    assert all("another session" in page.text for page in answers)
    assert await room.endpoint("team") is not None
