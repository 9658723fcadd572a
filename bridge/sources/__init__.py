"""The sources that bridge takes events from: one file a kind, one line here."""

from collections.abc import Mapping
from types import MappingProxyType

from bridge.core.tokens import Tokens
from bridge.ports import Source
from bridge.sources.api import Api

SOURCES: Mapping[str, type[Api]] = MappingProxyType({"api": Api})
"""Kind -> the class that fulfils `ports.Source`. `api` is built in: it is `POST /v1/publish`."""


def build(kind: str, tokens: Tokens) -> Source:
    """Make a source of a kind."""
    return SOURCES[kind](tokens)
