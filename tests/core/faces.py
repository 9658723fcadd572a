"""Events, posts and messages of which faces in Slack are made; the same each time."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from bridge.core.errors import FailureClass, FailureReason
from bridge.core.model import (
    Command,
    Event,
    Intent,
    Message,
    Post,
    PostState,
    Target,
    TargetState,
    WorkState,
)
from bridge.core.retry import Choice
from bridge.core.slack.cards import Face, face
from tests.core.builders import NOW, a_command, a_post, a_retry, a_target, an_unsent

CAPTION = "Holiday drops start Monday!\n\nDoors open at <9>, R&D first."
IMAGE = "https://cdn.example.com/drops/monday.jpg"
CONTENT = {
    "caption": CAPTION,
    "url": "https://shop.example.com/drops?utm_source=social",
    "media": {"type": "slideshow", "urls": [IMAGE, "https://files.slack.com/files-pri/T1-F1/inside.png"]},
}
LIVE = "https://www.tiktok.com/@brandhq/video/7301"


def an_event(**fields: Any) -> Event:
    given: dict[str, Any] = {
        "id": "evt_1",
        "source": "chat",
        "scope": "source:chat",
        "key": None,
        "key_until": None,
        "fingerprint": "",
        "intent": Intent.PUBLISH,
        "received_at": NOW,
        "content_type": "application/json",
        "body": b"{}",
        "request": CONTENT,
    }
    return Event(**given | fields)


def a_message(**fields: Any) -> Message:
    given: dict[str, Any] = {
        "id": "rpl_1",
        "event_id": "evt_1",
        "source": "chat",
        "kind": "reply",
        "created_at": NOW,
        "user": "U0ADA",
    }
    return Message(**given | fields)


def tiktok(state: TargetState = TargetState.WAITING, **fields: Any) -> Target:
    return a_target("0f4f54d4", state, name="brand-tiktok", platform="tiktok", **fields)


def linkedin(state: TargetState = TargetState.WAITING, **fields: Any) -> Target:
    return a_target("7b0a1d52", state, name="brand-linkedin", platform="linkedin", **fields)


def failed(target: Any = linkedin, **fields: Any) -> Target:
    given = {"reason": FailureReason.PLATFORM_RATE, "error": "Temporary error 503", "failed_at": NOW}
    made: Target = target(TargetState.FAILED, **given | fields)
    return made


def sent(state: PostState, *targets: Target, **fields: Any) -> Post:
    return a_post(*(targets or (tiktok(), linkedin())), state=state, content=CONTENT, **fields)


def unsent(state: PostState, *targets: Target, **fields: Any) -> Post:
    return an_unsent(*(targets or (tiktok(), linkedin())), state=state, content=CONTENT, **fields)


def parked(reason: FailureReason, **fields: Any) -> Command:
    """The publish of a post that is parked."""
    return a_command(state=WorkState.PARKED, reason=reason, parked_at=NOW, **fields)


def shown(
    *posts: Post, commands: Sequence[Command] = (), event: Event | None = None, said: str = "", **fields: Any
) -> Face:
    by_post: Mapping[str, list[Command]] = {post.id: [c for c in commands if c.post_id == post.id] for post in posts}
    message = a_message(said=said, **fields)
    return face(message, event or an_event(), posts, NOW, commands=by_post, approvers=("U0BOSS",))


_SOON = NOW + timedelta(minutes=10)
_RETRY = failed(choice=Choice.RETRY, retry_at=NOW + timedelta(minutes=5), failure=FailureClass.RETRYABLE)
_OVER = failed(choice=Choice.GIVE_UP, reason=FailureReason.CONTENT, error="The video is shorter than 3 seconds")
_DOUBT = failed(
    choice=Choice.PARK, reason=FailureReason.UNKNOWN_OUTCOME, failure=FailureClass.AMBIGUOUS, error="Timed out"
)
_POSTED = tiktok(TargetState.POSTED, url=LIVE)
_HELD = unsent(PostState.PARKED, reason=FailureReason.HELD)
_ASKED = unsent(PostState.PARKED, reason=FailureReason.NEEDS_APPROVAL)
_HOLD = parked(FailureReason.HELD, due_at=_SOON, cause="hold")
_ASK = parked(FailureReason.NEEDS_APPROVAL)


def faces() -> dict[str, Face]:
    """The main faces, by the names of their files."""
    at_work = a_command(lease_until=_SOON, body=b"{}")
    retry = a_retry("7b0a1d52", state=WorkState.PARKED, reason=FailureReason.UNKNOWN_OUTCOME)
    gone = an_event(request={}, body=b"")
    return {
        "accepted": shown(unsent(PostState.ACCEPTED), commands=[a_command()]),
        "accepted.being_sent": shown(unsent(PostState.ACCEPTED), commands=[at_work]),
        "scheduled": shown(sent(PostState.SCHEDULED, scheduled_at=_SOON)),
        "publishing": shown(sent(PostState.PUBLISHING, _POSTED, linkedin(TargetState.PUBLISHING))),
        "posted": shown(sent(PostState.POSTED, _POSTED, linkedin(TargetState.POSTED), ended_at=NOW), said="scheduled"),
        "retrying": shown(sent(PostState.PARTIAL, _POSTED, _RETRY)),
        "partial": shown(sent(PostState.PARTIAL, _POSTED, _OVER, gave_up=True, ended_at=NOW)),
        "failed": shown(sent(PostState.FAILED, failed(tiktok), _OVER, gave_up=True, ended_at=NOW)),
        "unclear": shown(sent(PostState.PARTIAL, _POSTED, _DOUBT), commands=[retry]),
        "waiting": shown(
            unsent(PostState.PARKED, tiktok(), reason=FailureReason.ACCOUNT_INACTIVE, error="tiktok account is gone"),
            commands=[parked(FailureReason.ACCOUNT_INACTIVE, cause="account:gv:0f4f54d4")],
        ),
        "too_late": shown(
            unsent(PostState.PARKED, reason=FailureReason.TOO_LATE), commands=[parked(FailureReason.TOO_LATE)]
        ),
        "held": shown(_HELD, commands=[_HOLD]),
        "held.card": shown(_HELD, commands=[_HOLD], kind="card", user="", event=an_event(source="blog")),
        "approval.card": shown(_ASKED, commands=[_ASK], kind="card", user="", event=an_event(source="blog")),
        "approved.card": shown(
            sent(PostState.PENDING),
            commands=[a_command(state=WorkState.DONE, payload={"by": "Ada <!here>"})],
            kind="card",
            user="",
            event=an_event(source="blog"),
        ),
        "rejected": shown(
            unsent(PostState.REJECTED, reason=FailureReason.MEDIA_UNREACHABLE, error="404", ended_at=NOW)
        ),
        "canceled": shown(unsent(PostState.CANCELED, reason=FailureReason.CANCELED, ended_at=NOW)),
        "unknown": shown(unsent(PostState.UNKNOWN, reason=FailureReason.GAVE_UP, ended_at=NOW)),
        "refused": shown(event=an_event(reason="accounts[0] 'brand-x' is not known. Did you mean brand-tiktok?")),
        "ignored": shown(event=an_event(intent=Intent.IGNORE, reason="You may not publish here. Ask <@U0BOSS>.")),
        "erased": shown(a_post(_POSTED, state=PostState.POSTED, content={}, ended_at=NOW), event=gone),
    }
