"""Sources in the configuration: their rules, their templates, and the partner whose webhooks they bring."""

from datetime import timedelta

import pytest

from bridge.core.hook_rules import HookRules, Override
from bridge.core.rules import PublishRules
from bridge.settings import Kinds, json_schema, reference
from bridge.sources import CONFIGS, KINDS
from bridge.sources.posteverywhere import PostEverywhereHooks
from tests.settings.conftest import Plain

SHOWN = ("generic", "gitlab", "notion", "posteverywhere")

JPG = "https://cdn.example.com/1.jpg"


@pytest.fixture
def kinds() -> Kinds:
    return Kinds(
        partners={"plain": Plain, "posteverywhere": Plain},
        sources={name: CONFIGS[name] for name in SHOWN},
        source_faults=lambda kind, config: KINDS[kind].faults(config),
    )


def test_a_source_has_rules_of_its_own(read):
    settings = read(f"""
partners: {{posteverywhere: {{token: {{env: KEY}}}}}}
sources:
  blog:
    kind: gitlab
    secret: [{{env: CALLER}}, {{env: OPS}}]
    auth: header:X-Token
    accounts: [brand-*]
    captions: {{Twitter: "{{{{ title | truncate_words(200) }}}} {{{{ url }}}}"}}
    media_default: [{JPG}]
    preflight: warn
    timezone: Europe/Berlin
    when: "'social' in tags and raw.draft.by.whom != 'me'"
    media: [raw.photo, image]
    accounts_by_tag: {{News: brand-x, "*": [a, b]}}
    schedule: 90m
    content: {{settings: {{x: {{a: 1}}}}, media: [{JPG}]}}
    by_partner: {{posteverywhere: {{caption: "{{{{ raw.a * 2 }}}}", content: {{tags: "a, b"}}}}}}
    feed: https://blog.example/rss
  pe-hooks: {{kind: posteverywhere, secret: {{env: OPS}}, partner: posteverywhere}}
""")
    blog, hooks = settings.sources["blog"], settings.sources["pe-hooks"]
    assert blog.config == HookRules(
        secret=("a-long-caller-token", settings.secrets[-1]),
        auth="header:X-Token",
        accounts=("brand-*",),
        captions={"x": "{{ title | truncate_words(200) }} {{ url }}"},
        media_default={"type": "slideshow", "urls": [JPG]},
        preflight="warn",
        timezone="Europe/Berlin",
        when=("'social' in tags and raw.draft.by.whom != 'me'",),
        media=("raw.photo", "image"),
        accounts_by_tag={"News": ("brand-x",), "*": ("a", "b")},
        schedule=timedelta(minutes=90),
        content={"settings": {"x": {"a": 1}}, "media": {"type": "slideshow", "urls": [JPG]}},
        by_partner={"posteverywhere": Override(caption="{{ raw.a * 2 }}", content={"tags": ["a", "b"]})},
        feed="https://blog.example/rss",
    )
    assert hooks.config == PostEverywhereHooks(secret=(settings.secrets[-1],), partner="posteverywhere")
    assert "a-long-caller-token" not in repr(settings)
    [warning] = [one for one in settings.warnings if one.startswith("sources.")]
    assert warning.startswith("sources.blog.when[0]: asks for raw")


def test_publish_has_the_same_rules(read):
    rules = read(f"publish: {{media_default: '{JPG}', captions: {{x: '{{{{ title }}}}'}}, preflight: off}}").publish

    assert rules == PublishRules(
        media_default={"type": "slideshow", "urls": [JPG]}, captions={"x": "{{ title }}"}, preflight="off"
    )


