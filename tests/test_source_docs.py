"""Each kind of source has a page that says what its declaration says: the tables between the marks are written by it.

`python -m tests.test_source_docs` writes them again. They stand between `<!-- begin: NAME -->` and
`<!-- end: NAME -->` in docs/sources/, as in the pages of `tests/test_docs.py`, which also loads every configuration
that they show and follows their links.
"""

import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from bridge.app import KINDS as APP_KINDS
from bridge.core.errors import Problem
from bridge.core.hook_rules import SIGNATURE
from bridge.core.mapping import NAMES
from bridge.core.model import Intent, RawRequest
from bridge.core.units import format_duration
from bridge.core.verifying import Scheme, Signature
from bridge.ports import Source
from bridge.settings import Kinds, load, reference
from bridge.sources import KINDS, Kind, build
from bridge.sources._kind import schemes as schemes_of
from bridge.sources._named import ALIASES
from bridge.sources._words import WORDS
from tests.core.builders import NOW
from tests.test_partner_docs import code, table

SOURCES = Path(__file__).parent.parent / "docs" / "sources"
AGAIN = "write it again: python -m tests.test_source_docs"
_BLOCK = re.compile(r"<!-- begin: (\w+) -->\n.*?<!-- end: \1 -->", re.DOTALL)
_LONGEST_PAGE = 120
"""How many lines a page may have without what is generated: these are to be read by somebody who sets something up."""


def path_of(kind: str) -> Path:
    return SOURCES / f"{kind}.md"


def page_of(kind: str) -> str:
    return path_of(kind).read_text(encoding="utf-8")


# --- What a declaration says -----------------------------------------------------------------------------------------


def bare(kind: Kind) -> Any:
    """Return its configuration with nothing said; None where something has to be."""
    needed = [one for one in fields(kind.config_type) if one.default is MISSING and one.default_factory is MISSING]
    return None if needed else kind.config_type()


def schemes(kind: Kind) -> tuple[Scheme, ...]:
    return schemes_of(kind, bare(kind))


def told(scheme: Scheme) -> str:
    text = scheme.told.replace("\n", r"\n")
    stamp = scheme.stamp if isinstance(scheme, Signature) else None
    if stamp is None:
        return text
    return f"{text}; {f'at most {format_duration(stamp.tolerance)} old' if stamp.tolerance else 'of any age'}"


def facts(kind: Kind) -> str:
    """How a kind is verified and answered when the configuration says nothing of it."""
    reply = kind.reply
    body = f"JSON that says what became of it (`{reply.content_type}`)" if reply.body is None else "an empty body"
    rows = [
        ("Verified", "; or ".join(map(told, schemes(kind)))),
        ("Without a word on `auth`", code(kind.auth_of(bare(kind)))),
        ("Methods", ", ".join(map(code, kind.methods))),
        ("Answer", f"{reply.status}, {body if reply.body is None or not reply.body else 'a fixed body'}"),
    ]
    return table(("What", "How"), rows)


def own_keys(kind: Kind) -> str:
    """The table of the settings reference: what this kind has beside the keys of every source."""
    page = reference(Kinds(sources={kind.name: kind.config_type}))
    found = page.split(f"### kind: {kind.name}\n\n")[1].split("\n\n")[0].strip()
    every = "[every kind](../configuration.md#every-kind-of-source)"
    return found if found.startswith("|") else f"It has the keys of {every}, and no others."


def overview() -> str:
    rows = [
        (
            f"[{kind.name}]({kind.name}.md)",
            kind.title,
            ", or ".join(dict.fromkeys(map(briefly, schemes(kind)))),
            becomes(kind.name),
        )
        for kind in KINDS.values()
    ]
    return table(("Kind", "Sender", "Verified by", "What becomes a post"), rows)


def briefly(scheme: Scheme) -> str:
    is_signed = isinstance(scheme, Signature)
    return f"{scheme.told.partition(' of ')[0]} in {code(scheme.header)}" if is_signed else scheme.told


def seen_names() -> str:
    return table(("Name", "What it is"), ((code(name), what) for name, what in NAMES.items()))


def other_names() -> str:
    rows = ((code(name), ", ".join(map(code, others))) for name, others in ALIASES.items())
    return table(("Field", "Also called"), rows)


def words() -> str:
    rows = ((intent.value, ", ".join(map(code, meant))) for intent, meant in WORDS.items())
    return table(("Intent", "Words"), rows)


def becomes(kind: str) -> str:
    """The sentence of a page that says what becomes a post."""
    said = re.search(r"^\*\*Becomes a post:\*\* (.+?)\n\n", page_of(kind), re.MULTILINE | re.DOTALL)
    assert said, f"docs/sources/{kind}.md: one paragraph must begin with **Becomes a post:**"
    text = " ".join(said[1].split())
    return text[0].upper() + text[1:]


def made(page: str) -> Mapping[str, Callable[[], str]]:
    """What is generated on a page, by its mark."""
    if page == "README":
        return {"kinds": overview, "names": seen_names}
    kind = KINDS[page]
    parts = {"facts": lambda: facts(kind), "configuration": lambda: own_keys(kind)}
    return parts | ({"names": other_names, "words": words} if page == "generic" else {})


