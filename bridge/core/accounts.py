"""What a listing of a key's accounts changes: who is connected, gone, or back, and what that opens and closes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Account, AccountState, Cause, Command, Key, Listed, Listing, Post, Target
from bridge.core.retry import BREAKER, breaker_hold, command_backoff
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.states import USABLE
from bridge.core.step import Step, account_cause, key_cause

_REFRESH = timedelta(hours=1)


def observe_listing(
    step: Step, key: Key, listing: Listing, rules: WatchRules, refused: frozenset[str] | None = None
) -> None:
    """Apply a 200 listing.

    The first one is a silent baseline. An account that is absent `misses_before_disconnected` times in a row under an
    unchanged scope is disconnected. A listing that was asked for between times says what is absent only of the accounts
    that the partner has just `refused`; these need no second miss. Another workspace blocks the key and says nothing.
    """
    first = key.listed_at is None
    same_scope = key.scope == listing.scope
    known = {a.id: a for a in step.world.accounts.values() if a.partner == key.name}
    listed = {row.id: row for row in listing.accounts}
    if not first and not same_scope and known and not known.keys() & listed.keys():
        _block_elsewhere(step, key, listing, rules)
        return
    for row in listing.accounts:
        if row.id not in known:
            _appeared(step, key, row, known, listed, silent=first)
        else:
            _present(step, known[row.id], row)
    if same_scope and not first:
        for account in known.values():
            if account.id not in listed:
                _absent(step, account, rules, refused)
    _answered(step, key, listing)


def _appeared(
    step: Step, key: Key, row: Listed, known: Mapping[str, Account], listed: Mapping[str, Listed], *, silent: bool
) -> None:
    """An id that was never seen: new, or an old account that came back under a new id.

    What is wrong with it is told after that it is there, but not of a baseline: its cause opens once work waits for it.
    """
    account = step.add(Account(key.name, first_seen_at=step.now, last_seen_at=step.now, **_facts(row)))
    former = [a for a in known.values() if _same(a, row) and a.id not in listed and a.replaced_by is None]
    if silent and not former:
        step.edit(account, state=row.state, detail=_why(row))
        return
    if former:
        old = step.edit(former[0], replaced_by=row.id, state=AccountState.REMOVED)
        step.tell_account(account, "account.reconnected", former[0].state, replaces=old.id)
        step.close_cause(account_cause(key.name, old.id), "the account came back under a new id")
    else:
        step.tell_account(account, "account.connected", None)
    _judged(step, step.see(account), row)


_LISTED = ("id", "platform", "username", "display_name", "type", "raw_status", "capabilities")


def _facts(row: Listed) -> dict[str, Any]:
    """Return what a listing says of an account beside how it is."""
    return {name: getattr(row, name) for name in _LISTED}


def _why(row: Listed) -> str:
    """Say in words why an account is not plainly active; empty when it is."""
    return "" if row.state is AccountState.ACTIVE else row.detail or f"listed as {row.raw_status}"


def _same(account: Account, row: Listed) -> bool:
    return bool(row.username) and (account.platform, account.username) == (row.platform, row.username)


def _present(step: Step, account: Account, row: Listed) -> None:
    """An account that is listed."""
    seen = replace(account, **_facts(row), misses=0)
    if seen != account or step.now - account.last_seen_at >= _REFRESH:
        step.edit(seen, last_seen_at=step.now)
    _judged(step, step.see(seen), row)


def _judged(step: Step, account: Account, row: Listed) -> None:
    """Follow what a listing says of how an account is.

    One whose token a post has failed for, while it is listed as usable, stays degraded: the listing knows nothing of
    it. Two such listings show that its mending cannot be seen either.
    """
    if row.state not in USABLE:
        _lost(step, account, row.state, _why(row))
        return
    if account.state not in USABLE:
        again = {"state": AccountState.ACTIVE, "detail": "", "seen_active": 0, "replaced_by": None}
        back = step.edit(account, last_seen_at=step.now, **again)
        step.tell_account(back, "account.reconnected", account.state)
        step.close_cause(account_cause(account.partner, account.id), "the account is active again")
        account = step.see(back)
    if account.state is AccountState.DEGRADED and not account.detail:
        if account.seen_active < 2:
            step.edit(account, seen_active=account.seen_active + 1, last_seen_at=step.now)
    elif (row.state is not account.state or _why(row) != account.detail) and (row.thorough or _why(row)):
        _noticed(step, account, row)


def _noticed(step: Step, account: Account, row: Listed) -> None:
    """An early notice of the partner that came, changed, or is over: nothing waits for it, so it opens no cause."""
    changed = step.edit(account, state=row.state, detail=_why(row), last_seen_at=step.now)
    if row.state is AccountState.DEGRADED and account.state is AccountState.ACTIVE:
        step.tell_account(changed, "account.degraded", account.state, detail=changed.detail)
    elif row.state is AccountState.ACTIVE:
        step.tell_account(changed, "account.reconnected", account.state)


def _absent(step: Step, account: Account, rules: WatchRules, refused: frozenset[str] | None) -> None:
    """An account that a listing of the same scope did not show."""
    account = step.see(account)
    if account.state not in USABLE or (refused is not None and account.id not in refused):
        return
    misses = account.misses + 1
    account = step.edit(account, misses=misses)
    if misses >= rules.misses_before_disconnected or refused:
        _lost(step, account, AccountState.DISCONNECTED, "no longer listed as active")


def _lost(step: Step, account: Account, state: AccountState, detail: str) -> None:
    """An account that cannot be posted to until a person acts; told once, and once more when it is gone for good."""
    account = step.see(account)
    worse = account.state is AccountState.DISCONNECTED and state is AccountState.REMOVED
    if account.state not in USABLE and not worse:
        if detail != account.detail and account.replaced_by is None:
            step.edit(account, detail=detail)
        return
    previous = account.state
    account = step.edit(account, state=state, detail=detail)
    step.tell_account(account, f"account.{account.state}", previous, detail=detail)
    ask_person(step, account, detail)


def ask_person(step: Step, account: Account, detail: str, waits: Sequence[str] = ()) -> None:
    """Open the cause of an account that cannot be posted to; `waits` are the posts that are known to wait for it."""
    name = f"{account.platform} account {account.username or account.id}"
    cause = account_cause(account.partner, account.id)
    step.open_cause(cause, account.partner, FailureReason.ACCOUNT_INACTIVE, f"{name}: {detail}", waits=list(waits))


def mended_since(step: Step, post: Post, target: Target, seen_before: datetime | None) -> bool:
    """Whether a token's failure may be older than the reconnection of its account, which has ended its cause."""
    cause = step.world.causes.get(account_cause(post.partner, target.account))
    account = step.world.accounts.get(f"{post.partner}:{target.account}")
    if target.failure is not FailureClass.NEEDS_HUMAN or cause is None or cause.closed_at is None or account is None:
        return False
    known = seen_before or post.settled_at or post.created_at
    return known < cause.closed_at and step.see(account).state is AccountState.ACTIVE


