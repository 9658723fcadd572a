"""JSON Schemas (2020-12) of what is sent: one for the whole body of each type, made of shared parts.

They demand what is always there, describe what may be, and allow more: a later version adds fields and takes none away.
The parts keep to a few forms, so that `formats.flat` can read its columns off them: an object has `properties` or is a
mapping of words, a list has `items`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.core.errors import FailureReason
from bridge.core.events import EVENT_TYPES
from bridge.core.states import AccountState, PostState, TargetState, WorkState

Schema = Mapping[str, Any]
Fields = dict[str, Schema]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _when(description: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": description}


def _count(description: str, least: int = 0, most: int | None = None) -> Schema:
    limits = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    return {"type": "integer", **limits, "description": description}


def _word(words: Iterable[str], description: str) -> Schema:
    return {"type": "string", "enum": [str(word) for word in words], "description": description}


def _list(of: Schema, description: str) -> Schema:
    return {"type": "array", "items": of, "description": description}


def _maybe(schema: Schema) -> Schema:
    """Let a part be null, too."""
    words = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **words}


def _object(always: Fields, maybe: Fields | None = None, description: str = "") -> Schema:
    properties = {**always, **{name: schema for name, schema in (maybe or {}).items() if name not in always}}
    made: dict[str, Any] = {"type": "object", "required": list(always), "properties": properties}
    return made | ({"description": description} if description else {})


REASON: Schema = {
    **_text("Why, in one word (see the reference of reasons); a later version may add words."),
    "minLength": 1,
    "examples": [str(word) for word in FailureReason],
}
"""The words are no `enum`: a receiver that holds an event against its schema must not break when one is added."""
ERROR = _text("What the other side said, or what is known beyond the reason; secrets are taken out.")
WHAT_TO_DO = _text("What a person can do about it, in a sentence.")

RETRY = _object(
    {
        "will": {"type": "boolean", "description": "Whether it is tried again by itself."},
        "at": _maybe(_when("When it is tried next; null when it is not, or not known yet.")),
        "attempt": _count("The number of that automatic retry, from 1; 0 when there is none."),
        "of": _count("How many automatic retries there are at most."),
        "why": REASON,
    },
    description="What follows from the failure.",
)
ACCOUNT = _object(
    {
        "id": _text("The partner's id of the account."),
        "name": _text("Our name for it; empty when the configuration gives none."),
        "platform": _text("The network; empty while it is not known."),
    },
    description="The account that it is about.",
)
_TARGET: Fields = {
    "account": ACCOUNT,
    "state": _word(TargetState, "Where this account's part of the post stands."),
    "url": _maybe(_text("The public address; null until the partner tells it.")),
    "published_at": _maybe(_when("When it went live.")),
    "reason": _maybe(REASON),
    "error": _maybe(ERROR),
}
_POST: Fields = {
    "post": _object(
        {
            "id": _text("Our id of the post."),
            "partner_id": _maybe(_text("The partner's id; null until it took the post.")),
            "state": _word(PostState, "Where the post stands."),
            "scheduled_at": _maybe(_when("When it is to go out; null when at once.")),
        },
        description="The post.",
    )
}
_TARGETS: Fields = {"targets": _list(_object(_TARGET), "Every account of the post.")}
_IDS = _list(_text("The partner's id of an account."), "The accounts that it concerns, by the partner's ids.")
_FAULT = _object(
    {
        "field": _text("Which field."),
        "problem": _text("What is wrong with it."),
        "remedy": _text("What would be right; may be empty."),
    },
    {
        "limit": _count("The limit that was broken."),
        "found": _count("What was found instead."),
        "unit": _text("What both count."),
        "target": _text("The account that sets the limit."),
    },
)

_BY = _text("Who asked for it or said so, when it was a person: `token NAME`, or a name in a chat.")
_SAME_AS = _text("Another post of ours: the one that it repeats, or that it goes on as.")
_POST_MAYBE: Fields = {
    "reason": _maybe(REASON),
    "error": _maybe(ERROR),
    "retry": _maybe(RETRY),
    "what_to_do": WHAT_TO_DO,
    "warnings": _list({}, "What the partner remarked when it took the post, as it said it."),
    "by": _BY,
    "raw_status": _maybe(_text("The partner's own word for the state.")),
}
_SEEN_ACCOUNT = _object(
    {
        "id": _text("The partner's id of the account."),
        "platform": _text("The network."),
        "username": _text("Its name on the network."),
    },
    {"name": _text("Our name for it, where the configuration gives one.")},
    description="The account.",
)
_CAUSED_BY = _object(
    {"id": _text("The partner's id of the account.")},
    {
        "platform": _text("The network."),
        "username": _text("Its name on the network."),
        "name": _text("Our name for it; empty or absent when the configuration gives none."),
    },
    description="The account that the cause is about; null when it is about something else.",
)
_STATUS = _maybe(_count("The HTTP status of the last answer; null without one.", 100, 999))
_FAILING: Fields = {
    "status": _STATUS,
    "failing_since": _when("The first failure since the last success."),
    "what_to_do": WHAT_TO_DO,
}

_ALWAYS: Mapping[str, Fields] = {
    "post": _POST | _TARGETS,
    "target": _POST | _TARGET,
    "account": {"account": _SEEN_ACCOUNT},
    "partner": {},
    "attention": {
        "reason": REASON,
        "detail": _text("What happened."),
        "opened_at": _when("When it began."),
        "account": _maybe(_CAUSED_BY),
    },
    "endpoint": {"reason": REASON},
    "delivery": {
        "endpoint": _text("The endpoint that it was for."),
        "type": _word(EVENT_TYPES, "The type of the event that did not arrive."),
        "webhook_id": _text("The `webhook-id` of that event."),
        "reason": REASON,
        "status": _STATUS,
        "count": _count("How many deliveries to this endpoint died since this was told last, this one included.", 1),
        "what_to_do": WHAT_TO_DO,
    },
    "webhook": {},
}
"""What the data of a family has on top of what all have."""

_MAYBE: Mapping[str, Fields] = {
    "post": _POST_MAYBE,
    "target": {},
    "account": {
        "detail": _text("What is known about it."),
        "reason": _maybe(REASON),
        "error": _maybe(ERROR),
        "replaces": _text("The former id of the account, when it came back under a new one."),
    },
    "partner": {"reason": REASON, "error": _maybe(ERROR)},
    "attention": {},
    "endpoint": _FAILING,
    "delivery": {},
    "webhook": {},
}

_OWN: Mapping[str, Fields] = {
    "post.rejected": {"reason": REASON, "error": _maybe(ERROR)},
    "post.parked": {"reason": REASON, "what_to_do": WHAT_TO_DO},
    "post.retrying": {"account_ids": _IDS},
    "post.gave_up": {"reason": _maybe(REASON)},
    "post.updated": {
        "changed": _list(_text("A field, or `approval`, `sent`, `retried`, `dropped`."), "What was changed.")
    },
    "post.stuck": {"since": _when("Since when it has been in flight or overdue.")},
    "target.failed": {"retry": _maybe(RETRY)},
    "target.retrying": {"retry": RETRY},
    "account.disconnected": {"detail": _text("What the partner's listing shows.")},
    "account.removed": {"detail": _text("What the partner's listing shows.")},
    "partner.blocked": {"reason": REASON, "error": _maybe(ERROR)},
    "attention.opened": {
        "waits": _list(_text("Our id of a post."), "The first 20 posts that wait for it, or have yet to go out on it."),
        "waiting": _count("How many wait, up to 1,000."),
        "what_to_do": WHAT_TO_DO,
    },
    "attention.closed": {"how": _text("How it ended.")},
    "webhook.test": {"message": _text("That this is a test, in a sentence for a person.")},
    "endpoint.failing": {
        **_FAILING,
        "percent": _count("How far it is on the way to being disabled, in percent.", 0, 100),
        "disable_at": _when("When it is disabled if nothing succeeds until then."),
    },
}  # fmt: skip
"""What the data of a type always has, besides that of its family."""

_OWN_MAYBE: Mapping[str, Fields] = {
    "post.rejected": {
        "code": _maybe(_text("The partner's code for the refusal.")),
        "issues": _list({}, "The partner's complaints field by field, as it said them."),
        "same_as": _maybe(_SAME_AS),
        "errors": _list(_FAULT, "Of an event that no post could be made of: every fault."),
        "accounts": _list(_text("A word."), "Of such an event: the words that mean no account."),
    },
    "post.parked": {
        "account_ids": _IDS,
        "goes_at": _when("Of what is held for a while: when it goes by itself, unless somebody takes it back before."),
    },
    "post.gave_up": {
        "why": {
            "type": "object",
            "additionalProperties": REASON,
            "description": "The reason by account, under the partner's ids.",
        }
    },
    "post.vanished": {
        "detail": _text("What is known about it."),
        "same_as": _SAME_AS,
        "partner_id": _maybe(_text("The partner's id that it had.")),
    },
    "target.posted": {"by": _BY},
}

_STATES: Mapping[str, Iterable[str]] = {
    "post": PostState,
    "target": TargetState,
    "account": AccountState,
    "partner": ("ok", "blocked"),
    "attention": ("open", "closed"),
    "endpoint": ("enabled", "disabled"),
    "delivery": WorkState,
    "webhook": ("enabled", "disabled"),
}
_SUBJECTS: Mapping[str, str] = {
    "post": "post",
    "target": "target",
    "account": "account",
    "partner": "partner",
    "attention": "cause",
    "endpoint": "endpoint",
    "delivery": "delivery",
    "webhook": "endpoint",
}
"""The kind of the subject of a family."""


def schema(event_type: str) -> Schema:
    """Return the schema of the whole body of a type."""
    body = _object(
        {
            "type": {"const": event_type, "type": "string", "description": "What happened."},
            "timestamp": _when("When it was recorded."),
            "data": _refused(data(event_type)) if event_type == "post.rejected" else data(event_type),
        }
    )
    return {"$schema": DIALECT, "title": event_type, **body}


def data(event_type: str) -> Schema:
    """Return the schema of `data` of a type, without what its kinds of subject demand."""
    family = event_type.partition(".")[0]
    always = _common(family) | _ALWAYS[family] | _OWN.get(event_type, {})
    return _object(always, _MAYBE[family] | _OWN_MAYBE.get(event_type, {}), "What is told.")


def _common(family: str) -> Fields:
    kinds = ("post", "event") if family == "post" else (_SUBJECTS[family],)
    states = _word(_STATES[family], "The state after it.")
    return {
        "subject": _object(
            {"kind": _word(kinds, "What kind of thing."), "id": {**_text("Its id."), "minLength": 1}},
            description="What it is about.",
        ),
        "sequence": _count("Counts the events of the subject; a post and its targets share one count.", 1),
        "previous": _maybe({**states, "description": "The state before it; null when there was none."}),
        "current": states,
        "changed_at": _when("When the change was recorded."),
        "partner": _maybe(_text("The key that it happened under; empty or null when there is none.")),
        "source": _maybe(_text("Where the request came from; null when it goes back to none.")),
        "event_id": _maybe(_text("The accepted request that it goes back to.")),
        "external_id": _maybe(_text("The caller's own id of that request.")),
        "correlation": _maybe(_text("The caller's own word to find it by.")),
    }


def _refused(told: Schema) -> Schema:
    """A post that was refused, or an event of which none could be made."""
    required = [name for name in told["required"] if name not in (*_POST, *_TARGETS)]
    is_event = {"properties": {"subject": {"properties": {"kind": {"const": "event"}}}}}
    demands = {"if": is_event, "then": {"required": ["errors", "accounts"]}, "else": {"required": [*_POST, *_TARGETS]}}
    return {**told, "required": required, **demands}
