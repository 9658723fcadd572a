"""What PostEverywhere tells of a plan: `organization` in `GET /me`, which it answers also when the plan has lapsed.

    {"organization": {"subscription_plan": "growth", "subscription_status": "active", "entitled": true}}

Source: https://developers.posteverywhere.ai, read by 2026-11.
"""

from collections.abc import Mapping
from typing import Any

from bridge.partners.posteverywhere import replies


def told(body: Mapping[str, Any] | None) -> str:
    """Return plan and status in a few words; empty when the answer has neither."""
    of = replies.data_of(body).get("organization")
    if not isinstance(of, Mapping):
        return ""
    names = ("subscription_plan", "subscription_status")
    words = [str(of[name])[:40] for name in names if isinstance(of.get(name), str)]
    return ", ".join([*words, *(["the API is not in it"] if of.get("entitled") is False else [])])