def generated(page: str) -> str:
    """Return a page with its tables as the code gives them now."""
    parts, text = made(page), page_of(page)
    assert sorted(match[1] for match in _BLOCK.finditer(text)) == sorted(parts)
    return _BLOCK.sub(lambda m: f"<!-- begin: {m[1]} -->\n{parts[m[1]]()}\n<!-- end: {m[1]} -->", text)


# --- The pages -------------------------------------------------------------------------------------------------------


def test_every_kind_has_its_page_and_every_page_its_kind():
    assert {path.stem for path in SOURCES.glob("*.md")} == {*KINDS, "README"}


@pytest.mark.parametrize("page", ["README", *KINDS])
def test_the_tables_of_a_page_are_what_the_code_gives(page):
    assert page_of(page) == generated(page), AGAIN


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_short_and_says_where_the_sender_is_pointed(kind):
    text = page_of(kind)
    assert len(_BLOCK.sub("", text).splitlines()) <= _LONGEST_PAGE
    assert "/hooks/" in text
    assert re.search(r"^## Traps$", text, re.MULTILINE)
    assert "read 2026-" in " ".join(text.split()), "say which page of the vendor this rests on, and when it was read"


def shown(kind: str) -> Iterator[Mapping[str, Any]]:
    """The entries under `sources` that a page shows."""
    for block in re.findall(r"^```yaml\n(.*?)^```", page_of(kind), re.MULTILINE | re.DOTALL):
        yield from (yaml.safe_load(block).get("sources") or {}).values()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_shows_a_configuration_of_its_kind(kind):
    assert kind in {entry.get("kind") for entry in shown(kind)}


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.auth_of(bare(kind)) == SIGNATURE])
def test_a_page_names_the_header_of_the_signature(kind):
    text = _BLOCK.sub("", page_of(kind)).lower()
    headers = [scheme.header for scheme in schemes(KINDS[kind]) if isinstance(scheme, Signature)]
    assert [header for header in headers if header.lower() not in text] == []


# --- Senders without a kind ------------------------------------------------------------------------------------------

SECRET = "a-secret-for-the-tests"


def loaded(sources: Mapping[str, Any], folder: Path, secret: str = SECRET) -> Mapping[str, Source]:
    """Make the sources of a configuration."""
    file = folder / "bridge.yaml"
    file.write_text(yaml.safe_dump({"sources": sources}))
    environ = dict.fromkeys(re.findall(r"env: (\w+)", file.read_text()), secret)
    settings = load(file, environ, APP_KINDS)
    return {name: build(name, entry.kind, entry.config) for name, entry in settings.sources.items()}


def sent(data: Any, **headers: str) -> RawRequest:
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return RawRequest("POST", "/hooks/x", "", "https://bridge.example.com/hooks/x", given, orjson.dumps(data), NOW)


@pytest.fixture
def worked(tmp_path: Path) -> Mapping[str, Source]:
    """The sources of the worked example."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", page_of("generic"), re.MULTILINE | re.DOTALL)
    return loaded(yaml.safe_load(blocks[-1])["sources"], tmp_path)


def test_the_worked_example_checks_the_signature_of_a_thin_event(worked):
    raw = sent({"event_type": "email.sent", "data": {"email": "em_1"}})
    signature = hmac.new(SECRET.encode(), raw.body, sha256).hexdigest()
    signed = replace(raw, headers=(("x-buttondown-signature", f"sha256={signature}"),))
    [item] = worked["buttondown"].read(worked["buttondown"].verify(signed)).items
    assert (item.intent, item.object_id) == (Intent.NEEDS_FETCH, "em_1")
    with pytest.raises(Problem):
        worked["buttondown"].verify(replace(signed, body=signed.body + b" "))


@pytest.mark.parametrize(("status", "intent"), [("published", Intent.PUBLISH), ("draft", Intent.UNPUBLISH)])
def test_the_worked_example_reads_what_a_hook_of_payload_cms_sends(worked, status, intent):
    doc = {"id": "1", "title": "Hello", "slug": "hello", "card": {"url": "/a.jpg"}, "_status": status}
    raw = sent({"doc": {**doc, "updatedAt": "2026-11-01T10:00:00Z"}}, authorization=f"Bearer {SECRET}")
    [item] = worked["payload"].read(worked["payload"].verify(raw)).items
    assert (item.intent, item.object_id, item.title) == (intent, "1", "Hello")
    assert (item.url, item.images, item.revision) == ("hello", ("/a.jpg",), "2026-11-01T10:00:00Z")


def sender_rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the keys that the table of senders without a kind names for each of them."""
    for line in page_of("generic").partition("| Sender | How |")[2].splitlines()[2:]:
        if not line.startswith("|"):
            return
        keys = re.findall(r"`((?:fields|intents|signature|answer): [^`]+)`", line)
        yield line.split("|")[1].strip(), yaml.safe_load("\n".join(keys)) or {}


@pytest.mark.parametrize(("sender", "keys"), list(sender_rows()))
def test_what_is_said_of_a_sender_without_a_kind_can_be_configured(sender, keys, tmp_path):
    secret = "ab" * 16  # A key in each of its forms: text, hexadecimal, base64.
    assert loaded({"x": {"kind": "generic", "secret": {"env": "X_SECRET"}, **keys}}, tmp_path, secret)


if __name__ == "__main__":
    for name in [*KINDS, "README"]:
        path_of(name).write_text(generated(name), encoding="utf-8")
