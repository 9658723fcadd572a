"""What each platform takes, as data: built in from the vendor's pages, overlaid by what its server says today.

Built-in sources, read 2026-11: the text limits "checked before publishing" and what needs media are those of the
vendor's agent skill `schedule-social-posts` (references/platform-limits.md), which agrees with the tool texts of
@posteverywhere/mcp 1.7.0 and with https://developers.posteverywhere.ai/api/schemas/createpostrequest (X: 280); lengths
of videos are of https://developers.posteverywhere.ai/media-requirements. YouTube counts its 5000 in bytes. How many
images a post may have is told by the server only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from bridge.core.model import Json
from bridge.core.platforms import family


class Needs(StrEnum):
    """What a platform needs beside the text."""

    NOTHING = "nothing"
    MEDIA = "media"
    VIDEO = "video"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one platform takes; None is "no limit that is known".

    `caption` counts in `unit` (`characters` or `bytes`); `images` is the most a post may have, `shortest_s` and
    `longest_s` are about its video.
    """

    caption: int | None = None
    unit: str = "characters"
    hashtags: int | None = None
    needs: Needs = Needs.NOTHING
    images: int | None = None
    shortest_s: float | None = None
    longest_s: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits by platform; one that is not there has none."""

    platforms: Mapping[str, Limit]

    def of(self, platform: str) -> Limit:
        """Return the limits of a platform by any of its names."""
        return self.platforms.get(family(platform), _UNLIMITED)


_UNLIMITED = Limit()
_HOUR = 3600.0

BUILT_IN = Rules(
    MappingProxyType(
        {
            "x": Limit(caption=280, longest_s=140),
            "threads": Limit(caption=500, shortest_s=1, longest_s=300),
            "bluesky": Limit(caption=300),
            "linkedin": Limit(caption=3000, shortest_s=3, longest_s=600),
            "facebook": Limit(caption=63206, shortest_s=1, longest_s=4 * _HOUR),
            "instagram": Limit(caption=2200, hashtags=30, needs=Needs.MEDIA, shortest_s=3, longest_s=900),
            "tiktok": Limit(caption=4000, needs=Needs.MEDIA, shortest_s=1, longest_s=600),
            "youtube": Limit(caption=5000, unit="bytes", needs=Needs.VIDEO, shortest_s=1, longest_s=12 * _HOUR),
            "pinterest": Limit(caption=500, needs=Needs.MEDIA, shortest_s=4, longest_s=900),
            "telegram": Limit(caption=4096),
            "discord": Limit(caption=2000),
            "wordpress": Limit(),
        }
    )
)

_CAPTION = ("characterlimit", "charlimit", "maxcharacters", "maxcontentlength", "textlimit")
_COUNT = ("maxcount", "maximages", "maxperpost", "max")
_SHORTEST = ("mindurations", "mindurationsec", "mindurationsecs", "mindurationseconds")
_LONGEST = ("maxdurations", "maxdurationsec", "maxdurationsecs", "maxdurationseconds")
_REQUIRED = ("requiresmedia", "mediarequired", "requiremedia")


def refreshed(rules: Rules, body: object) -> Rules:
    """Lay the answer of GET /platform-rules over limits that are known; what cannot be read changes nothing.

    Known of its shape, from @posteverywhere/cli 0.3.1: `data.platforms` by platform, each with `characterLimit`. The
    names of all else (image and video constraints) are guesses, and so is a list in place of the object. A length of
    videos counts only if its name says that it is in seconds.
    """
    return Rules(
        MappingProxyType(
            {**rules.platforms, **{name: _overlaid(rules.of(name), entry) for name, entry in _entries(body)}}
        )
    )


def _entries(body: object) -> Iterator[tuple[str, Json]]:
    shown = body.get("data", body) if isinstance(body, Mapping) else body
    shown = shown.get("platforms", shown) if isinstance(shown, Mapping) else shown
    named: Any = shown.items() if isinstance(shown, Mapping) else ()
    if isinstance(shown, list):
        named = [(one.get("platform", one.get("name")), one) for one in shown if isinstance(one, Mapping)]
    for name, entry in named:
        if isinstance(name, str) and isinstance(entry, Mapping):
            yield family(name), entry


def _overlaid(limit: Limit, entry: Json) -> Limit:
    shown = _flat(entry)
    images, video = (_flat(shown.get(name) or shown.get(f"{name}s")) for name in ("image", "video"))
    required = next((shown[name] for name in _REQUIRED if isinstance(shown.get(name), bool)), None)
    needs = limit.needs
    if required is not None and (needs is Needs.NOTHING) is required:
        needs = Needs.MEDIA if required else Needs.NOTHING
    return replace(
        limit,
        needs=needs,
        caption=_whole(shown, _CAPTION, least=1, unless=limit.caption),
        images=_whole(images, _COUNT, least=0, unless=_whole(shown, ("maximages",), least=0, unless=limit.images)),
        shortest_s=_seconds(video, _SHORTEST, unless=limit.shortest_s),
        longest_s=_seconds(video, _LONGEST, unless=limit.longest_s),
    )


def _flat(entry: object) -> dict[str, Any]:
    """Return an object's fields by their names without signs and capitals; nothing of what is no object."""
    fields = entry.items() if isinstance(entry, Mapping) else ()
    return {str(name).replace("_", "").replace("-", "").lower(): value for name, value in fields}


def _whole(entry: Json, names: tuple[str, ...], *, least: int, unless: int | None) -> int | None:
    found = (entry[name] for name in names if type(entry.get(name)) is int and entry[name] >= least)
    return next(found, unless)


def _seconds(entry: Json, names: tuple[str, ...], *, unless: float | None) -> float | None:
    found = (entry[name] for name in names if type(entry.get(name)) in (int, float) and entry[name] > 0)
    return next(found, unless)
