"""From a publish request to accounts: which are meant, which may be used, and what they are called at the partner.

A `Directory` is what we know of the partners' accounts at one moment, with our own names for them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property

from bridge.core.errors import Fault
from bridge.core.model import Account, AccountState, Target
from bridge.core.nouns import noun
from bridge.core.states import RETIRED, USABLE
from bridge.core.step import current


@noun(frozen=True, slots=True)
class NamedAccount:
    """Our name for a partner's account, from the configuration: by `id`, or by `platform` and `username`.

    `retired` says that the account is no longer used, whatever other names it has.
    """

    name: str
    partner: str
    id: str | None = None
    platform: str | None = None
    username: str | None = None
    retired: bool = False


@noun(frozen=True, slots=True)
class Wanted:
    """An account that a request asks for. `account` is None when its key was never listed, so that nobody can tell."""

    name: str
    partner: str
    id: str
    account: Account | None

    @property
    def active(self) -> bool:
        """Whether it may be sent to now."""
        return self.account is None or self.account.state in USABLE


@dataclass(frozen=True)
class Directory:
    """The accounts of all keys at one moment, by every way to name them.

    `listed` are the keys whose accounts were read at least once: only of those can absence be told.
    """

    accounts: Mapping[str, Account] = field(default_factory=dict)
    names: Sequence[NamedAccount] = ()
    listed: frozenset[str] = frozenset()
    partners: tuple[str, ...] = ()

    @cached_property
    def _named(self) -> dict[str, Wanted]:
        """Every name that can be resolved now."""
        found = {}
        for rule in self.names:
            if (account_id := rule.id or self._by_username(rule)) is not None:
                found[rule.name] = self._wanted(rule.name, rule.partner, account_id)
        return found

    @cached_property
    def _ids(self) -> dict[str, list[Account]]:
        """Accounts by the partner's id; one id may be seen by several keys."""
        found: dict[str, list[Account]] = {}
        for account in self.accounts.values():
            found.setdefault(account.id, []).append(account)
        return found

    @cached_property
    def _name_of(self) -> dict[tuple[str, str], str]:
        return {(wanted.partner, wanted.id): name for name, wanted in self._named.items()}

    @cached_property
    def retired(self) -> frozenset[str]:
        """The accounts that are no longer used, as `KEY:ID`: each under its present id and those it had before."""
        rules = [rule for rule in self.names if rule.retired and rule.name in self._named]
        named = {f"{rule.partner}:{self._named[rule.name].id}" for rule in rules}
        given = {f"{rule.partner}:{rule.id}" for rule in rules if rule.id is not None}
        accounts = self.accounts.values()
        former = {a.key for a in accounts if (now := self.current(a.partner, a.id)) and now.key in named}
        return frozenset(named | given | former)

    def is_retired(self, wanted: Wanted) -> bool:
        """Say whether an account is no longer used."""
        return f"{wanted.partner}:{wanted.id}" in self.retired

    def shown(self, account: Account) -> str:
        """Return the state that an account is shown in: `retired`, or how its partner lists it."""
        return RETIRED if account.key in self.retired else account.state

    def census(self) -> Iterator[tuple[str, str, str]]:
        """Yield partner, platform and shown state of every account that is watched, also when it has had other ids."""
        for account in self.accounts.values():
            if account.replaced_by is None and account.partner in self.partners:
                yield account.partner, account.platform, self.shown(account)

    def in_use(self, words: Sequence[str]) -> Sequence[str]:
        """Leave out the words that mean nothing but retired accounts; all stay when there would be none."""
        retired = [word for word in words if (found := self.find(word)) and all(map(self.is_retired, found))]
        return [word for word in words if word not in retired] or words

    def name_of(self, partner: str, account_id: str) -> str:
        """Return our name of an account, or an empty string."""
        return self._name_of.get((partner, account_id), "")

    def current(self, partner: str, account_id: str) -> Account | None:
        """Return the account, or the one it came back as."""
        return current(self.accounts, partner, account_id)

    def find(self, word: str) -> list[Wanted]:
        """Return what a word means: our name, a glob over our names, `KEY:ID`, or a partner's id; empty when nothing.

        Of a single key that was never listed any word may be an id, but not a name that waits for the listing.
        """
        if word in self._named:
            return [self._named[word]]
        if is_glob(word):
            return [wanted for name, wanted in self._named.items() if fnmatchcase(name, word)]
        partner, _, account_id = word.partition(":")
        if account_id and partner in self.partners:
            return self._known(partner, account_id)
        if word in self._ids:
            return [self._wanted(self.name_of(a.partner, a.id), a.partner, a.id) for a in self._ids[word][:1]]
        if self._untold(word):
            return []
        return [self._wanted("", self.partners[0], word)] if len(self.partners) == 1 and not self.listed else []

    def _known(self, partner: str, account_id: str) -> list[Wanted]:
        if partner in self.listed and f"{partner}:{account_id}" not in self.accounts:
            return []
        return [self._wanted(self.name_of(partner, account_id), partner, account_id)]

    def _wanted(self, name: str, partner: str, account_id: str) -> Wanted:
        account = self.current(partner, account_id)
        return Wanted(name, partner, account.id if account else account_id, account)

    def _by_username(self, rule: NamedAccount) -> str | None:
        for account in self.accounts.values():
            same = (account.partner, account.platform, account.username) == (rule.partner, rule.platform, rule.username)
            if same and account.replaced_by is None:
                return account.id
        return None

    def _untold(self, word: str) -> list[NamedAccount]:
        """Our names that a word or glob means, and whose account nobody can tell before its key is listed."""
        rules = [rule for rule in self.names if rule.name not in self._named and rule.partner not in self.listed]
        return [rule for rule in rules if fnmatchcase(rule.name, word)]

    def unread(self, word: str, *, found: bool) -> bool:
        """Whether a word may mean more once all keys have been listed; `found` if it means something now."""
        if any(rule.name == word for rule in self.names) or found:
            return bool(self._untold(word))
        return len(self.listed) < len(self.partners)


