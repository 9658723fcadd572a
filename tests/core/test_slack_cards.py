"""What a message in Slack shows, against files; `python -m tests.core.test_slack_cards` writes these again."""

import json
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.block_kit import passage
from bridge.core.errors import FailureReason
from bridge.core.model import CommandKind, Intent, PostState, TargetState, WorkState
from bridge.core.retry import Choice
from bridge.core.slack.reasons import SENTENCES
from bridge.core.slack.standing import QUIET, Word
from tests.block_kit import content_faults, pressed
from tests.core.builders import NOW, a_command, a_post, a_target, an_unsent
from tests.core.faces import CONTENT, IMAGE, an_event, faces, failed, linkedin, parked, sent, shown, tiktok, unsent

GOLDEN = Path(__file__).parent.parent / "golden" / "faces"
KINDS = ("reply", "card", "step")
AGAIN = "write it again: python -m tests.core.test_slack_cards"


def written(name: str) -> str:
    return json.dumps(asdict(faces()[name]), indent=2, ensure_ascii=False) + "\n"


def said(face: Any) -> str:
    return json.dumps(face.blocks, ensure_ascii=False)


def assert_fits(face: Any) -> None:
    assert content_faults(face.text, face.blocks) == []


@pytest.mark.parametrize("name", faces())
def test_each_face_is_as_its_file_says(name):
    assert written(name) == (GOLDEN / f"{name}.json").read_text(encoding="utf-8"), AGAIN
    assert_fits(faces()[name])


def test_no_file_is_left_of_a_face_that_is_gone():
    assert {path.stem for path in GOLDEN.iterdir()} == set(faces())


def test_every_reason_has_a_sentence_that_is_no_word_of_ours():
    assert set(SENTENCES) == set(FailureReason)
    assert all(text.endswith(".") and "_" not in text and len(text) < 120 for text in SENTENCES.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", PostState)
def test_every_state_for_every_reason_shows(state, kind):
    for reason, row in zip((None, *FailureReason), cycle((*TargetState, TargetState.FAILED, TargetState.FAILED))):
        target = tiktok(row, reason=reason if row is TargetState.FAILED else None, error="no")
        post = unsent(state, target, reason=reason, error="no <!channel>")
        face = shown(post, commands=[parked(reason or FailureReason.HELD)], kind=kind)
        assert_fits(face)
        assert face.word in set(Word)


@pytest.mark.parametrize(
    ("states", "word"),
    [
        ((PostState.POSTED, PostState.POSTED), "posted"),
        ((PostState.POSTED, PostState.PUBLISHING), "publishing"),
        ((PostState.SCHEDULED, PostState.PARKED), "waiting"),
        ((PostState.POSTED, PostState.REJECTED), "partial"),
        ((PostState.CANCELED, PostState.REJECTED), "failed"),
        ((PostState.CANCELED, PostState.VANISHED), "canceled"),
        ((PostState.DRAFT, PostState.ACCEPTED), "accepted"),
    ],
)
def test_several_posts_have_one_word(states, word):
    posts = [unsent(state, id=f"post_{place}") for place, state in enumerate(states)]
    assert shown(*posts).word == word


@pytest.mark.parametrize(
    ("choice", "gave_up", "word", "ended"),
    [
        ("", False, "retrying", False),
        (Choice.RETRY, False, "retrying", False),
        (Choice.LOOK_AGAIN, False, "retrying", False),
        (Choice.PARK, False, "waiting", False),
        (Choice.GIVE_UP, True, "failed", True),
    ],
)
def test_what_failed_is_not_over_while_it_may_come_right(choice, gave_up, word, ended):
    face = shown(sent(PostState.FAILED, failed(choice=choice), gave_up=gave_up))
    assert (face.word, face.ended) == (word, ended)


def test_a_word_that_passes_is_told_once_and_one_that_counts_whenever_it_is_new():
    post = sent(PostState.PUBLISHING)
    assert shown(post).telling
    assert not shown(post, said="accepted").telling
    done = sent(PostState.POSTED, ended_at=NOW)
    assert shown(done, said="publishing").telling
    assert not shown(done, said="posted").telling
    assert Word.SCHEDULED not in QUIET


def test_an_event_that_is_still_looked_up_is_accepted_and_not_over():
    face = shown(event=an_event(intent=Intent.NEEDS_FETCH))
    assert (face.word, face.ended) == ("accepted", False)


def test_a_card_shows_only_images_that_everybody_may_open():
    face = shown(unsent(PostState.PARKED, reason=FailureReason.NEEDS_APPROVAL), kind="card")
    assert [block["image_url"] for block in face.blocks if block["type"] == "image"] == [IMAGE]
    assert "files.slack.com" not in said(face)


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example.com/a.png", "https://cdn.example.com/a.png?signature=x", "https://10.0.0.1/a.png",
        "https://[::1]/a.png", "https://localhost/a.png", "https://bridge/a.png", "https://a.internal/a.png",
        "https://me:pw@cdn.example.com/a.png", "https://cdn.example.com/a.mp4", "https://cdn.example.com:x/a.png",
        "https://files.slack.com/a.png", "https://cdn.example.com/ä.png", "https://[/a.png", "x" * 500,
    ],
)  # fmt: skip
def test_what_is_private_or_no_image_is_not_shown(url):
    post = unsent(PostState.PARKED, reason=FailureReason.HELD)
    face = shown(a_post(content={"media": {"type": "slideshow", "urls": [url]}}, state=post.state), kind="card")
    assert "image_url" not in said(face)
    assert_fits(face)


