"""Where what was sent can be seen at the sender: a conversation in Slack, an entry of a CMS."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit


def origin(event: Mapping[str, Any], kind: str) -> dict[str, str] | None:
    """Return the name and address of the page or message that an event is of; None when it has none."""
    place = str(event["object_id"] or "")
    if kind == "slack" and (href := in_slack(*place.split(":", 1)[:1])):
        return {"name": "The conversation in Slack", "href": href}
    url = str(event["request"].get("url") or "")
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.netloc:
        return {"name": "The entry it is about", "href": url}
    return None


def in_slack(channel: str) -> str:
    """Return where Slack opens a conversation; empty when that is none.

    Source: https://docs.slack.dev/interactivity/deep-linking (read 2026-11).
    """
    known = channel[:1] in ("C", "D", "G") and channel.isalnum() and channel.isupper()
    return f"https://slack.com/app_redirect?{urlencode({'channel': channel})}" if known else ""
