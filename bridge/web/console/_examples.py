"""An example of what each kind of sender sends, for the preview: ours, in the shape of the sender's own pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class Example:
    """A request as it is pasted: a body, header lines, a query string."""

    body: str
    headers: str = ""
    query: str = ""


_HEADERS: Mapping[str, str] = {
    "cloudevents": "Content-Type: application/cloudevents+json",
    "contentful": "X-Contentful-Topic: ContentManagement.Entry.publish",
    "feed": "Content-Type: application/rss+xml",
    "github": "X-GitHub-Event: release",
    "gitlab": "X-Gitlab-Event: Release Hook",
    "shopify": "X-Shopify-Topic: products/create",
    "slack": "Content-Type: application/x-www-form-urlencoded",
    "woocommerce": "X-WC-Webhook-Topic: product.created",
}
"""What says beside the body what happened, or how it is written."""


def _read() -> dict[str, Example]:
    found = {}
    for path in files("bridge.web.console").joinpath("examples").iterdir():
        kind = PurePath(path.name).stem
        found[kind] = Example(path.read_text().rstrip("\n"), _HEADERS.get(kind, ""))
    return found


EXAMPLES: Mapping[str, Example] = _read()
"""By the kind of the source."""
