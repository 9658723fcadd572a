"""The sources that bridge takes events from: one file a kind, one line here.

`Api` is built in: it is `POST /v1/publish`. `_kind.py` is what a kind declares, `_body.py` how bodies are read.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from bridge.core.verifying import Scheme
from bridge.ports import Source
from bridge.sources import _kind
from bridge.sources._kind import Hook, Kind
from bridge.sources.api import Api

__all__ = ["CONFIGS", "KINDS", "Api", "Kind", "build", "schemes"]

_FILES = (
    "generic",
    "cloudevents",
    "contentful",
    "datocms",
    "directus",
    "feed",
    "ghost",
    "github",
    "gitlab",
    "hubspot",
    "hygraph",
    "kontent",
    "notion",
    "posteverywhere",
    "prismic",
    "sanity",
    "shopify",
    "slack",
    "standard_webhooks",
    "storyblok",
    "strapi",
    "webflow",
    "woocommerce",
    "wordpress",
)

KINDS: Mapping[str, Kind] = MappingProxyType({name: import_module(f"{__name__}.{name}").KIND for name in _FILES})
"""The kinds by name, which is that of the file."""

CONFIGS: Mapping[str, type[Any]] = MappingProxyType({name: kind.config_type for name, kind in KINDS.items()})
"""Kind -> the frozen dataclass its entry under `sources:` is read into."""


def build(name: str, kind: str, config: Any) -> Source:
    """Make the source of one entry."""
    return Hook(name, KINDS[kind], config)


def schemes(kind: str, config: Any) -> tuple[Scheme, ...]:
    """Return how the sender of one entry proves itself, the strongest way first."""
    return _kind.schemes(KINDS[kind], config)
