"""What a post says: the caller's words for its platform, else the caller's words, else what a template makes.

A template (`{{ title | truncate_words(200) }} {{ url }}`) sees `caption`, `title`, `url`, `excerpt`, `tags`, `platform`
and, of what came to a hook, the names of `mapping.NAMES`. `core.templates` has what it may use.
"""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from bridge.core.errors import Fault
from bridge.core.hook_rules import HookRules, Override
from bridge.core.model import Json
from bridge.core.platforms import family, is_targeted, of_platform
from bridge.core.request import PublishRequest
from bridge.core.rules import SourceRules
from bridge.core.templates import is_by_platform, render

DEFAULT = """{% set most = [200, 278 - url | length] | min %}
{% set text = (title or body or excerpt) | truncate_words(most) %}
{{ text }}{% if url not in text.split() %}

{{ url }}{% endif %}"""
"""What a hook's post says where neither its sender nor the configuration does: the title, else the text; the link.

All of it has at most 280 characters, the fewest that a platform takes (X), unless the link alone has more.
"""

OWN_NAMES = ("caption", "title", "url", "excerpt", "tags")
"""Names that every template sees, as the request has them."""

_BLANK = re.compile(r"\n{3,}")
_SAYING = ("caption", "title", "url", "excerpt", "tags", "body", "raw")


def render_caption(template: str, names: Mapping[str, Any]) -> tuple[str, list[Fault]]:
    """Return what a template makes of names; of those that every request may have, the absent ones are empty.

    What is empty in it leaves no gap: at most one empty line stays between two others, and no space at an end.
    """
    absent = {name: [] if name == "tags" else "" for name in (*OWN_NAMES, "platform") if not names.get(name)}
    caption, problem = render(template, {**names, **absent})
    if not problem:
        return _BLANK.sub("\n\n", "\n".join(line.rstrip() for line in caption.split("\n"))), []
    return "", [Fault("caption", f"the template failed: {problem}", "Mend the template in the configuration.")]


def fill_caption(content: Json, template: str | None, names: Json | None = None) -> tuple[Json, list[Fault]]:
    """Return the content with its caption: what was sent, else what the template makes of it and of `names`.

    A post without a caption is refused here, with what would be right.
    """
    if content.get("caption"):
        return content, []
    seen = {**(names or {}), **content}
    if template is not None and any(seen.get(name) for name in _SAYING):
        caption, faults = render_caption(template, seen)
        if caption or faults:
            return {**content, "caption": caption}, faults
        if template != DEFAULT:
            remedy = "Send `caption`, or mend the template, such as with `or title`."
            return content, [Fault("caption", "is empty: its template gives nothing", remedy)]
    return content, [
        Fault("caption", "is missing", "Send `caption` (or `text`), or configure a template for captions.")
    ]


def is_uniform(request: PublishRequest, rules: SourceRules) -> bool:
    """Say whether every account gets the same content."""
    if request.captions or (isinstance(rules, HookRules) and rules.by_partner):
        return False
    if request.content.get("caption"):
        return True
    return not rules.captions and not (rules.caption is not None and is_by_platform(rules.caption))


def content_for(
    platform: str, request: PublishRequest, rules: SourceRules, partner: str = ""
) -> tuple[Json, list[Fault]]:
    """Return the content for one platform at one partner, with its caption.

    What the sender itself asks for goes before the configuration, there what is for the partner before what is for
    all, and that before what was derived from the sender's page. Everywhere the platform's own caption goes before the
    general one.
    """
    if request.content.get("caption") and not request.captions and not isinstance(rules, HookRules):
        return request.content, []
    override = _overrides(rules).get(partner) or Override()
    constants = {**_constants(rules), **override.content}
    content = {**request.content, **{name: constants[name] for name in constants.keys() - _own_names(request)}}
    own = of_platform(request.captions, platform)
    if own is not None:
        return {**content, "caption": own}, []
    names = {"body": "", **request.context, "platform": family(platform)}
    return fill_caption(content, _template(platform, rules, override), names)


def _own_names(request: PublishRequest) -> AbstractSet[str]:
    return request.content.keys() - request.derived


def _template(platform: str, rules: SourceRules, override: Override) -> str | None:
    usual = DEFAULT if isinstance(rules, HookRules) else None
    ways = (of_platform(override.captions, platform), override.caption, of_platform(rules.captions, platform))
    return next((one for one in (*ways, rules.caption) if one is not None), usual)


def _overrides(rules: SourceRules) -> Mapping[str, Override]:
    return rules.by_partner if isinstance(rules, HookRules) else {}


def _constants(rules: SourceRules) -> Json:
    return rules.content if isinstance(rules, HookRules) else {}


def not_targeted(captions: Json, platforms: Iterable[str]) -> list[Json]:
    """Warn of captions for platforms that no target has; while a target's platform is not known (""), nobody can."""
    targeted = set(platforms)
    if not captions or not targeted or "" in targeted:
        return []
    message = "is left out, because no account of that platform is targeted"
    return [
        {"field": f"captions.{word}", "code": "NOT_TARGETED", "message": message}
        for word in captions
        if not is_targeted(word, targeted)
    ]
