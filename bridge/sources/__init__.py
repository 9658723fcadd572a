"""The sources that bridge takes events from: one file a kind, one line here.

`Api` is built in: it is `POST /v1/publish`. `_body.py` is what sources share.
"""

from collections.abc import Mapping
from types import MappingProxyType

from bridge.ports import Source
from bridge.sources.api import Api
from bridge.sources.generic import Generic, GenericConfig
from bridge.sources.posteverywhere import PostEverywhere, PostEverywhereHooks

__all__ = ["CONFIGS", "SOURCES", "Api", "Config", "build"]

Config = GenericConfig | PostEverywhereHooks
"""The configuration of a source of any kind."""

SOURCES: Mapping[str, type[Generic | PostEverywhere]] = MappingProxyType(
    {"generic": Generic, "posteverywhere": PostEverywhere}
)
"""Kind -> the class that fulfils `ports.Source`."""

CONFIGS: Mapping[str, type[Config]] = MappingProxyType({kind: cls.config_type for kind, cls in SOURCES.items()})
"""Kind -> the frozen dataclass its entry under `sources:` is read into."""


def build(name: str, config: Config) -> Source:
    """Make the source of one entry; the type of its configuration says of which kind."""
    match config:
        case GenericConfig():
            return Generic(name, config)
        case PostEverywhereHooks():
            return PostEverywhere(name, config)
