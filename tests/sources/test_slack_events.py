"""Events of Slack: mentions, direct messages, steps of workflows, and what nobody knows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.core.model import Intent, Person
from bridge.ports import Parsed
from tests.sources.chatting import direct, mention, noted, read


def test_a_mention_is_answered_in_its_thread_and_known_by_its_event():
    [item] = mention("<@UBOT> Hi | brand-x", {"thread_ts": "0.9"}).items

    assert (item.own, item.key, item.object_id, item.revision) == (
        {"caption": "Hi", "accounts": ["brand-x"]},
        "Ev1",
        "C1:1.2",
        "1.2",
    )
    assert (item.reply_to.channel, item.reply_to.thread, item.reply_to.user) == ("C1", "0.9", "U1")


def test_an_edited_mention_is_a_newer_version_of_the_same():
    [item] = mention("<@UBOT> Hi", {"edited": {"ts": "1.9"}}).items

    assert (item.object_id, item.revision, item.intent) == ("C1:1.2", "1.9", Intent.UPDATE)
    assert noted(mention("<@UBOT> Hi | friday", {"edited": {"ts": "1.9"}})).startswith("The edit was not taken: ")


@pytest.mark.parametrize("text", ["thanks!", "Publishing is fun", "Post office hours", "the caption: is good"])
def test_small_talk_is_told_how_and_not_published(text):
    """Whoever answers below a message, or writes to the app alone, may mean anybody."""
    for parsed in (mention(f"<@UBOT> {text}", {"thread_ts": "1.0"}), direct({"text": text})):
        assert "caption | link" in noted(parsed)
    assert mention(f"<@UBOT> {text}").items[0].own == {"caption": text}
    assert mention(f"<@UBOT> {text}", {"thread_ts": "1.2"}).items[0].own == {"caption": text}


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("publish Hello", "Hello"),
        ("Publish: Hello", "Hello"),
        ("post: Hello", "Hello"),
        ("caption: Hello", "Hello"),
        ("Hello |", "Hello"),
        ("Hello <https://x.example>", "Hello https://x.example"),
    ],
)
def test_a_message_that_is_plainly_meant_is_published_wherever_it_stands(text, caption):
    for parsed in (mention(f"<@UBOT> {text}", {"thread_ts": "1.0"}), direct({"text": text})):
        assert parsed.items[0].own == {"caption": caption}


RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("late", "hour"), [(timedelta(hours=3), 11), (timedelta(0), 14), (-timedelta(hours=1), 14), (timedelta(days=2), 14)]
)
def test_a_time_counts_from_when_it_was_said(late, hour):
    """What comes from the future, or long after, is of a clock that nobody can go by."""
    stamp = f"{(RECEIVED - late).timestamp():.6f}"

    [item] = mention("<@UBOT> Hi | in 2h", {"ts": stamp}).items
    assert item.own["scheduled_at"] == f"2026-03-01T{hour}:00:00+00:00"


def test_a_person_of_another_workspace_is_refused_unless_listed():
    theirs = {"user_team": "T2", "team": "T2"}
    data = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1"}

    def asked(home: str, **config: Any) -> Parsed:
        event = {"type": "app_mention", "user": "U1", "text": "<@UBOT> Hi", "ts": "1.2", "channel": "C1"}
        return read({**data, "event": {**event, **theirs, "user_team": home}}, **config)

    assert "another workspace" in noted(asked("T2"))
    assert "sources.chat.users" in noted(asked("T2"))
    assert asked("T1").items[0].intent is Intent.PUBLISH
    assert asked("T2", users=["U1"]).items[0].intent is Intent.PUBLISH


def test_a_zone_that_slack_did_not_tell_is_said_with_the_post():
    config = {"timezone": "Europe/Berlin", "bot_token": "xoxb-1"}

    [guessed] = mention("<@UBOT> Hi | tomorrow 9am", person=None, **config).items
    assert [one["code"] for one in guessed.warnings] == ["ZONE_GUESSED"]
    assert "Europe/Berlin" in guessed.warnings[0]["message"]
    assert mention("<@UBOT> Hi | in 2h", person=None, **config).items[0].warnings == ()
    assert mention("<@UBOT> Hi | tomorrow 9am", **config).items[0].warnings == ()


def test_a_private_file_is_posted_by_whoever_shares_it_not_by_its_address():
    address = "https://files.slack.com/files-pri/T1-F1/board.png"
    file = {"mimetype": "image/png", "url_private": address}

    assert "private file" in noted(mention(f"<@UBOT> Hi | {address}"))
    assert "private file" in noted(mention(f"<@UBOT> Hi | image: <{address}|x>"))
    assert "private file" in noted(step({"caption": "Hi", "image": address}))
    assert mention("<@UBOT> Hi", {"files": [file]}).items[0].own["media"]["urls"] == [address]


@pytest.mark.parametrize("text", ["<@UBOT>", "<@UBOT> help", "Thanks <@UBOT> you are great", "<@U2> ask <@UBOT>"])
def test_a_mention_in_passing_posts_nothing_and_is_told_how(text):
    parsed = mention(text)

    assert "@bridge caption" in noted(parsed)
    assert parsed.items[0].reply_to.thread == "1.2"


def test_what_is_wrong_with_a_mention_is_said_below_it():
    assert "is not a plain time" in noted(mention("<@UBOT> Hi | friday"))
    assert "sources.chat.users" in noted(mention("<@UBOT> Hi", users=["U2"]))
    assert "'a.pdf' is neither" in noted(mention("<@UBOT> Hi", {"files": [{"name": "a.pdf", "mimetype": "x/y"}]}))
    video = {"name": "v", "mimetype": "video/mp4", "url_private": "https://f.x/v"}
    assert "2 videos" in noted(mention("<@UBOT> Hi", {"files": [video, video]}))
    assert "Use one of the two" in noted(mention("<@UBOT> Hi | https://x.y/a.png", {"files": [video]}))
    assert "nothing to post" in noted(mention("<@UBOT> accounts: a"))


def test_a_video_may_be_posted_without_words():
    [item] = mention("<@UBOT>", {"files": [{"mimetype": "video/mp4", "url_private": "https://f.x/v"}]}).items

    assert item.own == {"media": {"type": "video", "url": "https://f.x/v"}}


@pytest.mark.parametrize(
    "more",
    [
        {"bot_id": "B1"},
        {"subtype": "message_changed"},
        {"user": None},
        {"channel_type": "channel"},
        {"channel_type": "", "channel": "C1"},
    ],
)
def test_what_is_not_said_to_the_app_makes_nothing(more):
    """Least of all its own messages: whatever answers those never ends."""
    parsed = direct(more)

    assert (parsed.items, parsed.gesture) == ((), None)


def test_a_direct_message_is_as_a_mention():
    said = {"text": "Hi | brand-x"}

    assert direct(said).items[0].own == {"caption": "Hi", "accounts": ["brand-x"]}
    assert "go to one" in noted(direct(said, channels=["C1"])).lower()
    assert direct(said, channels=["C1"], users=["U1"]).items[0].intent is Intent.PUBLISH
    assert mention("<@UBOT> Hi", {"bot_id": "B1"}).items == ()


def step(inputs: Mapping[str, Any], **config: Any) -> Parsed:
    function = {"callback_id": "bridge_publish"}
    event = {"type": "function_executed", "function": function, "inputs": inputs, "function_execution_id": "Fx1"}
    return read(
        {"type": "event_callback", "event_id": "Ev1", "event": {**event, "bot_access_token": "xwfp-1"}}, **config
    )


def test_a_step_says_what_to_post_and_is_ended_with_its_own_token():
    [item] = step({"text": "Hi", "image": "https://x.y/1.png, https://x.y/2.png", "time": "in 2h", "link": ""}).items

    assert item.own == {
        "caption": "Hi",
        "media": ["https://x.y/1.png", "https://x.y/2.png"],
        "scheduled_at": "2026-03-01T14:00:00+00:00",
    }
    assert (item.reply_to.kind, item.reply_to.address, item.reply_to.execution) == ("step", "xwfp-1", "Fx1")


def test_a_step_is_one_thing_however_often_it_is_told_of():
    once, again = (step({"caption": "Hi", "time": "in 2h"}).items[0] for _ in range(2))

    assert once.key == once.object_id == again.key == "step:Fx1"


def test_a_time_of_a_step_is_that_of_whoever_started_it():
    person = Person("America/Los_Angeles", {})

    [item] = step({"caption": "Hi", "time": "tomorrow 9am"}, person=person, timezone="Europe/Berlin").items
    assert (item.own["scheduled_at"], item.own["timezone"]) == ("2026-03-02T09:00:00", "America/Los_Angeles")
    [named] = step({"caption": "Hi", "time": "tomorrow 9am", "timezone": "UTC"}, person=person).items
    assert named.own["timezone"] == "UTC"


def test_nothing_of_a_step_that_opens_something_is_kept():
    inputs = {"caption": "Hi", "interactivity": {"interactor": {"secret": "s3cr3t"}, "interactivity_pointer": "s3cr3t"}}

    parsed = step(inputs)
    assert b"s3cr3t" not in parsed.kept
    assert "s3cr3t" not in str(parsed.items[0].raw)


@pytest.mark.parametrize(
    ("config", "allowed"),
    [
        ({}, True),
        ({"users": ["U1"]}, False),
        ({"channels": ["C1"]}, False),
        ({"users": ["U1"], "steps": True}, True),
        ({"steps": False}, False),
    ],
)
def test_a_step_proves_nobody_so_an_allow_list_shuts_it_out(config, allowed):
    parsed = step({"caption": "Hi", "user": "U1"}, **config)

    assert (parsed.items[0].intent is Intent.PUBLISH) is allowed
    assert allowed or "sources.chat.steps" in noted(parsed)
    assert parsed.items[0].reply_to.execution == "Fx1"


def test_a_step_without_anything_to_post_says_so():
    assert "no caption" in noted(step({"accounts": "a"}))


@pytest.mark.parametrize(
    "data",
    [{"type": "new"}, {"type": "event_callback", "event": {"type": "new"}}, [], {"a": 1}, {"type": "view_closed"}],
)
def test_what_nobody_knows_is_kept_with_a_note(data):
    assert noted(read(data))


def of_a_shared_channel(home: str, authorization: Mapping[str, Any]) -> Parsed:
    """A mention where the ids that stand first are those of another workspace."""
    event = {"type": "app_mention", "user": "U1", "text": "<@UBOT> Hi", "ts": "1.2", "channel": "C1", "user_team": home}
    shared = {"type": "event_callback", "team_id": "T2", "enterprise_id": "E2", "event_id": "Ev1"}
    return read({**shared, "event": event, "authorizations": [authorization]})


def test_whose_the_app_is_stands_in_the_authorizations():
    ours = {"team_id": "T1", "enterprise_id": None, "is_enterprise_install": False}

    assert of_a_shared_channel("T1", ours).items[0].own == {"caption": "Hi"}
    assert "another workspace" in noted(of_a_shared_channel("T2", ours))


def test_an_app_of_a_whole_organisation_serves_all_its_people():
    wide = {"team_id": None, "enterprise_id": "E1", "is_enterprise_install": True}

    assert of_a_shared_channel("T7", wide).items[0].own == {"caption": "Hi"}


@pytest.mark.parametrize("said", ["publish", "Publish!", "post", "/publish", "publish.", "post:"])
def test_the_word_alone_asks_how_it_is_done(said):
    assert "caption | link" in noted(mention(f"<@UBOT> {said}"))
