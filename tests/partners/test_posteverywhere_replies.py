"""The vendor's published answers and their variants, read at the client."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureReason, PartnerError
from bridge.core.model import AccountState, CommandKind, PostState, Receipt, Snapshot, TargetSnapshot, TargetState
from bridge.core.redact import Redactor
from bridge.partners.posteverywhere import PostEverywhere, accounts, replies
from tests.partners.things import NOW, Clock, answering, command, nobody, post, posteverywhere, sample

pytestmark = pytest.mark.anyio

POST_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
PLAIN = Redactor()


def published(name: str) -> httpx.MockTransport:
    response = sample(f"posteverywhere-{name}")["response"]
    return answering(response["status"], response["body"])


def client(name: str) -> PostEverywhere:
    return posteverywhere(published(name), Clock())


async def sent(name: str, kind: CommandKind) -> Receipt:
    return await client(name).send(command(kind), post(partner_id=POST_ID), b"{}")


def rows(shown: Snapshot) -> list[tuple[str, TargetState]]:
    return [(row.account, row.state) for row in shown.targets]


async def test_published_create_answer() -> None:
    receipt = await sent("create-201-old", CommandKind.PUBLISH)
    assert (receipt.partner_id, receipt.state, receipt.status) == ("post_8f3k2j1", PostState.SCHEDULED, 201)
    assert receipt.scheduled_at == datetime(2026, 3, 15, 14, tzinfo=UTC)


async def test_published_get_answer() -> None:
    reading = await client("get-post").read([post(partner_id=POST_ID)], None, 1, known=nobody)
    [shown] = reading.snapshots
    assert (shown.partner_id, shown.state, shown.raw_status) == (POST_ID, PostState.POSTED, "published")
    assert rows(shown) == [("2280", TargetState.POSTED)]
    assert shown.scheduled_at == datetime(2026, 4, 15, 14, 30, tzinfo=UTC)
    assert shown.created_at == datetime(2026, 4, 10, 12, tzinfo=UTC)
    [target] = shown.targets
    assert (target.url, target.attempts, target.platform) == ("https://www.instagram.com/p/ABC123/", 1, "instagram")
    assert target.published_at == datetime(2026, 4, 15, 14, 30, 5, tzinfo=UTC)


def test_published_results_say_more_than_their_word() -> None:
    results = sample("posteverywhere-results")["response"]["body"]["data"]
    shown = replies.snapshot({"post_id": POST_ID, "status": results["post_status"]}, NOW, PLAIN, results=results)
    assert shown is not None
    assert (shown.state, shown.raw_status) == (PostState.PARTIAL, "published")
    assert [state for _, state in rows(shown)] == [TargetState.POSTED, TargetState.POSTED, TargetState.FAILED]
    assert shown.targets[2].error == "Token expired. Please reconnect your LinkedIn account."
    assert shown.targets[2].attempts == 3


async def test_published_retry_answers() -> None:
    taken, gone, none = [await sent(f"retry-{status}", CommandKind.RETRY) for status in (200, 404, 409)]
    assert (taken.accepted, taken.partner_id) == (True, POST_ID)
    assert (gone.accepted, gone.refusal, gone.status) == (False, "Post not found.", 404)
    assert (none.accepted, none.status) == (False, 409)
    assert (none.refusal or "").startswith("Nothing to retry")


async def test_published_accounts_answers() -> None:
    newer, older = [await client(name).accounts() for name in ("list-accounts", "list-accounts-old")]
    assert [(one.id, one.platform, one.username, one.state) for one in newer.accounts] == [
        ("2280", "instagram", "@mybrand", AccountState.ACTIVE),
        ("2282", "x", "@mybrand", AccountState.ACTIVE),
        ("2285", "linkedin", "My Brand Inc.", AccountState.DISCONNECTED),
    ]
    assert [(one.id, one.state) for one in older.accounts] == [
        ("1", AccountState.ACTIVE),
        ("4", AccountState.ACTIVE),
        ("7", AccountState.DISCONNECTED),
    ]
    assert (newer.accounts[2].raw_status, newer.accounts[2].detail) == ("expired", "its health is expired")


@pytest.mark.parametrize("enveloped", [False, True])
async def test_published_account_health(enveloped: bool) -> None:
    body = sample("posteverywhere-account-health")["response"]["body"]
    shown = {"data": body, "error": None} if enveloped else body
    listed = await posteverywhere(answering(200, shown), Clock()).account_health("5356")
    assert (listed.id, listed.platform, listed.username) == ("5356", "instagram", "example.account")
    assert (listed.state, listed.raw_status, listed.detail) == (AccountState.ACTIVE, "healthy", "")


def test_published_bulk_answer_tells_of_each_post() -> None:
    response = sample("posteverywhere-bulk-mixed-shape")["response"]
    found = replies.bulk_created(response["status"], response["body"], PLAIN)
    taken, refused = found[0], found[1]
    assert isinstance(taken, Receipt)
    assert (taken.partner_id, taken.state) == (POST_ID, PostState.PUBLISHING)
    assert isinstance(refused, PartnerError)
    assert (refused.code, refused.detail, refused.maybe_stored) == ("validation_error", "content is required", False)


async def test_published_bulk_retry_tells_of_each_post() -> None:
    back, other = await client("retry-failed-shape").retry_failed([POST_ID, "other"])
    assert (back.accepted, other.accepted, other.refusal) == (True, False, "nothing of it was put back")


def test_published_schema_is_a_draft() -> None:
    shown = replies.snapshot(sample("posteverywhere-schema-post")["object"], NOW, PLAIN)
    assert shown is not None
    assert (shown.partner_id, shown.state) == ("3fa85f64-5717-4562-b3fc-2c963f66afa6", PostState.DRAFT)
    assert rows(shown) == [("0", TargetState.UNKNOWN)]
    assert shown.scheduled_at == datetime(2024, 7, 29, 15, 51, 28, 71_000, UTC)


@pytest.mark.parametrize(
    ("data", "state", "scheduled_at"),
    [
        ({"post_id": "p", "post_group_id": "g", "destinations": 2, "status": "queued"}, PostState.SCHEDULED, None),
        ({"id": "p", "post_status": "publishing", "scheduled_at": NOW.isoformat()}, PostState.PUBLISHING, NOW),
        ({"post_id": "p", "status": "draft"}, PostState.DRAFT, None),
        ({"post_id": "p", "status": "in_review"}, PostState.UNKNOWN, None),
        (
            {"id": 7, "destinations": [{"account_id": 1, "status": "publishing"}], "status": "publishing"},
            PostState.PUBLISHING,
            None,
        ),
    ],
)
@pytest.mark.parametrize("enveloped", [False, True])
def test_create_answers_of_every_client(
    data: dict[str, Any], state: PostState, scheduled_at: datetime | None, enveloped: bool
) -> None:
    receipt = replies.post_receipt(201, {"data": data} if enveloped else data)
    assert (receipt.state, receipt.scheduled_at) == (state, scheduled_at)
    assert receipt.partner_id in ("p", "7")


@pytest.mark.parametrize("post_id", [None, "", "p" * 256])
async def test_success_without_an_id_may_be_stored(post_id: str | None) -> None:
    with pytest.raises(PartnerError) as caught:
        await posteverywhere(answering(201, {"data": {"id": post_id}}), Clock()).send(command(), post(), b"{}")
    assert (caught.value.reason, caught.value.maybe_stored) == (FailureReason.UNREADABLE, True)


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        ({"message": "Retrying", "retried": 2}, True), ({"message": "Nothing", "retried": 0}, False),
        ({"retried_count": 1, "destinations": [{"id": "d", "platform": "x", "new_status": "queued"}]}, True),
        ({"retried_count": 0}, False), ({}, True),
    ],
)  # fmt: skip
def test_retry_answers_of_every_client(body: dict[str, Any], accepted: bool) -> None:
    assert replies.retry_receipt(200, {"data": body}, "p", PLAIN).accepted is accepted


@pytest.mark.parametrize(
    ("body", "accepted"), [({"deleted": True}, True), ({"message": "ok"}, True), ({"deleted": False}, False)]
)
def test_delete_answers_of_every_client(body: dict[str, Any], accepted: bool) -> None:
    assert replies.delete_receipt(200, {"data": body}, "p", PLAIN).accepted is accepted


@pytest.mark.parametrize(
    ("row", "account"),
    [
        ({"account_id": 2280}, "2280"), ({"account_id": "2280"}, "2280"), ({"social_account_id": 4, "id": "uuid"}, "4"),
        ({"id": 7}, "7"), ({"id": "0007"}, "7"), ({"account_id": True}, None), ({"id": "acc"}, None), ({}, None),
    ],
)  # fmt: skip
def test_account_ids(row: dict[str, Any], account: str | None) -> None:
    assert replies.account_id(row) == account


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("queued", "waiting"), ("publishing", "publishing"), ("published", "posted"), ("done", "posted"),
        ("failed", "failed"), ("Uploading", "publishing"), ("Retry Scheduled", "waiting"), ("held_back", "unknown"),
    ],
)  # fmt: skip
def test_word_of_a_destination_is_mapped_and_kept(word: str, state: str) -> None:
    data = {"id": "p", "status": "publishing", "destinations": [{"account_id": 1, "status": word}]}
    shown = replies.snapshot(data, NOW, PLAIN)
    assert shown is not None
    assert (shown.targets[0].state, shown.targets[0].raw_status) == (state, word)


@pytest.mark.parametrize(
    ("again_s", "state"),
    [(300, "waiting"), (-59, "waiting"), (-61, "failed"), (None, "failed")],
)
def test_failure_that_the_vendor_retries_itself_is_waited_for(again_s: int | None, state: str) -> None:
    again = None if again_s is None else (NOW + timedelta(seconds=again_s)).isoformat()
    row = {"account_id": 1, "status": "failed", "error": "503", "attempts": 2, "next_retry_at": again}
    shown = replies.snapshot({"id": "p", "status": "failed"}, NOW, PLAIN, results={"results": [row]})
    assert shown is not None
    assert (shown.targets[0].state, shown.targets[0].raw_status) == (state, "failed")
    assert shown.state is (PostState.FAILED if state == "failed" else PostState.PENDING)


def targets(words: str, attempts: int = 0) -> list[TargetSnapshot]:
    states = {"w": TargetState.WAITING, "g": TargetState.PUBLISHING, "p": TargetState.POSTED, "f": TargetState.FAILED}
    return [
        TargetSnapshot(str(n), states.get(one, TargetState.UNKNOWN), one, attempts=attempts)
        for n, one in enumerate(words)
    ]


@pytest.mark.parametrize(
    ("word", "states", "attempts", "state"),
    [
        ("published", "pp", 1, "posted"), ("scheduled", "pp", 1, "posted"), ("failed", "ff", 1, "failed"),
        ("published", "pf", 1, "partial"), ("partially_failed", "pf", 1, "partial"), ("failed", "pf", 1, "partial"),
        ("scheduled", "ww", 0, "scheduled"), ("draft", "ww", 0, "draft"), ("draft", "", 0, "draft"),
        ("scheduled", "w", 3, "pending"), ("failed", "w", 3, "pending"), ("publishing", "ww", 0, "publishing"),
        ("scheduled", "gw", 0, "publishing"), ("scheduled", "pw", 0, "publishing"),
        ("partially_failed", "pw", 3, "publishing"),
        ("published", "", 0, "posted"), ("in_review", "w", 0, "unknown"), ("in_review", "p", 1, "posted"),
        ("scheduled", "?", 0, "scheduled"), ("publishing", "?f", 0, "publishing"),
    ],
)  # fmt: skip
def test_post_stands_as_its_targets_do(word: str, states: str, attempts: int, state: str) -> None:
    assert replies.outcome(replies.post_state(word), targets(states, attempts)) == state


@pytest.mark.parametrize(
    ("rows", "at"),
    [
        ([NOW, NOW], NOW), ([NOW, None], NOW), ([], NOW + timedelta(hours=1)),
        ([NOW, NOW + timedelta(hours=2)], NOW + timedelta(hours=1)),
    ],
)  # fmt: skip
def test_schedule_is_that_of_the_destinations_where_they_agree(rows: list[datetime | None], at: datetime) -> None:
    shown = [{"account_id": n, "status": "queued", "scheduled_for": t and t.isoformat()} for n, t in enumerate(rows)]
    data = {"id": "p", "status": "scheduled", "scheduled_for": (NOW + timedelta(hours=1)).isoformat()}
    found = replies.snapshot(data | {"destinations": shown}, NOW, PLAIN)
    assert found is not None
    assert found.scheduled_at == at


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"error": "Rate limit"}, "Rate limit"), ({"last_error": "Old"}, "Old"),
        ({"error": None, "last_error": "Old"}, "Old"),
        ({"last_error": {"message": "Said", "code": 3}}, "Said"), ({"last_error": {"code": 3}}, '{"code":3}'),
        ({"last_error": [1]}, "[1]"), ({"last_error": 5}, "5"), ({}, None),
    ],
)  # fmt: skip
def test_failure_text_of_any_type(row: dict[str, Any], text: str | None) -> None:
    data = {"id": "p", "status": "failed", "destinations": [{"account_id": 1, "status": "failed"} | row]}
    shown = replies.snapshot(data, NOW, PLAIN)
    assert shown is not None
    assert shown.targets[0].error == text


def test_failure_text_is_redacted_and_short() -> None:
    row = {"account_id": 1, "status": "failed", "error": "https://a.example/v.mp4?sig=s3cr3t " + "x" * 900}
    shown = replies.snapshot({"id": "p", "status": "failed", "destinations": [row]}, NOW, PLAIN)
    assert shown is not None
    assert "s3cr3t" not in (shown.targets[0].error or "")
    assert len(shown.targets[0].error or "") == 500


@pytest.mark.parametrize("data", [{}, {"id": "p"}, {"status": "scheduled"}, {"id": "p", "destinations": [{}, 3]}])
def test_post_that_says_nothing_is_unreadable(data: dict[str, Any]) -> None:
    assert replies.snapshot(data, NOW, PLAIN) is None


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ({"pagination": {"has_more": False, "limit": 3}}, False), ({"pagination": {"has_more": True}}, True),
        ({"pagination": {"limit": 3, "offset": 0, "total": 4}}, True), ({"total": 6, "limit": 3, "offset": 3}, False),
        ({"pagination": {"limit": 3, "offset": 0}}, True), ({"pagination": {"limit": 2, "offset": 0}}, True),
        ({"pagination": {"limit": 200, "offset": 0}}, False), ({}, False),
    ],
)  # fmt: skip
def test_list_goes_on_as_it_says_or_when_a_page_is_full(said: dict[str, Any], more: bool) -> None:
    body = {"data": {"posts": [{"id": str(n)} for n in range(3)]} | said}
    assert replies.has_more(body, 100) is more


@pytest.mark.parametrize(
    "body", [{"data": {}}, {"data": {"accounts": {}}}, {"data": {"accounts": [{"id": 1}, {"id": "x"}]}}]
)
async def test_listing_that_is_not_whole_is_unreadable(body: dict[str, Any]) -> None:
    with pytest.raises(PartnerError) as caught:
        await posteverywhere(answering(200, body), Clock()).accounts()
    assert (caught.value.reason, caught.value.maybe_stored) == (FailureReason.UNREADABLE, False)


@pytest.mark.parametrize(
    ("row", "state", "detail"),
    [
        ({"health": {"status": "healthy", "can_post": True}}, "active", ""),
        ({"health": {"status": "unhealthy", "can_post": False}}, "disconnected", "its health is unhealthy"),
        ({"health": {"status": "healthy"}}, "active", ""),
        ({"health": {"status": "expired", "message": "Reconnect it"}}, "disconnected", "Reconnect it"),
        ({"health": {"status": "expiring_critical", "message": None}}, "degraded", "its health is expiring_critical"),
        ({"health": {"status": "rate_limited", "message": "Slow down"}}, "degraded", "Slow down"),
        ({"health": {"status": "api_error"}}, "degraded", "its health is api_error"),
        ({"health": {"status": "brand_new", "can_post": True}}, "active", ""),
        ({"health": {"status": "brand_new"}}, "degraded", "its health is brand_new"),
        ({"health": {"status": "warning", "can_post": True}}, "degraded", "its health is warning"),
        ({"health": {"status": "unhealthy", "can_post": True}}, "degraded", "its health is unhealthy"),
        ({"health": None}, "active", ""),
        ({}, "active", ""),
        ({"health": None, "is_active": False}, "disconnected", "the account is switched off"),
        ({"health": {"status": "healthy"}, "is_active": False}, "disconnected", "the account is switched off"),
    ],
)  # fmt: skip
def test_health_words_of_every_page(row: dict[str, Any], state: str, detail: str) -> None:
    body = {"data": {"accounts": [{"id": 1, "platform": "twitter", "platform_username": "brand"} | row]}}
    [listed] = accounts.listing(200, body, "organization:1", NOW, PLAIN).accounts
    assert (listed.state, listed.detail, listed.platform, listed.username) == (state, detail, "x", "brand")


@pytest.mark.parametrize(
    ("word", "reasons", "state", "detail"),
    [
        ("warning", ["token_expiring_soon"], "degraded", "its token expires within 7 days"),
        ("broken", ["token_expired", "needs_reconnection"], "disconnected",
         "its token has expired; the account must be reconnected"),
        ("broken", ["something_new"], "disconnected", "something_new"),
        ("ok", [], "active", ""),
    ],
)  # fmt: skip
def test_reasons_are_said_in_words(word: str, reasons: list[str], state: str, detail: str) -> None:
    body = {"account_id": 1, "platform": "x", "status": word, "reasons": reasons, "can_post": word != "broken"}
    listed = accounts.health(200, body, PLAIN)
    assert (listed.state, listed.detail) == (state, detail)


@pytest.mark.parametrize(
    ("files", "media"),
    [
        ([{"type": "video", "url": "https://a.example/v.mp4?sig=1"}],
         {"type": "video", "url": "https://a.example/v.mp4?[redacted]"}),
        ([{"media_id": "m1", "type": "image"}, {"id": "m2"}], {"type": "slideshow", "media_ids": ["m1", "m2"]}),
        ([{"url": "https://a.example/1.jpg"}], {"type": "slideshow", "urls": ["https://a.example/1.jpg"]}),
        ([], None), (None, None),
    ],
)  # fmt: skip
def test_media_of_a_stranger_is_what_is_shown_of_it(files: Any, media: Any) -> None:
    shown = replies.snapshot({"id": "p", "status": "scheduled"}, NOW, PLAIN)
    assert shown is not None
    assert replies.stranger(shown, {"media": files}, PLAIN).content.get("media") == media


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "post_id", "account_id", "status", "accounts", "destinations", "results", "posts", "pagination",
                 "error", "last_error", "health", "media", "media_ids", "organization", "post", "scheduled_for", "url"]
            ),
            inner,
        )
    ),
    max_leaves=8,
)  # fmt: skip


@given(ANY_JSON, st.integers(100, 599))
def test_any_json_is_read_or_refused(data: Any, status: int) -> None:
    body = {"data": data}
    for quiet in (replies.retry_receipt, replies.delete_receipt):
        quiet(status, body, "p", PLAIN)
    replies.bulk_created(status, body, PLAIN)
    replies.bulk_retried(status, body, ["p"])
    replies.posts_of(body)
    replies.has_more(body, 100)
    accounts.organization(body)
    shown = replies.snapshot(replies.data_of(body), NOW, PLAIN, results=replies.data_of(body))
    if shown is not None:
        replies.stranger(shown, replies.data_of(body), PLAIN)
    for reader in (
        lambda: replies.post_receipt(status, body),
        lambda: accounts.listing(status, body, "s", NOW, PLAIN),
        lambda: accounts.health(status, body, PLAIN),
        lambda: replies.hosted(status, body, None, PLAIN),
        lambda: replies.link(status, body, NOW),
    ):
        with suppress(PartnerError):
            reader()
