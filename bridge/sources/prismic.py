"""The source `prismic`: webhooks that name documents, which are then fetched from the Document API.

Body: `{"type": "api-update", "secret", "masterRef", "domain", "apiUrl", "documents": [IDS], ...}` or a `test-trigger`.
Nothing is signed: the secret stands in the body. Anything but exactly 200 counts as a failure; it is sent again every
10 minutes, up to 5 times. Publishing and taking back look the same: a document that the version (`masterRef`) does not
have is not public any more.
Source: https://prismic.io/docs/webhooks, https://prismic.io/docs/content-api, and the types and the handling of refs in
https://github.com/prismicio/prismic-client, read 2026-11.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field

from bridge.core.hook_rules import HookRules
from bridge.core.lookups import read_answer, unreadable
from bridge.core.model import Intent, Item, Json
from bridge.core.trees import lines, mappings
from bridge.ports import Call
from bridge.sources._kind import Kind, Payload, text_at

_MOST = 100
"""How many documents of one update are looked at: more at once is a migration, not news."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_API_URL = re.compile(r"https://([a-z0-9][a-z0-9-]{0,62})(?:\.cdn)?\.prismic\.io(?:[:/].*)?", re.IGNORECASE)
# A ref that is unknown or out of date: the answer to either says so, and the repository has the one that is current.
_STALE_REF = (404, 410)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrismicRules(HookRules):
    """One repository: `sources: {NAME: {kind: prismic, secret: {env: ...}, repository: my-repo, site: https://...}}`.

    Raises:
        ValueError: there is a token, and nothing says for which repository.
    """

    fetch: Annotated[bool, Field(description="Whether documents are fetched; false keeps their events only.")] = True
    repository: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
            description="Name of the repository; left out: the one that the webhook names.",
        ),
    ] = None
    token: Annotated[
        str | None, Field(description="Access token of the repository's API; a public one needs none.")
    ] = field(default=None, repr=False)
    api: Annotated[
        str | None,
        Field(pattern=r"^https?://[^?#]+$", description="Address of the API if it is another than the repository's."),
    ] = None

    def __post_init__(self) -> None:
        """Let no request say who gets the token."""
        if self.token and not (self.repository or self.api):
            raise ValueError("repository: is missing; a token goes to no repository that only a request names")


def _read(payload: Payload, rules: PrismicRules) -> Iterable[Item]:
    """Read which documents changed."""
    word, ids = payload.text("type"), payload.at("documents")
    if word != "api-update" or not isinstance(ids, list) or not ids:
        yield Item(intent=Intent.TEST if word == "test-trigger" else Intent.IGNORE, event=word)
        return
    ref, repository = payload.text("masterRef"), rules.repository or _repository(payload.text("apiUrl"))
    data = payload.data if isinstance(payload.data, Mapping) else {}
    shown = {name: value for name, value in data.items() if name != "secret"}
    for document in dict.fromkeys(str(one) for one in ids[:_MOST]):
        good = _ID.fullmatch(document) is not None
        yield Item(
            intent=Intent.NEEDS_FETCH if good else Intent.IGNORE,
            event=word,
            key=f"{ref or payload.raw.received_at.isoformat()}:{document[:64]}",
            object_id=document if good else None,
            raw=shown,
            wanted={"id": document, "ref": ref, "repository": repository} if good else None,
            note="" if good else "This is not the id of a document.",
        )
    if len(ids) > _MOST:
        note = f"{len(ids)} documents changed at once; only the first {_MOST} are looked at."
        yield Item(intent=Intent.IGNORE, event=word, key=f"{ref}:more", note=note)


def _repository(url: str) -> str:
    """Return the repository that an `apiUrl` names; only the vendor's hosts name any, and nothing else of it counts."""
    found = _API_URL.fullmatch(url)
    return found[1].lower() if found else ""