def test_each_wording_is_shown_with_the_platforms_that_it_is_for():
    other = sent(PostState.PENDING, linkedin(), id="post_2")
    face = shown(sent(PostState.PENDING, tiktok()), a_post(*other.targets, id="post_3", content={"caption": "Longer"}))
    assert "_For tiktok:_" in said(face)
    assert "_For linkedin:_\\n> Longer" in said(face)


def test_forty_posts_fit_and_those_that_do_not_are_counted():
    rows = [
        a_target(f"a{place}", TargetState.FAILED, name="brand-" + "x" * 60, error="y" * 300, reason=reason)
        for place, reason in enumerate([*FailureReason][:10])
    ]
    posts = [sent(PostState.FAILED, *rows, id=f"post_{place:016x}", gave_up=True) for place in range(40)]
    face = shown(*posts, kind="card")
    assert_fits(face)
    assert " more: " in said(face)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ['"' * 3_000, "&" * 3_000, "😀" * 3_000, "x\n" * 1_500])
def test_texts_that_take_more_room_than_they_show_are_cut(text, kind):
    row = a_target(state=TargetState.FAILED, name=text, error=text, reason=FailureReason.CONTENT)
    images = {"type": "slideshow", "urls": [f"https://cdn.example.com/{'a' * 260}.png"] * 9}
    posts = [
        unsent(PostState.PARKED, row, id=f"post_{place}", reason=reason, error=text)
        for place, reason in enumerate([*FailureReason][:8])
    ]
    posts = [replace(post, content={"caption": f"{text}{post.id}", "media": images}) for post in posts]
    commands = [parked(FailureReason.HELD, post_id=post.id) for post in posts]
    assert_fits(shown(*posts, commands=commands, kind=kind, event=an_event(source=text, warnings=({"message": text},))))


def test_forty_accounts_that_are_live_are_all_named():
    posts = [
        a_post(a_target(name=f"brand-{place}", state=TargetState.POSTED), id=f"post_{place}", state=PostState.POSTED)
        for place in range(40)
    ]
    face = shown(*posts)
    assert_fits(face)
    assert all(f"*brand-{place}*" in said(face) for place in range(40))


def test_a_hold_says_when_it_goes_out():
    at = NOW + timedelta(minutes=10)
    held = parked(FailureReason.HELD, due_at=at)
    face = shown(unsent(PostState.PARKED, reason=FailureReason.HELD), commands=[held])
    assert f"*Goes out by itself:* <!date^{int(at.timestamp())}^" in said(face)


