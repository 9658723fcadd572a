"""Endpoints over HTTP: made, shown, changed, switched and dropped."""

from datetime import timedelta

import pytest
from jsonschema import Draft202012Validator

from bridge.core import endpoint_rules
from bridge.core.endpoint_fields import Known
from bridge.core.endpoint_request import CHANGEABLE, NEW
from bridge.core.errors import FailureReason
from bridge.core.model import WorkState
from bridge.web._table import PUBLIC
from bridge.web.openapi import SCHEMAS, document
from tests.web.room import problem

pytestmark = pytest.mark.anyio

URL = "https://ops.example.com/hook"
GIVEN = "whsec_" + "QUJD" * 11


async def made(room, token="admin", **fields):
    answer = await room.call("POST", "/v1/endpoints", token, json={"url": URL, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_made_endpoint_has_defaults_and_a_secret_that_is_told_once(room):
    answer = await room.call("POST", "/v1/endpoints", "admin", json={"url": f"{URL}?key=hidden-in-query"})

    told = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/endpoints/{told['name']}"
    assert told.pop("secret").startswith("whsec_")
    assert told == await room.get(f"/v1/endpoints/{told['name']}", "reader")
    expected = {"events": ["*"], "where": {}, "format": "standard", "signed": True, "headers": [], "state": "enabled"}
    expected |= {"timeout": None, "schedule": None, "group": "0s", "configured": False, "owner": "admin"}
    assert {name: told[name] for name in expected} == expected
    assert told["url"] == "https://ops.example.com/[redacted]"


async def test_everything_that_can_be_said_of_an_endpoint_is_kept(room):
    said = {
        "name": "team-1",
        "description": "for the team",
        "events": ["post.*", "attention.*"],
        "where": {"account": ["brand-*"], "reason": ["token"]},
        "format": "cloudevents",
        "rate": 5.0,
        "ordering": "subject",
        "timeout": "5s",
        "schedule": ["0s", "1m30s"],
        "allow_http": True,
        "enabled": False,
    }

    told = await made(room, secret=GIVEN, headers={"X-Team": "umbrella"}, **said)

    assert {name: told[name] for name in said} == said
    assert (told["secret"], told["headers"], told["state"], told["reason"]) == (
        GIVEN,
        ["X-Team"],
        "disabled",
        "by_hand",
    )
    row = await room.endpoint("team-1")
    assert b"umbrella" not in row.sealed
    assert room.web.endpoints.sending(row, room.clock()).headers == {"X-Team": "umbrella"}


async def test_no_secret_or_header_value_is_ever_shown_again(room):
    await made(room, name="quiet", secret=GIVEN, headers={"X-Team": "umbrella"})
    await room.call("PATCH", "/v1/endpoints/quiet", "admin", json={"description": "x"})

    for path in ("/v1/endpoints", "/v1/endpoints/quiet", "/v1/endpoints/quiet/stats"):
        answer = await room.call("GET", path)
        assert GIVEN.removeprefix("whsec_") not in answer.text
        assert "umbrella" not in answer.text


async def test_an_endpoint_for_slack_follows_its_format_and_is_not_signed(room):
    told = await made(room, url="https://hooks.slack.com/services/T0/B0/hidden", format="slack")

    assert (told["events"], told["group"], told["signed"], told["secret"]) == (["attention.*"], "30s", False, None)
    assert "hidden" not in str(told)


async def test_all_faults_of_a_new_endpoint_are_told_at_once(room):
    body = {
        "name": "No Name", "url": "http://me:pw@10.0.0.1/x", "events": ["post.lost"], "where": {"colour": "red"},
        "format": "xml", "headers": {"Host": "x"}, "rate": 0, "ordering": "all", "timeout": "1h", "schedule": [],
        "group": "soon", "secret": "whsec_short", "enabled": "yes", "colour": "red",
    }  # fmt: skip

    answer = await room.call("POST", "/v1/endpoints", "admin", json=body)

    faults = problem(answer, 422, "invalid_request")["errors"]
    assert {fault["field"].split(".")[0].split("[")[0] for fault in faults} == set(body)
    assert all(fault["remedy"] for fault in faults)
    assert "pw" not in answer.text
    nothing = problem(await room.call("POST", "/v1/endpoints", "admin"), 422, "invalid_request")
    assert [fault["field"] for fault in nothing["errors"]] == ["url"]


@pytest.mark.parametrize("secret", ["secret", 7, "whsec_", "whsec_?", "whsec_QUJD", "whsec_" + "QUJD" * 22])
async def test_a_secret_that_is_none_is_refused_and_not_repeated(room, secret):
    answer = await room.call("POST", "/v1/endpoints", "admin", json={"url": URL, "secret": secret})

    [fault] = problem(answer, 422, "invalid_request")["errors"]
    assert fault["field"] == "secret"
    assert "QUJD" not in answer.text


@pytest.mark.parametrize(
    "url",
    ["", "/x", "ftp://x", "http://example.com/", "https://me:pw@example.com/", "https://10.0.0.1/", "https://[::1]/"],
)
async def test_an_address_that_leads_nowhere_good_is_refused(room, url):
    answer = await room.call("POST", "/v1/endpoints", "admin", json={"url": url})

    assert [fault["field"] for fault in problem(answer, 422, "invalid_request")["errors"]] == ["url"]
    assert "pw" not in answer.text


async def test_a_name_is_given_once(room):
    await made(room, name="team")

    for name in ("team", "ops"):
        answer = await room.call("POST", "/v1/endpoints", "admin", json={"url": URL, "name": name})
        problem(answer, 409, "endpoint_exists")


async def test_there_are_only_so_many_endpoints(room, monkeypatch):
    monkeypatch.setitem(endpoint_rules.MOST, "endpoint", 1)
    await made(room)

    problem(await room.call("POST", "/v1/endpoints", "admin", json={"url": URL}), 409, "too_many_endpoints")


async def test_without_a_sealing_key_nothing_secret_is_taken(room):
    room.start_anew(keys=())

    for fields in ({}, {"format": "slack"}):
        refused = await room.call("POST", "/v1/endpoints", "admin", json={"url": URL, **fields})
        assert "BRIDGE_SECRET_KEY" in problem(refused, 409, "no_secret_key")["detail"]


async def test_what_no_key_opens_is_shown_as_unknown_and_not_changed(room):
    await made(room, name="sealed")
    other = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="
    room.start_anew(keys=(other,))

    assert (await room.get("/v1/endpoints/sealed"))["signed"] is None
    problem(await room.call("POST", "/v1/endpoints/sealed/rotate-secret", "admin"), 409, "no_secret_key")


async def test_only_what_is_given_is_changed_and_null_is_the_default(room):
    await made(room, name="team", description="old", rate=3, timeout="5s", headers={"X-Team": "umbrella"})
    before = await room.endpoint("team")

    answer = await room.call("PATCH", "/v1/endpoints/team", "admin", json={"rate": None, "events": "post.failed"})

    assert answer.status_code == 200
    told = answer.json()
    assert (told["rate"], told["events"], told["timeout"]) == (None, ["post.failed"], "5s")
    assert (told["description"], told["headers"]) == ("old", ["X-Team"])
    assert (await room.endpoint("team")).sealed == before.sealed


async def test_headers_are_changed_as_a_whole_and_the_secret_stays(room):
    await made(room, name="team", secret=GIVEN, headers={"X-Team": "umbrella"})
    keys = room.web.endpoints.sending(await room.endpoint("team"), room.clock()).keys

    await room.call("PATCH", "/v1/endpoints/team", "admin", json={"headers": {"X-Room": "7"}})

    sending = room.web.endpoints.sending(await room.endpoint("team"), room.clock())
    assert (sending.keys, sending.headers) == (keys, {"X-Room": "7"})
    await room.call("PATCH", "/v1/endpoints/team", "admin", json={"headers": None})
    assert room.web.endpoints.sending(await room.endpoint("team"), room.clock()).headers == {}


async def test_another_address_begins_with_a_clean_slate(room):
    await made(room, name="team")
    await room.change_endpoint(
        "team", failing_since=room.clock(), warned=50, held_until=room.clock() + timedelta(hours=1)
    )

    same = (await room.call("PATCH", "/v1/endpoints/team", "admin", json={"description": "x"})).json()
    other = (await room.call("PATCH", "/v1/endpoints/team", "admin", json={"url": f"{URL}/2"})).json()

    assert (same["state"], other["state"], other["failing_since"]) == ("held", "enabled", None)


async def test_faults_of_a_change_are_told_at_once(room):
    await made(room, name="team")
    body = {"name": "x", "secret": GIVEN, "url": None, "rate": "much", "enabled": 1, "ratte": 1}

    answer = await room.call("PATCH", "/v1/endpoints/team", "admin", json=body)

    faults = problem(answer, 422, "invalid_request")["errors"]
    assert {fault["field"] for fault in faults} == set(body)
    assert "rotate-secret" in next(fault["remedy"] for fault in faults if fault["field"] == "secret")
    problem(await room.call("PATCH", "/v1/endpoints/team", "admin"), 422, "invalid_request")


async def test_what_was_wrong_before_does_not_hinder_another_change(room):
    """A partner left the configuration: the condition on it stays until somebody changes that."""
    await made(room, name="team", where={"partner": "genviral"})
    room.start_anew(known=Known(partners=()))

    assert (await room.call("PATCH", "/v1/endpoints/team", "admin", json={"rate": 1})).status_code == 200
    answer = await room.call("PATCH", "/v1/endpoints/team", "admin", json={"where": {"partner": "genviral"}})
    problem(answer, 422, "invalid_request")


async def test_a_deleted_endpoint_is_gone_and_its_history_stays(room):
    await made(room, name="team")
    await room.published()

    answer = await room.call("DELETE", "/v1/endpoints/team", "admin")

    assert (answer.status_code, answer.content) == (204, b"")
    problem(await room.call("GET", "/v1/endpoints/team"), 404, "no_such_endpoint")
    problem(await room.call("DELETE", "/v1/endpoints/team", "admin"), 404, "no_such_endpoint")
    listed = (await room.get("/v1/deliveries?endpoint=team"))["items"]
    assert {(item["state"], item["reason"]) for item in listed} == {("dead", "endpoint_disabled")}


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-secret")], ids=lambda value: value
)
async def test_a_configured_endpoint_is_changed_in_its_file_only(room, method, path):
    answer = await room.call(method, f"/v1/endpoints/ops{path}", "admin", **({"json": {"rate": 1}} if not path else {}))

    assert "Edit it there, under `endpoints`" in problem(answer, 409, "endpoint_configured")["detail"]


async def test_what_left_the_configuration_can_be_deleted_but_not_enabled(room):
    await room.change_endpoint("ops", enabled=False, reason="unconfigured")

    problem(await room.call("POST", "/v1/endpoints/ops/enable", "admin"), 409, "endpoint_configured")
    assert (await room.call("DELETE", "/v1/endpoints/ops", "admin")).status_code == 204


async def test_a_disabled_endpoint_gets_nothing_and_tells_the_others(room):
    await made(room, name="team")
    await room.published()

    told = (await room.call("POST", "/v1/endpoints/ops/disable", "admin")).json()
    again = (await room.call("POST", "/v1/endpoints/ops/disable", "admin")).json()

    assert (told["state"], told["reason"]) == (again["state"], again["reason"]) == ("disabled", "by_hand")
    dead = (await room.get("/v1/deliveries?endpoint=ops"))["items"]
    assert {(item["state"], item["reason"]) for item in dead} == {("dead", "endpoint_disabled")}
    [news] = (await room.get("/v1/deliveries?type=endpoint.disabled"))["items"]
    assert news["endpoint"] == "team"


async def test_an_endpoint_is_disabled_and_enabled_by_a_change_too(room):
    await made(room, name="team")

    off = (await room.call("PATCH", "/v1/endpoints/team", "admin", json={"enabled": False})).json()
    on = (await room.call("PATCH", "/v1/endpoints/team", "admin", json={"enabled": None})).json()

    assert [(one["state"], one["reason"]) for one in (off, on)] == [("disabled", "by_hand"), ("enabled", None)]


async def test_an_enabled_endpoint_says_what_waits(room):
    await room.published(caption="under way")
    await room.fail_deliveries(FailureReason.GONE)
    await room.published(caption="missed")
    await room.call("POST", "/v1/endpoints/ops/disable", "admin")
    room.clock.advance(seconds=1)

    answer = await room.call("POST", "/v1/endpoints/ops/enable", "admin")

    told = answer.json()
    assert answer.status_code == 200
    assert (told["endpoint"]["state"], told["replay"], told["waiting"]) == ("enabled", None, 2)


async def test_an_endpoint_is_enabled_with_what_it_missed(room):
    for caption, reason in (("worn out", FailureReason.EXHAUSTED), ("refused", FailureReason.GONE)):
        await room.published(caption=caption)
        await room.fail_deliveries(reason)
    await room.published(caption="missed")
    await room.call("POST", "/v1/endpoints/ops/disable", "admin")
    room.clock.advance(seconds=1)

    told = (await room.call("POST", "/v1/endpoints/ops/enable", "admin", json={"replay": True})).json()

    assert told["waiting"] == 0
    assert (await room.get(f"/v1/replays/{told['replay']}"))["total"] == 1
    room.clock.advance(seconds=1)
    assert await room.web.replayer.tick() == 1
    states = [item["state"] for item in (await room.get("/v1/deliveries"))["items"]]
    assert sorted(states) == ["dead", "due", "due"]


async def test_enabling_forgets_how_it_failed(room):
    held = room.clock() + timedelta(hours=1)
    await room.change_endpoint(
        "ops", enabled=False, reason="failing", failing_since=room.clock(), warned=90, held_until=held
    )

    await room.call("POST", "/v1/endpoints/ops/enable", "admin")

    row = await room.endpoint("ops")
    assert (row.enabled, row.reason, row.failing_since, row.warned, row.held_until) == (True, None, None, 0, None)


async def test_enabling_what_is_not_there_or_not_understood_is_refused(room):
    problem(await room.call("POST", "/v1/endpoints/nobody/enable", "admin"), 404, "no_such_endpoint")
    answer = await room.call("POST", "/v1/endpoints/ops/enable", "admin", json={"replay": "yes", "now": True})
    assert len(problem(answer, 422, "invalid_request")["errors"]) == 2


async def test_health_says_since_when_it_fails_and_when_that_ends(room):
    since = room.clock()
    await room.change_endpoint("ops", failing_since=since)
    failing = await room.get("/v1/endpoints/ops")
    await room.change_endpoint("ops", held_until=since + timedelta(minutes=1))
    held = await room.get("/v1/endpoints/ops")
    room.clock.advance(minutes=2)
    after = await room.get("/v1/endpoints/ops")

    assert [one["state"] for one in (failing, held, after)] == ["failing", "held", "failing"]
    assert (failing["failing_since"], failing["disable_at"]) == ("2025-01-20T12:00:00Z", "2025-01-25T12:00:00Z")
    assert (held["held_until"], after["held_until"]) == ("2025-01-20T12:01:00Z", None)


async def test_stats_count_what_became_of_its_deliveries(room):
    await room.published(caption="one")
    await room.settle_deliveries(WorkState.DONE)
    await room.published(caption="two")

    told = await room.get("/v1/endpoints/ops/stats")
    later = await room.get("/v1/endpoints/ops/stats?since=2025-01-21T00:00:00Z")

    assert set(SCHEMAS["EndpointStats"]["required"]) == set(told)
    assert {state: told["deliveries"][state] for state in ("done", "due")} == {"done": 1, "due": 1}
    assert (sum(told["attempts"].values()), sum(later["attempts"].values())) == (1, 0)
    problem(await room.call("GET", "/v1/endpoints/ops/stats?since=monday"), 422, "invalid_request")
    problem(await room.call("GET", "/v1/endpoints/nobody/stats"), 404, "no_such_endpoint")


async def test_a_token_for_some_accounts_sees_and_touches_only_its_own(room):
    own = await made(room, "brand-admin", name="mine")
    await made(room, name="theirs")

    assert [one["name"] for one in (await room.get("/v1/endpoints", "brand-admin"))["items"]] == ["mine"]
    assert own["accounts"] == ["brand-*"]
    for name in ("theirs", "ops"):
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/disable"), ("POST", "/test")):
            answer = await room.call(method, f"/v1/endpoints/{name}{path}", "brand-admin")
            problem(answer, 404, "no_such_endpoint")
    assert (await room.call("POST", "/v1/endpoints/mine/disable", "brand-admin")).status_code == 200


async def test_what_a_token_for_some_accounts_made_is_told_of_these_alone(room):
    await made(room, "brand-admin", name="mine")

    await room.published(accounts=["other-x"], media=None)
    await room.published(accounts=["brand-tiktok"])

    assert len((await room.get("/v1/deliveries?endpoint=mine"))["items"]) == 1
    assert len((await room.get("/v1/deliveries?endpoint=ops"))["items"]) == 2


@pytest.mark.parametrize("token", ["zapier", "writer"])
async def test_making_an_endpoint_takes_an_administrator(room, token):
    problem(await room.call("POST", "/v1/endpoints", token, json={"url": URL}), 403, "scope")


def test_every_field_that_is_taken_is_described():
    assert set(SCHEMAS["NewEndpoint"]["properties"]) == set(NEW)
    assert set(SCHEMAS["EndpointChanges"]["properties"]) == set(CHANGEABLE)


async def test_endpoints_are_listed_by_name(room):
    await made(room, name="b")
    await made(room, name="a")

    assert [one["name"] for one in (await room.get("/v1/endpoints"))["items"]] == ["a", "b", "ops"]


async def test_answers_are_what_the_description_says(room):
    new = await made(room, name="team", group="5s", format="slack", timeout="5s", schedule=["0s"])
    answers = {
        "EndpointWithSecret": new,
        "Endpoint": await room.get("/v1/endpoints/ops"),
        "RotatedEndpoint": (await room.call("POST", "/v1/endpoints/team/rotate-secret", "admin")).json(),
        "Tested": (await room.call("POST", "/v1/endpoints/ops/test", "admin")).json(),
        "EndpointStats": await room.get("/v1/endpoints/ops/stats"),
        "Enabled": (await room.call("POST", "/v1/endpoints/ops/enable", "admin", json={"replay": True})).json(),
        "Subscription": (await room.call("POST", "/v1/subscriptions", json={"url": URL, "event": "*"})).json(),
        "Samples": await room.get("/v1/samples/webhook.test"),
    }

    components = document(PUBLIC)["components"]
    for name, answer in answers.items():
        Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": components}).validate(answer)
