"""The source `gitlab`: releases of a project.

Body: `{"object_kind": "release", "action", "id", "name", "tag", "url", "description", "released_at", ...}`. GitLab
sends the secret token as it is in `X-Gitlab-Token`; with a signing token it signs as Standard Webhooks do (auth:
signature).
Source: https://docs.gitlab.com/user/project/integrations/webhook_events/#release-events, read 2026-11.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from types import MappingProxyType

from bridge.core.hook_rules import HookRules
from bridge.core.model import Intent, Item
from bridge.sources._kind import Kind, Payload, standard_signature

_MEANT = MappingProxyType({"create": Intent.PUBLISH, "update": Intent.UPDATE, "delete": Intent.DELETE})


def _read(payload: Payload, rules: HookRules) -> Iterable[Item]:
    kind, action, data = payload.text("object_kind", "event_name"), payload.text("action"), payload.object()
    word = ".".join(filter(None, [kind, action]))
    key = _key(payload, word)
    if kind != "release":
        return (Item(intent=Intent.IGNORE, event=word, key=key, raw=data, note="It is about no release."),)
    intent, when = _MEANT.get(action, Intent.IGNORE), _moment(payload.text("released_at"))
    is_to_come = when is not None and when > payload.raw.received_at
    written = when.isoformat().replace("+00:00", "Z") if when else payload.text("released_at")
    item = Item(
        intent=Intent.SCHEDULE if intent is Intent.PUBLISH and is_to_come else intent,
        event=word,
        key=key,
        object_id=payload.text("id") or None,
        title=payload.text("name", "tag"),
        body=payload.text("description"),
        url=payload.text("url"),
        scheduled_at=written if is_to_come else "",
        published_at="" if is_to_come else written,
        raw=data,
    )
    return (item,)


def _key(payload: Payload, word: str) -> str | None:
    """Return what a repetition has, too; what one webhook sets off in GitLab itself has the same `Event-UUID`."""
    event = payload.header("x-gitlab-event-uuid")
    named = f"{event}:{word}:{payload.text('id')}" if event else None
    return payload.header("idempotency-key") or named


def _moment(text: str) -> datetime | None:
    """Return the instant of `2023-03-06 04:44:05 UTC`, or of the same in ISO 8601."""
    try:
        found = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


KIND = Kind(
    name="gitlab",
    title="GitLab",
    read=_read,
    auth="header:X-Gitlab-Token",
    signatures=(standard_signature(),),
)
