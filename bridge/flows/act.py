"""Act: what a person asks of a post: edit, cancel, retry, send, drop, "it is live"."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, TypeVar

from bridge.core import actions
from bridge.core.directory import Wanted, is_glob, may_use, resolve, targets
from bridge.core.errors import Conflict, FailureClass, Fault, PartnerError, Problem
from bridge.core.model import Account, Command, Event, Json, Link, Post, PostState, Target
from bridge.core.planning import lateness
from bridge.core.queries import Find
from bridge.core.request import invalid, parse_request
from bridge.core.step import Step
from bridge.flows import Kit, log
from bridge.ports import Partner

Result = TypeVar("Result")


class Actions:
    """Every method answers the post as it is afterwards, and the command that its partner gets, if any.

    `by` is who asks, in words for people: it is kept and told with what follows.

    Raises (all): `Problem` 404 for an unknown post, 403 for one that the caller may not touch, 409 with the state when
    it is not allowed now, 422 with every fault.
    """

    def __init__(self, kit: Kit) -> None:
        self.kit = kit

    async def edit(
        self, post_id: str, fields: Mapping[str, Any], allowed: Sequence[str], by: str = actions.PERSON
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

        def decide(step: Step, post: Post, commands: list[Command]) -> Command | None:
            late = lateness(request.scheduled_at, step.now)
            if late is not None:
                raise invalid([late])
            self._check(post, actions.under_way(commands), changes, wanted)
            rows = targets(wanted) if wanted else None
            return actions.edit(step, post, commands, changes, rows, hosts=self._hosts(post, changes, rows), by=by)

        return await self._act("edited", post_id, allowed, decide, by)

    async def cancel(
        self, post_id: str, allowed: Sequence[str], by: str = actions.PERSON
    ) -> tuple[Post, Command | None]:
        """Take a post back before it goes out."""
        return await self._act("canceled", post_id, allowed, partial(actions.cancel, by=by), by)

    async def retry(
        self, post_id: str, allowed: Sequence[str], by: str = actions.PERSON
    ) -> tuple[Post, Command | None]:
        """Try it again, with a fresh budget; nothing is sent that was asked for anew since, and goes."""
        post = await self._post(post_id, allowed)
        if post.partner_id is None and post.state is PostState.REJECTED:
            await self._refuse_overtaken(post)
        return await self._act("retried", post_id, allowed, partial(actions.retry, by=by), by)

    async def _refuse_overtaken(self, post: Post) -> None:
        """Refuse what another event has posts for now: a request that was free to come again, or a page saved anew."""
        found = await self.kit.store.event(post.event_id)
        if found is None:
            return
        event, _ = found
        for event_id in await self._others(event):
            other = await self.kit.store.event(event_id)
            for one in other[1] if other is not None else ():
                if actions.goes(one):
                    detail = f"The same goes out as {one.id} of {event_id}, which is {one.state}. GET it for its state."
                    raise Problem(409, "asked_anew", detail, extra={"post_id": one.id, "event_id": event_id})

    async def _others(self, event: Event) -> set[str]:
        """Return the later events that have what an event once had: its key, its request, or its object."""
        store, found = self.kit.store, set[str]()
        if event.key is None:
            # Whose key is gone let go of it to another.
            for one in await store.find_events(Find(source=event.source, since=event.received_at, limit=_LATER)):
                said = one.scope == event.scope
                if said and (one.fingerprint == event.fingerprint or _same(one.external_id, event.external_id)):
                    found.add(one.id)
        if event.object_id:
            rows = await store.objects(event.source, [event.object_id])
            found |= {row.event_id for row in rows if row.event_id is not None}
        return found - {event.id}

    async def send(
        self, post_id: str, allowed: Sequence[str], by: str = actions.PERSON, version: int | None = None
    ) -> tuple[Post, Command | None]:
        """Let parked work go now; of what is held this is the approval.

        With a `version` only while the post is still the one that was looked at.
        """

        def decide(step: Step, post: Post, commands: list[Command]) -> Command | None:
            if version not in (None, post.version):
                raise Problem(409, "changed_meanwhile", "It was changed just now. Look at it again.")
            return actions.send(step, post, commands, by=by)[0]

        return await self._act("sent", post_id, allowed, decide, by)

    async def drop(self, post_id: str, allowed: Sequence[str], by: str = actions.PERSON) -> tuple[Post, Command | None]:
        """End parked work for good; of a post whose key is configured no more all work, if nothing of it was sent."""

        def decide(step: Step, post: Post, commands: list[Command]) -> None:
            if post.partner in self.kit.partners:
                actions.drop(step, post, commands, by=by)
            elif actions.is_untouched(post, commands, self.kit.store.clock()):
                actions.abandon(step, post, commands, by=by)
            else:
                raise _not_configured(post)

        return await self._act("dropped", post_id, allowed, decide, by, gone=True)

    async def live(self, post_id: str, allowed: Sequence[str], by: str = actions.PERSON) -> tuple[Post, Command | None]:
        """Take a person's word that a failure of unknown outcome went out."""
        return await self._act("confirmed", post_id, allowed, partial(actions.is_live, by=by), by)

    async def reconnect_link(self, word: str, allowed: Sequence[str]) -> tuple[Account, Link]:
        """Make an address where a person reconnects an account, given our name, `KEY:ID`, or the partner's id alone.

        Whoever has the address can connect an account in the customer's name: it is told to the caller and nobody else.
        """
        account = self._account(word, allowed)
        partner = self.kit.partners.get(account.partner)
        if partner is None:
            raise _no_key(account.partner, "so its accounts cannot be reconnected from here")
        if not partner.links(account.platform):
            raise _no_link(account)
        if not partner.writes:
            raise _no_writes(account)
        try:
            link = await partner.reconnect_link(account.id)
        except PartnerError as error:
            raise _no_answer(account, error) from error
        if link is None:
            raise _no_link(account)
        log.info("account.link_made", account=account.key, expires_at=link.expires_at)
        return account, link

    def _account(self, word: str, allowed: Sequence[str]) -> Account:
        directory = self.kit.book.directory
        found = [] if is_glob(word) else directory.find(word)
        account = found[0].account if found else None
        if account is None:
            detail = f"There is no account {word[:60]!r} that was ever listed. GET /v1/accounts lists them."
            raise Problem(404, "no_such_account", detail)
        if not may_use(found[0], allowed):
            raise Problem(403, "account_not_allowed", f"This token may not use {word[:60]!r}.")
        same = [one.key for one in directory.accounts.values() if one.id == word]
        if len(same) > 1:
            detail = f"Several keys see the account {word[:60]!r}. Name one of {', '.join(sorted(same))[:120]}."
            raise Problem(409, "account_not_unique", detail, extra={"accounts": sorted(same)})
        return account

    async def find(self, post_id: str) -> str:
        """Return our id of a post, given our id or `PARTNER:ID`."""
        partner, _, partner_id = post_id.partition(":")
        if partner_id and partner in self.kit.partners:
            return await self.kit.store.post_id(partner, partner_id) or post_id
        return post_id

    async def _post(self, post_id: str, allowed: Sequence[str], *, gone: bool = False) -> Post:
        """Read a post, one whose key is `gone` only where that is said."""
        post = (await self.kit.store.posts([post_id])).get(post_id)
        if post is None:
            raise Problem(404, "no_such_post", f"There is no post {post_id[:60]!r}.")
        _refuse_foreign(post, allowed)
        if not gone and post.partner not in self.kit.partners:
            raise _not_configured(post)
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

    def _check(
        self, post: Post, under_way: Mapping[str, Any], changes: Mapping[str, Any], wanted: Sequence[Wanted]
    ) -> None:
        """Judge the post as it would be, with the changes that are under way; what was wrong before is let be."""
        partner, before = self.kit.partners[post.partner], {**post.content, **under_way}
        moved = [str(row["id"]) for row in before.pop("accounts", ())] or [row.account for row in post.targets]
        content = {name: value for name, value in {**before, **changes}.items() if value is not None}
        at = content.pop("scheduled_at", post.scheduled_at)
        accounts = self._known(post.partner, [row.account for row in targets(wanted)] or moved)
        if not accounts:
            return
        when = at if isinstance(at, datetime) else None
        known = partner.check(post.content, self._known(post.partner, moved), when).faults
        checked = partner.check(content, accounts, when)
        faults = [one for one in checked.faults if _root(one.field) in changes or one not in known]
        faults += _left_out(checked.warnings, changes, sent=not actions.is_unsent(post))
        faults += _split_by(partner, content, accounts)
        if faults:
            raise invalid(list(dict.fromkeys(faults)))

    def _hosts(self, post: Post, changes: Mapping[str, Any], rows: Sequence[Target] | None) -> Sequence[str]:
        """Return the addresses of changed media that its partner must have stored first."""
        if changes.get("media") is None:
            return ()
        accounts = self._known(post.partner, [row.account for row in rows or post.targets])
        return self.kit.partners[post.partner].to_host({"media": changes["media"]}, accounts)

    def _known(self, partner: str, ids: Sequence[str]) -> list[Account]:
        found = (self.kit.book.directory.current(partner, account_id) for account_id in ids)
        return [account for account in found if account is not None]

    async def _act(
        self,
        word: str,
        post_id: str,
        allowed: Sequence[str],
        decide: Callable[[Step, Post, list[Command]], Command | None],
        by: str,
        *,
        gone: bool = False,
    ) -> tuple[Post, Command | None]:
        await self._post(post_id, allowed, gone=gone)

        async def once() -> tuple[bool, Post, Command | None]:
            step = Step(self.kit.moment(), await self.kit.world())
            post = await self._post(post_id, allowed, gone=gone)
            command = decide(step, post, await self.kit.store.commands(post_id))
            return await self.kit.record(step), step.see(post), command

        for _ in range(5):
            kept, post, command = await once()
            if kept:
                log.info(
                    "post.changed",
                    action=word,
                    by=by,
                    post_id=post_id,
                    state=post.state,
                    command_id=command.id if command else None,
                )
                return post, command
        raise Conflict("the post changed each time")


