"""The source `github`: releases of a repository.

Body: `{"action", "release": {"id", "name", "tag_name", "html_url", "body", "draft", "prerelease", ...}}`, as JSON or in
the field `payload` of a form. One release comes as `published` and again as `released`: the release's id tells.
`X-Hub-Signature-256: sha256=HEX` is the HMAC of the body.
Source: https://docs.github.com/en/webhooks/webhook-events-and-payloads#release, read 2026-11.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from bridge.core.hook_rules import HookRules
from bridge.core.model import Intent, Item, Json
from bridge.core.verifying import Signature
from bridge.sources._kind import Kind, Payload, text_at

_MEANT = MappingProxyType(
    {
        "published": Intent.PUBLISH, "released": Intent.PUBLISH, "prereleased": Intent.PUBLISH,
        "edited": Intent.UPDATE, "unpublished": Intent.UNPUBLISH, "deleted": Intent.DELETE,
    }
)  # fmt: skip
_SAYS = (Intent.PUBLISH, Intent.UPDATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubConfig(HookRules):
    """One repository or organisation: `sources: {NAME: {kind: github, secret: {env: ...}}}`."""

    prereleases: Annotated[bool, Field(description="Whether pre-releases are posted, too.")] = False


def _read(payload: Payload, config: GitHubConfig) -> Iterable[Item]:
    event, action = payload.header("x-github-event"), payload.text("action")
    key, release = payload.header("x-github-delivery") or None, payload.object("release")
    word = ".".join(filter(None, [event, action]))
    if event == "ping":
        return (Item(intent=Intent.TEST, event=event, key=key, raw=payload.object()),)
    if event != "release" or not release:
        return (Item(intent=Intent.IGNORE, event=word, key=key, raw=payload.object(), note="It is about no release."),)
    intent, note = _intent(action, release, config)
    item = Item(
        intent=intent,
        event=word,
        key=key,
        object_id=text_at(release, "id") or None,
        revision=text_at(release, "updated_at") or None,
        title=text_at(release, "name", "tag_name"),
        body=text_at(release, "body"),
        url=text_at(release, "html_url"),
        published_at=text_at(release, "published_at"),
        status="draft" if release.get("draft") is True else "published",
        raw=payload.object(),
        note=note,
        withheld=intent is Intent.IGNORE and action in _MEANT and release.get("draft") is not True,
    )
    return (item,)


def _intent(action: str, release: Json, config: GitHubConfig) -> tuple[Intent, str]:
    intent = _MEANT.get(action, Intent.IGNORE)
    note = ""
    if release.get("draft") is True:
        note = "The release is a draft."
    elif release.get("prerelease") is True and not config.prereleases:
        note = "It is a pre-release, and prereleases is off."
    if not note or intent not in _SAYS:
        return intent, ""
    # An edit may be what made it one.
    return (Intent.UNPUBLISH if intent is Intent.UPDATE else Intent.IGNORE), note


KIND = Kind(
    name="github",
    title="GitHub",
    read=_read,
    config_type=GitHubConfig,
    signatures=(Signature(header="x-hub-signature-256", prefix="sha256="),),
)
