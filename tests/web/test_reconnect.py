"""Links to reconnect an account, over HTTP: who gets one, for which account, and what is said when there is none."""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Account, Link
from bridge.core.step import Step
from bridge.simulator.genviral import TIKTOK, X
from tests.web.room import problem

pytestmark = pytest.mark.anyio
SECRET = "https://partner.example.com/connect?state=only-for-the-owner"


class Linking:
    """A partner that makes links, or fails at it, and is the one it stands for in all else."""

    def __init__(self, partner, clock):
        self._partner, self._clock = partner, clock
        self.asked, self.error, self.writes = [], None, True

    def __getattr__(self, name):
        return getattr(self._partner, name)

    def links(self, platform):
        return platform == "tiktok"

    async def reconnect_link(self, account_id):
        self.asked.append(account_id)
        if self.error is not None:
            raise self.error
        return Link(SECRET, self._clock() + timedelta(minutes=10))


@pytest.fixture
def partner(room):
    partners = room.web.ingest.kit.partners
    partners["genviral"] = Linking(partners["genviral"], room.clock)
    return partners["genviral"]


def path(word):
    return f"/v1/accounts/{word}/reconnect-link"


@pytest.mark.parametrize("word", ["brand-tiktok", TIKTOK, f"genviral:{TIKTOK}"])
async def test_an_account_is_named_by_our_name_its_id_or_both_with_its_key(room, partner, word):
    answer = await room.call("POST", path(word))

    assert answer.status_code == 200
    assert (answer.json()["url"], answer.json()["expires_at"]) == (SECRET, "2025-01-20T12:10:00Z")
    assert (answer.json()["account"]["name"], partner.asked) == ("brand-tiktok", [TIKTOK])


async def test_the_address_is_a_credential_and_is_kept_by_nobody(room, partner, caplog, capsys):
    answer = await room.call("POST", path("brand-tiktok"))

    assert answer.headers["cache-control"] == "no-store"
    assert "only-for-the-owner" not in caplog.text + "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("token", "word", "refusal"),
    [
        ("reader", "brand-tiktok", (403, "scope")),
        ("brand", X, (403, "account_not_allowed")),
        ("brand", "other-x", (403, "account_not_allowed")),
        ("zapier", "brand-*", (404, "no_such_account")),
        ("zapier", "genviral:nobody", (404, "no_such_account")),
    ],
)
async def test_who_may_not_and_what_is_not_there(room, partner, token, word, refusal):
    problem(await room.call("POST", path(word), token), *refusal)

    assert partner.asked == []


async def test_an_id_that_two_keys_see_must_be_named_with_its_key(room, partner):
    kit = room.web.ingest.kit
    step = Step(kit.moment())
    step.add(Account("second", TIKTOK, "tiktok", "same", room.clock(), room.clock()))
    assert await kit.record(step)

    found = problem(await room.call("POST", path(TIKTOK)), 409, "account_not_unique")
    assert found["accounts"] == [f"genviral:{TIKTOK}", f"second:{TIKTOK}"]


async def test_a_partner_without_links_says_where_to_go(room):
    found = problem(await room.call("POST", path("brand-tiktok")), 409, "no_reconnect_link")

    assert "dashboard" in found["detail"]


async def test_an_account_that_is_connected_with_credentials_has_none_and_its_partner_is_not_asked(room, partner):
    found = problem(await room.call("POST", path("other-x")), 409, "no_reconnect_link")

    assert (partner.asked, "this x account" in found["detail"]) == ([], True)


async def test_writes_that_are_off_are_named_as_the_reason(room, partner):
    partner.writes = False
    found = problem(await room.call("POST", path("brand-tiktok")), 409, "writes_off")

    assert (partner.asked, "partners.genviral.writes" in found["detail"]) == ([], True)


@pytest.mark.parametrize(
    ("reason", "failure", "refusal"),
    [
        (FailureReason.TIMEOUT, FailureClass.RETRYABLE, (503, "partner_unavailable")),
        (FailureReason.RATE_LIMITED, FailureClass.RETRYABLE, (503, "partner_unavailable")),
        (FailureReason.FORBIDDEN, FailureClass.NEEDS_HUMAN, (502, "partner_refused")),
        (FailureReason.NOT_FOUND, FailureClass.TERMINAL, (502, "partner_refused")),
    ],
)
async def test_a_partner_that_makes_none_now_is_quoted_with_its_reason(room, partner, reason, failure, refusal):
    partner.error = PartnerError(reason, failure, status=None, detail="said no", retry_after=timedelta(seconds=7))
    answer = await room.call("POST", path("brand-tiktok"))

    assert problem(answer, *refusal)["reason"] == reason
    assert answer.headers.get("retry-after") == ("7" if refusal[0] == 503 else None)


async def test_a_cause_says_how_to_get_a_link(room, partner):
    await room.lose_account()

    assert f"POST {path(f'genviral:{TIKTOK}')}" in await told_to_do(room)


async def test_a_cause_does_not_offer_a_link_that_nobody_would_get(room, partner):
    await room.lose_account()
    partner.writes = False

    assert "POST" not in await told_to_do(room)


async def told_to_do(room):
    [cause] = (await room.get("/v1/causes"))["items"]
    shown = [one["causes"] for one in (await room.get("/v1/accounts"))["items"] if one["id"] == TIKTOK]
    assert shown == [[cause]]
    return cause["what_to_do"]