def _same(one: str | None, other: str | None) -> bool:
    return one is not None and one == other


_LATER = 200
"""How many later events of a source are looked at for one that took over a key."""

_CHANGES = ("caption", "media", "scheduled_at", "music_url", "tiktok", "pinterest", "settings")


def _root(field: str) -> str:
    return field.partition(".")[0].partition("[")[0]


def _left_out(warnings: Sequence[Json], changes: Mapping[str, Any], *, sent: bool) -> list[Fault]:
    """Return what is asked for and would reach nobody: an edit that does nothing must not look done."""
    faults = [
        Fault(str(one["field"]), str(one["message"]), "Leave it out.")
        for one in warnings
        if one.get("code") == "NOT_TARGETED" and _root(str(one["field"])) in changes
    ]
    if sent and "settings" in changes and not changes["settings"]:
        remedy = "Send the provider's fields with the values that they should have."
        faults.append(Fault("settings", "cannot be cleared once the post is at its partner", remedy))
    return faults


def _split_by(partner: Partner, content: Json, accounts: Sequence[Account]) -> list[Fault]:
    """Return what one request cannot serve all accounts with: a post stays one post, so it would have to be split."""
    if len(partner.split(content, accounts)) == 1:
        return []
    remedy = "Name only accounts that fit together, or cancel the post and publish it anew."
    if len(partner.split({}, accounts)) > 1:
        return [Fault("accounts", f"are {len(accounts)}, which is more than one post at the partner takes", remedy)]
    names = [name for name in content if len(partner.split({name: content[name]}, accounts)) > 1]
    return [Fault(name, "cannot go to all accounts of the post", remedy) for name in names]


