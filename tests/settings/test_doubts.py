"""What a sound configuration of a source probably does not mean is warned of, and only that."""

import pytest

from bridge.settings import Kinds
from bridge.sources import CONFIGS, KINDS
from tests.settings.conftest import Plain

PLAIN = "partners: {plain: {token: {env: KEY}}}\n"
SOURCE = PLAIN + "sources: {blog: {kind: gitlab, secret: {env: OPS}, REST}}\n"
NAMES = "accounts: {brand-x: {partner: plain, id: a}, red: {partner: plain, id: b}}\n"


def source(rest: str, kind: str = "gitlab") -> str:
    return SOURCE.replace("REST", rest).replace("gitlab", kind)


def able(rest: str, kind: str = "gitlab") -> str:
    """A source that has accounts."""
    return source(f"accounts: ['17'], {rest}", kind)


def named(rest: str) -> str:
    """A source where accounts have names."""
    return source(rest) + NAMES


UUID = "3e30c8d1-0bc0-42d8-9a1a-bb63fe6c3c16"
DOUBTS = {
    "no accounts": (source(""), "accounts: is missing, and so are accounts_by_tag and accounts_from"),
    "an account's name": (
        named("accounts: [brnd-x]"),
        "accounts: 'brnd-x' is not under accounts. Write brand-x",
    ),
    "a retired account": (
        named("accounts: [red]").replace("id: b", "id: b, retired: true"),
        "accounts: 'red' is retired, so nothing is posted there.",
    ),
    "an account's name of a tag": (
        named("accounts_by_tag: {News: [red, blue]}"),
        "accounts_by_tag.News: 'blue' is not under accounts.",
    ),
    "a platform": (
        able("captions: {instagrm: a}"),
        "captions.instagrm: is no platform that is known here. Write",
    ),
    "a platform of a partner": (
        able("by_partner: {plain: {captions: {twiter: a}}}"),
        "by_partner.plain.captions.twiter: is no platform",
    ),
    "feed_every without feed": (able("feed_every: 1h"), "feed_every: does nothing without feed"),
    "feed_after without feed": (able("feed_after: 1h"), "feed_after: does nothing without feed"),
    "max_age without feed": (able("max_age: 1h"), "max_age: does nothing without feed"),
    "brake without feed": (able("brake: 10"), "brake: does nothing without feed"),
    "a feed too often": (
        able("feed: 'https://a.example/', feed_every: 29s"),
        "feed_every: is shorter than 30s, which is how often bridge looks",
    ),
    "raw of a feed": (
        able("feed: 'https://a.example/', when: [title, raw.a]"),
        "when[1]: asks for raw, which of what the feed brings is its entry",
    ),
    "no token to fetch with": (
        able("", "notion"),
        "token: is missing, so no content can be fetched: every event ends as needs_fetch",
    ),
}
SOUND = {
    "accounts by tag": source("accounts_by_tag: {a: ['1']}"),
    "accounts in a field": source("accounts_from: raw.accounts"),
    "a sender that names them": source("", "generic"),
    "names, patterns and ids": named(f"accounts: [red, 'brand-*', '2282', {UUID}, 'plain:a', AbC, acc-0000123456789]"),
    "ids alone": source("accounts: [main]"),
    "platforms by any name": able("captions: {Twitter: a, linkedin-page: b, telegram: c}"),
    "a platform of an account": source("accounts: [m], captions: {mastodon: a}")
    + "accounts: {m: {partner: plain, platform: mastodon, username: a}}",
    "a feed": able("feed: 'https://a.example/', feed_every: 30s, feed_after: 1h, max_age: 1h, brake: 9, when: title"),
    "raw of a hook": able("when: raw.a"),
    "raw that may be empty": able("caption: '{{ raw.a * 2 }} {{ raw.b | round }} {{ raw.c | truncate_words(9) }}'"),
    "a token to fetch with": able("token: {env: CALLER}", "notion"),
}


@pytest.fixture
def kinds() -> Kinds:
    return Kinds(
        partners={"plain": Plain},
        sources={name: CONFIGS[name] for name in ("generic", "gitlab", "notion")},
        source_faults=lambda kind, config: KINDS[kind].faults(config),
    )


@pytest.mark.parametrize("name", DOUBTS)
def test_what_is_probably_not_meant_is_warned_of_once(read, name):
    text, expected = DOUBTS[name]
    [told] = [one for one in read(text).warnings if one.startswith("sources")]

    assert told.startswith(f"sources.blog.{expected}")
    assert told.endswith(".")


@pytest.mark.parametrize("name", SOUND)
def test_what_may_well_be_meant_is_not_warned_of(read, name):
    assert [one for one in read(SOUND[name]).warnings if not one.startswith("tokens")] == []


def test_what_requests_of_the_api_get_is_looked_at_like_a_source(read):
    rules = "publish: {accounts: [brnd], captions: {linkdin: a}}\n"
    warnings = read(rules + PLAIN + "accounts: {brand: {partner: plain, id: a}}").warnings

    assert [one.partition(":")[0] for one in warnings if one.startswith("publish")] == [
        "publish.captions.linkdin",
        "publish.accounts",
    ]
