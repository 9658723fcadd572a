"""What deliveries are about, in words and with a link."""

from collections.abc import Sequence
from typing import Any

from bridge.web.console._visit import Visit
from bridge.web.console._words import path, short, words

_LONGEST = 60


async def with_subjects(visit: Visit, deliveries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return deliveries of the API with `about`: its `text`, and `href`, which is empty where there is no page.

    Whoever sees a delivery that is about a post may see the post, too.
    """
    ids = {one["subject"]["id"].partition(":")[0] for one in deliveries if one["subject"]["kind"] in ("post", "target")}
    posts = await visit.web.store.posts(ids) if ids else {}
    captions = {post_id: short(post.content.get("caption"), _LONGEST) for post_id, post in posts.items()}
    return [{**one, "about": _about(visit, one["subject"], captions)} for one in deliveries]


def _about(visit: Visit, subject: dict[str, str], captions: dict[str, str]) -> dict[str, str]:
    kind, identity = subject["kind"], subject["id"]
    first, _, rest = identity.partition(":")
    match kind:
        case "post" | "target":
            return {"text": captions.get(first) or "a post without text", "href": path("posts", first)}
        case "account":
            return {"text": f"account {_name(visit, first, rest)}", "href": "/console/accounts"}
        case "cause" if first == "account":
            return {"text": f"account {_name(visit, *rest.split(':', 1))}", "href": "/console/accounts"}
        case "cause":
            return {"text": f"{first} {rest}", "href": "/console/accounts"}
        case "endpoint":
            return {"text": f"endpoint {identity}", "href": path("endpoints", identity)}
    return {"text": f"{words(kind)} {identity}", "href": ""}


def _name(visit: Visit, partner: str, account: str = "") -> str:
    return visit.web.ingest.kit.book.directory.name_of(partner, account) or account or partner
