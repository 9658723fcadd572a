"""Accounts: what needs somebody, what waits, the partner's link, and the brake of a source."""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Link
from bridge.core.step import source_cause
from bridge.simulator.genviral import TIKTOK, X

pytestmark = pytest.mark.anyio

LINK = "https://partner.example.com/connect?state=for-the-owner&more=1"
HERE = "/console/accounts"
RECONNECT = f"{HERE}/genviral:{TIKTOK}/reconnect"
BRAKE = source_cause("blog")


class Linking:
    """A partner that makes links, and is the one it stands for in all else."""

    def __init__(self, partner, clock):
        self._partner, self._clock = partner, clock
        self.error, self.writes = None, True

    def __getattr__(self, name):
        return getattr(self._partner, name)

    def links(self, platform):
        return platform == "tiktok"

    async def reconnect_link(self, account_id):
        if self.error is not None:
            raise self.error
        return Link(LINK, self._clock() + timedelta(minutes=10))


@pytest.fixture
def partner(room):
    partners = room.web.ingest.kit.partners
    partners["genviral"] = Linking(partners["genviral"], room.clock)
    return partners["genviral"]


async def brake(room):
    await room.web.ingest.kit.step(lambda step, _: step.open_cause(BRAKE, "", FailureReason.BRAKE, "14 entries"))


async def test_accounts_are_shown_with_their_state_and_nothing_to_do_when_all_is_well(room, sign_in):
    page = await (await sign_in()).look(HERE)

    assert {"brand-tiktok", "brand-youtube", "other-x", "active"} <= set(page.text.split())
    assert "What needs you" not in page.text
    assert page.deeds == []


async def test_no_account_is_like_a_filter(room, sign_in):
    assert "No account is like that." in (await (await sign_in()).look(f"{HERE}?state=removed")).text


async def test_a_dead_account_says_what_waits_and_offers_the_link(room, sign_in, partner):
    await room.lose_account()
    post = (await room.publish(caption="Waits <for> it")).json()["posts"][0]["id"]

    page = await (await sign_in()).look(HERE)

    assert "brand-tiktok must be reconnected" in page.text
    assert "Reconnect the account; what waits for it then goes out by itself." in page.text
    assert f'<a href="/console/posts/{post}">Waits &lt;for&gt; it</a>' in page.html
    assert page.deeds.count(RECONNECT) == 2
    assert f"{HERE}/genviral:{X}/reconnect" not in page.deeds
    assert "/v1/" not in page.text


async def test_the_link_is_shown_as_one_that_a_person_opens(room, sign_in, partner):
    page = await (await sign_in("zapier")).send(RECONNECT)

    assert f'href="{LINK.replace("&", "&amp;")}" rel="noreferrer"' in page.html
    assert "Reconnect brand-tiktok" in page.text
    assert '<time datetime="2025-01-20T12:10:00.000000Z">' in page.html
    assert page.answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in page.answer.headers


async def test_a_refusal_of_the_partner_is_a_sentence(room, sign_in, partner):
    partner.error = PartnerError(FailureReason.TIMEOUT, FailureClass.RETRYABLE, detail="no answer in 30 s")

    page = await (await sign_in()).send(RECONNECT)

    assert (page.answer.url.path, page.said != "") == (HERE, True)


async def test_the_brake_of_a_source_is_let_go(room, sign_in):
    await brake(room)
    admin = await sign_in()
    page = await admin.look(HERE)
    assert "More came from blog at once than goes by itself" in page.text
    assert page.deeds == [f"/console/causes/{BRAKE}/close"]

    after = await admin.send(page.deeds[0], {"back": HERE})

    assert (after.answer.url.path, after.said[:7]) == (HERE, "Let go:")
    assert after.deeds == []
    again = await admin.send(page.deeds[0], {"back": "https://evil.example.com/"})
    assert again.answer.url.path == "/console"


async def test_who_may_only_read_sees_no_buttons_and_is_refused(room, sign_in, partner):
    await brake(room)
    await room.lose_account()
    reader = await sign_in("reader")

    assert (await reader.look(HERE)).deeds == []
    await reader.send(RECONNECT, status=403)
    await reader.send(f"/console/causes/{BRAKE}/close", status=403)


async def test_a_form_of_another_session_is_refused(room, sign_in, partner):
    page = await (await sign_in()).send(RECONNECT, {"csrf": "of another"}, status=403)

    assert LINK not in page.html
