"""What a person must act on, in words for a page: what it is, what waits for it, and the button that helps."""

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.web.console._visit import Visit
from bridge.web.console._words import path, short

Told = dict[str, Any]

_READ = "200"
_NAMED = 5
_TITLES: Mapping[str, str] = {
    "account": "{name} must be reconnected",
    "key": "The key {name} is refused",
    "plan": "The plan of {name} lacks something",
    "source": "More came from {name} at once than goes by itself",
}
_RECONNECT = "Reconnect the account; what waits for it then goes out by itself."
_LINK = "Makes a link of the partner, good for minutes, where a person signs in to the account again."
_LOOK = "Look at what waits: send or drop the posts one by one, or let all of them go."
_LET_GO = "Lets all of it go out now, one after the other on each account."


async def tell(visit: Visit, causes: Sequence[Mapping[str, Any]]) -> list[Told]:
    """Return causes of the API, each with `title`, `what_to_do`, `posts` that wait and `button` (None: none helps).

    `posts` are the first few, with `id` and `text`; a button has `action`, `name` and `does`.
    """
    texts: dict[str, str] = {}
    if any(cause["waiting"]["count"] for cause in causes):
        parked = await visit.ask("list_posts", query={"state": "parked", "limit": _READ})
        texts = {post["id"]: short(post["content"].get("caption"), 60) for post in parked["items"]}
    return [_told(visit, cause, texts) for cause in causes]


def makes_link(visit: Visit, key: str) -> bool:
    """Say whether the one who looks can be given a link to reconnect an account, given its `KEY:ID`."""
    kit = visit.web.ingest.kit
    return visit.may("reconnect_account") and kit.makes_link(kit.book.directory.accounts.get(key))


def _told(visit: Visit, cause: Mapping[str, Any], texts: Mapping[str, str]) -> Told:
    kind, _, key = cause["id"].partition(":")
    waiting = cause["waiting"]["posts"][:_NAMED]
    told = {
        **cause,
        "title": _TITLES.get(kind, "{name} needs a person").format(name=_name(visit, kind, key)),
        "posts": [{"id": one, "text": texts.get(one) or one} for one in waiting],
        "button": None,
    }
    if kind == "account" and makes_link(visit, key):
        told["what_to_do"] = _RECONNECT
        told["button"] = {"action": path("accounts", key, "reconnect"), "name": "Reconnect", "does": _LINK}
    elif kind == "account" and (cause["what_to_do"] or "").startswith("POST "):
        told["what_to_do"] = _RECONNECT
    elif kind == "source":
        told["what_to_do"] = _LOOK
        if visit.may("close_cause") and not visit.token.accounts:
            told["button"] = {"action": path("causes", cause["id"], "close"), "name": "Let all go", "does": _LET_GO}
    return told


def _name(visit: Visit, kind: str, key: str) -> str:
    partner, _, account = key.partition(":")
    return visit.web.ingest.kit.book.directory.name_of(partner, account) or account if kind == "account" else key