def _lookup(wanted: Json, answers: Sequence[bytes], rules: PrismicRules) -> Call | Item:
    """Ask for the document in the version that the webhook named; once that is gone, in the current one."""
    if not rules.api and not wanted.get("repository"):
        raise unreadable("The webhook names no repository of prismic.io: set `repository`.")
    api = (rules.api or f"https://{wanted['repository']}.cdn.prismic.io/api/v2").rstrip("/")
    access = {"access_token": rules.token.strip()} if rules.token else {}
    if not answers and wanted.get("ref"):
        return _search(api, wanted, str(wanted["ref"]), access)
    last = read_answer(answers[-1]) if answers else {}
    if isinstance(last.get("results"), list):
        return _item(wanted, last["results"])
    if isinstance(last.get("refs"), list):
        masters = [one["ref"] for one in mappings(last["refs"]) if one.get("isMasterRef") and one.get("ref")]
        if not masters:
            raise unreadable("The repository's answer has no master ref.")
        return _search(api, wanted, str(masters[0]), access)
    if len(answers) > 1:
        raise unreadable("The answer has no results.")
    return Call(f"{api}?{urlencode(access)}" if access else api)


def _search(api: str, wanted: Json, ref: str, access: Mapping[str, str]) -> Call:
    # Without `lang` only documents in the repository's main language are found.
    asked = {"ref": ref, "q": f'[[at(document.id,"{wanted["id"]}")]]', "lang": "*", "pageSize": "1", **access}
    return Call(f"{api}/documents/search?{urlencode(asked)}", answers=_STALE_REF)


def _item(wanted: Json, results: Sequence[Any]) -> Item:
    document, named = next((one for one in results if isinstance(one, Mapping)), None), str(wanted["id"])
    if document is None:
        note = "The published version of the repository does not have the document."
        key = f"gone:{named}:{wanted.get('ref')}"
        return Item(intent=Intent.UNPUBLISH, event="api-update", key=key, object_id=named, note=note)
    data, uid = document.get("data"), text_at(document, "uid")
    title = _title(data)
    tags = document.get("tags")
    texts = lines(block["text"] for block in _blocks(data))
    return Item(
        intent=Intent.PUBLISH,
        event="api-update",
        object_id=named,
        revision=text_at(document, "last_publication_date") or None,
        title=title or uid,
        body=texts.removeprefix(title).lstrip() if title else texts,
        excerpt=_first_text(data, "excerpt", "description", "summary", "meta_description"),
        url=text_at(document, "url") or uid,
        images=tuple(one["url"] for one in mappings(data) if _is_image(one)),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        published_at=text_at(document, "last_publication_date"),
        status="published",
        raw=dict(document),
    )


def _title(data: Any) -> str:
    """Return the field `title`, else the first rich text that begins with a heading."""
    named = _first_text(data, "title", "headline", "name")
    headings = (str(one["text"]) for one in _blocks(data) if str(one.get("type")).startswith("heading"))
    return named or next((text.strip() for text in headings), "")


def _first_text(data: Any, *names: str) -> str:
    """Return the first of these fields that says anything: plain text, or rich text as one line."""
    for name in names:
        value = data.get(name) if isinstance(data, Mapping) else None
        text = value if isinstance(value, str) else " ".join(str(one["text"]) for one in _blocks(value))
        if text.strip():
            return text.strip()
    return ""


def _blocks(data: Any) -> Iterator[Mapping[str, Any]]:
    """Give the blocks of rich text (`{"type": "paragraph", "text", "spans"}`), wherever they stand."""
    return (one for one in mappings(data) if isinstance(one.get("text"), str) and "spans" in one)


def _is_image(one: Mapping[str, Any]) -> bool:
    return isinstance(one.get("url"), str) and isinstance(one.get("dimensions"), Mapping)


KIND = Kind(
    name="prismic",
    title="Prismic",
    read=_read,
    config_type=PrismicRules,
    auth="body:secret",
    lookup=_lookup,
    fetches=lambda rules: bool(rules.fetch),
)
