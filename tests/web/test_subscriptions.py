"""REST hooks: what Zapier and the like ask for when they are turned on and off, and the samples they show."""

import orjson
import pytest

from bridge.core import endpoint_rules
from bridge.core.catalogue import catalogue
from bridge.core.endpoint_request import SUBSCRIBED
from bridge.core.endpoints import Sending
from bridge.core.errors import FailureReason
from bridge.core.events import EVENT_TYPES
from bridge.core.formats import FORMATS
from bridge.web.openapi import SCHEMAS
from tests.web.room import problem

pytestmark = pytest.mark.anyio

TARGET = "https://hooks.zapier.com/hooks/standard/1/hidden-in-path/"


async def subscribed(room, token="zapier", **fields):
    body = {"target_url": TARGET, "event": "post.posted", **fields}
    answer = await room.call("POST", "/v1/subscriptions", token, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_subscription_is_made_and_ended_by_its_id(room):
    told = await subscribed(room)

    assert set(SCHEMAS["Subscription"]["required"]) == set(told)
    assert (told["events"], told["format"], told["enabled"]) == (["post.posted"], "standard", True)
    assert told["target_url"] == "https://hooks.zapier.com/[redacted]"
    row = await room.endpoint(told["id"])
    assert (row.kind, row.owner, row.url) == ("subscription", "zapier", told["target_url"])
    assert room.web.endpoints.sending(row, room.clock()) == Sending(url=TARGET)
    ended = await room.call("DELETE", f"/v1/subscriptions/{told['id']}")
    assert (ended.status_code, ended.content) == (204, b"")
    assert await room.endpoint(told["id"]) is None


async def test_ending_what_is_gone_is_no_error(room):
    told = await subscribed(room)

    answers = [await room.call("DELETE", f"/v1/subscriptions/{told['id']}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]


@pytest.mark.parametrize("name", ["target_url", "hookUrl", "url", "subscription_url"])
@pytest.mark.parametrize(("events", "value"), [("event", "post.*"), ("events", ["post.failed", "attention.*"])])
async def test_the_usual_names_of_its_fields_are_understood(room, name, events, value):
    answer = await room.call("POST", "/v1/subscriptions", json={name: TARGET, events: value})

    assert answer.status_code == 201
    assert answer.json()["events"] == ([value] if isinstance(value, str) else value)


async def test_the_legacy_name_beside_the_usual_one_is_no_harm(room):
    assert (await subscribed(room, subscription_url=TARGET))["enabled"]
    body = {"target_url": TARGET, "hookUrl": f"{TARGET}2", "event": "post.posted"}
    problem(await room.call("POST", "/v1/subscriptions", json=body), 422, "invalid_request")


async def test_all_faults_are_told_under_the_names_that_were_used(room):
    body = {"hookUrl": "ftp://x", "event": ["post.lost"], "where": {"colour": "red"}, "secret": "yes", "colour": "red"}

    answer = await room.call("POST", "/v1/subscriptions", json=body)

    faults = {fault["field"].split(".")[0].split("[")[0] for fault in problem(answer, 422, "invalid_request")["errors"]}
    assert faults == set(body)
    nothing = problem(await room.call("POST", "/v1/subscriptions"), 422, "invalid_request")
    assert [fault["field"] for fault in nothing["errors"]] == ["target_url", "event"]


async def test_the_same_subscription_is_there_once(room):
    """A sender that lost our answer asks again; its target must not hear everything twice."""
    told = await subscribed(room)

    again = await room.call("POST", "/v1/subscriptions", json={"hookUrl": TARGET, "events": ["post.posted"]})
    other = await subscribed(room, event="post.failed")
    somebody = await subscribed(room, "reader")

    assert (again.status_code, again.json()) == (200, told)
    assert len({told["id"], other["id"], somebody["id"]}) == 3


async def test_a_subscription_is_signed_when_that_is_asked_for(room):
    told = await subscribed(room, secret=True)

    assert told["secret"].startswith("whsec_")
    assert (await room.get(f"/v1/endpoints/{told['id']}"))["signed"] is True
    assert "secret" not in await subscribed(room)
    room.start_anew(keys=())
    for secret in (True, False):
        body = {"url": TARGET, "event": "*", "secret": secret}
        problem(await room.call("POST", "/v1/subscriptions", json=body), 409, "no_secret_key")


async def test_one_is_ended_by_its_owner_or_an_administrator(room):
    told = await subscribed(room)

    problem(await room.call("DELETE", f"/v1/subscriptions/{told['id']}", "reader"), 404, "no_such_subscription")
    problem(await room.call("DELETE", "/v1/subscriptions/ops", "admin"), 404, "no_such_subscription")
    assert (await room.call("DELETE", f"/v1/subscriptions/{told['id']}", "admin")).status_code == 204


async def test_a_subscription_is_listed_among_the_endpoints(room):
    told = await subscribed(room)

    listed = {one["name"]: one for one in (await room.get("/v1/endpoints"))["items"]}

    assert (listed[told["id"]]["kind"], listed["ops"]["kind"]) == ("subscription", "endpoint")
    assert "hidden-in-path" not in str(listed)


async def test_there_are_only_so_many(room, monkeypatch):
    monkeypatch.setattr(endpoint_rules, "MOST_OF_ONE", 1)
    await subscribed(room)
    body = {"target_url": TARGET, "event": "post.failed"}
    problem(await room.call("POST", "/v1/subscriptions", json=body), 409, "too_many_subscriptions")

    assert await subscribed(room, "reader")
    monkeypatch.setitem(endpoint_rules.MOST, "subscription", 2)
    problem(await room.call("POST", "/v1/subscriptions", "admin", json=body), 409, "too_many_subscriptions")


async def test_one_whose_target_wanted_no_more_makes_room(room, monkeypatch):
    monkeypatch.setattr(endpoint_rules, "MOST_OF_ONE", 1)
    old = await subscribed(room)
    await room.change_endpoint(old["id"], enabled=False, reason=FailureReason.GONE)

    new = await subscribed(room, event="post.failed")

    assert new["id"] != old["id"]
    assert await room.endpoint(old["id"]) is None


async def test_one_whose_target_wanted_no_more_works_when_it_is_asked_for_again(room):
    told = await subscribed(room)
    await room.change_endpoint(told["id"], enabled=False, reason=FailureReason.GONE)

    again = await room.call("POST", "/v1/subscriptions", json={"target_url": TARGET, "event": "post.posted"})

    assert (again.status_code, again.json()) == (200, told)


def test_every_name_that_is_taken_is_described():
    assert set(SCHEMAS["Subscribe"]["properties"]) == set(SUBSCRIBED)


@pytest.mark.parametrize(
    "said",
    [{"event": ["[ab]*" * 3_900] * 100}, {"where": {"reason": ["q" * 100_000] * 100}}, {"where": {"account": ["a?b"]}}],
    ids=["events", "reasons", "wildcards"],
)
async def test_patterns_that_would_keep_others_busy_are_refused_at_once(room, said):
    object.__setattr__(room.web, "max_body", 20_000_000)
    body = {"target_url": TARGET, "event": "*", **said}

    errors = problem(await room.call("POST", "/v1/subscriptions", "reader", json=body), 422, "invalid_request")[
        "errors"
    ]

    assert all(len(fault["problem"]) < 100 for fault in errors)
    assert len(errors) <= 51


async def test_a_token_for_some_accounts_subscribes_to_these_alone(room):
    told = await subscribed(room, "brand", event="post.*")

    await room.published(accounts=["other-x"], media=None)
    await room.published(accounts=["brand-tiktok"])

    assert len((await room.get(f"/v1/deliveries?endpoint={told['id']}"))["items"]) == 1
    assert [one["name"] for one in (await room.get("/v1/endpoints", "brand"))["items"]] == [told["id"]]


async def test_samples_are_what_was_told_newest_first(room):
    first = await room.published(caption="one")
    room.clock.advance(seconds=1)
    second = await room.published(caption="two")

    samples = await room.get("/v1/samples/post.pending")

    assert [one["data"]["subject"]["id"] for one in samples] == [second["id"], first["id"]]
    delivery = (await room.get("/v1/deliveries?type=post.pending"))["items"][0]["id"]
    assert samples[0] == (await room.get(f"/v1/deliveries/{delivery}"))["told"]["body"]


@pytest.mark.parametrize("event_type", EVENT_TYPES)
async def test_there_is_a_sample_of_what_never_happened(room, event_type):
    samples = await room.get(f"/v1/samples/{event_type}")

    assert samples == [orjson.loads(orjson.dumps(catalogue()[event_type].example))]


@pytest.mark.parametrize("name", FORMATS)
async def test_samples_have_the_shape_of_the_format(room, name):
    [sample] = await room.get(f"/v1/samples/attention.opened?format={name}")

    told = {"standard": "data", "cloudevents": "specversion", "slack": "blocks", "flat": "type"}[name]
    assert told in sample


async def test_samples_show_only_what_the_token_may_see(room):
    hidden = await room.published(accounts=["other-x"], media=None)

    assert hidden["id"] not in str(await room.get("/v1/samples/post.pending", "brand"))
    assert hidden["id"] in str(await room.get("/v1/samples/post.pending", "reader"))


async def test_there_are_no_samples_of_what_is_no_type(room):
    problem(await room.call("GET", "/v1/samples/post.lost"), 404, "no_such_event_type")
    problem(await room.call("GET", "/v1/samples/post.posted?format=xml"), 422, "invalid_request")


async def test_a_poll_gets_as_many_as_it_asks_for_each_with_its_own_id(room):
    for number in range(3):
        await room.published(caption=f"post {number}")

    two = await room.get("/v1/samples/post.pending?format=flat&limit=2")
    three = await room.get("/v1/samples/post.pending?format=flat&limit=100")

    assert (len(two), len(three), two) == (2, 3, three[:2])
    assert len({one["id"] for one in three}) == 3
    assert [one["timestamp"] for one in three] == sorted((one["timestamp"] for one in three), reverse=True)
    problem(await room.call("GET", "/v1/samples/post.pending?limit=0"), 422, "invalid_request")


async def test_a_hook_of_zapier_shows_the_rate_it_has_by_itself(room):
    told = await subscribed(room)

    assert (await room.get(f"/v1/endpoints/{told['id']}", "admin"))["rate"] == 30.0