def _not_configured(post: Post) -> Problem:
    return _no_key(post.partner, "so of its posts only those can be dropped that were never sent")


def _no_key(partner: str, so: str) -> Problem:
    detail = f"There is no key {partner!r} under `partners` any more, {so}. Put it back, then ask again."
    return Problem(409, "partner_not_configured", detail, extra={"partner": partner})


def _no_link(account: Account) -> Problem:
    where = f"{account.partner} makes no link for this {account.platform} account"
    detail = f"{where}: it is reconnected in the partner's own dashboard."
    return Problem(409, "no_reconnect_link", detail, extra={"account": account.key})


def _no_writes(account: Account) -> Problem:
    key = account.partner
    detail = f"partners.{key}.writes is off, so {key} is asked for no link. Turn it on, or use its own dashboard."
    return Problem(409, "writes_off", detail, extra={"account": account.key})


def _no_answer(account: Account, error: PartnerError) -> Problem:
    """Say why a partner made no link: 503 when it may later, 502 when it refused."""
    extra = {"account": account.key, "reason": error.reason, "partner_status": error.status}
    log.warning("account.link_refused", account=account.key, reason=error.reason, status=error.status)
    if error.failure in (FailureClass.RETRYABLE, FailureClass.AMBIGUOUS):
        detail = f"{account.partner} did not answer ({error.reason}). Ask again later."
        wait = error.retry_after or _COME_BACK
        return Problem(503, "partner_unavailable", detail, retry_after=wait, extra=extra)
    detail = f"{account.partner} made no link ({error.reason}): {error.detail}"
    return Problem(502, "partner_refused", detail, extra=extra)


_COME_BACK = timedelta(seconds=30)


def _refuse_foreign(post: Post, allowed: Sequence[str]) -> None:
    """A token that may use some accounts only may touch posts on those only."""
    if not allowed:
        return
    for target in post.targets:
        words = [word for word in (target.name, target.account, f"{post.partner}:{target.account}") if word]
        if not any(fnmatchcase(word, pattern) for word in words for pattern in allowed):
            detail = f"This token may not use {target.name or target.account}, which the post goes to."
            raise Problem(403, "account_not_allowed", detail)