def _answered(step: Step, key: Key, listing: Listing) -> None:
    """The key works: note the scope, and recover it when it was blocked or its breaker was open.

    A listing proves nothing about writes: when one of them was refused, it only lets reads and one probe go.
    """
    if key.blocked is None or key.probe_at is None:
        recover(step, key)
    elif key.failures or key.held_until is not None:
        step.edit(key, failures=0, held_until=None)
    changed = key.scope != listing.scope or key.listed_at is None
    if changed or step.now - (key.listed_at or step.now) >= _REFRESH:
        step.edit(key, scope=listing.scope, listed_at=step.now)


def recover(step: Step, key: Key, how: str = "the key is accepted again") -> None:
    """A call of the key succeeded: close its breaker, and tell it when it was blocked. A Retry-After goes on."""
    before = step.see(key)
    if before.blocked is not None or before.failures:
        open_breaker = before.blocked is not None or before.failures >= BREAKER
        held = None if open_breaker else before.held_until
        key = step.edit(key, blocked=None, detail=None, failures=0, held_until=held, probe_at=None)
    if before.blocked is not None:
        step.tell_key(key, "partner.recovered", "blocked", "ok")
        step.close_cause(key_cause(key.name), how)


def block(
    step: Step, key: Key, error: PartnerError, hold: timedelta, *, write: bool = False, waits: Iterable[str] = ()
) -> None:
    """The partner refuses the key or its plan: hold it until the next probe, and tell it once.

    When it is a `write` that is refused, reads go on as soon as a listing has shown that they may.
    """
    before = step.see(key)
    told = before.blocked is not None
    wait = max(hold, error.retry_after or hold)
    if write:
        key = step.edit(key, probe_at=step.now + wait)
    if not write or before.probe_at is None or error.retry_after is not None:
        key = step.edit(key, held_until=_at_least(step, before, wait))
    key = step.edit(key, blocked=error.reason, detail=error.detail)
    if not told:
        step.tell_key(key, "partner.blocked", "ok", "blocked", reason=error.reason, error=error.detail)
        step.open_cause(key_cause(key.name), key.name, error.reason, error.detail, waits=list(waits))


