"""What follows a change of an endpoint: its format, its secrets, and what is said of many faults."""

import asyncio
from collections import Counter

import pytest

from bridge.core.endpoint_rules import MOST_OF_ONE
from bridge.core.signing import secret_key
from tests.web.room import problem
from tests.web.test_endpoints import GIVEN, made

pytestmark = pytest.mark.anyio


async def changed(room, name, **fields):
    answer = await room.call("PATCH", f"/v1/endpoints/{name}", "admin", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_an_endpoint_has_by_itself_follows_a_new_format(room):
    await made(room, name="team", format="slack", secret=GIVEN)

    other = await changed(room, "team", format="flat")
    back = await changed(room, "team", format="slack")
    both = await room.call("PATCH", "/v1/endpoints/team", "admin", json={"format": "flat", "group": "10s"})

    assert (other["events"], other["group"]) == (["*"], "0s")
    assert (back["events"], back["group"]) == (["attention.*"], "30s")
    problem(both, 422, "invalid_request")


async def test_what_was_chosen_does_not_follow_a_new_format(room):
    await made(room, name="team", events=["post.*"])
    await made(room, name="chat", format="slack", group="5s")

    assert (await changed(room, "team", format="slack"))["events"] == ["post.*"]
    assert (await changed(room, "chat", format="slack"))["group"] == "5s"
    assert (await changed(room, "team", format="flat", events="*"))["events"] == ["*"]


async def test_a_format_that_is_signed_needs_a_secret(room):
    await made(room, name="chat", format="slack")

    refused = await room.call("PATCH", "/v1/endpoints/chat", "admin", json={"format": "standard"})
    [fault] = problem(refused, 422, "invalid_request")["errors"]
    rotated = (await room.call("POST", "/v1/endpoints/chat/rotate-secret", "admin")).json()

    assert (fault["field"], "rotate-secret" in fault["remedy"]) == ("format", True)
    assert (rotated["old_until"], (await changed(room, "chat", format="standard"))["signed"]) == (None, True)


async def test_older_secrets_can_end_at_once(room):
    await made(room, name="team")
    for _ in range(4):
        await room.call("POST", "/v1/endpoints/team/rotate-secret", "admin")
    refused = await room.call("POST", "/v1/endpoints/team/rotate-secret", "admin")
    assert "revoke" in problem(refused, 409, "too_many_secrets")["detail"]

    told = (await room.call("POST", "/v1/endpoints/team/rotate-secret", "admin", json={"revoke": True})).json()

    keys = room.web.endpoints.sending(await room.endpoint("team"), room.clock()).keys
    assert (told["old_until"], keys) == (None, (secret_key(told["secret"]),))


async def test_a_secret_that_signs_already_is_no_new_one(room):
    await made(room, name="team", secret=GIVEN)

    answer = await room.call("POST", "/v1/endpoints/team/rotate-secret", "admin", json={"secret": GIVEN})

    assert [fault["problem"] for fault in problem(answer, 422, "invalid_request")["errors"]] == ["signs already"]
    both = await room.call("POST", "/v1/endpoints/team/rotate-secret", "admin", json={"revoke": "yes", "x": 1})
    assert {fault["field"] for fault in problem(both, 422, "invalid_request")["errors"]} == {"revoke", "x"}


@pytest.mark.parametrize("reason", ["owner_gone", "by_hand", "gone"])
async def test_one_whose_owner_is_gone_is_not_enabled(room, reason):
    await made(room, name="team")
    await room.change_endpoint("team", enabled=False, reason=reason, owner="left")
    room.web.endpoints._owners = ("admin",)

    problem(await room.call("POST", "/v1/endpoints/team/enable", "admin"), 409, "owner_gone")
    problem(await room.call("PATCH", "/v1/endpoints/team", "admin", json={"enabled": True}), 409, "owner_gone")


async def test_a_persons_word_outlives_the_return_of_the_owner(room):
    await made(room, name="team")
    await room.change_endpoint("team", enabled=False, reason="owner_gone")

    answer = await room.call("POST", "/v1/endpoints/team/disable", "admin")

    assert (answer.status_code, answer.json()["reason"]) == (200, "by_hand")


async def test_what_is_shown_of_an_address_is_not_taken_for_one(room):
    await made(room, name="team", url="https://ops.example.com/hook/secret")
    shown = (await room.call("GET", "/v1/endpoints/team", "admin")).json()["url"]
    before = room.web.endpoints.sending(await room.endpoint("team"), room.clock()).url

    patched = await room.call("PATCH", "/v1/endpoints/team", "admin", json={"url": shown, "description": "x"})
    new = await room.call("POST", "/v1/endpoints", "admin", json={"url": shown})
    subscribed = await room.call("POST", "/v1/subscriptions", "admin", json={"target_url": shown, "event": "*"})

    for answer in (patched, new, subscribed):
        [fault] = problem(answer, 422, "invalid_request")["errors"]
        assert fault["problem"] == "is what is shown of an address"
    assert room.web.endpoints.sending(await room.endpoint("team"), room.clock()).url == before


async def test_those_who_subscribe_at_once_keep_within_the_limit(room):
    asked = [{"target_url": f"https://hooks.example.com/{number}", "event": "*"} for number in range(MOST_OF_ONE + 5)]

    answers = await asyncio.gather(*(room.call("POST", "/v1/subscriptions", "admin", json=one) for one in asked))

    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {201: MOST_OF_ONE, 409: 5}


async def test_many_faults_are_told_in_short(room):
    body = {f"evnt{number}": 1 for number in range(60)} | {"x" * 5_000: 1}

    errors = problem(await room.call("POST", "/v1/endpoints", "admin", json=body), 422, "invalid_request")["errors"]

    assert len(errors) == 51
    assert "more faults" in errors[-1]["problem"]
    assert max(len(fault["field"]) for fault in errors) <= 60