GENERIC = "sources: {{blog: {{kind: gitlab, secret: {{env: KEY}}, {0}}}}}"
PARTNER = (
    "{{partners: {{plain: {{token: {{env: KEY}}}}}}, sources: {{b: {{kind: gitlab, secret: {{env: OPS}}, {0}}}}}}}"
)
FAULTS = {
    "template": (GENERIC.format("caption: '{{ titel }}'"), "sources.blog.caption", "titel"),
    "template of a platform": (GENERIC.format("captions: {x: '{{ title'}"), "sources.blog.captions.x", "template"),
    "platform twice": (GENERIC.format("captions: {x: a, twitter: b}"), "sources.blog.captions", "once"),
    "captions of no mapping": (GENERIC.format("captions: short"), "sources.blog.captions", "valid dictionary"),
    "zone": (GENERIC.format("timezone: Mars/Olympus"), "sources.blog.timezone", "must be an IANA zone"),
    "media": (GENERIC.format("media_default: nowhere"), "sources.blog.media_default", "not an http(s) URL"),
    "preflight": (GENERIC.format("preflight: maybe"), "sources.blog.preflight", "'reject', 'warn' or 'off'"),
    "media in words": (
        GENERIC.format("media_default: {type: film}"),
        "sources.blog.media_default",
        '..."]}; got a mapping',
    ),
    "auth": (GENERIC.format("auth: 'header:X Token'"), "sources.blog.auth", "in no form that is known; got 'header:"),
    "no secret": ("sources: {blog: {kind: gitlab}}", "sources.blog.secret", "is missing"),
    "a secret for nothing": (GENERIC.format("auth: none"), "sources.blog.secret", "is not used"),
    "a secret without a key": (
        "sources: {blog: {kind: generic, secret: {env: KEY}, signature: {header: X-Sig, key: hex}}}",
        "sources.blog.secret",
        "holds no key: it is not hexadecimal digits",
    ),
    "no secret that can be read": (
        "sources: {blog: {kind: gitlab, secret: {env: NONE}}}",
        "sources.blog.secret",
        "variable NONE is not set",
    ),
    "empty template": (GENERIC.format("caption: ' '"), "sources.blog.caption", "is empty"),
    "empty template of a platform": (GENERIC.format("captions: {x: ''}"), "sources.blog.captions.x", "is empty"),
    "template without an argument": (
        GENERIC.format("caption: '{{ raw.a.b | truncate_words }}'"),
        "sources.blog.caption",
        "missing 1 required positional argument: 'most'",
    ),
    "link": (GENERIC.format("link: 'https://a.example/{{ slug }}'"), "sources.blog.link", "'slug' is undefined"),
    "condition without an argument": (
        GENERIC.format("when: 'raw.a | truncate_words'"),
        "sources.blog.when[0]",
        "missing 1 required",
    ),
    "path to media": (GENERIC.format("media: [raw.photo, imag]"), "sources.blog.media[1]", "begins with 'imag'"),
    "path to accounts": (GENERIC.format("accounts_from: social"), "sources.blog.accounts_from", "begins with 'social'"),
    "condition": (GENERIC.format("when: ['title', 'tags |']"), "sources.blog.when[1]", "is no condition"),
    "condition of a strange name": (GENERIC.format("when: 'platform'"), "sources.blog.when[0]", "'platform' is undef"),
    "template of the sender's own": (GENERIC.format("caption: '{{ raw.a }} {{ b }}'"), "sources.blog.caption", "'b'"),
    "schedule": (GENERIC.format("schedule: later"), "sources.blog.schedule", "must be cms, now, or a duration"),
    "site": (GENERIC.format("site: 'https://'"), "sources.blog.site", "not an http(s) address"),
    "site without a scheme": (GENERIC.format("site: a.example"), "sources.blog.site", "must begin with https://"),
    "feed without a scheme": (GENERIC.format("feed: a.example"), "sources.blog.feed", "must begin with https://"),
    "plain feed": (GENERIC.format("feed: 'http://a.example/'"), "sources.blog.feed", "is plain http"),
    "private feed": (GENERIC.format("feed: 'https://10.1.1.1/'"), "sources.blog.feed", "private address"),
    "content of no mapping": (GENERIC.format("content: a"), "sources.blog.content", "must be a mapping of fields"),
    "content that is not for all": (
        GENERIC.format("content: {caption: a}"),
        "sources.blog.content",
        "'caption' is not",
    ),
    "content that is wrong": (GENERIC.format("content: {tiktok: a}"), "sources.blog.content", "tiktok is text"),
    "no such partner to differ for": (
        GENERIC.format("by_partner: {gv: {caption: a}}"),
        "sources.blog.by_partner.gv",
        "'gv' is not under partners",
    ),
    "a template of a partner": (
        PARTNER.format("by_partner: {plain: {captions: {x: '{{ titel }}'}}}"),
        "sources.b.by_partner.plain.captions.x",
        "titel",
    ),
    "a strange key of a partner": (
        PARTNER.format("by_partner: {plain: {captoin: a}}"),
        "sources.b.by_partner.plain.captoin",
        "not a key here",
    ),
    "a wrong key of a partner": (
        PARTNER.format("by_partner: {plain: {caption: [a], content: {url: 'https://a.example'}}}"),
        "sources.b.by_partner.plain.caption",
        "must be a valid string",
    ),
    "a partner of no mapping": (PARTNER.format("by_partner: {plain: a}"), "sources.b.by_partner.plain", "must be a"),
    "partners of no mapping": (PARTNER.format("by_partner: [a]"), "sources.b.by_partner", "must be a valid dict"),
    "template of publish": ("publish: {captions: {x: '{{ titel }}'}}", "publish.captions.x", "titel"),
    "name of ours": ("sources: {adopted: {kind: gitlab, secret: {env: KEY}}}", "sources.adopted", "built-in"),
    "no such partner": (
        "sources: {pe: {kind: posteverywhere, secret: {env: KEY}, partner: pe}}",
        "sources.pe.partner",
        "'pe' is not under partners",
    ),
    "partner of another kind": (
        (
            "{partners: {plain: {token: {env: KEY}}}, sources: {pe: {kind: posteverywhere, secret: {env: OPS}, "
            "partner: plain}}}"
        ),
        "sources.pe.partner",
        "'plain' is of kind plain",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_source_is_told_once_with_its_path(refused, name):
    text, path, problem = FAULTS[name]
    faults = refused(text)

    assert list(faults) == [path]
    assert problem in faults[path]


def test_a_partner_that_cannot_be_read_is_not_held_against_its_source(refused):
    text = "partners: {posteverywhere: {token: {env: NONE}}}\n"
    text += "sources: {pe: {kind: posteverywhere, secret: {env: NOT_THERE}, partner: posteverywhere}}"

    assert list(refused(text)) == ["partners.posteverywhere.token", "sources.pe.secret"]


def test_a_short_secret_is_warned_of(read):
    settings = read("sources: {blog: {kind: gitlab, secret: {env: SPACED}}}")

    assert [one for one in settings.warnings if one.startswith("sources.blog.secret")]


@pytest.mark.parametrize(
    ("how", "warning"),
    [("auth: none", "whoever knows the address"), ("auth: query:key, secret: {env: CALLER}", "access logs")],
)
def test_a_way_to_prove_oneself_that_proves_little_is_warned_of(read, how, warning):
    text = f"sources: {{blog: {{kind: gitlab, accounts: ['1'], {how}}}}}"
    [told] = [one for one in read(text).warnings if one.startswith("sources")]

    assert told.startswith("sources.blog.auth")
    assert warning in told


def test_a_feed_may_be_where_the_network_allows(read):
    network = "network: {allow_http: true, allow: [127.0.0.0/8], ports: []}\n"
    feed = read(network + GENERIC.format("feed: 'http://127.0.0.1:9/rss'")).sources["blog"].config.feed

    assert feed == "http://127.0.0.1:9/rss"


def test_a_feed_is_on_a_port_that_may_be_reached(refused):
    found = refused(GENERIC.format("feed: 'https://blog.example:9000/rss'"))

    assert found == {"sources.blog.feed": "names the port 9000"}


def test_schema_and_reference_show_the_kinds(kinds):
    schemas = json_schema(kinds)["properties"]["sources"]["additionalProperties"]["anyOf"]
    generic, gitlab, *_ = schemas
    override = gitlab["properties"]["by_partner"]["additionalProperties"]

    assert [schema.get("required") for schema in schemas] == [None, None, None, ["secret", "partner"]]
    assert generic["properties"].keys() >= gitlab["properties"].keys()
    assert gitlab["properties"]["secret"]["anyOf"][1]["type"] == "array"
    assert (override["additionalProperties"], [*override["properties"]]) == (False, ["caption", "captions", "content"])


def test_the_reference_says_once_what_all_kinds_share(kinds):
    page = reference(kinds)

    assert page.count("| `accounts_by_tag` |") == page.count("| `by_partner.NAME.content` |") == 1
    assert page.count("| `timezone` |") == 2, "of publish and of every source"
    assert "### kind: gitlab\n\nIt has the keys of every kind, and no others." in page
    assert "| `raw` |" in page
    assert "### every kind" not in reference(Kinds(sources={"posteverywhere": PostEverywhereHooks}))
