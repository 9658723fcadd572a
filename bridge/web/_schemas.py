"""The schemas of `/openapi.json`: what a caller sends and gets. They name what a caller needs, and allow more."""

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.core import inbound
from bridge.core.auditing import VIA
from bridge.core.endpoints import DELIVERED, ENDPOINT, ORDERINGS, REPLY, SUBSCRIPTION
from bridge.core.errors import FailureReason
from bridge.core.events import EVENT_TYPES
from bridge.core.formats import FORMATS
from bridge.core.model import AccountState, AttemptOutcome, CommandKind, Intent, PostState, WorkState
from bridge.core.request import EDITABLE, FIELDS
from bridge.core.states import RETIRED
from bridge.web._timeline import KINDS
from bridge.web.numbers import COUNTED, QUEUES

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
_MAYBE: Schema = {"type": ["string", "null"]}
WHEN: Schema = {"type": "string", "format": "date-time"}
_MAYBE_WHEN: Schema = {"type": ["string", "null"], "format": "date-time"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_ANY: Schema = {"type": "object"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _many(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def word(words: Iterable[str]) -> Schema:
    return {"type": "string", "enum": [str(word) for word in words]}


def _object(*required: str, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties} | ({"required": list(required)} if required else {})


def _counted(what: str) -> Schema:
    return {"type": "object", "additionalProperties": _COUNT, "description": what}


def _list(of: Schema) -> Schema:
    return _object("items", "next", items=_many(of), next=_MAYBE)


_REQUEST: Mapping[str, Schema] = {
    "caption": _MAYBE,
    "captions": {
        "type": ["object", "null"],
        "additionalProperties": TEXT,
        "description": "Captions by platform, such as x or linkedin; each goes before `caption`.",
    },
    "text": _MAYBE,
    "media": {
        "anyOf": [_ANY, TEXT, _many(TEXT)],
        "description": 'An object such as {"type": "video", "url": "https://..."}, one URL, or a list of URLs.',
    },
    "accounts": {
        "anyOf": [TEXT, _many({"anyOf": [TEXT, _object("id", id=TEXT)]})],
        "description": "Our names, patterns over them, or ids of the partner.",
    },
    "scheduled_at": {
        "type": ["string", "null"],
        "description": "Best ISO 8601; without an offset `timezone` is needed.",
    },
    "timezone": {"type": ["string", "null"], "description": "An IANA name, such as Europe/Berlin."},
    "external_id": {
        "type": ["string", "null"],
        "maxLength": 128,
        "description": "Yours; the same one is published once.",
    },
    "music_url": _MAYBE,
    "tiktok": _ANY,
    "pinterest": _ANY,
    "settings": _ANY,
    "title": _MAYBE,
    "url": _MAYBE,
    "excerpt": _MAYBE,
    "tags": {"anyOf": [TEXT, _many(TEXT)]},
    "correlation": _MAYBE,
    "dedupe": _FLAG,
}

_BRIEF: Mapping[str, Schema] = {
    "id": TEXT,
    "partner": TEXT,
    "partner_id": _MAYBE,
    "state": word(PostState),
    "accounts": _many(TEXT),
    "scheduled_at": _MAYBE_WHEN,
    "reason": _MAYBE,
    "error": _MAYBE,
    "url": _MAYBE,
}
_PUBLISHED: Mapping[str, Schema] = {
    "id": {**TEXT, "description": "That of the event, as `event_id`."},
    "event_id": TEXT,
    "duplicate": _FLAG,
    "status": {**TEXT, "description": "The state of the posts, or `mixed`."},
    "taken": {**_FLAG, "description": "The partner has all of it. It is not live yet for that: `url` shows that."},
    "post_id": {**_MAYBE, "description": "The first post."},
    "accounts_text": {**TEXT, "description": "Where it goes, with commas between."},
    "scheduled_at": _MAYBE_WHEN,
    "url": {**_MAYBE, "description": "The first live link that is known."},
    "reason": {**_MAYBE, "description": "Why it waits or was refused."},
    "error": _MAYBE,
    "posts": _many(ref("Brief")),
    "warnings": _many(_ANY),
}
_POST: Mapping[str, Schema] = {
    **_BRIEF,
    "event_id": TEXT,
    "source": TEXT,
    "external_id": _MAYBE,
    "correlation": _MAYBE,
    "content": _ANY,
    "targets": _many(_ANY),
    "created_at": WHEN,
    "changed_at": WHEN,
    "ended_at": _MAYBE_WHEN,
}
_TIMELINE: Mapping[str, Schema] = {
    "timeline": _many(ref("Entry")),
    "commands": _many(ref("Command")),
    "actions": _many(word(("edit", "cancel", "retry", "send", "drop", "live"))),
}
_EVENT: Mapping[str, Schema] = {
    "id": TEXT,
    "source": TEXT,
    "intent": word(Intent),
    "received_at": WHEN,
    "external_id": _MAYBE,
    "request": _ANY,
    "warnings": _many(_ANY),
    "reason": _MAYBE,
}
_DELIVERY: Mapping[str, Schema] = {
    "id": TEXT,
    "event": TEXT,
    "type": word(DELIVERED),
    "endpoint": {**_MAYBE, "description": "null for a token that may not see the endpoint."},
    "state": word(WorkState),
    "reason": _MAYBE,
    "attempts": _COUNT,
    "calls": _COUNT,
    "due_at": WHEN,
    "created_at": WHEN,
    "settled_at": _MAYBE_WHEN,
}

_FILTER: Mapping[str, Schema] = {
    "endpoint": TEXT,
    "state": word((WorkState.DEAD, WorkState.DONE)),
    "type": word(DELIVERED),
    "partner": TEXT,
    "source": TEXT,
    "reason": word(FailureReason),
    "since": WHEN,
    "until": WHEN,
}

_TEXTS: Schema = {"anyOf": [TEXT, _many(TEXT)]}
_COUNTS: Schema = {"type": "object", "additionalProperties": _COUNT}
_SECRET: Schema = {**_MAYBE, "description": "What signs its requests; told this once. Null: they are not signed."}
_SPAN: Schema = {**_MAYBE, "examples": ["30s", "1h30m"]}

_ENDPOINT_FIELDS: Mapping[str, Schema] = {
    "url": {**TEXT, "maxLength": 2000, "description": "https, unless `allow_http`."},
    "description": {**_MAYBE, "maxLength": 500},
    "events": {
        "anyOf": [TEXT, _many(TEXT), {"type": "null"}],
        "description": "Types, such as post.failed or attention.*",
    },
    "where": {
        "type": ["object", "null"],
        "additionalProperties": _TEXTS,
        "description": "Conditions on partner, platform, account, source, reason; all must hold.",
    },
    "format": {"type": ["string", "null"], "enum": [*FORMATS, None]},
    "headers": {"type": ["object", "null"], "additionalProperties": TEXT},
    "rate": {"type": ["number", "null"], "minimum": 0.001, "maximum": 10000, "description": "Deliveries a second."},
    "ordering": {"type": ["string", "null"], "enum": [*ORDERINGS, None]},
    "timeout": _SPAN,
    "schedule": {"type": ["array", "null"], "items": TEXT, "minItems": 1, "maxItems": 100},
    "group": _SPAN,
    "allow_http": {"type": ["boolean", "null"]},
    "enabled": {"type": ["boolean", "null"]},
}
_ENDPOINT: Mapping[str, Schema] = {
    "name": TEXT,
    "kind": word((ENDPOINT, SUBSCRIPTION, REPLY)),
    "url": {**TEXT, "description": "As far as its host: the rest may be a secret."},
    "description": TEXT,
    "events": _many(TEXT),
    "where": _ANY,
    "format": word(FORMATS),
    "signed": {"type": ["boolean", "null"]},
    "headers": {"type": ["array", "null"], "items": TEXT, "description": "Their names."},
    "rate": {"type": ["number", "null"]},
    "ordering": word(ORDERINGS),
    "timeout": _MAYBE,
    "schedule": {"type": ["array", "null"], "items": TEXT},
    "group": TEXT,
    "allow_http": _FLAG,
    "enabled": _FLAG,
    "state": word(("enabled", "failing", "held", "disabled")),
    "reason": _MAYBE,
    "failing_since": _MAYBE_WHEN,
    "disable_at": _MAYBE_WHEN,
    "held_until": _MAYBE_WHEN,
    "configured": _FLAG,
    "owner": _MAYBE,
    "accounts": {**_many(TEXT), "description": "What its maker may see: it is told of these alone. None: of all."},
    "created_at": _MAYBE_WHEN,
}

SCHEMAS: Mapping[str, Schema] = {
    "KeySet": _object("keys", keys=_many(_ANY)),
    "Object": _ANY,
    "Publish": _object(**{name: _REQUEST[name] for name in FIELDS}),
    "Changes": _object(**{name: _REQUEST[name] for name in EDITABLE}),
    "Published": _object(*_PUBLISHED, **_PUBLISHED),
    "Hook": {"type": "object", "description": "Whatever the kind of the source says; of most kinds the vendor's own."},
    "Hooked": {
        "anyOf": [ref("Taken"), _object("events", events=_many(ref("Taken")))],
        "description": "Of most kinds; some senders want another answer. Several only where a request brought several.",
    },
    "Taken": _object(
        "event_id", "duplicate", "intent", event_id=TEXT, duplicate=_FLAG, intent=word(Intent), status=TEXT,
        posts=_many(ref("Brief")), warnings=_many(_ANY), reason=TEXT, note=TEXT,
    ),
    "Preview": _object(
        "source", source=TEXT, body=_ANY, body_base64=TEXT, headers={"type": "object"}, method=TEXT, query=TEXT,
    ),
    "Previewed": _object(
        "verified", "problem", "items", problem={"type": ["object", "null"]}, items=_many(_ANY),
        verified=_object("genuine", "found", "how", genuine=_FLAG, found=TEXT, how=TEXT),
    ),
    "Brief": _object(*_BRIEF, **_BRIEF),
    "Post": _object(*_POST, **_POST),
    "Posts": _list(ref("Post")),
    "PostWithTimeline": _object(*_POST, *_TIMELINE, **_POST, **_TIMELINE),
    "Entry": _object(
        "at", "kind",
        at=WHEN, kind=word(KINDS),
    ),
    "Command": _object(
        "id", "kind", "state", id=TEXT, number=_COUNT, kind=word(CommandKind), state=word(WorkState),
        due_at=WHEN, reason=_MAYBE, detail=_MAYBE, attempts=_COUNT,
    ),
    "Acted": _object("post", "command", post=ref("Post"), command={"anyOf": [ref("Command"), {"type": "null"}]}),
    "Event": _object(*_EVENT, **_EVENT),
    "Events": _list(ref("Event")),
    "EventWithPosts": _object(
        *_EVENT, "status", "posts", "messages",
        **_EVENT, status=TEXT, posts=_many(ref("PostWithTimeline")), messages=_many(ref("Message")),
        body=_object(text=TEXT, base64=TEXT),
    ),
    "Message": _object(
        "id", "source", "kind", "channel", "user", "endpoint", "created_at",
        id=TEXT, source=TEXT, kind=word((inbound.REPLY, inbound.CARD, inbound.STEP)), channel=_MAYBE, user=_MAYBE,
        endpoint={**TEXT, "description": "What its deliveries go to, by which it is brought up to date."},
        created_at=WHEN,
    ),
    "Account": _object(
        "id", "partner", "name", "platform", "state", "causes",
        id=TEXT, partner=TEXT, name=TEXT, platform=TEXT, username=TEXT, state=word((*AccountState, RETIRED)),
        causes=_many(ref("Cause")),
    ),
    "Accounts": _list(ref("Account")),
    "ReconnectLink": _object(
        "url", "expires_at", "account", url=TEXT, expires_at=WHEN, account=_object("id", "partner", id=TEXT)
    ),
    "Cause": _object(
        "id", "kind", "partner", "state", "reason", "detail", "opened_at", "waiting",
        id=TEXT, kind=word(("account", "key", "plan", "source")), partner=TEXT, state=word(("open", "closed")),
        reason=TEXT, detail=TEXT, opened_at=WHEN, closed_at=_MAYBE_WHEN,
        waiting=_object("count", "posts", count=_COUNT, posts=_many(TEXT)),
    ),
    "Causes": _list(ref("Cause")),
    "Numbers": _object(
        "at", "minutes", "backlog", "causes", "endpoints", "posts",
        at=WHEN,
        minutes=_many(_object("at", *COUNTED, at=WHEN, **dict.fromkeys(COUNTED, _COUNT))),
        backlog=_object(
            *QUEUES, **{name: _object("count", "oldest_at", count=_COUNT, oldest_at=_MAYBE_WHEN) for name in QUEUES}
        ),
        causes=_COUNT, endpoints=_counted("By state."), posts=_counted("By state."),
    ),
    "Sources": _list(
        _object(
            "name", "kind", "path", "url", "methods", "verified_by", "last_at", "last_event", "events", "refused",
            name=TEXT, kind=TEXT, path=TEXT, url=_MAYBE, methods=_many(TEXT), verified_by=TEXT, last_at=_MAYBE_WHEN,
            last_event={"type": ["object", "null"]},
            events=_counted("In 24 hours, by outcome."), refused=_counted("In 24 hours, by reason."),
        )
    ),
    "Notes": _list(
        _object(
            "id", "at", "token", "via", "action", "subject", "outcome", "detail",
            id=TEXT, at=WHEN, token=TEXT, via=word(VIA), action=TEXT, subject=_MAYBE,
            outcome={"type": ["integer", "null"], "description": "The status it was answered; null: not known."},
            detail={"type": ["object", "null"]},
        )
    ),
    "Endpoint": _object(*_ENDPOINT, **_ENDPOINT),
    "Endpoints": _list(ref("Endpoint")),
    "NewEndpoint": _object("url", **_ENDPOINT_FIELDS, name=_MAYBE, secret=_MAYBE),
    "EndpointChanges": _object(**_ENDPOINT_FIELDS),
    "EndpointWithSecret": _object(*_ENDPOINT, "secret", **_ENDPOINT, secret=_SECRET),
    "Rotate": _object(
        secret=_MAYBE, revoke={"type": ["boolean", "null"], "description": "Those before sign no more, from now on."}
    ),
    "RotatedEndpoint": _object(
        *_ENDPOINT, "secret", "old_until", **_ENDPOINT, secret=_SECRET, old_until=_MAYBE_WHEN
    ),
    "Enable": _object(replay={"type": ["boolean", "null"], "description": "Also send what it lost meanwhile."}),
    "Enabled": _object(
        "endpoint", "replay", "waiting",
        endpoint=ref("Endpoint"), replay={**_MAYBE, "description": "The id of the replay that began."}, waiting=_COUNT,
    ),
    "Tested": _object(
        "delivery", "attempt", "why",
        delivery=ref("Delivery"), attempt={"type": ["object", "null"]},
        why={**_MAYBE, "description": "Why there is no attempt to tell of."},
    ),
    "EndpointStats": _object(
        "name", "since", "deliveries", "oldest_due_at", "attempts", "reasons", "seconds", "last_success_at",
        "last_failure_at",
        name=TEXT, since=WHEN, deliveries=_COUNTS, oldest_due_at=_MAYBE_WHEN, attempts=_COUNTS, reasons=_COUNTS,
        seconds={"type": ["object", "null"], "additionalProperties": {"type": "number"}},
        last_success_at=_MAYBE_WHEN, last_failure_at=_MAYBE_WHEN,
    ),
    "Subscribe": {
        **_object(
            target_url=TEXT, hookUrl=TEXT, url=TEXT, subscription_url=TEXT,
            event=TEXT, events=_TEXTS, where=_ENDPOINT_FIELDS["where"],
            format=_ENDPOINT_FIELDS["format"], secret={"type": ["boolean", "null"], "description": "Sign it."},
        ),
        "description": "The address under any one of its four names, and the types wanted under any of their two.",
    },
    "Subscription": _object(
        "id", "target_url", "events", "where", "format", "enabled", "created_at",
        id=TEXT, target_url=TEXT, events=_many(TEXT), where=_ANY, format=word(FORMATS), enabled=_FLAG,
        created_at=WHEN, secret={**TEXT, "description": "Only when one was asked for, and only this once."},
    ),
    "Samples": _many(_ANY),
    "Delivery": _object(*_DELIVERY, **_DELIVERY),
    "Deliveries": _list(ref("Delivery")),
    "DeliveryWithTries": _object(
        *_DELIVERY, "tries", "told", **_DELIVERY, tries=_many(ref("Try")),
        told=_object("id", "type", "created_at", "body", id=TEXT, type=word(DELIVERED), created_at=WHEN,
                     body={"type": ["object", "null"], "description": "null once it was erased."}),
    ),
    "Try": _object(
        "number", "started_at", "duration_s", "outcome", "status", "reason", "detail", "response",
        number=_COUNT, started_at=WHEN, finished_at=_MAYBE_WHEN, duration_s={"type": ["number", "null"]},
        outcome=word(AttemptOutcome), status={"type": ["integer", "null"]}, reason=_MAYBE, detail=_MAYBE,
        response={**_MAYBE, "description": "The beginning of what the endpoint answered, without secrets."},
    ),
    "Replay": _object(
        **_FILTER, missed_since={**WHEN, "description": "With `endpoint`: all that it wants and did not get since."},
        all={"type": "boolean", "description": "Stands for a filter where nothing else is given."},
    ),
    "Replayed": _object("replayed", replayed=_COUNT),
    "ReplayJob": _object(
        "id", "state", "filter", "total", "sent", "skipped", "detail", "by", "created_at", "ended_at",
        id=TEXT, state=word(("running", "done", "stopped")), filter=_object(**_FILTER, missed_since=WHEN),
        total=_COUNT, sent=_COUNT, skipped=_COUNT, detail=_MAYBE, by=TEXT, created_at=WHEN, ended_at=_MAYBE_WHEN,
    ),
    "ReplayJobs": _list(ref("ReplayJob")),
    "Erased": _object(
        "id", "erased", id=TEXT,
        erased={"type": "object", "additionalProperties": _COUNT, "description": "Rows that were emptied, by table."},
    ),
    "EventTypes": _list(
        _object(
            "type", "family", "description", "since", "schema", "example",
            type=word(EVENT_TYPES), family=TEXT, description=TEXT, since=TEXT, schema=_ANY, example=_ANY,
        )
    ),
    "Probe": _object("status", status=TEXT, failing=_ANY, writes_off=_many(TEXT), ephemeral=TEXT, config=_ANY),
    "Problem": _object(
        "type", "title", "status", "detail", "errors",
        type=TEXT, title=TEXT, status={"type": "integer"}, detail={"type": "string", "maxLength": 249},
        errors=_many(ref("Fault")),
    ),
    "Fault": _object(
        "field", "problem", "remedy", field=TEXT, problem=TEXT, remedy=TEXT, limit=_COUNT, found=_COUNT, unit=TEXT,
        target=TEXT,
    ),
}  # fmt: skip
