"""What is decided about media that must be stored with a partner first: by a FETCH command, before what needs them.

A fetch hosts what its post needs at that moment, one file at a time, and keeps count in its progress:
`{"done": {address: handle}, "waiting": {address: handle}, "since": instant, "begun": {address: n}, "bring": {...}}`;
`waiting` are files that the partner has and still works on, `begun` counts attempts of which no end is known, `bring`
has those that the partner did not fetch itself. A post that needs its media hosted has `hosted` empty until they are,
an update names them in `hosts` (the addresses): both wait. The payload of a fetch is empty, or `{"media": {...}}` when
it is for an update, or `{"refused": true}` when the partner could not use the addresses, so that all files must be
brought.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from bridge.core.accounts import recover
from bridge.core.errors import FailureClass, FailureReason, MediaError, PartnerError
from bridge.core.media import addresses
from bridge.core.model import Attempt, Command, CommandKind, Hosted, Json, Post, PostState, WorkState
from bridge.core.resume import park
from bridge.core.states import UNSETTLED
from bridge.core.step import Step

WAIT = timedelta(minutes=1)
"""How long what waits for media is put off; the end of the fetch wakes it before."""
LOOK_AGAIN = timedelta(seconds=10)
LONGEST_WORK = timedelta(hours=1)
"""How long a partner may work on a file before it counts as broken."""
BUSY, LONGEST_BUSY = timedelta(seconds=2), timedelta(minutes=5)
"""What each that stands in line adds to the time after which one looks by itself whether it may go, and the most."""
MOST_BEGUN = 3
"""How often a file is begun without an end: then it is likely what ended the process."""

MENDED = (FailureReason.MEDIA_UNREACHABLE, FailureReason.MEDIA_INVALID, FailureReason.MEDIA_TOO_LARGE)
"""Why a partner refuses addresses whose files may suit it once they were looked at, converted and brought."""


def is_waiting(command: Command, post: Post) -> bool:
    """Say whether a command needs media that are not stored with the partner yet."""
    if command.kind is CommandKind.PUBLISH:
        return post.hosted is not None and not post.hosted
    return any(url not in (post.hosted or {}) for url in command.payload.get("hosts", ()))


def source(command: Command, post: Post) -> Json:
    """Return the content whose media a fetch is for: the post's as it is now, or the update's."""
    return {"media": command.payload["media"]} if "media" in command.payload else post.content


def missing(command: Command, needs: Sequence[str]) -> list[str]:
    """Return which of the addresses that are needed are not stored yet, in order."""
    done = _part(command, "done")
    return [url for url in needs if url not in done]


def waiting_for(command: Command, url: str) -> str | None:
    """Return the handle of a file that the partner has and still works on."""
    return _part(command, "waiting").get(url)


def _part(command: Command, name: str) -> dict[str, Any]:
    return dict((command.progress or {}).get(name) or {})


def was_lost(command: Command, url: str) -> bool:
    """Say whether an attempt at a file was begun of which no end is known."""
    return url in _part(command, "begun")


def is_to_bring(command: Command, url: str) -> bool:
    """Say whether the partner was asked to fetch a file itself, and did not."""
    return url in _part(command, "bring")


def begin(step: Step, command: Command, url: str) -> Command:
    """Note, before the call, that a file is tried: a crash leaves the attempt `started`."""
    counted = {"calls": command.calls + 1, "attempts": command.attempts + 1}
    begun = {url: _part(command, "begun").get(url, 0) + 1}
    command = step.edit(command, progress={**(command.progress or {}), "begun": begun})
    command = step.edit(command, first_attempt_at=command.first_attempt_at or step.now, **counted)
    step.attempt(Attempt(command.id, command.calls, command.post_id, step.now))
    return command


def ended(step: Step, command: Command) -> Command:
    """Note that an attempt has an end."""
    progress = {name: part for name, part in (command.progress or {}).items() if name != "begun"}
    return step.edit(command, progress=progress or None)


def bring_next(step: Step, command: Command, url: str) -> Command:
    """Note that the partner did not fetch a file itself, so that it is brought."""
    progress = {**(command.progress or {}), "bring": {url: True}}
    return step.edit(command, progress=progress, due_at=step.now, lease_until=None, attempts=0)


def refuse_if_lost(command: Command, url: str) -> None:
    """Give a file up whose attempts were begun, and never ended.

    Raises:
        MediaError: `media_invalid`.
    """
    if _part(command, "begun").get(url, 0) >= MOST_BEGUN:
        detail = f"bridge stopped each of the {MOST_BEGUN} times that it was at work on this file"
        raise MediaError(FailureReason.MEDIA_INVALID, detail)


def stand_in_line(step: Step, command: Command, waiting: int) -> Command:
    """Put a fetch off that is called when its turn comes; should it never be, it looks by itself. No try is used up."""
    later = min(WAIT + waiting * BUSY, LONGEST_BUSY)
    return step.edit(command, due_at=step.now + later, lease_until=None)


def stored(step: Step, command: Command, url: str, hosted: Hosted) -> Command:
    """Note that the partner has a file; one that it still works on is looked at again later."""
    done, waiting = _part(command, "done"), _part(command, "waiting")
    since = (command.progress or {}).get("since") if url in waiting else None
    freed = {"lease_until": None, "attempts": 0, "reason": None, "detail": None}
    if hosted.ready:
        waiting.pop(url, None)
        progress: dict[str, Any] = {"done": done | {url: hosted.handle}, "waiting": waiting}
        return step.edit(command, progress=progress, due_at=step.now, **freed)
    progress = {"done": done, "waiting": waiting | {url: hosted.handle}, "since": since or step.now.isoformat()}
    return step.edit(command, progress=progress, due_at=step.now + LOOK_AGAIN, **freed)


def refuse_if_stuck(command: Command, url: str, now: datetime) -> None:
    """Give a file up that the partner has worked on for too long.

    Raises:
        MediaError: `media_invalid`.
    """
    since = (command.progress or {}).get("since") if waiting_for(command, url) else None
    if since is not None and now - datetime.fromisoformat(since) > LONGEST_WORK:
        raise MediaError(FailureReason.MEDIA_INVALID, "the partner did not finish with the file")


def again(step: Step, command: Command) -> None:
    """Look at once at what the post needs now: it was changed meanwhile."""
    step.edit(command, due_at=step.now, lease_until=None, attempts=0, reason=None, detail=None)


def complete(step: Step, command: Command, post: Post, commands: Sequence[Command]) -> None:
    """Everything needed is stored: the post knows it from now on, and what waited for it goes."""
    key = step.world.keys.get(command.partner)
    if key is not None and command.calls:
        recover(step, key)
    ended = {"state": WorkState.DONE, "settled_at": step.now, "lease_until": None, "reason": None, "detail": None}
    waited = [one for one in commands if one.id != command.id and is_waiting(one, post)]
    step.edit(command, **ended)
    step.edit(post, hosted={**(post.hosted or {}), **_part(command, "done")} or None)
    for one in waited:
        if one.state is WorkState.DUE and one.due_at > step.now and one.lease_until is None:
            step.edit(one, due_at=step.now)


def follow(step: Step, command: Command, post: Post, commands: Sequence[Command]) -> None:
    """Let what waits for a fetch share its fate when that was parked or has ended without its files."""
    fetch = step.see(command)
    for one in commands:
        if one.kind is CommandKind.FETCH or one.state is not WorkState.DUE or not is_waiting(one, post):
            continue
        if fetch.state is WorkState.PARKED:
            why = fetch.reason or FailureReason.NEEDS_HUMAN
            do = "The media are fetched again by themselves once this is mended."
            park(step, one, post, cause=fetch.cause, reason=why, detail=fetch.detail or "", do=do)
        elif fetch.state is WorkState.DEAD:
            ended = {"state": WorkState.DEAD, "settled_at": step.now, "lease_until": None}
            step.edit(one, reason=fetch.reason, detail=fetch.detail, **ended)


def plan(step: Step, post: Post, commands: Collection[Command], done: Json | None = None, **payload: Any) -> None:
    """Add a fetch to a post that waits for its media, unless it has one; `done` are files that the partner has."""
    post = step.see(post)
    mine = [one for one in map(step.see, commands) if one.kind is CommandKind.FETCH and "media" not in one.payload]
    if post.hosted is None or post.hosted or any(one.state in UNSETTLED for one in mine):
        return
    kept: dict[str, Any] = dict(done or {})
    for one in mine:
        kept |= _part(one, "done")
    progress = {"progress": {"done": kept}} if kept else {}
    step.new_command(post, CommandKind.FETCH, step.now, payload=payload, **progress)


def may_bring(command: Command, post: Post) -> bool:
    """Say whether the partner, which could not use the addresses of a command's media, can be brought their files.

    Once only: what was brought and is refused again stays refused.
    """
    if command.body is not None:
        return False
    if command.kind is CommandKind.PUBLISH:
        named = addresses(post.content)
    else:
        named = addresses(command.payload.get("changes", {}))
    return any(url not in (post.hosted or {}) for url in named)


def bring(step: Step, command: Command, post: Post) -> None:
    """Let a command wait until the files of its media were brought to the partner."""
    command = step.edit(command, due_at=step.now + WAIT)
    if command.kind is CommandKind.PUBLISH:
        plan(step, step.edit(post, hosted={}), [], post.hosted, refused=True)
        return
    media = command.payload["changes"]["media"]
    step.edit(command, payload={**command.payload, "hosts": list(addresses({"media": media}))})
    step.new_command(post, CommandKind.FETCH, step.now, payload={"media": media, "refused": True})


def has_ended(post: Post) -> bool:
    """Say whether nothing will be published any more, so that its media are not needed."""
    return post.partner_id is None and post.state in (PostState.REJECTED, PostState.CANCELED)


def is_moot(command: Command, post: Post) -> bool:
    """Say whether nothing is left for a command to do: what waited to change a post ends with its publish."""
    unsure = post.state is PostState.UNKNOWN and post.partner_id is None and command.kind is not CommandKind.PUBLISH
    return command.kind is not CommandKind.FETCH and (unsure or has_ended(post))


def as_refusal(error: MediaError) -> PartnerError:
    """Return why a file could not be brought in the form that decisions about commands take."""
    failure = FailureClass.TERMINAL if error.final else FailureClass.RETRYABLE
    return PartnerError(error.reason, failure, detail=error.detail)
