"""How the nouns look in answers. Instants are left as they are: `dump` writes them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from bridge.core.directory import Wanted, may_use
from bridge.core.endpoints import Sending, destination_of, rate_of
from bridge.core.model import (
    Account,
    Attempt,
    Cause,
    Command,
    Delivery,
    Endpoint,
    Event,
    Message,
    OutboundEvent,
    Post,
    Target,
)
from bridge.core.step import reconnect, remedy
from bridge.core.targets import shown
from bridge.core.units import format_duration

Shape = dict[str, Any]


def brief(post: Post) -> Shape:
    """A post as the answer to a publish names it."""
    return {
        "id": post.id,
        "partner": post.partner,
        "partner_id": post.partner_id,
        "state": post.state,
        "accounts": [target.name or target.account for target in post.targets],
        "scheduled_at": post.scheduled_at,
        "reason": post.reason,
        "error": post.error,
        "url": next((target.url for target in post.targets if target.url), None),
    }


def at_a_glance(posts: Sequence[Post]) -> Shape:
    """Several posts as one level of words, for tools that cannot look into lists; what there is none of is null."""
    targets = [target for post in posts for target in post.targets]
    times = [post.scheduled_at for post in posts if post.scheduled_at is not None]
    return {
        "post_id": posts[0].id if posts else None,
        "accounts_text": ", ".join(target.name or target.account for target in targets),
        "scheduled_at": min(times, default=None),
        "url": next((target.url for target in targets if target.url), None),
        "reason": next((post.reason for post in posts if post.reason), None),
        "error": next((post.error for post in posts if post.error), None),
    }


def post_shape(post: Post) -> Shape:
    """A post with all that is known of it; `external_id` is the caller's own."""
    return brief(post) | {
        "event_id": post.event_id,
        "source": post.source,
        "external_id": post.caller_id,
        "partner_external_id": post.external_id,
        "correlation": post.correlation,
        "content": post.content,
        "targets": [_target(target) for target in post.targets],
        "raw_status": post.raw_status,
        "wanted_at": post.wanted_at,
        "created_at": post.created_at,
        "changed_at": post.changed_at,
        "read_at": post.read_at,
        "next_read_at": post.poll_at,
        "ended_at": post.ended_at,
        "stuck": post.stuck,
        "gave_up": post.gave_up,
    }


def _target(target: Target) -> Shape:
    return {
        "account": target.account,
        "name": target.name,
        "platform": target.platform,
        "state": target.state,
        "raw_status": target.raw_status,
        "url": target.url,
        "published_at": target.published_at,
        "last_attempted_at": target.last_attempted_at,
        "reason": target.reason,
        "failure": target.failure,
        "error": target.error,
        "decision": target.choice or None,
        "retry_at": target.retry_at,
        "retries": target.retries,
    }


def overall(posts: Sequence[Post]) -> str:
    """One word for several posts: their state, or `mixed`; `none` when there is none."""
    states = {post.state for post in posts}
    return str(states.pop()) if len(states) == 1 else "mixed" if states else "none"


def event_shape(event: Event) -> Shape:
    """An event, without its body."""
    return {
        "id": event.id,
        "source": event.source,
        "verified": verified(event),
        "intent": event.intent,
        "received_at": event.received_at,
        "external_id": event.external_id,
        "correlation": event.correlation,
        "key": event.key,
        "key_until": event.key_until,
        "object_id": event.object_id,
        "revision": event.revision,
        "content_type": event.content_type,
        "size": len(event.body),
        "request": event.request,
        "warnings": event.warnings,
        "reason": event.reason,
    }


def verified(event: Event) -> Shape:
    """Who sent an event, and by what that was checked (`token`, `source`)."""
    how, _, name = event.scope.partition(":")
    return {"by": how, "name": name}


def command_shape(command: Command) -> Shape:
    """A command; `attempts` used up budget, `calls` are all."""
    return {
        "id": command.id,
        "number": command.number,
        "kind": command.kind,
        "state": command.state,
        "due_at": command.due_at,
        "created_at": command.created_at,
        "settled_at": command.settled_at,
        "parked_at": command.parked_at,
        "cause": command.cause or None,
        "reason": command.reason,
        "detail": command.detail,
        "attempts": command.attempts,
        "calls": command.calls,
        "accounts": command.payload.get("account_ids"),
        "changes": sorted(command.payload.get("changes", ())) or None,
        "by": command.payload.get("by"),
    }


def attempt_shape(attempt: Attempt) -> Shape:
    """One call of a command or delivery."""
    return {
        "number": attempt.number,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "reason": attempt.reason,
        "detail": attempt.detail,
        "answer": attempt.answer,
    }


def delivery_shape(delivery: Delivery) -> Shape:
    """A delivery; `attempts` are those since it was last sent anew, `calls` are all."""
    return {
        "id": delivery.id,
        "event": delivery.outbound_id,
        "type": delivery.type,
        "endpoint": delivery.destination,
        "subject": subject(delivery.subject),
        "sequence": delivery.sequence,
        "state": delivery.state,
        "reason": delivery.reason,
        "attempts": delivery.attempts,
        "calls": delivery.calls,
        "due_at": delivery.due_at,
        "created_at": delivery.created_at,
        "settled_at": delivery.settled_at,
    }