def _block_elsewhere(step: Step, key: Key, listing: Listing, rules: WatchRules) -> None:
    """The key sees another workspace, with none of our accounts: what it says of our posts there means nothing."""
    if key.blocked is not FailureReason.OTHER_WORKSPACE:
        # What it was blocked for until now is over: its cause is another.
        recover(step, key)
    detail = f"the key sees {listing.scope} and none of the accounts that it saw in {key.scope}"
    error = PartnerError(FailureReason.OTHER_WORKSPACE, FailureClass.NEEDS_HUMAN, detail=detail, key_wide=True)
    block(step, step.see(key), error, rules.probe_every)


def may_read(key: Key, now: datetime) -> bool:
    """Say whether posts are read with a key: it is not held, and not blocked for more than writes."""
    if key.blocked is not None:
        return _reads_work(key)
    return key.held_until is None or key.held_until <= now


def _reads_work(key: Key) -> bool:
    """Whether a write was refused and a listing has been answered since."""
    return key.probe_at is not None and key.held_until is None


def may_probe(step: Step, cause: Cause) -> bool:
    """Say whether one command that waits for a key may be tried now, to see whether writes work again."""
    key = step.world.keys.get(cause.partner)
    if key is None or cause.kind != "key":
        return False
    key = step.see(key)
    return key.probe_at is not None and key.probe_at <= step.now and _reads_work(key)


def note_probe(step: Step, cause: Cause, rules: WatchRules) -> None:
    """Let the next probe of a key wait for its turn, now that one goes out."""
    if may_probe(step, cause):
        step.edit(step.world.keys[cause.partner], probe_at=step.now + rules.probe_every)


def is_probe(key: Key, command: Command) -> bool:
    """Say whether a command of a blocked key goes out all the same: it was let go to see whether writes work again."""
    return command.cause == key_cause(key.name) and _reads_work(key)


def idle_keys(step: Step, waiting: Collection[str]) -> list[Key]:
    """Return the keys that only a write can unblock while none waits to be that write."""
    keys = step.world.keys.values()
    return [key for key in keys if _reads_work(key) and key_cause(key.name) not in waiting]


def _at_least(step: Step, key: Key, hold: timedelta) -> datetime:
    """A key is held for so long from now; a hold that ends later is not shortened."""
    return max(step.now + hold, key.held_until or step.now)


def count_failure(step: Step, key: Key, error: PartnerError, rules: PublishRules) -> None:
    """Keep the key's breaker: five 5xx or time-outs in a row hold it, and a Retry-After holds it for as long."""
    if error.retry_after is not None or error.reason is FailureReason.RATE_LIMITED:
        hold = error.retry_after or command_backoff(rules, 1, step.moment.chance())
        step.edit(key, held_until=_at_least(step, key, hold))
    elif error.reason in _BREAKING:
        failures = key.failures + 1
        hold_for = breaker_hold(rules, failures, step.moment.chance())
        step.edit(key, failures=failures, held_until=_at_least(step, key, hold_for) if hold_for else key.held_until)
    elif key.failures and error.status is not None:
        # A connection that failed or was cut is no answer, so it ends no row of failures.
        step.edit(key, failures=0)


_BREAKING = (FailureReason.SERVER_ERROR, FailureReason.TIMEOUT, FailureReason.CONNECT, FailureReason.UNREADABLE)


def note_failure(step: Step, key: Key, error: PartnerError, rules: PublishRules, watch: WatchRules) -> None:
    """Note what a failed read says of its key: blocked, or one more failure. It says nothing of accounts or posts."""
    if error.key_wide:
        block(step, key, error, watch.probe_every)
    else:
        count_failure(step, key, error, rules)
