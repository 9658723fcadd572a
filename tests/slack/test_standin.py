"""The stand-in of Slack's Web API answers Slack's own client as the pages say."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.slack.standin import BOT_TOKEN, Slack

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[Slack]:
    made = Slack(now=clock)
    made.add_channel("C1")
    made.add_user("U1")
    async with made.serving():
        yield made


@pytest.fixture
async def client(slack: Slack) -> AsyncIterator[AsyncWebClient]:
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(BOT_TOKEN, base_url=f"{slack.base}/api/", session=session)


async def refused(work: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await work
    return str(caught.value.response["error"])


async def posted(url: str, message: Any) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(url, json=message) as response:
        return response.status, await response.text()


async def test_a_message_is_seen_changed_and_found_again(slack: Slack, client: AsyncWebClient) -> None:
    metadata = {"event_type": "bridge_message", "event_payload": {"id": "rpl_1"}}
    ts = (await client.chat_postMessage(channel="C1", text="Accepted", metadata=metadata))["ts"]
    await client.chat_update(channel="C1", ts=ts, text="Posted")
    assert slack.seen("C1") == ["Posted"]
    assert [one["text"] for one in slack.messages("C1")[0].versions] == ["Accepted", "Posted"]
    history = await client.conversations_history(channel="C1", include_all_metadata=True)
    assert history["messages"][0]["metadata"] == metadata


async def test_a_thread_has_its_own_replies(slack: Slack, client: AsyncWebClient) -> None:
    ts = (await client.chat_postMessage(channel="C1", text="Please"))["ts"]
    await client.chat_postMessage(channel="C1", text="Done", thread_ts=ts)
    replies = (await client.conversations_replies(channel="C1", ts=ts))["messages"]
    assert [one["text"] for one in replies] == ["Please", "Done"]
    assert slack.seen("C1", thread=ts) == ["Done"]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"channel": "C9", "text": "x"}, "channel_not_found"),
        ({"channel": "COUT", "text": "x"}, "not_in_channel"),
        ({"channel": "COLD", "text": "x"}, "is_archived"),
        ({"channel": "C1", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "C1", "text": "x", "blocks": [{}]}, "invalid_blocks"),
    ],
)
async def test_a_message_is_refused_with_the_documented_error(
    slack: Slack, client: AsyncWebClient, given: dict[str, Any], error: str
) -> None:
    slack.add_channel("COUT", member=False)
    slack.add_channel("COLD", archived=True)
    assert await refused(client.chat_postMessage(**given)) == error


async def test_a_channel_takes_one_message_a_second(slack: Slack, client: AsyncWebClient, clock: Clock) -> None:
    for _ in range(2):
        await client.chat_postMessage(channel="C1", text="x")
    assert await refused(client.chat_postMessage(channel="C1", text="x")) == "ratelimited"
    clock.move(seconds=1)
    await client.chat_postMessage(channel="C1", text="x")


async def test_a_modal_opens_once_and_within_three_seconds(slack: Slack, client: AsyncWebClient, clock: Clock) -> None:
    text = {"type": "plain_text", "text": "x"}
    block: dict[str, Any] = {
        "type": "input",
        "block_id": "caption",
        "label": text,
        "element": {"type": "plain_text_input"},
    }
    block["element"]["action_id"] = "value"
    view: dict[str, Any] = {
        "type": "modal",
        "callback_id": "x",
        "title": text,
        "submit": text,
        "close": text,
        "private_metadata": "",
    }
    view["blocks"] = [block]
    first, second = slack.trigger("U1"), slack.trigger("U1")
    await client.views_open(trigger_id=first, view=view)
    assert slack.view_of("U1").now["type"] == "modal"
    assert await refused(client.views_open(trigger_id=first, view=view)) == "exchanged_trigger_id"
    clock.move(seconds=4)
    assert await refused(client.views_open(trigger_id=second, view=view)) == "expired_trigger_id"


async def test_a_response_url_takes_five_answers_that_one_person_sees(slack: Slack) -> None:
    url = slack.response_url("C1", "U1")
    assert [(await posted(url, {"text": str(number)}))[1] for number in range(6)] == ["ok"] * 5 + ["used_url"]
    assert slack.seen("C1") == []
    assert slack.seen("C1", "U1") == ["0", "1", "2", "3", "4"]


async def test_a_response_url_ends_after_thirty_minutes(slack: Slack, clock: Clock) -> None:
    url = slack.response_url("C1", "U1")
    clock.move(minutes=31)
    assert await posted(url, {"text": "x"}) == (404, "expired_url")


async def test_a_button_s_response_url_replaces_its_message(slack: Slack, client: AsyncWebClient) -> None:
    ts = (await client.chat_postMessage(channel="C1", text="Approve?"))["ts"]
    await posted(slack.response_url("C1", "U1", ts), {"text": "Approved", "replace_original": True})
    assert slack.seen("C1") == ["Approved"]


async def test_an_incoming_webhook_says_plainly_what_is_wrong(slack: Slack) -> None:
    url = slack.webhook("C1")
    assert await posted(url, {"text": "x"}) == (200, "ok")
    assert await posted(url, {}) == (400, "no_text")
    assert await posted(url, []) == (400, "invalid_payload")
    slack.channels["C1"].archived = True
    assert await posted(url, {"text": "x"}) == (410, "channel_is_archived")
    assert await posted(f"{slack.base}/services/T1/B9/none", {"text": "x"}) == (404, "no_service")


async def test_a_step_ends_once_and_with_its_own_token(slack: Slack, client: AsyncWebClient) -> None:
    token = slack.step("Fx1")
    ended = {"function_execution_id": "Fx1", "outputs": {}}
    assert await refused(client.functions_completeSuccess(**ended)) == "access_denied"
    await client.functions_completeSuccess(**ended, token=token)
    again = client.functions_completeSuccess(**ended, token=token)
    assert await refused(again) == "execution_not_in_running_state"


async def test_a_method_needs_its_scope_and_a_known_token(slack: Slack, client: AsyncWebClient) -> None:
    slack.scopes.discard("users:read")
    assert await refused(client.users_info(user="U1")) == "missing_scope"
    client.token = "xoxb-other"
    assert await refused(client.auth_test()) == "invalid_auth"


async def test_a_private_file_is_a_login_page_to_whoever_has_no_token(slack: Slack) -> None:
    url = slack.file(b"png", "image/png")
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as page:
            assert page.content_type == "text/html"
        async with session.get(url, headers={"Authorization": f"Bearer {BOT_TOKEN}"}) as file:
            assert await file.read() == b"png"


async def test_a_cut_call_has_been_done(slack: Slack) -> None:
    slack.trouble("cut", "chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await posted_with_token(slack)
    assert slack.seen("C1") == ["x"]


async def posted_with_token(slack: Slack) -> None:
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    message = {"channel": "C1", "text": "x"}
    async with aiohttp.ClientSession(headers=headers) as session:
        await session.post(f"{slack.base}/api/chat.postMessage", json=message)


def test_it_serves_processes_from_a_thread() -> None:
    slack = Slack()
    with slack.serving_aside() as base:
        assert base.startswith("http://127.0.0.1:")