def subject(text: str) -> Shape:
    """What an outbound event is about."""
    kind, _, identity = text.partition(":")
    return {"kind": kind, "id": identity}


def told_shape(event: OutboundEvent) -> Shape:
    """An outbound event with its body, byte for byte; null once it was erased."""
    body = orjson.Fragment(event.body) if event.body else None
    return {"id": event.id, "type": event.type, "created_at": event.created_at, "body": body}


def account_shape(account: Account, name: str, state: str) -> Shape:
    """A partner's account; `name` is ours, and `state` what it is shown as."""
    return {
        "id": account.id,
        "partner": account.partner,
        "name": name,
        "platform": account.platform,
        "username": account.username,
        "display_name": account.display_name,
        "type": account.type,
        "state": state,
        "raw_status": account.raw_status,
        "detail": account.detail or None,
        "capabilities": account.capabilities,
        "first_seen_at": account.first_seen_at,
        "last_seen_at": account.last_seen_at,
        "replaced_by": account.replaced_by,
    }


def cause_shape(cause: Cause, waiting: Sequence[str], *, link: bool) -> Shape:
    """A cause, with the first of the posts that wait for it; `link`: its account can be reconnected by a link."""
    do = reconnect(cause.id.removeprefix("account:")) if link else remedy(cause.kind, cause.reason, cause.id)
    return {
        "id": cause.id,
        "kind": cause.kind,
        "partner": cause.partner,
        "state": "open" if cause.open else "closed",
        "reason": cause.reason,
        "detail": cause.detail,
        "opened_at": cause.opened_at,
        "closed_at": cause.closed_at,
        "waiting": {"count": len(waiting), "posts": list(waiting[:20])},
        "what_to_do": do if cause.open else None,
    }


def message_shape(message: Message) -> Shape:
    """A message in a chat that follows an event; never what lets anybody answer there."""
    return {
        "id": message.id,
        "source": message.source,
        "kind": message.kind,
        "channel": message.channel or None,
        "user": message.user or None,
        "endpoint": destination_of(message.source),
        "created_at": message.created_at,
    }


def endpoint_shape(endpoint: Endpoint, sending: Sending | None, *, now: datetime, disable_after: timedelta) -> Shape:
    """An endpoint; of its address what may be shown, of its headers the names.

    `sending` is what its requests carry; None: nobody can open that.
    """
    failing = endpoint.failing_since if endpoint.enabled else None
    return {
        "name": endpoint.name,
        "kind": endpoint.kind,
        "url": shown(endpoint.url),
        "description": endpoint.description,
        "events": endpoint.events,
        "where": endpoint.where,
        "format": endpoint.format,
        "signed": bool(sending.keys) if sending is not None else None,
        "headers": sorted(sending.headers) if sending is not None else None,
        "rate": rate_of(endpoint),
        "ordering": endpoint.ordering,
        "timeout": _duration(endpoint.timeout_s),
        "schedule": [_duration(pause) for pause in endpoint.schedule_s] or None,
        "group": _duration(endpoint.group_s),
        "allow_http": endpoint.allow_http,
        "enabled": endpoint.enabled,
        "state": _health(endpoint, now),
        "reason": endpoint.reason,
        "failing_since": failing,
        "disable_at": failing + disable_after if failing is not None else None,
        "held_until": endpoint.held_until if endpoint.held_until is not None and endpoint.held_until > now else None,
        "configured": endpoint.configured,
        "owner": endpoint.owner or None,
        "accounts": endpoint.allowed,
        "created_at": endpoint.created_at,
    }


def subscription_shape(endpoint: Endpoint) -> Shape:
    """A subscription, as the program that made it keeps it."""
    return {
        "id": endpoint.name,
        "target_url": shown(endpoint.url),
        "events": endpoint.events,
        "where": endpoint.where,
        "format": endpoint.format,
        "enabled": endpoint.enabled,
        "created_at": endpoint.created_at,
    }


def _health(endpoint: Endpoint, now: datetime) -> str:
    if not endpoint.enabled:
        return "disabled"
    if endpoint.held_until is not None and endpoint.held_until > now:
        return "held"
    return "failing" if endpoint.failing_since is not None else "enabled"


def _duration(seconds: float | None) -> str | None:
    return format_duration(timedelta(seconds=seconds)) if seconds is not None else None


def may_see(post: Post, allowed: Sequence[str]) -> bool:
    """Say whether a post goes only to accounts that the caller may use."""
    return all(may_see_account(post.partner, target.account, target.name, allowed) for target in post.targets)


def may_see_account(partner: str, account_id: str, name: str, allowed: Sequence[str]) -> bool:
    """Say whether the caller may use an account."""
    return may_use(Wanted(name, partner, account_id, None), allowed)


def listed(items: Sequence[Mapping[str, Any]], after: str | None = None) -> Shape:
    """A page of a list; `next` is the `before` of the next one."""
    return {"items": items, "next": after}
