"""Act: what a person asks of a post: edit, cancel, retry, send, drop, "it is live"."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from bridge.core import actions
from bridge.core.errors import Conflict, Fault, Problem
from bridge.core.mapping import Wanted, resolve, targets
from bridge.core.model import Account, Command, Endpoint, Post, Target
from bridge.core.request import invalid, parse_request
from bridge.core.step import Step
from bridge.flows import Kit, log

Result = TypeVar("Result")


class Actions:
    """Every method answers the post as it is afterwards, and the command that its partner gets, if any.

    Raises (all): `Problem` 404 for an unknown post, 403 for one that the caller may not touch, 409 with the state when
    it is not allowed now, 422 with every fault.
    """

    def __init__(self, kit: Kit) -> None:
        self.kit = kit

    async def edit(
        self, post_id: str, fields: Mapping[str, Any], allowed: Sequence[str]
    ) -> tuple[Post, Command | None]:
        """Change caption, media, accounts, schedule or settings."""
        request = parse_request(fields, editing=True)
        changes: dict[str, Any] = {name: value for name, value in request.content.items() if name in _CHANGES}
        changes |= {name: None for name in request.clear if name in _CHANGES}
        if request.scheduled_at is not None:
            changes["scheduled_at"] = request.scheduled_at
        if not changes and request.accounts is None:
            words = ", ".join((*_CHANGES, "accounts"))
            raise invalid([Fault("", "names no field to change", f"Send one of {words}.")])
        post = await self._post(post_id, allowed)
        wanted = self._wanted(post, request.accounts, allowed)
        self._check(post, changes, wanted)

        def decide(step: Step, post: Post, commands: list[Command]) -> Command | None:
            return actions.edit(step, post, commands, changes, targets(wanted) if wanted else None)

        return await self._act("edited", post_id, allowed, decide)

    async def cancel(self, post_id: str, allowed: Sequence[str]) -> tuple[Post, Command | None]:
        """Take a post back before it goes out."""
        return await self._act("canceled", post_id, allowed, actions.cancel)

    async def retry(self, post_id: str, allowed: Sequence[str]) -> tuple[Post, Command | None]:
        """Try it again, with a fresh budget."""
        return await self._act("retried", post_id, allowed, actions.retry)

    async def send(self, post_id: str, allowed: Sequence[str]) -> tuple[Post, Command | None]:
        """Let parked work go now."""
        return await self._act("sent", post_id, allowed, lambda step, post, rows: actions.send(step, post, rows)[0])

    async def drop(self, post_id: str, allowed: Sequence[str]) -> tuple[Post, Command | None]:
        """End parked work for good."""
        return await self._act("dropped", post_id, allowed, actions.drop)

    async def live(self, post_id: str, allowed: Sequence[str]) -> tuple[Post, Command | None]:
        """Take a person's word that a failure of unknown outcome went out."""
        return await self._act("confirmed", post_id, allowed, actions.is_live)

    async def enable(self, name: str) -> Endpoint:
        """Let an endpoint have deliveries again."""
        endpoint = (await self.kit.store.endpoints()).get(name)
        if endpoint is None:
            raise Problem(404, "no_such_endpoint", f"There is no endpoint {name[:60]!r}. GET /v1/endpoints lists them.")
        step = Step(self.kit.moment())
        endpoint = step.edit(endpoint, enabled=True, reason=None)
        if not await self.kit.record(step):
            raise Problem(409, "changed_meanwhile", "The endpoint was changed meanwhile. Ask again.")
        log.info("endpoint.enabled", endpoint=name)
        return endpoint

    async def find(self, post_id: str) -> str:
        """Return our id of a post, given our id or `PARTNER:ID`."""
        partner, _, partner_id = post_id.partition(":")
        if partner_id and partner in self.kit.partners:
            return await self.kit.store.post_id(partner, partner_id) or post_id
        return post_id

    async def _post(self, post_id: str, allowed: Sequence[str]) -> Post:
        post = (await self.kit.store.posts([post_id])).get(post_id)
        if post is None:
            raise Problem(404, "no_such_post", f"There is no post {post_id[:60]!r}.")
        _refuse_foreign(post, allowed)
        return post

    def _wanted(self, post: Post, words: Sequence[str] | None, allowed: Sequence[str]) -> list[Wanted]:
        if words is None:
            return []
        wanted, faults, refused = resolve(words, self.kit.book.directory, allowed)
        if refused:
            raise Problem(403, "account_not_allowed", f"This token may not publish to {', '.join(refused[:5])}.")
        faults += [
            Fault("accounts", f"{w.name or w.id} is not at {post.partner}") for w in wanted if w.partner != post.partner
        ]
        if faults:
            raise invalid(faults)
        return wanted

    def _check(self, post: Post, changes: Mapping[str, Any], wanted: Sequence[Wanted]) -> None:
        """Judge the post as it would be."""
        content = {name: value for name, value in {**post.content, **changes}.items() if value is not None}
        at = content.pop("scheduled_at", post.scheduled_at)
        rows: Sequence[Target] = targets(wanted) if wanted else post.targets
        known = self.kit.book.directory
        found = [known.current(post.partner, row.account) for row in rows]
        accounts: list[Account] = [account for account in found if account is not None]
        checked = self.kit.partners[post.partner].check(content, accounts, at if isinstance(at, datetime) else None)
        if accounts and checked.faults:
            raise invalid(checked.faults)

    async def _act(
        self,
        word: str,
        post_id: str,
        allowed: Sequence[str],
        decide: Callable[[Step, Post, list[Command]], Command | None],
    ) -> tuple[Post, Command | None]:
        await self._post(post_id, allowed)

        async def once() -> tuple[bool, Post, Command | None]:
            step = Step(self.kit.moment(), await self.kit.world())
            post = await self._post(post_id, allowed)
            command = decide(step, post, await self.kit.store.commands(post_id))
            return await self.kit.record(step), step.see(post), command

        for _ in range(5):
            kept, post, command = await once()
            if kept:
                log.info(
                    "post.changed",
                    action=word,
                    post_id=post_id,
                    state=post.state,
                    command_id=command.id if command else None,
                )
                return post, command
        raise Conflict("the post changed each time")


_CHANGES = ("caption", "media", "scheduled_at", "music_url", "tiktok", "pinterest", "settings")


def _refuse_foreign(post: Post, allowed: Sequence[str]) -> None:
    """A token that may use some accounts only may touch posts on those only."""
    if not allowed:
        return
    for target in post.targets:
        words = [word for word in (target.name, target.account, f"{post.partner}:{target.account}") if word]
        if not any(fnmatchcase(word, pattern) for word in words for pattern in allowed):
            detail = f"This token may not use {target.name or target.account}, which the post goes to."
            raise Problem(403, "account_not_allowed", detail)