@pytest.mark.parametrize(
    ("command", "said_of_it"),
    [
        (a_command(state=WorkState.DEAD, reason=FailureReason.DROPPED, payload={"by": "Ada"}), "Dropped by Ada"),
        (a_command(state=WorkState.DONE, payload={"by": "ada (U0ADA)"}), "Sent by <@U0ADA>"),
        (a_command(state=WorkState.DONE, payload={"by": "token <!here>"}), "Sent by token &lt;!here&gt;"),
        (a_command(number=2, payload={"by": "Ada"}), "Retried by Ada"),
        (a_command(CommandKind.CANCEL, number=2, payload={"by": "Ada"}), "Cancel asked for by Ada"),
        (a_command(CommandKind.CANCEL, number=2, state=WorkState.DONE, payload={"by": "Ada"}), "Canceled by Ada"),
        (a_command(CommandKind.UPDATE, number=2, state=WorkState.DONE, payload={"by": "Ada"}), "Changed by Ada"),
    ],
)
def test_who_decided_is_told(command, said_of_it):
    assert said_of_it in said(shown(unsent(PostState.REJECTED), commands=[command]))


def test_what_came_to_nothing_was_done_by_nobody():
    refused = a_command(
        CommandKind.CANCEL, number=2, state=WorkState.DEAD, reason=FailureReason.NOT_ALLOWED_NOW, payload={"by": "Ada"}
    )
    assert "Ada" not in said(shown(unsent(PostState.REJECTED), commands=[refused]))


def test_what_went_out_after_its_media_was_fetched_was_sent_and_not_retried():
    commands = [a_command(CommandKind.FETCH, number=1), a_command(number=2, payload={"by": "Ada"})]
    assert "Sent by Ada" in said(shown(unsent(PostState.REJECTED), commands=commands))


def test_what_else_is_worth_a_look_is_noted():
    warning = {"field": "scheduled_at", "code": "DST_GAP", "message": "clocks go forward <!here>"}
    face = shown(sent(PostState.PUBLISHING, stuck=True), event=an_event(warnings=(warning,)))
    assert "*Note:* It takes longer than usual." in said(face)
    assert "*Note:* clocks go forward &lt;!here&gt;" in said(face)
    assert_fits(face)


def test_a_passage_keeps_its_lines_and_forges_nothing():
    assert passage("a\n\n\n\n<!here> &\x00\u202e b\n", 100) == "> a\n> \n> &lt;!here&gt; &amp; b"
    assert passage("a&b" * 10, 12) == "> a&amp;ba…"


FOREIGN = st.text(max_size=400) | st.text('&<>|*`"\\\n😀@!', max_size=4_000)
TARGETS = st.builds(
    a_target,
    st.text("abc", min_size=1, max_size=5),
    st.sampled_from(TargetState),
    name=FOREIGN,
    platform=FOREIGN,
    url=st.none() | st.just("https://x.example/1?a=b") | FOREIGN,
    error=st.none() | FOREIGN,
    reason=st.none() | st.sampled_from(FailureReason),
    choice=st.sampled_from(["", *Choice]),
    retry_at=st.none() | st.just(NOW),
)
POSTS = st.builds(
    lambda targets, **fields: an_unsent(*targets, **fields),
    st.lists(TARGETS, min_size=1, max_size=10),
    id=st.uuids().map(lambda one: f"post_{one.hex[:16]}"),
    state=st.sampled_from(PostState),
    partner_id=st.none() | st.just("p1"),
    reason=st.none() | st.sampled_from(FailureReason),
    error=st.none() | FOREIGN,
    gave_up=st.booleans(),
    scheduled_at=st.none() | st.just(NOW + timedelta(days=1)),
    content=st.fixed_dictionaries(
        {}, optional={"caption": FOREIGN, "url": FOREIGN, "media": st.just(CONTENT["media"])}
    ),
)


@pytest.mark.slow
@given(posts=st.lists(POSTS, max_size=6), kind=st.sampled_from(KINDS), source=FOREIGN, user=FOREIGN)
def test_whatever_was_made_of_it_a_message_fits_and_nothing_in_it_is_forged(posts, kind, source, user):
    event = an_event(source=source, reason=source or None)
    face = shown(*posts, event=event, kind=kind, user=user)
    assert_fits(face)
    assert all(action.startswith("bridge:") for action in pressed(face.blocks))


def write() -> None:
    """Write every file again."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name in faces():
        (GOLDEN / f"{name}.json").write_text(written(name), encoding="utf-8")


if __name__ == "__main__":
    write()
