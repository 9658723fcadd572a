"""What Genviral tells of a plan: `GET /subscription`, which it answers also when the plan has lapsed.

    {"subscription": {"status": "active", "tier": "professional", "is_paused": false, "credits": {"remaining": 812}}}

Source: https://docs.genviral.io, read by 2026-11.
"""

from collections.abc import Mapping
from typing import Any

from bridge.partners.genviral import replies


def told(body: Mapping[str, Any] | None) -> str:
    """Return tier and status in a few words; empty when the answer has neither."""
    plan = replies.data_of(body).get("subscription")
    if not isinstance(plan, Mapping):
        return ""
    words = [str(plan[name])[:40] for name in ("tier", "status") if isinstance(plan.get(name), str)]
    return ", ".join([*words, *(["paused"] if plan.get("is_paused") is True else [])])
