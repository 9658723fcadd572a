"""The source `storyblok`: webhooks that name a story, which is then fetched from the Content Delivery API.

Body: `{"action": "published", "text", "story_id": 123, "space_id", "full_slug"}`; assets and releases come with the
same actions and without a `story_id`. `webhook-signature` is the HMAC-SHA1 of the body in hexadecimal, for a space that
has a webhook secret. The sender wants 2xx with a JSON content type, and does not send again.
Source: https://www.storyblok.com/docs/concepts/webhooks, https://www.storyblok.com/docs/api/content-delivery/v2 (with
the pages on stories, spaces and cache invalidation), read 2026-11.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from pydantic import Field

from bridge.core.hook_rules import HookRules
from bridge.core.lookups import read_answer, unreadable
from bridge.core.model import Intent, Item, Json
from bridge.core.signing import Algorithm
from bridge.core.trees import lines, mappings
from bridge.core.verifying import Signature
from bridge.ports import Call
from bridge.sources._kind import Kind, Payload, text_at

_APIS: Mapping[str, str] = MappingProxyType(
    {
        "eu": "https://api.storyblok.com/v2/cdn",
        "us": "https://api-us.storyblok.com/v2/cdn",
        "ca": "https://api-ca.storyblok.com/v2/cdn",
        "ap": "https://api-ap.storyblok.com/v2/cdn",
        "cn": "https://app.storyblokchina.cn/v2/cdn",
    }
)
_INTENTS: Mapping[str, Intent] = MappingProxyType(
    {"published": Intent.NEEDS_FETCH, "unpublished": Intent.UNPUBLISH, "deleted": Intent.DELETE}
)
_BLOCKS = frozenset({"paragraph", "heading", "list_item", "blockquote", "code_block", "hard_break", "horizontal_rule"})
_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".heic")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryblokRules(HookRules):
    """One space: `sources: {NAME: {kind: storyblok, secret: {env: ...}, token: {env: ...}, site: https://...}}`."""

    token: Annotated[
        str | None,
        Field(description="Access token of the Content Delivery API, to fetch stories; the public kind is enough."),
    ] = field(default=None, repr=False)
    region: Annotated[
        Literal["eu", "us", "ca", "ap", "cn"], Field(description="Server location of the space; says where the API is.")
    ] = "eu"
    api: Annotated[
        str | None,
        Field(pattern=r"^https?://[^?#]+$", description="Address of the API if it is another than the region's."),
    ] = None


def _read(payload: Payload, rules: StoryblokRules) -> Iterable[Item]:
    """Read which story was published or taken back. A webhook has no id, so each one that comes is another."""
    action, story = payload.text("action"), payload.text("story_id")
    intent = _INTENTS.get(action, Intent.IGNORE) if story else Intent.IGNORE
    fetched, data = intent is Intent.NEEDS_FETCH, payload.data
    yield Item(
        intent=intent,
        event=f"story.{action}" if story and action in _INTENTS else action,
        key=f"{story or payload.text('space_id')}:{action}:{payload.raw.received_at.isoformat()}",
        object_id=story or None,
        status=action,
        raw=data if isinstance(data, Mapping) else {},
        wanted={"id": story} if fetched else None,
        note="Set a token, so that the story is fetched." if fetched and not rules.token else "",
    )


def _lookup(wanted: Json, answers: Sequence[bytes], rules: StoryblokRules) -> Call | Item:
    """Ask for the version of the space's cache, then for the story in that version; without one we are redirected."""
    api = (rules.api or _APIS[rules.region]).rstrip("/")
    asked = {"token": (rules.token or "").strip()}
    if not answers:
        return Call(f"{api}/spaces/me?{urlencode(asked)}")
    if len(answers) == 1:
        version = text_at(read_answer(answers[0]), "space.version")
        asked |= {"version": "published"} | ({"cv": version} if version else {})
        return Call(f"{api}/stories/{quote(str(wanted.get('id')), safe='')}?{urlencode(asked)}")
    story = read_answer(answers[-1]).get("story")
    if not isinstance(story, Mapping):
        raise unreadable("The answer has no story.")
    return _item(story)


def _item(story: Mapping[str, Any]) -> Item:
    content = story.get("content")
    tags = story.get("tag_list")
    slug = text_at(story, "full_slug")
    return Item(
        intent=Intent.PUBLISH,
        event="story.published",
        object_id=text_at(story, "id") or None,
        revision=text_at(story, "published_at") or None,
        title=text_at(story, "name"),
        body=lines(_paragraphs(content)) or text_at(content, "body", "text", "content"),
        excerpt=text_at(content, "excerpt", "teaser", "intro", "description", "seo.description"),
        url=slug.lstrip("/"),
        images=tuple(_images(content)),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        published_at=text_at(story, "published_at"),
        status="published",
        raw=dict(story),
    )


def _paragraphs(content: Any) -> Iterator[str]:
    """Give the rich text of a story (`{"type": "doc", "content": [...]}`, wherever it stands), a block at a time."""
    text = ""
    for node in mappings(content):
        kind = node.get("type")
        if kind == "text" and isinstance(node.get("text"), str):
            text += node["text"]
        elif kind in _BLOCKS:
            yield text
            text = ""
    yield text


def _images(content: Any) -> Iterator[str]:
    """Give the images among the assets (`{"filename": "https://a.storyblok.com/..."}`) of a story, in its order."""
    for node in mappings(content):
        name = node.get("filename")
        if isinstance(name, str) and name.partition("?")[0].lower().endswith(_IMAGES):
            yield f"https:{name}" if name.startswith("//") else name


KIND = Kind(
    name="storyblok",
    title="Storyblok",
    read=_read,
    config_type=StoryblokRules,
    signatures=(Signature(header="webhook-signature", algorithm=Algorithm.SHA1),),
    lookup=_lookup,
    fetches=lambda rules: bool(rules.token),
)
