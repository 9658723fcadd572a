"""Warns of what a sound configuration of a source opens up, or probably does not mean."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from bridge.core.directory import is_glob
from bridge.core.hook_rules import NONE, HookRules
from bridge.core.mapping import NAMES
from bridge.core.mistakes import nearest
from bridge.core.platforms import KNOWN, family
from bridge.core.rules import SourceRules
from bridge.core.templates import condition_problem
from bridge.settings._types import AccountEntry, Entry

SHORT_TOKEN = 16
"""A secret with fewer characters may be guessed."""

_NAME = re.compile(r"(?=.*[a-z])[a-z0-9][a-z0-9_-]*")
_ID = re.compile(r"[0-9a-f-]{16,}|(?=.*[0-9]{3})[a-z0-9_-]{16,}")
"""What partners call an account: a number, a UUID, or a long word with numbers in it."""
_SWEEP = timedelta(seconds=30)
"""How often bridge looks which feeds are due."""
_OF_FEED = ("feed_every", "feed_after", "max_age", "brake")
_NAMING = frozenset({"generic", "standard_webhooks", "cloudevents", "slack"})
"""Kinds whose senders are people, or made to measure, so they may well name accounts themselves."""
_FETCHING = frozenset({"notion", "storyblok"})
"""Kinds that send no content: it has to be fetched with a token."""


def source_warnings(tree: Mapping[str, Any], built: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence on whatever a source, or `publish`, opens up or probably does not mean."""
    accounts: Mapping[str, AccountEntry] = built["accounts"]
    platforms = KNOWN | {family(account.platform) for account in accounts.values() if account.platform}
    sections: dict[str, Any] = {f"sources.{name}": entry.config for name, entry in built["sources"].items()}
    for path, rules in {"publish": built["publish"], **sections}.items():
        if isinstance(rules, SourceRules):
            yield from _strange_platforms(path, rules, platforms)
            yield from _strange_accounts(path, rules, accounts)
    for name, entry in built["sources"].items():
        yield from _proof(f"sources.{name}", entry.config)
        if isinstance(entry.config, HookRules):
            yield from _idle(f"sources.{name}", entry)
            yield from _feed(f"sources.{name}", entry, tree["sources"][name] or {})


def _proof(path: str, config: Any) -> Iterator[str]:
    secrets, auth = getattr(config, "secret", None), getattr(config, "auth", None) or ""
    if isinstance(secrets, tuple) and any(len(secret) < SHORT_TOKEN for secret in secrets):
        yield f"{path}.secret: is shorter than {SHORT_TOKEN} characters and may be guessed."
    if auth == NONE:
        yield f"{path}.auth: is none, so whoever knows the address may publish."
    if auth.startswith("query:"):
        yield f"{path}.auth: the secret stands in the address, so access logs may show it."


def _idle(path: str, entry: Entry) -> Iterator[str]:
    rules: HookRules = entry.config
    if not (rules.accounts or rules.accounts_by_tag or rules.accounts_from or entry.kind in _NAMING):
        others = "accounts_by_tag and accounts_from"
        yield f"{path}.accounts: is missing, and so are {others}: only what names accounts itself is published."
    if entry.kind in _FETCHING and getattr(entry.config, "token", None) is None:
        yield f"{path}.token: is missing, so no content can be fetched: every event ends as needs_fetch."


def _feed(path: str, entry: Entry, given: Mapping[str, Any]) -> Iterator[str]:
    rules: HookRules = entry.config
    if rules.feed is None:
        for key in _OF_FEED:
            if key in given:
                yield f"{path}.{key}: does nothing without feed."
        return
    if rules.feed_every < _SWEEP:
        seconds = int(_SWEEP.total_seconds())
        yield f"{path}.feed_every: is shorter than {seconds}s, which is how often bridge looks for feeds to read."
    for place, condition in enumerate(rules.when if entry.kind != "feed" else ()):
        if condition_problem(condition, NAMES.keys() - {"raw"}):
            told = "asks for raw, which of what the feed brings is its entry, not what a hook sends"
            yield f"{path}.when[{place}]: {told}."


def _strange_platforms(path: str, rules: SourceRules, known: Iterable[str]) -> Iterator[str]:
    places = [(path, rules.captions)]
    if isinstance(rules, HookRules):
        places += [(f"{path}.by_partner.{name}", override.captions) for name, override in rules.by_partner.items()]
    for place, captions in places:
        for word in captions:
            if family(word) not in known:
                yield f"{place}.captions.{word}: is no platform that is known here. {nearest(word, known)}"


def _strange_accounts(path: str, rules: SourceRules, accounts: Mapping[str, AccountEntry]) -> Iterator[str]:
    """Warn of words that look like names of ours and are none; where there are none, they are the partners' own ids."""
    named = {f"{path}.accounts": rules.accounts}
    if isinstance(rules, HookRules):
        named |= {f"{path}.accounts_by_tag.{tag}": words for tag, words in rules.accounts_by_tag.items()}
    for place, words in named.items():
        for word in strange_names(words, accounts):
            yield f"{place}: {word!r} is not under accounts. {nearest(word, accounts)}"
        for word in (word for word in words if word in accounts and accounts[word].retired):
            yield f"{place}: {word!r} is retired, so nothing is posted there."


def strange_names(words: Iterable[str], accounts: Collection[str]) -> Iterator[str]:
    """Yield the words that look like names of ours for accounts and are none, as long as there are any."""
    for word in words if accounts else ():
        if not (word in accounts or is_glob(word) or _ID.fullmatch(word)) and _NAME.fullmatch(word):
            yield word
