"""The vendor's published answers and their variants, read at the client."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureReason, PartnerError
from bridge.core.model import AccountState, CommandKind, PostState, Receipt, Snapshot, TargetState
from bridge.core.redact import Redactor
from bridge.partners.genviral import replies
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, TIKTOK_HOSTED
from tests.partners.things import NOW, Clock, answering, command, genviral, nobody, post, sample

pytestmark = pytest.mark.anyio

PUBLISHED_AT = datetime(2025, 2, 1, 15, 0, tzinfo=UTC)


def published(name: str) -> httpx.MockTransport:
    response = sample(name)["response"]
    return answering(response["status"], response["body"])


async def sent(name: str, kind: CommandKind, partner_id: str | None = None) -> Receipt:
    partner = genviral(published(name), Clock())
    return await partner.send(command(kind), post(partner_id=partner_id), b"{}")


async def read(transport: httpx.MockTransport, partner_id: str, **changes: Any) -> Snapshot:
    reading = await genviral(transport, Clock()).read([post(partner_id=partner_id, **changes)], None, 1, known=nobody)
    return reading.snapshots[0]


async def test_published_create_answer() -> None:
    receipt = await sent("create-video", CommandKind.PUBLISH)
    assert (receipt.partner_id, receipt.state, receipt.scheduled_at) == ("post_789", PostState.SCHEDULED, PUBLISHED_AT)
    assert [one["code"] for one in receipt.warnings] == ["VIDEO_DURATION_MISSING"]
    assert (receipt.status, receipt.duplicate) == (201, False)


async def test_published_update_answer() -> None:
    receipt = await sent("update-post", CommandKind.UPDATE, "11111111-1111-1111-1111-111111111111")
    assert (receipt.state, receipt.scheduled_at) == (PostState.SCHEDULED, datetime(2025, 3, 1, 17, tzinfo=UTC))
    assert (receipt.status, receipt.duplicate) == (200, False)


@pytest.mark.parametrize("name", ["get-post-v1", "get-post-v2"])
async def test_published_get_answer(name: str) -> None:
    partner_id = sample(name)["response"]["body"]["data"]["id"]
    shown = await read(published(name), partner_id)
    assert (shown.partner_id, shown.state, shown.raw_status) == (partner_id, PostState.SCHEDULED, "scheduled")
    assert shown.created_at == datetime(2025, 1, 20, 12, 5, 11, 205_000, UTC)
    assert [(row.account, row.state) for row in shown.targets] == [
        (TIKTOK_HOSTED, TargetState.WAITING),
        (INSTAGRAM, TargetState.WAITING),
    ]


@pytest.mark.parametrize(
    ("partner_id", "accepted", "refusal"),
    [
        ("post_abc123", True, None),
        ("post_xyz999", False, "Only failed or partial posts can be retried"),
        ("post_000", False, "the post is not mentioned in the answer"),
    ],
)
async def test_published_retry_answer(partner_id: str, accepted: bool, refusal: str | None) -> None:
    receipt = await sent("retry-posts", CommandKind.RETRY, partner_id)
    assert (receipt.accepted, receipt.refusal, receipt.partner_id) == (accepted, refusal, partner_id)


@pytest.mark.parametrize(("digit", "accepted", "state"), [("1", True, None), ("2", False, PostState.POSTED)])
async def test_published_delete_answer(digit: str, accepted: bool, state: PostState | None) -> None:
    partner_id = "11111111-1111-1111-1111-111111111111".replace("1", digit)
    receipt = await sent("delete-posts", CommandKind.CANCEL, partner_id)
    assert (receipt.accepted, receipt.state) == (accepted, state)


async def test_published_accounts_answer() -> None:
    listing = await genviral(published("get-accounts-v1"), Clock()).accounts()
    assert listing.scope == "workspace:4cb5d3fd-8c8f-4ed7-a17c-4ffb52c7e6ac"
    assert [(one.id, one.platform, one.type, one.state) for one in listing.accounts] == [
        (INSTAGRAM, "instagram", "byo", AccountState.ACTIVE),
        (TIKTOK_HOSTED, "tiktok", "hosted", AccountState.ACTIVE),
    ]


async def test_published_refusal_of_the_key() -> None:
    with pytest.raises(PartnerError) as caught:
        await genviral(published("error-401"), Clock()).accounts()
    assert (caught.value.code, caught.value.detail, caught.value.key_wide) == (
        "invalid_token",
        "API key not found",
        True,
    )


async def test_published_list_shows_provider_words() -> None:
    data = sample("list-posts")["response"]["body"]["data"]["posts"][0]
    shown = replies.snapshot(data, post(partner_id="post_789"), NOW, Redactor())
    assert shown is not None
    assert (shown.state, shown.raw_status) == (PostState.VANISHED, "deleted")
    assert [row.state for row in shown.targets] == [TargetState.VANISHED, TargetState.WAITING]


@pytest.mark.parametrize(
    ("word", "state", "target"),
    [
        ("draft", PostState.DRAFT, TargetState.WAITING),
        ("pending", PostState.PENDING, TargetState.WAITING),
        ("scheduled", PostState.SCHEDULED, TargetState.WAITING),
        ("retry", PostState.PENDING, TargetState.WAITING),
        ("posted", PostState.POSTED, TargetState.POSTED),
        ("partial", PostState.PARTIAL, TargetState.UNKNOWN),
        ("failed", PostState.FAILED, TargetState.FAILED),
        ("canceled", PostState.CANCELED, TargetState.CANCELED),
        ("deleted", PostState.VANISHED, TargetState.VANISHED),
        ("void", PostState.VANISHED, TargetState.VANISHED),
        ("reconciling", PostState.UNKNOWN, TargetState.UNKNOWN),
    ],
)
def test_word_is_mapped_and_kept(word: str, state: PostState, target: TargetState) -> None:
    data = {"status": word, "accounts": {"states": [{"account_id": "a", "status": word}]}}
    shown = replies.snapshot(data, post(partner_id="p1"), NOW, Redactor())
    assert shown is not None
    assert (shown.state, shown.raw_status) == (state, word)
    assert (shown.targets[0].state, shown.targets[0].raw_status) == (target, word)


@pytest.mark.parametrize(
    ("account", "url", "mode", "state"),
    [
        (TIKTOK, None, "MEDIA_UPLOAD", TargetState.DRAFT_DELIVERED),
        (TIKTOK, "https://www.tiktok.com/@a/video/1", "MEDIA_UPLOAD", TargetState.POSTED),
        (TIKTOK, None, "DIRECT_POST", TargetState.POSTED),
        (INSTAGRAM, None, "MEDIA_UPLOAD", TargetState.POSTED),
    ],
)
@pytest.mark.parametrize("told_by", ["us", "partner"])
def test_upload_to_the_inbox_is_a_draft(
    account: str, url: str | None, mode: str, state: TargetState, told_by: str
) -> None:
    block = {"tiktok": {"post_mode": mode}}
    rows = [{"account_id": account, "status": "posted", "published_url": url}]
    data = {"status": "posted", "accounts": {"states": rows}} | (block if told_by == "partner" else {"tiktok": None})
    made = post(account, partner_id="p1", content=block if told_by == "us" else {})
    shown = replies.snapshot(data, made, NOW, Redactor())
    assert shown is not None
    assert shown.targets[0].state is state


def test_failure_text_is_redacted_and_short() -> None:
    row = {"account_id": "a", "status": "failed", "error_message": "https://a.example/v.mp4?sig=s3cr3t " + "x" * 900}
    shown = replies.snapshot(
        {"status": "failed", "accounts": {"states": [row]}}, post(partner_id="p1"), NOW, Redactor()
    )
    assert shown is not None
    assert "s3cr3t" not in (shown.targets[0].error or "")
    assert len(shown.targets[0].error or "") == 500


@pytest.mark.parametrize("data", [{}, {"status": None}, {"status": ""}, {"status": 3}])
def test_post_without_a_status_is_unreadable(data: dict[str, Any]) -> None:
    assert replies.snapshot(data, post(partner_id="p1"), NOW, Redactor()) is None


@pytest.mark.parametrize("accounts", [None, [], {"states": None}, {"states": [None, {}, {"account_id": 3}]}])
def test_rows_that_are_not_there_are_no_rows(accounts: Any) -> None:
    shown = replies.snapshot({"status": "posted", "accounts": accounts}, post(partner_id="p1"), NOW, Redactor())
    assert shown is not None
    assert shown.targets == ()


@pytest.mark.parametrize("body", [{"ok": True}, {"data": {"accounts": {}}}, {"data": {"accounts": [{"id": "a"}, {}]}}])
async def test_listing_that_is_not_whole_is_unreadable(body: dict[str, Any]) -> None:
    with pytest.raises(PartnerError) as caught:
        await genviral(answering(200, body), Clock()).accounts()
    assert (caught.value.reason, caught.value.maybe_stored) == (FailureReason.UNREADABLE, False)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        (None, "active"),
        ("active", "active"),
        ("paused", "disconnected"),
        ("revoked", "disconnected"),
        ("limited", "active"),
    ],
)
async def test_account_words(word: str | None, state: str) -> None:
    body = {
        "ok": True,
        "data": {
            "scope": "personal",
            "owner_user_id": "u1",
            "workspace_id": None,
            "accounts": [{"id": "a", "status": word}],
        },
    }
    listing = await genviral(answering(200, body), Clock()).accounts()
    assert (listing.scope, listing.accounts[0].state) == ("personal:u1", state)


@pytest.mark.parametrize("data", [{}, {"id": ""}, {"id": "p" * 256}])
async def test_success_without_an_id_may_be_stored(data: dict[str, Any]) -> None:
    with pytest.raises(PartnerError) as caught:
        await genviral(answering(201, {"ok": True, "data": data}), Clock()).send(command(), post(), b"{}")
    assert (caught.value.reason, caught.value.maybe_stored) == (FailureReason.UNREADABLE, True)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2025-02-01T15:00:00Z", PUBLISHED_AT), ("2025-02-01T16:00:00.000+01:00", PUBLISHED_AT),
        ("2025-02-01T15:00:00", PUBLISHED_AT),
        (None, None), (5, None), ("soon", None), ("0001-01-01T00:00:00+23:00", None),
    ],
)  # fmt: skip
def test_times(value: Any, read: datetime | None) -> None:
    assert replies.read_time(value) == read


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "ids", "failed", "errors", "status", "accounts", "states", "blockedStatuses", "data"]
            ),
            inner,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["ok", "code", "message", "error", "error_code", "issues", "data"]), ANY_JSON),
    st.integers(100, 599),
)
def test_any_json_is_read_or_refused(body: dict[str, Any], status: int) -> None:
    redactor = Redactor()
    replies.refusal(status, body, write=True, text="", retry_after=None, redactor=redactor)
    replies.retry_receipt(status, body, "p1", redactor)
    replies.delete_receipt(status, body, "p1", redactor)
    replies.snapshot(replies.data_of(body), post(partner_id="p1"), NOW, redactor)
    replies.posts_of(body)
    for reader in (lambda: replies.post_receipt(status, body), lambda: replies.listing(status, body, NOW)):
        with suppress(PartnerError):
            reader()
