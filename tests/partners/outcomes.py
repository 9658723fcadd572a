"""What bridge does about what a partner says, in words: found by playing the answer through the code that decides."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bridge.core import looking
from bridge.core.errors import FailureReason, PartnerError
from bridge.core.model import Command, CommandKind, Judgement, Post, PostState, WorkState
from bridge.core.publishing import fail, start
from bridge.core.retry import Choice, decide
from bridge.core.rules import PublishRules, RetryRules, WatchRules
from bridge.core.step import Step
from bridge.core.units import format_duration
from bridge.ports import Partner
from tests.core.builders import NOW, a_command, a_failed, a_key, a_step, an_unsent, types

KEY = a_key()
VIDEO = "https://cdn.example.com/video.mp4"
BODY = b'{"account_ids": [1], "content": "Hi"}'
FOREVER = 20
"""Tries after which something counts as tried for as long as `publish.give_up_after` says."""
_AGAIN = {FailureReason.UNKNOWN_ACCOUNTS: "Lists the accounts and tries again"}


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer, and how a page shows it where that is not its status and code.

    `envelope` False: what came is a web page, and no answer of the partner's API.
    """

    status: int
    code: str | None = None
    message: str = "No"
    envelope: bool = True
    more: Mapping[str, Any] = field(default_factory=dict)
    shown: str = ""
    about: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "90"} if self.status in (425, 429) else {}


@dataclass
class Play:
    """One publish that a partner answers alike each time; it stands as the last answer left it.

    `build` makes the partner anew for each call, because each has an event loop of its own.
    """

    build: Callable[[], Partner]
    command: Command = field(default_factory=a_command)
    post: Post = field(
        default_factory=lambda: an_unsent(content={"caption": "Hi", "media": {"type": "video", "url": VIDEO}})
    )

    def round(self) -> tuple[PartnerError, Step]:
        """Send it once more, and decide."""
        step = a_step(NOW, KEY)
        sent = start(step, self.command, BODY)
        error = asyncio.run(self._error(sent))
        fail(step, sent, self.post, error, PublishRules(), watch=WatchRules())
        self.command, self.post = step.see(sent), step.see(self.post)
        return error, step

    async def _error(self, command: Command) -> PartnerError:
        partner = self.build()
        try:
            await partner.send(command, self.post, BODY)
        except PartnerError as error:
            return error
        finally:
            await partner.close()
        raise AssertionError("this is no refusal")

    def goes_on(self) -> str:
        """Play to the end, and say how often it was tried."""
        while self.command.state is WorkState.DUE and self.command.attempts < FOREVER:
            self.round()
        if self.command.state is WorkState.DUE:
            return "with a growing pause"
        assert self.post.state is PostState.REJECTED
        return f"{self.command.attempts} times in all"


def done(build: Callable[[], Partner]) -> tuple[PartnerError, str]:
    """Return what a partner's answer to a publish is read as, and what follows from it."""
    play = Play(build)
    error, step = play.round()
    return error, _of_key(error, step, play) or _of_post(error, step, play)


def _of_key(error: PartnerError, step: Step, play: Play) -> str | None:
    key, command = step.see(KEY), play.command
    if key.blocked is not None:
        assert (key.probe_at is not None, command.state, command.cause) == (True, WorkState.PARKED, "key:gv")
        assert (command.attempts, types(step).count("attention.opened")) == (0, 1)
        return "Holds the whole key, parks its work, tells a person once, and tries again by itself"
    if key.held_until is not None:
        assert (key.held_until, command.attempts) == (NOW + (error.retry_after or timedelta()), 0)
        return "Holds the whole key for as long as was asked; no try is used up"
    return None


def _of_post(error: PartnerError, step: Step, play: Play) -> str:
    command = play.command
    if command.state is WorkState.PARKED:
        assert command.cause == "plan:gv"
        return "Parks this post; the oldest that waits is tried again every `watch.probe_every`"
    if any(one.kind is CommandKind.FETCH for one in step.write().commands):
        play.post = replace(play.post, hosted={VIDEO: "brought"})
        return f"Brings the files instead of their addresses, and tries again, {play.goes_on()}"
    if command.body is not None:
        return f"It may have been stored: {_in_doubt(play)}"
    if play.post.state is PostState.REJECTED:
        assert play.post.error == error.detail
        return "Rejects the post, with the partner's text"
    return f"{_AGAIN.get(error.reason, 'Makes the request anew and tries again')}, {play.goes_on()}"


def _in_doubt(play: Play) -> str:
    if not play.build().must_find(play.command, NOW):
        return "sends the same bytes again"
    end = "sends again only what is not there" if looking.refusal(play.command) is None else "rejects what is not there"
    return f"looks for it, and {end}"


def chosen(meaning: Judgement) -> str:
    """Say what follows from an account's failure that means this."""
    rules = RetryRules()
    target = a_failed(reason=meaning.reason, failure=meaning.failure)
    found = decide(rules, target, meaning.wait, now=NOW, chance=0.5)
    match found.choice:
        case Choice.RETRY:
            assert found.at is not None
            assert abs(found.at - NOW - rules.delays[0]) <= rules.delays[0] * rules.jitter
            return f"Retries this account after each of `retry.delays`, {found.most} times by default"
        case Choice.WAIT:
            assert found.at is not None
            return f"Retries this account after {format_duration(found.at - NOW)}"
        case Choice.PARK:
            return "Parks the retry until the account is back"
        case Choice.LOOK_AGAIN:
            assert found.at == NOW + rules.ambiguous_reread
            assert decide(rules, target, meaning.wait, now=found.at, chance=0.5).choice is Choice.PARK
            return "Reads it again for `retry.ambiguous_reread`, then parks it for a person"
        case _:
            assert found.choice is Choice.GIVE_UP
            return "Gives up: the post must be changed"
