"""What a post says: the caller's words for its platform, else the caller's words, else what a template makes.

A template (`{{ title | truncate_words(200) }} {{ url }}`) is Jinja in a sandbox, over `caption`, `title`, `url`,
`excerpt` and `tags`.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bridge.core.errors import Fault
from bridge.core.model import Json
from bridge.core.platforms import is_targeted, of_platform
from bridge.core.request import PublishRequest
from bridge.core.rules import SourceRules

_TEMPLATES = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)


def _truncate_words(text: object, most: int) -> str:
    """Cut a text to at most `most` characters at a word's end, with an ellipsis."""
    words = str(text)
    if len(words) <= most or most < 1:
        return words[: max(most, 0)]
    room = words[: most - 1]
    inside_a_word = not room[-1:].isspace() and not words[most - 1].isspace()
    if inside_a_word and len(room.split()) > 1:
        room = room.rsplit(None, 1)[0]
    return f"{room.rstrip()}…"


_TEMPLATES.filters["truncate_words"] = _truncate_words
_CONTEXT = ("caption", "title", "url", "excerpt", "tags")


@lru_cache(maxsize=256)
def _compiled(template: str) -> Template:
    return _TEMPLATES.from_string(template)


def render_caption(template: str, content: Mapping[str, Any]) -> tuple[str, list[Fault]]:
    """Return what a template makes of `caption`, `title`, `url`, `excerpt`, `tags`; those that are absent are empty."""
    context = {name: content.get(name) or ([] if name == "tags" else "") for name in _CONTEXT}
    try:
        return _compiled(template).render(context).strip(), []
    except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
        return "", [Fault("caption", f"the template failed: {error}", "Mend the template in the configuration.")]


def fill_caption(content: Json, template: str | None) -> tuple[Json, list[Fault]]:
    """Return the content with its caption: what was sent, else what the template gives.

    A post without a caption is refused here, with what would be right.
    """
    if content.get("caption"):
        return content, []
    if template is not None and any(content.get(name) for name in _CONTEXT):
        caption, faults = render_caption(template, content)
        return {**content, "caption": caption}, faults
    return content, [
        Fault("caption", "is missing", "Send `caption` (or `text`), or configure a template for captions.")
    ]


def is_uniform(request: PublishRequest, rules: SourceRules) -> bool:
    """Say whether every platform gets the same caption."""
    return not request.captions and (not rules.captions or bool(request.content.get("caption")))


def content_for(platform: str, request: PublishRequest, rules: SourceRules) -> tuple[Json, list[Fault]]:
    """Return the content for one platform, with its caption.

    The request goes before the configuration, and in both the platform's own caption before the general one.
    """
    own = of_platform(request.captions, platform)
    if own is not None:
        return {**request.content, "caption": own}, []
    template = of_platform(rules.captions, platform)
    return fill_caption(request.content, template if template is not None else rules.caption)


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
