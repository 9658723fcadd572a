"""Checks what can be told about the sources: their templates, conditions and paths, and the partner that they bring."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.core.captions import OWN_NAMES
from bridge.core.hook_rules import HookRules
from bridge.core.mapping import NAMES, map_item
from bridge.core.mistakes import nearest
from bridge.core.model import Intent, Item
from bridge.core.rules import SourceRules
from bridge.core.targets import Reachable, split, url_faults
from bridge.core.templates import condition_problem, holds, render, template_problem
from bridge.settings._build import PLACEHOLDER
from bridge.settings._tree import Faults, Trail
from bridge.settings._types import Entry, Kinds

_ARGUMENT = re.compile(r"missing \d+ required|unexpected keyword|positional arguments? but")
"""How a call with wrong arguments fails, whatever it is called with."""

_THING = Item(
    intent=Intent.PUBLISH,
    event="post.published",
    object_id="1",
    title="A title",
    body="<p>Text</p>",
    excerpt="Text",
    url="https://example.com/a",
    images=("https://example.com/a.jpg",),
    tags=("a", "b"),
    published_at="2026-03-01T17:00:00Z",
    scheduled_at="2026-03-01T17:00:00Z",
    status="published",
    previous="draft",
    own={"caption": "A caption"},
)
_NAMES = {**map_item(_THING, HookRules(), datetime(2026, 3, 1, tzinfo=UTC)).context, "platform": "x"}
"""What conditions and templates are tried with. What senders themselves send (`raw`) nobody knows beforehand."""


def check_templates(rules: SourceRules, trail: Trail, faults: Faults) -> None:
    """Add the faults of all templates and conditions of some rules."""
    names = _NAMES if isinstance(rules, HookRules) else {name: _NAMES[name] for name in (*OWN_NAMES, "platform")}
    remedy = f"It sees {', '.join(names)}."
    for path, template in _templates(rules, trail):
        _template(template, names, path, faults, remedy)
    if not isinstance(rules, HookRules):
        return
    seen, remedy = {name: names[name] for name in NAMES}, f"It sees {', '.join(NAMES)}."
    if rules.link is not None:
        _template(rules.link, seen, (*trail, "link"), faults, remedy)
    for place, condition in enumerate(rules.when):
        if problem := condition_problem(condition, seen.keys()) or _wrong_call(holds(condition, seen)[1]):
            faults.add((*trail, "when", place), f"is no condition: {problem}", remedy)


def _template(template: str, names: Mapping[str, Any], trail: Trail, faults: Faults, remedy: str) -> None:
    if not template.strip():
        faults.add(trail, "is empty", 'Leave it out, or write a template, such as "{{ title }} {{ url }}".')
    elif problem := template_problem(template, names, unsure="raw") or _wrong_call(render(template, names)[1]):
        faults.add(trail, f"the template failed: {problem}", remedy)


def _wrong_call(problem: str) -> str:
    """Return a problem that no payload could mend; most that show where `raw` is empty come only of that."""
    return problem if _ARGUMENT.search(problem) else ""


def _templates(rules: SourceRules, trail: Trail) -> Iterator[tuple[Trail, str]]:
    parts: list[tuple[Trail, Any]] = [(trail, rules)]
    if isinstance(rules, HookRules):
        if rules.link is not None:
            yield (*trail, "link"), rules.link
        parts += [((*trail, "by_partner", name), override) for name, override in rules.by_partner.items()]
    for path, part in parts:
        if part.caption is not None:
            yield (*path, "caption"), part.caption
        yield from (((*path, "captions", word), text) for word, text in part.captions.items())


def check_sources(
    tree: Mapping[str, Any], built: Mapping[str, Any], kinds: Kinds, reachable: Reachable, faults: Faults
) -> None:
    """Add the faults of the sources that no single field of theirs can tell."""
    named = tree.get("partners")
    names = [str(key) for key in named] if isinstance(named, dict) else []
    for name, entry in built["sources"].items():
        trail: Trail = ("sources", name)
        for key, problem, remedy in kinds.source_faults(entry.kind, entry.config):
            if not any(faults.within((*trail, one)) for one in (key, "auth", "mode")):
                faults.add((*trail, key), problem, remedy)
        if isinstance(entry.config, SourceRules):
            check_templates(entry.config, trail, faults)
        if isinstance(entry.config, HookRules):
            _hook(entry.config, trail, names, reachable, faults)
        _partner(entry, (*trail, "partner"), built["partners"], names, faults)


def _hook(rules: HookRules, trail: Trail, names: list[str], reachable: Reachable, faults: Faults) -> None:
    for name in rules.by_partner:
        if name not in names:
            faults.add((*trail, "by_partner", name), f"{name!r} is not under partners", nearest(name, names))
    if rules.site is not None and split(rules.site) is None:
        faults.add((*trail, "site"), "is not an http(s) address", "Write it as https://HOST/.")
    if rules.feed is not None:
        faults.take(trail, url_faults(rules.feed, reachable, field="feed"))
    for place, path in enumerate(rules.media):
        _path(path, (*trail, "media", place), faults)
    if rules.accounts_from is not None:
        _path(rules.accounts_from, (*trail, "accounts_from"), faults)


def _path(path: str, trail: Trail, faults: Faults) -> None:
    """Check that a path begins with something that there is; how it goes on only the sender knows."""
    first = path.partition(".")[0]
    if first not in NAMES:
        remedy = f"{nearest(first, NAMES)} What the sender sends is below raw, such as raw.{path[:60]}."
        faults.add(trail, f"begins with {first[:60]!r}, which there is not", remedy)


def _partner(entry: Entry, trail: Trail, partners: Mapping[str, Entry], names: list[str], faults: Faults) -> None:
    """Check the partner whose webhooks a source brings: it is there, and of the source's own kind."""
    partner = getattr(entry.config, "partner", None)
    if partner in (None, PLACEHOLDER):
        return
    if partner not in names:
        faults.add(trail, f"{partner!r} is not under partners", nearest(str(partner), names))
    elif partner in partners and partners[partner].kind != entry.kind:
        remedy = f"Name a partner of kind {entry.kind}."
        faults.add(trail, f"{partner!r} is of kind {partners[partner].kind}", remedy)
