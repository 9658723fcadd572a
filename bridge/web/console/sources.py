"""Sources: who may send, to which address, how that is checked, and what came last."""

from collections.abc import Mapping
from typing import Any

from bridge.flows.ingest import API
from bridge.web.console._examples import EXAMPLES
from bridge.web.console._visit import Shown, Visit
from bridge.web.console._words import words

_WHERE: Mapping[str, str] = {
    "cloudevents": "Give the sender this address, and the secret as a bearer token.",
    "contentful": "In Contentful: Settings > Webhooks > Add webhook; entry publish, unpublish and delete.",
    "datocms": "In DatoCMS: Project settings > Webhooks; records, on publish, unpublish and delete, with basic auth.",
    "directus": "In Directus: a flow whose last operation is a POST to this address, with the secret as bearer token.",
    "feed": "Nothing is set up at the sender: bridge reads the feed. A hub may tell this address of news at once.",
    "generic": "Whatever can send a POST: this address, and the secret as bearer token unless auth says otherwise.",
    "ghost": "In Ghost: Settings > Advanced > Integrations > Custom integration > Add webhook; post published.",
    "github": "In GitHub: the repository's Settings > Webhooks > Add webhook; JSON, releases alone.",
    "gitlab": "In GitLab: the project's Settings > Webhooks > Add new webhook; releases events alone.",
    "hubspot": "In HubSpot: a workflow's action Send a webhook, with the request signature of your app.",
    "hygraph": "In Hygraph: Project settings > Automation > Webhooks; with payload, stage Published.",
    "kontent": "In Kontent.ai: Environment settings > Webhooks > Create new webhook; content items, slot Published.",
    "notion": "In Notion: the integration's Webhooks > Create a subscription; pages created, changed and deleted.",
    "posteverywhere": "At PostEverywhere: a webhook subscription with the events of posts and accounts.",
    "prismic": "In Prismic: Settings > Webhooks > Create a webhook; document published and unpublished.",
    "sanity": "In Sanity: sanity.io/manage > the project > API > Webhooks; create, update and delete, no drafts.",
    "shopify": "In Shopify: Settings > Notifications > Webhooks > Create webhook; product creation, JSON.",
    "slack": "In Slack: an app from the manifest that bridge slack manifest prints.",
    "standard_webhooks": "At the sender: add this address as an endpoint, for its events of publishing.",
    "storyblok": "In Storyblok: Settings > Webhooks > New webhook; story published, unpublished and deleted.",
    "strapi": "In Strapi: Settings > Global settings > Webhooks; entry publish, with the header Authorization.",
    "webflow": "In Webflow: a webhook made with its API, for collection items that are published.",
    "woocommerce": "In WordPress: WooCommerce > Settings > Advanced > Webhooks; product created and updated.",
    "wordpress": "In WordPress: our plugin in wp-content/mu-plugins, or WP Webhooks with this address.",
}
"""Where the sender is told of the address, by kind; docs/sources/KIND.md has all of it."""
_API = "A program sends JSON or a form here, with a token that may publish as bearer token."
_REFUSED = ("unauthorized", "forbidden", "invalid", "overloaded")
"""Outcomes that are told by their reasons."""


_MEANS: Mapping[str, str] = {
    "unsigned": "They carried no proof of who sent them: the sender has no secret, or the wrong header.",
    "forged": "Their proof does not fit: the sender and the configuration have different secrets.",
    "malformed": "Their proof cannot be read: it does not have the form that this kind of sender uses.",
    "stale": "They were signed too long ago, or a clock is wrong: the sender's, or that of this machine.",
    "no_token": "They carried no token.",
    "unknown_token": "Their token is not one of those under tokens.",
    "scope": "Their token may not publish.",
    "invalid": "They could not be read, or named what is not there.",
    "overloaded": "There was no room; a sender that tries again gets through.",
}
"""What a person makes of a reason for which senders were refused."""


async def listing(visit: Visit) -> Shown:
    """Show every configured source, the API last."""
    found = (await visit.ask("list_sources"))["items"]
    rows = [_row(one) for one in sorted(found, key=lambda one: (one["name"] == API, one["name"]))]
    return Shown("sources", "Sources", {"sources": rows, "previews": visit.may("preview")})


def _row(source: Mapping[str, Any]) -> dict[str, Any]:
    kind, is_api = str(source["kind"]), source["name"] == API
    failures = [
        {"words": words(reason), "count": count, "means": _MEANS.get(reason, "")}
        for reason, count in sorted(source["refused"].items())
    ]
    return {
        **source,
        "verified_by": str(source["verified_by"]).replace("`", ""),
        "label": "Where your own programs publish" if is_api else "The address to paste at the sender",
        "where": _API if is_api else _WHERE.get(kind, "Give the sender this address."),
        "page": "docs/api.md" if is_api else f"docs/sources/{kind}.md",
        "took": sorted((outcome, count) for outcome, count in source["events"].items() if outcome not in _REFUSED),
        "failures": failures,
        "previewed": not is_api,
        "example": "1" if kind in EXAMPLES else None,
    }
