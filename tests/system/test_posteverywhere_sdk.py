"""The vendor's own Node SDK finds the simulated PostEverywhere to be as its types and its manners say."""

from typing import Any

import pytest

from tests.system.judge import Judge

INSTAGRAM, X, LINKEDIN = 2280, 2282, 2285


def error(facts: dict[str, Any], name: str) -> tuple[Any, ...]:
    """What the SDK's user catches: the class, the status, the code."""
    caught = facts[name]
    assert caught is not None, f"{name} was no error"
    assert caught["requestId"]
    return caught["type"], caught.get("status"), caught.get("code")


def rows(facts: dict[str, Any], name: str) -> dict[int, str]:
    """The status of each destination in an answer of results."""
    return {one["social_account_id"]: one["status"] for one in facts[name]["results"]}


def test_every_answer_has_the_type_that_the_sdk_gives_it(judge: Judge):
    assert judge.misfits() == ""


def test_accounts_are_listed_and_their_health_follows_them(judge: Judge):
    facts = judge.report("accounts").facts

    assert facts["listed"]["total"] == len(facts["listed"]["accounts"])
    assert facts["one"] in facts["listed"]["accounts"]
    assert (facts["one"]["id"], facts["one"]["platform"]) == (X, "x")
    assert [facts[name]["can_post"] for name in ("well", "ill", "again")] == [True, False, True]
    assert (facts["ill"]["status"], facts["after"]["health"]["status"]) == ("broken", "expired")
    assert error(facts, "missing") == ("PostEverywhereError", 404, "not_found")


def test_a_post_goes_out_at_once(judge: Judge):
    facts = judge.report("immediate").facts

    assert (facts["made"]["status"], facts["made"]["destinations"]) == ("publishing", 2)
    assert rows(facts, "before") == {X: "queued", LINKEDIN: "queued"}
    assert rows(facts, "after") == {X: "done", LINKEDIN: "done"}
    assert all(one["platform_post_id"] and one["published_at"] for one in facts["after"]["results"])
    assert (facts["post"]["content"], facts["post"]["post_status"]) == ("Now", "done")


def test_a_scheduled_post_waits_can_be_changed_and_goes_out_in_time(judge: Judge):
    facts = judge.report("scheduled").facts

    assert (facts["made"]["status"], facts["made"]["scheduled_for"]) == ("scheduled", facts["at"])
    assert rows(facts, "waiting") == {X: "queued"}
    assert (facts["updated"]["content"], facts["updated"]["scheduled_for"]) == ("Much later", facts["later"])
    assert rows(facts, "after") == {X: "done"}


def test_a_draft_stays_until_it_is_published(judge: Judge):
    facts = judge.report("draft").facts

    assert (facts["made"]["status"], facts["made"]["destinations"]) == ("draft", 0)
    assert facts["kept"]["destinations"] == []
    assert facts["scheduled"]["status"] == "publishing"
    assert error(facts, "twice")[:2] == ("PostEverywhereError", 409)
    assert rows(facts, "after") == {X: "done"}


def test_lists_are_filtered_sorted_and_paged(judge: Judge):
    facts = judge.report("list").facts

    assert (facts["all"]["total"], len(facts["all"]["posts"])) == (4, 4)
    assert (facts["page"]["limit"], facts["page"]["offset"], len(facts["page"]["posts"])) == (2, 1, 2)
    assert facts["scheduled"] == ["Four apples"]
    assert facts["either"] == ["One apple", "Two pears", "Three apples", "Four apples"]
    assert facts["linkedin"] == ["Four apples"]
    assert facts["apples"] == ["One apple", "Three apples", "Four apples"]
    assert sorted(facts["updated"]) == sorted(facts["either"])
    assert facts["future"] == []


def test_a_post_is_deleted_until_it_is_live(judge: Judge):
    facts = judge.report("remove").facts

    assert facts["deleted"]["message"]
    assert error(facts, "gone") == ("PostEverywhereError", 404, "not_found")
    assert error(facts, "refused") == ("PostEverywhereError", 409, "post_already_published")


def test_bulk_answers_post_by_post_and_throws_when_none_was_made(judge: Judge):
    facts = judge.report("bulk").facts

    assert facts["all"]["summary"] == {"total": 2, "succeeded": 2, "failed": 0}
    assert facts["mixed"]["summary"] == {"total": 3, "succeeded": 1, "failed": 2}
    assert [(one["index"], one["ok"]) for one in facts["mixed"]["results"]] == [(0, True), (1, False), (2, False)]
    assert facts["mixed"]["results"][1]["error"]["code"] == "validation_error"
    assert error(facts, "none") == ("PostEverywhereError", 422, None)
    assert error(facts, "many")[:2] == ("ValidationError", 400)


def test_a_failed_destination_is_retried_alone(judge: Judge):
    facts = judge.report("retries").facts

    assert rows(facts, "failed") == {X: "failed", LINKEDIN: "done"}
    assert facts["failed"]["results"][0]["last_error"]
    assert facts["retried"]["retried"] == 1
    assert rows(facts, "queued") == {X: "queued", LINKEDIN: "done"}
    assert rows(facts, "mended") == {X: "done", LINKEDIN: "done"}
    assert error(facts, "nothing") == ("PostEverywhereError", 409, "no_failed_destinations")


