"""Sources in the configuration: their rules, their templates, and the partner whose webhooks they bring."""

import pytest

from bridge.core.rules import PublishRules
from bridge.settings import Kinds, json_schema, reference
from bridge.sources import CONFIGS
from bridge.sources.generic import GenericConfig
from bridge.sources.posteverywhere import PostEverywhereHooks
from tests.settings.conftest import Plain

JPG = "https://cdn.example.com/1.jpg"


@pytest.fixture
def kinds() -> Kinds:
    return Kinds(partners={"plain": Plain, "posteverywhere": Plain}, sources=CONFIGS)


def test_a_source_has_rules_of_its_own(read):
    settings = read(f"""
partners: {{posteverywhere: {{token: {{env: KEY}}}}}}
sources:
  blog:
    kind: generic
    secret: [{{env: CALLER}}, {{env: OPS}}]
    header: X-Token
    accounts: [brand-*]
    captions: {{Twitter: "{{{{ title | truncate_words(200) }}}} {{{{ url }}}}"}}
    media_default: [{JPG}]
    preflight: warn
    timezone: Europe/Berlin
  pe-hooks: {{kind: posteverywhere, secret: {{env: OPS}}, partner: posteverywhere}}
""")
    blog, hooks = settings.sources["blog"], settings.sources["pe-hooks"]
    assert blog.config == GenericConfig(
        secret=("a-long-caller-token", settings.secrets[-1]),
        header="X-Token",
        accounts=("brand-*",),
        captions={"x": "{{ title | truncate_words(200) }} {{ url }}"},
        media_default={"type": "slideshow", "urls": [JPG]},
        preflight="warn",
        timezone="Europe/Berlin",
    )
    assert hooks.config == PostEverywhereHooks(secret=(settings.secrets[-1],), partner="posteverywhere")
    assert "a-long-caller-token" not in repr(settings)
    assert not [one for one in settings.warnings if one.startswith("sources.")]


def test_publish_has_the_same_rules(read):
    rules = read(f"publish: {{media_default: '{JPG}', captions: {{x: '{{{{ title }}}}'}}, preflight: off}}").publish

    assert rules == PublishRules(
        media_default={"type": "slideshow", "urls": [JPG]}, captions={"x": "{{ title }}"}, preflight="off"
    )


GENERIC = "sources: {{blog: {{kind: generic, secret: {{env: KEY}}, {0}}}}}"
FAULTS = {
    "template": (GENERIC.format("caption: '{{ titel }}'"), "sources.blog.caption", "titel"),
    "template of a platform": (GENERIC.format("captions: {x: '{{ title'}"), "sources.blog.captions.x", "template"),
    "platform twice": (GENERIC.format("captions: {x: a, twitter: b}"), "sources.blog.captions", "once"),
    "captions of no mapping": (GENERIC.format("captions: short"), "sources.blog.captions", "valid dictionary"),
    "zone": (GENERIC.format("timezone: Mars/Olympus"), "sources.blog.timezone", "must be an IANA zone"),
    "media": (GENERIC.format("media_default: nowhere"), "sources.blog.media_default", "not an http(s) URL"),
    "preflight": (GENERIC.format("preflight: maybe"), "sources.blog.preflight", "'reject', 'warn' or 'off'"),
    "header": (GENERIC.format("header: 'X Token'"), "sources.blog.header", "pattern"),
    "no secret": ("sources: {blog: {kind: generic}}", "sources.blog.secret", "is missing"),
    "template of publish": ("publish: {captions: {x: '{{ titel }}'}}", "publish.captions.x", "titel"),
    "name of ours": ("sources: {adopted: {kind: generic, secret: {env: KEY}}}", "sources.adopted", "built-in"),
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
    settings = read("sources: {blog: {kind: generic, secret: {env: SPACED}}}")

    assert [one for one in settings.warnings if one.startswith("sources.blog.secret")]


def test_schema_and_reference_show_the_kinds(kinds):
    [generic, hooks] = json_schema(kinds)["properties"]["sources"]["additionalProperties"]["anyOf"]

    assert (generic["required"], hooks["required"]) == (["secret"], ["secret", "partner"])
    assert generic["properties"]["captions"]["additionalProperties"]
    assert "### kind: generic" in reference(kinds)
