"""Files that people share in Slack: which of them can be posted, and whose token reads them.

A file's `url_private_download` is read with the bot token (`files:read`) of an app that is in its channel; anybody else
gets a page to log in. Source: https://docs.slack.dev/reference/objects/file-object, read 2026-11.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from bridge.core.errors import Fault
from bridge.core.model import Json
from bridge.core.paths import dig
from bridge.core.request import invalid, is_url
from bridge.core.slack import Workspace

_FILES = {"slack.com": "files.slack.com", "www.slack.com": "files.slack.com", "slack-gov.com": "files.slack-gov.com"}
"""Host of the Web API -> host of the files; of any other it is the same."""

_LONGEST_NAME = 60


def media_of(files: Any, *, strict: bool = True) -> Json | None:
    """Return files of a message or of a form as media of a publish request, or None when there are none.

    What cannot be posted is left out unless `strict`; a video goes before images then.

    Raises:
        Problem: 422, with `strict`, naming what cannot be posted.
    """
    given = [one for one in files if isinstance(one, Mapping)] if isinstance(files, list) else []
    usable = [one for one in given if _kind(one) and _address(one)]
    videos = [_address(one) for one in usable if _kind(one) == "video"]
    images = [_address(one) for one in usable if _kind(one) == "image"]
    if strict and (faults := [*_unusable(given), *_mixed(videos, images)]):
        raise invalid(faults)
    if videos:
        return {"type": "video", "url": videos[0]}
    return {"type": "slideshow", "urls": images} if images else None


def headers_for(workspaces: Mapping[str, Workspace], source: str, url: str) -> Mapping[str, str]:
    """Return the headers that media of a source's post are read with: the token, for its own workspace's files only."""
    workspace = workspaces.get(source)
    if workspace is None or not workspace.bot_token or not is_private(workspace.api_url, url):
        return {}
    return {"Authorization": f"Bearer {workspace.bot_token.strip()}"}


def addresses(fields: Json) -> list[str]:
    """Return the addresses of the link and the media in fields of a publish request, in any of their forms."""
    media = fields.get("media")
    parts = [media.get("url"), *(media.get("urls") or ())] if isinstance(media, Mapping) else media
    found = parts if isinstance(parts, list) else [parts]
    return [one.strip() for one in (fields.get("url"), *found) if isinstance(one, str)]


def shared(view: Json) -> frozenset[str]:
    """Return the addresses of files that were put into a form: by who fills it in, or by us when it was opened."""
    found: set[str] = set()
    blocks, values = view.get("blocks"), dig(view, "state.values")
    for block in blocks if isinstance(blocks, list) else ():
        found.update(str(dig(block, "element.initial_value") or "").split())
    for block in values.values() if isinstance(values, Mapping) else ():
        for element in block.values() if isinstance(block, Mapping) else ():
            files = element.get("files") if isinstance(element, Mapping) else None
            given = files if isinstance(files, list) else []
            found.update(_address(one) for one in given if isinstance(one, Mapping))
    return frozenset(found)


def is_private(api_url: str, url: str) -> bool:
    """Say whether an address is on the very host that holds the files of the workspaces behind an API."""
    try:
        api, asked = urlsplit(api_url), urlsplit(url)
    except ValueError:
        return False
    host = _FILES.get(api.netloc.lower(), api.netloc.lower())
    return asked.scheme == api.scheme and bool(host) and asked.netloc.lower() == host


def _kind(file: Mapping[str, Any]) -> str:
    kind = str(file.get("mimetype") or "").partition("/")[0]
    return kind if kind in ("image", "video") else ""


def _address(file: Mapping[str, Any]) -> str:
    found = (file.get(name) for name in ("url_private_download", "url_private"))
    return next((str(one) for one in found if is_url(one)), "")


def _unusable(files: Sequence[Mapping[str, Any]]) -> list[Fault]:
    remedy = "Share images or one video, and wait until they are uploaded."
    return [
        Fault("media", f"{str(file.get('name') or 'a file')[:_LONGEST_NAME]!r} {problem}", remedy)
        for file in files
        if (
            problem := "is neither an image nor a video"
            if not _kind(file)
            else ""
            if _address(file)
            else "is not there"
        )
    ]


def _mixed(videos: Sequence[str], images: Sequence[str]) -> list[Fault]:
    if len(videos) > 1 or (videos and images):
        return [Fault("media", f"has {len(videos)} videos and {len(images)} images", "Send one video, or only images.")]
    return []