def test_failures_are_retried_by_filter(judge: Judge):
    facts = judge.report("retryFailed").facts

    assert [one["post_id"] for one in facts["one"]["destinations"]] == facts["made"][:1]
    assert [one["post_id"] for one in facts["rest"]["destinations"]] == facts["made"][1:]
    assert (facts["one"]["retried_count"], facts["rest"]["retried_count"]) == (1, 1)
    assert facts["after"] == [["done"], ["done"]]
    assert error(facts, "unfiltered")[:2] == ("ValidationError", 400)


def test_five_failures_of_one_content_open_the_breaker(judge: Judge):
    refused = error(judge.report("breaker").facts, "refused")

    assert refused == ("PostEverywhereError", 422, "permanent_failure_circuit_breaker")


def test_an_image_is_uploaded_used_listed_and_deleted(judge: Judge):
    report = judge.report("media")
    facts = report.facts

    assert (facts["uploaded"]["status"], facts["uploaded"]["type"]) == ("ready", "image")
    assert (facts["file"]["upload_status"], facts["file"]["mime_type"]) == ("ready", "image/png")
    assert rows(facts, "after") == {INSTAGRAM: "done"}
    assert "PUT" in [method for method, *_ in report.calls]
    assert facts["missing"] is not None
    assert "upload" in facts["missing"]["message"]
    assert error(facts, "early")[:2] == ("ValidationError", 400)
    assert facts["uploaded"]["id"] in [one["id"] for one in facts["images"]["media"]]
    assert facts["videos"]["media"] == []
    assert error(facts, "gone") == ("PostEverywhereError", 404, "not_found")


def test_an_image_is_fetched_from_its_address(judge: Judge):
    facts = judge.report("mediaByUrl").facts

    assert facts["image"]["media_ids"] == [facts["image"]["media_id"]]
    assert facts["file"]["upload_status"] == "ready"
    assert facts["made"]["status"] == "publishing"
    assert error(facts, "inside")[:2] == ("ValidationError", 400)


def test_a_key_tells_whose_it_is_and_what_platforms_take(judge: Judge):
    facts = judge.report("me").facts

    assert facts["me"]["organization"]["entitled"] is True
    assert facts["me"]["scopes"] == facts["me"]["api_key"]["scopes"]
    assert set(facts["rules"]["platforms"]) >= {"x", "instagram", "linkedin"}


def test_webhooks_are_made_tested_sent_signed_changed_and_deleted(judge: Judge):
    facts = judge.report("webhooks").facts

    assert facts["made"]["secret"].startswith("whsec_")
    assert "secret" not in facts["shown"]
    assert [one["id"] for one in facts["listed"]["webhooks"]] == [facts["made"]["id"]]
    assert (facts["tested"]["ok"], facts["tested"]["status"]) == (True, 204)
    assert all(one["signature"] == one["wanted"] and one["timestamp"].isdecimal() for one in facts["told"])
    published = [one["event"] for one in facts["told"] if one["event"]["event"] == "post.published"]
    assert sorted(one["data"]["platform"] for one in published) == ["linkedin", "x"]
    assert len({one["event_id"] for one in published}) == 2
    assert (facts["updated"]["is_active"], facts["updated"]["events"]) == (False, ["post.failed"])
    assert facts["deleted"] == {"id": facts["made"]["id"], "deleted": True}
    assert error(facts, "gone")[:2] == ("PostEverywhereError", 404)


def test_the_sdk_waits_a_429_out(judge: Judge):
    facts = judge.report("limits").facts

    assert facts["waited"] >= 3
    assert facts["sleeps"] == [7_000]
    assert len(facts["later"]) == 1
    assert 0 < facts["later"][0] <= 60_000
    assert error(facts, "gaveUp") == ("RateLimitError", 429, "rate_limit_exceeded")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("misnamed", ("ValidationError", 400, "validation_error")),
        ("past", ("ValidationError", 400, "validation_error")),
        ("long", ("ValidationError", 400, "validation_error")),
        ("text", ("ValidationError", 400, "validation_error")),
        ("key", ("AuthenticationError", 401, "authentication_failed")),
        ("plan", ("InsufficientCreditsError", 402, "insufficient_credits")),
        ("scope", ("PostEverywhereError", 403)),
        ("broken", ("PostEverywhereError", 500, "internal_error")),
        ("missing", ("PostEverywhereError", 404, "not_found")),
    ],
)
def test_each_refusal_is_an_error_of_its_class(judge: Judge, name: str, wanted: tuple[Any, ...]):
    assert error(judge.report("errors").facts, name)[: len(wanted)] == wanted


def test_the_sdk_sends_a_create_again_when_it_cannot_read_the_answer(judge: Judge):
    """Why bridge has a client of its own: what was stored before the answer was lost is then there twice."""
    facts = judge.report("lost").facts

    assert facts["pages"] == [["POST", "/api/v1/posts", 502], ["POST", "/api/v1/posts", 201]]
    assert facts["cut"] == [["POST", "/api/v1/posts"], ["POST", "/api/v1/posts", 201]]
    assert facts["stored"] == 2
