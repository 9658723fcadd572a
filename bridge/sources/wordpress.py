"""The source `wordpress`: posts of a WordPress site, by whatever sends them.

Four shapes are told apart by their fields: the plugin WP Webhooks and our own `wordpress-mu-plugin.php` (`{"post_id",
"post": {"post_title", ...}, "post_permalink", "post_thumbnail", "taxonomies"}`, as JSON or as a form with PHP brackets;
ours adds `previous`), WordPress.com's form (`hook`, `ID`, `post_title`, `post_url`, ...), and the object of the REST
API. Ours signs as Standard Webhooks do; WP Webhooks in `X-WP-Webhook-Signature` (base64 HMAC of the body), where a
filter gives it a secret. WordPress.com can prove itself by its address alone: auth: query:token.
Source: https://wordpress.com/support/webhooks/, https://developer.wordpress.org/rest-api/reference/posts/ and
core/includes of https://plugins.svn.wordpress.org/wp-webhooks, read 2026-11.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from bridge.core.hook_rules import HookRules, Words
from bridge.core.model import Intent, Item
from bridge.core.signing import Encoding
from bridge.core.verifying import Signature
from bridge.sources._kind import Kind, Payload, standard_signature, text_at

_STATUS = ("post.post_status", "post_status", "status")
_BEFORE = ("previous.post_status", "post_before.post_status")
_TYPE = ("post.post_type", "post_type", "type")
_PASSWORD = ("post.post_password", "post_password", "password")
_MODIFIED = ("post.post_modified_gmt", "post_modified_gmt", "modified_gmt")
_DATE = ("post.post_date_gmt", "post_date_gmt", "date_gmt")
_IMAGES = ("post_thumbnail", "jetpack_featured_media_url", "_embedded.wp:featuredmedia.0.source_url")
_DELETED = ("post_delete", "delete_post", "deleted_post", "before_delete_post")
_OUT = ("publish", "future")
_WITHDRAWN = ("trash", "private")
_CREATED = ("post_create", "create_post")
_NEVER = "0000-00-00"


@dataclass(frozen=True, slots=True, kw_only=True)
class WordPressConfig(HookRules):
    """One site: `sources: {NAME: {kind: wordpress, secret: {env: ...}}}`."""

    post_types: Annotated[Words, Field(description="Post types that are posted; all others are ignored.")] = ("post",)


def _read(payload: Payload, config: WordPressConfig) -> Iterable[Item]:
    intent, note = _intent(payload, config)
    when, status = _utc(payload.text(*_DATE)), payload.text(*_STATUS)
    image = payload.text(*_IMAGES)
    item = Item(
        intent=intent,
        event=_event(payload),
        key=payload.header("webhook-id") or None,
        object_id=_object(payload),
        revision=_utc(payload.text(*_MODIFIED)) or None,
        title=payload.text("post.post_title", "post_title", "title.rendered", "title.raw", "title"),
        body=payload.text("post.post_content", "post_content", "content.rendered", "content.raw", "content"),
        excerpt=payload.text("post.post_excerpt", "post_excerpt", "excerpt.rendered", "excerpt.raw", "excerpt"),
        # The guid is no address that people should see: `?p=1`, and that of a draft stays so.
        url=payload.text("post_permalink", "post_url", "link"),
        images=(image,) if "/" in image else (),
        tags=tuple(dict.fromkeys(_tags(payload))),
        scheduled_at=when if status == "future" else "",
        published_at=when if status == "publish" else "",
        status=status,
        previous=payload.text(*_BEFORE),
        raw=payload.object(),
        note=note,
        withheld=intent in (Intent.IGNORE, Intent.UNPUBLISH) and status == "publish",
    )
    return (item,)


def _event(payload: Payload) -> str:
    return payload.text("hook") or payload.header("x-wp-webhook-name")


def _object(payload: Payload) -> str | None:
    return payload.text("post_id", "post.ID", "ID", "id") or None


def _intent(payload: Payload, config: WordPressConfig) -> tuple[Intent, str]:
    """Return what happened, and why nothing comes of it."""
    event, status, before = _event(payload), payload.text(*_STATUS), payload.text(*_BEFORE)
    kind = payload.text(*_TYPE) or ("page" if event == "publish_page" else "")
    if _object(payload) is None or (kind and kind not in config.post_types):
        return Intent.IGNORE, f"It is about {kind or 'something'} that is not in post_types."
    if event in _DELETED:
        return Intent.DELETE, ""
    if payload.text(*_PASSWORD) or payload.at("content.protected") is True:
        # It may have been out, or scheduled, without one.
        return Intent.UNPUBLISH, "The post has a password."
    if not status and event in ("publish_post", "publish_page"):
        status = "publish"
    if status in _OUT:
        return (Intent.UPDATE if before == status else _MEANT[status]), ""
    if before in _OUT or status in _WITHDRAWN or (status and not before and not _is_new(payload, event, status)):
        return Intent.UNPUBLISH, ""
    return Intent.IGNORE, f"The post is {status[:20]}." if status else "It lacks post_status: tick that field, too."


def _is_new(payload: Payload, event: str, status: str) -> bool:
    """Say whether a post was never anything else, so that there is nothing to take back."""
    return event in _CREATED or status == "auto-draft" or any(payload.at(path) == "" for path in _BEFORE)


_MEANT = MappingProxyType({"publish": Intent.PUBLISH, "future": Intent.SCHEDULE})


def _utc(text: str) -> str:
    """Return a time of a field that is in UTC, with its offset; WordPress writes zeros where there is none."""
    if not text or text.startswith(_NEVER):
        return ""
    plain = text.replace(" ", "T", 1)
    return plain if plain.endswith("Z") or "+" in plain else f"{plain}Z"


def _tags(payload: Payload) -> Iterable[str]:
    """Give the names of categories and tags: by taxonomy and slug, or embedded in lists, by taxonomy, too."""
    for terms in (*_members(payload.at("taxonomies")), *_members(payload.at("_embedded.wp:term"))):
        for term in _members(terms):
            name = text_at(term, "name") if isinstance(term, Mapping) else ""
            if name:
                yield name


def _members(value: Any) -> Iterable[Any]:
    """Give the members of an object or list; PHP writes an empty object as a list."""
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else ()


KIND = Kind(
    name="wordpress",
    title="WordPress",
    read=_read,
    config_type=WordPressConfig,
    signatures=(
        standard_signature(),
        Signature(header="x-wp-webhook-signature", encoding=Encoding.BASE64),
    ),
)
