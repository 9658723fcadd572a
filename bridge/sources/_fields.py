"""Finds titles, texts, links, images and tags in what people model themselves: by the usual names, or by `fields`.

Names are compared without case, dashes, underscores and spaces: `Main image`, `main-image` and `mainImage` are one.
Rich text is read as prose, whoever's tree it is: Contentful, Portable Text, Slate (Hygraph), Strapi, DAST (DatoCMS).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from bridge.core.hook_rules import HookRules
from bridge.core.model import Json
from bridge.core.paths import dig
from bridge.core.request import FIELDS
from bridge.sources._kind import text_at

Role = Literal["title", "body", "excerpt", "url", "image", "tags", "published_at"]

_DEEPEST = 40
"""How deep rich text is read: a quote in a list in a list comes to about 20."""
_NAMES: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        "title": ("title", "name", "headline", "heading", "displayname", "internalname", "subject"),
        "body": (
            "body", "content", "bodyhtml", "html", "plaintext", "markdown", "postbody", "richtext", "text",
            "description",
        ),
        "excerpt": ("excerpt", "summary", "postsummary", "teaser", "intro", "standfirst", "abstract", "subtitle"),
        "url": ("url", "permalink", "link", "canonicalurl", "slug"),
        "image": (
            "image", "featuredimage", "featureimage", "mainimage", "coverimage", "cover", "heroimage", "hero",
            "thumbnailimage", "thumbnail", "ogimage", "images", "gallery",
        ),
        "tags": ("tags", "keywords", "topics", "categories", "category"),
        "published_at": ("publishedat", "datepublished", "publishdate", "publicationdate"),
    }
)  # fmt: skip
_FOLDED = str.maketrans("", "", "-_ ")
_INSIDE = ("document", "content", "children", "json", "raw")
"""Where the parts of a node of rich text stand, the first that it has."""
_ADDRESSES = ("url", "src", "asset.url", "file.url", "image.url", "data.attributes.url")
_OWN = tuple(name for name in FIELDS if name not in ("text", "title", "url", "excerpt", "tags"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRules(HookRules):
    """What a source can be told whose senders model their own fields."""

    fields: Annotated[
        Mapping[Role, str],
        Field(
            description="Which field is what, where its name does not say: {title: full_name, image: seo.card}. Paths "
            "begin at the thing itself, not at the event about it."
        ),
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocaleRules(FieldRules):
    """What a source can be told whose senders put every language into one event."""

    locale: Annotated[
        str | None, Field(description="The language that is read, as the sender writes it. Left out: the first.")
    ] = None


def describe(data: Json, fields: Mapping[Role, str]) -> dict[str, Any]:
    """Return what a thing's fields say, by the names that an `Item` has for it; a thing without a body has its excerpt.

    `fields` says for a role which path stands for it; then nothing else does.
    """
    known: dict[str, Any] = {}
    for name, value in data.items():
        known.setdefault(name.translate(_FOLDED).casefold(), value)

    def values(role: Role) -> list[Any]:
        if role in fields:
            return [dig(data, fields[role])]
        return [known[name] for name in _NAMES[role] if name in known]

    excerpt = _first(map(prose, values("excerpt")))
    images = dict.fromkeys(address for value in values("image") for address in images_in(value))
    return {
        "title": _first(map(prose, values("title"))),
        "body": _first(map(prose, values("body"))) or excerpt,
        "excerpt": excerpt,
        "url": _first(map(_link, values("url"))),
        "images": tuple(images),
        "tags": next((found for value in values("tags") if (found := words(value))), ()),
        "published_at": _first(value for value in values("published_at") if isinstance(value, str)),
    }


def own_fields(data: Json) -> Json:
    """Return the fields of a publish request that somebody who wrote a template for us put into it.

    A caption with accounts shows that it was written for us, or captions by platform do. A caption alone does not: that
    of a photo has that name in many a CMS, as `media` and `settings` have theirs.
    """
    caption, accounts = data.get("caption"), data.get("accounts")
    is_ours = bool(isinstance(caption, str) and caption.strip() and isinstance(accounts, (str, list)) and accounts)
    if not is_ours and not isinstance(data.get("captions"), Mapping):
        return {}
    return {name: data[name] for name in _OWN if data.get(name) is not None}


def prose(value: Any, depth: int = _DEEPEST) -> str:
    """Return a text as it is, or the words of rich text: paragraphs with an empty line between, no marks, no embeds."""
    if isinstance(value, list):
        return _joined([prose(node, depth - 1) for node in value] if depth else [], any(map(_is_inline, value)))
    if not isinstance(value, Mapping):
        return text_of(value)
    leaf = _leaf(value)
    if leaf is not None:
        return leaf
    inside = next((value[name] for name in _INSIDE if isinstance(value.get(name), (list, Mapping))), None)
    return prose(inside, depth - 1) if depth else ""


def images_in(value: Any, depth: int = 4) -> Iterator[str]:
    """Give the addresses in a field for images: an address, an object that has one, or a list of either.

    A path is an address that is still relative; an id or a link to an asset is none.
    """
    if isinstance(value, list):
        for each in value if depth else ():
            yield from images_in(each, depth - 1)
        return
    address = value.strip() if isinstance(value, str) else text_at(value, *_ADDRESSES)
    if address.startswith(("https://", "http://", "/")):
        yield f"https:{address}" if address.startswith("//") else address


def words(value: Any) -> tuple[str, ...]:
    """Return a list of words: as such, parted by commas, or as objects with a name."""
    several = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    found = (each if isinstance(each, str) else text_at(each, "name", "title", "label", "slug") for each in several)
    return tuple(dict.fromkeys(word.strip() for word in found if word.strip()))


def text_of(value: Any) -> str:
    """Return a text or number as text, and anything else as an empty one."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return str(value).strip()


def as_object(value: Any) -> Json:
    """Return a value that is an object, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def _first(found: Iterable[str]) -> str:
    return next((text for text in found if text), "")


def _leaf(node: Json) -> str | None:
    """Return the text of a node that has no parts; None when it is not such a node."""
    value = node.get("value")
    if isinstance(value, str) and (node.get("nodeType") == "text" or node.get("type") == "span"):
        return value
    return next((node[name] for name in ("text", "html", "markdown") if isinstance(node.get(name), str)), None)


def _is_inline(node: Any) -> bool:
    """Say whether a node is bare text, so that what stands beside it is of the same paragraph."""
    return isinstance(node, Mapping) and node.get("_type", "span") == "span" and _leaf(node) is not None


def _joined(parts: list[str], inline: bool) -> str:
    return "".join(parts) if inline else "\n\n".join(part.strip() for part in parts if part.strip())


def _link(value: Any) -> str:
    """Return an address, or a slug or path, which `site` makes whole."""
    text = value.strip() if isinstance(value, str) else text_at(value, "current", "url", "href", "slug")
    if not text or any(character.isspace() for character in text):
        return ""
    return text
