"""The source `ghost`: webhooks of a Ghost site, one subscription for each event, all to one address.

Body: `{"post": {"current": {...}, "previous": {only what changed}}}`, `page` for a page; `current` is empty when it was
deleted. Ghost 6.65 says `event`, too; 5.130 names it nowhere, so that it follows from the status before and after, and
`?event=` in the address helps where that leaves two. Deleting what is published comes twice, once as unpublished.
`X-Ghost-Signature: sha256=HEX, t=MS` is the HMAC of body and time with nothing between them. Ghost waits 2 s, does not
send again, and forgets a webhook that is answered 410.
Source: https://docs.ghost.org/webhooks and ghost/core/core/server/services/webhooks of github.com/TryGhost/Ghost, read
2026-11.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from bridge.core.hook_rules import HookRules
from bridge.core.model import Intent, Item, Json
from bridge.core.verifying import Signature, Stamp, Unit
from bridge.sources._kind import Kind, Payload, text_at

_OUT = ("published", "sent")
"""Statuses of what can be read; `sent` is that of what went out by mail alone."""
_PREVIEW = re.compile(r"/(p/[0-9a-f-]{36}|404)/?$")
_NO_SECRET = ("id", "uuid", "slug", "title", "custom_excerpt", "url", "status", "visibility", "email_only", "tags",
              "primary_tag", "published_at", "updated_at")  # fmt: skip
_TOLD = MappingProxyType(
    {
        Intent.PUBLISH: "published", Intent.UPDATE: "published.edited", Intent.SCHEDULE: "scheduled",
        Intent.UNPUBLISH: "unpublished", Intent.DELETE: "deleted", Intent.IGNORE: "edited",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GhostConfig(HookRules):
    """One site: `sources: {NAME: {kind: ghost, secret: {env: ...}}}`."""

    non_public: Annotated[
        Literal["teaser", "ignore"],
        Field(
            description="What becomes of posts for members, paying members or by mail only: teaser posts no more than "
            "title, excerpt and link, ignore posts nothing."
        ),
    ] = "teaser"
    pages: Annotated[bool, Field(description="Whether pages are posted, too.")] = False


def _read(payload: Payload, config: GhostConfig) -> Iterable[Item]:
    thing = "page" if config.pages and payload.object("page") else "post"
    current, previous = payload.object(f"{thing}.current"), payload.object(f"{thing}.previous")
    hint = payload.text("event") or payload.query("event")
    if not current and not previous:
        return (Item(intent=Intent.IGNORE, event=hint, raw=payload.object(), note="There is no post in it."),)
    intent, post = _intent(current, previous, hint), current or previous
    closed, event = _is_closed(post), hint or f"{thing}.{_TOLD[intent]}"
    if closed and config.non_public == "ignore":
        return (_ignored(intent, post, event),)
    raw = {thing: _teaser(post)} if closed else payload.object()
    return (_item(post, previous, intent=intent, event=event, raw=raw, closed=closed),)


def _intent(current: Json, previous: Json, hint: str) -> Intent:
    """Return what happened, by the status now and before; `previous` has a status only when that changed."""
    if not current:
        return Intent.DELETE
    status, before = text_at(current, "status"), text_at(previous, "status")
    if status in _OUT:
        # A post that is new and out at once has nothing before it; neither has one whose edit Ghost cannot compare.
        is_edit = before in _OUT or (not before and (bool(previous) or hint.endswith(".edited")))
        return Intent.UPDATE if is_edit and not hint.endswith(".published") else Intent.PUBLISH
    if status == "scheduled":
        is_edit = before == status or (not before and bool(previous))
        return Intent.UPDATE if is_edit and not hint.endswith(".scheduled") else Intent.SCHEDULE
    is_taken_back = before in (*_OUT, "scheduled") or hint.endswith((".unpublished", ".unscheduled"))
    return Intent.UNPUBLISH if is_taken_back else Intent.IGNORE


def _is_closed(post: Json) -> bool:
    """Say whether not everybody may read a post."""
    mailed = post.get("email_only") in (True, 1) or post.get("status") == "sent"
    return mailed or text_at(post, "visibility") not in ("", "public")


def _ignored(intent: Intent, post: Json, event: str) -> Item:
    """Leave out a post that is not public; what waits to be posted from when it was goes with it.

    It is noted, so that a feed does not post it either.
    """
    is_draft = intent is Intent.IGNORE
    return Item(
        intent=intent if is_draft or intent is Intent.DELETE else Intent.UNPUBLISH,
        event=event,
        object_id=text_at(post, "id") or None,
        revision=text_at(post, "updated_at") or None,
        url=_url(post),
        note="Not everybody may read it, and non_public is ignore.",
        withheld=not is_draft,
    )


def _teaser(post: Json) -> Json:
    return {"current": {name: post[name] for name in _NO_SECRET if name in post}}


def _item(post: Json, previous: Json, *, intent: Intent, event: str, raw: Json, closed: bool) -> Item:
    status, when = text_at(post, "status"), text_at(post, "published_at")
    gone = intent is Intent.DELETE
    return Item(
        intent=intent,
        event=event,
        object_id=text_at(post, "id") or None,
        revision=text_at(post, "updated_at") or None,
        title=text_at(post, "title"),
        body="" if closed or gone else text_at(post, "html", "plaintext"),
        excerpt=text_at(post, "custom_excerpt") if closed else text_at(post, "custom_excerpt", "excerpt"),
        url=_url(post),
        images=() if closed or gone else tuple(filter(None, [text_at(post, "feature_image", "og_image")])),
        tags=tuple(_tags(post.get("tags"))),
        scheduled_at=when if status == "scheduled" else "",
        published_at=when if status in _OUT and not gone else "",
        status="" if gone else status,
        previous=status if gone else text_at(previous, "status"),
        raw=raw,
    )


def _url(post: Json) -> str:
    """Return the address of a post. One that is not out has that of its preview, so it is made of the slug then."""
    url, slug = text_at(post, "url"), text_at(post, "slug")
    if not _PREVIEW.search(url):
        return url
    return f"{_PREVIEW.sub('', url)}/{slug}/" if slug else ""


def _tags(tags: Any) -> Iterable[str]:
    """Give the names of tags; those that begin with `#` are for the site itself."""
    for tag in tags if isinstance(tags, list) else ():
        name = text_at(tag, "name") if isinstance(tag, Mapping) else ""
        if name and not name.startswith("#") and tag.get("visibility") != "internal":
            yield name


KIND = Kind(
    name="ghost",
    title="Ghost",
    read=_read,
    config_type=GhostConfig,
    signatures=(
        Signature(
            header="x-ghost-signature",
            separator=",",
            field="sha256",
            template="{body}{timestamp}",
            stamp=Stamp(field="t", unit=Unit.MILLISECONDS),
        ),
    ),
)