Resolved = tuple[list[Wanted], list[Fault], list[str]]


def is_glob(word: str) -> bool:
    """Say whether a word is a pattern over our names."""
    return "*" in word or "?" in word or "[" in word


def resolve(words: Iterable[str], directory: Directory, allowed: Sequence[str]) -> Resolved:
    """Return the accounts that words mean, once each; what is wrong with them; and which names may not be used.

    `allowed` are patterns over our names and ids (empty: all). A glob means no account that is retired.
    """
    chosen: dict[tuple[str, str], Wanted] = {}
    faults: list[Fault] = []
    refused: list[str] = []
    for place, word in enumerate(words):
        found = directory.find(word)
        if is_glob(word):
            found = [wanted for wanted in found if may_use(wanted, allowed)]
            found = [wanted for wanted in found if not directory.is_retired(wanted)] or found
        for wanted in found:
            if not may_use(wanted, allowed):
                refused.append(word)
            elif directory.is_retired(wanted):
                faults.append(_retired(place, word))
            elif wanted.account is None and wanted.partner in directory.listed:
                faults.append(_fault(place, word, f"was never seen at {wanted.partner}"))
            elif wanted.account is not None and wanted.account.state is AccountState.REMOVED:
                faults.append(_fault(place, word, f"was removed at {wanted.partner}"))
            else:
                chosen[wanted.partner, wanted.id] = wanted
        if not found:
            faults.append(_fault(place, word, "is no account that we know"))
    return list(chosen.values()), faults, refused


def _fault(place: int, word: str, problem: str) -> Fault:
    remedy = "GET /v1/accounts lists the accounts; use a name, an id or a glob from there."
    return Fault(f"accounts[{place}]", f"{word[:60]!r} {problem}", remedy)


def _retired(place: int, word: str) -> Fault:
    remedy = "The configuration says that it is no longer used; take `retired` away there, or name another account."
    return Fault(f"accounts[{place}]", f"{word[:60]!r} is retired", remedy)


def may_use(wanted: Wanted, allowed: Sequence[str]) -> bool:
    """Say whether an allow-list lets this account be used."""
    words = (wanted.name, wanted.id, f"{wanted.partner}:{wanted.id}")
    return not allowed or any(fnmatchcase(word, pattern) for pattern in allowed for word in words if word)


def targets(wanted: Iterable[Wanted]) -> tuple[Target, ...]:
    """Return a post's targets for these accounts."""
    return tuple(
        Target(account=item.id, name=item.name, platform=item.account.platform if item.account else "")
        for item in wanted
    )


def partner_external_id(caller_id: str | None, event_id: str, index: int) -> str:
    """Return the `external_id` of the event's post number `index`: the caller's own for the first, else derived.

    Never more than 128 characters, never from content alone.
    """
    base = caller_id or event_id
    if index == 0:
        return base
    suffix = f"-{index + 1}"
    return f"{base}{suffix}" if len(base) + len(suffix) <= 128 else f"{event_id}{suffix}"
