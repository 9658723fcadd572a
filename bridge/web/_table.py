"""The one table of the HTTP API: the routes, the metrics' labels and `/openapi.json` are made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.web import accounts, deliveries, events, posts
from bridge.web._query import PAGE


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    `name` finds the handler and is the `operationId`. `scope` is what the token needs, None when none is asked for.
    `query` are the parameters; `body` and `answers` name schemas of `openapi.SCHEMAS`, the answers by status.
    """

    method: str
    path: str
    name: str
    summary: str
    scope: str | None = None
    query: tuple[str, ...] = ()
    body: str | None = None
    answers: Mapping[int, str] = field(default_factory=dict)


HOOKS = "/hooks/{source}"

_ACTED = {200: "Acted", 202: "Acted"}
_WAIT = ("wait",)

PUBLIC = (
    Operation(
        "POST", "/v1/publish", "publish", "Publish a post, now or later.", "publish", _WAIT, "Publish",
        {200: "Published", 202: "Published"},
    ),
    Operation(
        "POST", HOOKS, "receive_hook", "Take what a configured source sends; the source checks who it is.",
        body="Hook", answers={200: "Hooked"},
    ),
    Operation(
        "PUT", HOOKS, "put_hook", "The same, for senders that put.", body="Hook", answers={200: "Hooked"},
    ),
    Operation(
        "POST", "/v1/preview", "preview", "Show what a payload to a source would come to; nothing is stored or sent.",
        "publish", body="Preview", answers={200: "Previewed"},
    ),
    Operation(
        "GET", "/v1/events", "list_events", "List what came in, newest first.", "read", (*events.FILTERS, *PAGE),
        answers={200: "Events"},
    ),
    Operation(
        "GET", "/v1/events/{id}", "get_event", "Show an event and its posts; its body only with scope admin.", "read",
        answers={200: "EventWithPosts"},
    ),
    Operation(
        "GET", "/v1/posts", "list_posts", "List posts, newest first.", "read", (*posts.FILTERS, *PAGE),
        answers={200: "Posts"},
    ),
    Operation(
        "GET", "/v1/posts/{id}", "get_post", "Show a post (our id or PARTNER:ID) with its timeline.", "read",
        answers={200: "PostWithTimeline"},
    ),
    Operation(
        "PATCH", "/v1/posts/{id}", "edit_post", "Change a post.", "publish", _WAIT, "Changes", _ACTED,
    ),
    Operation("DELETE", "/v1/posts/{id}", "cancel_post", "Take a post back.", "publish", _WAIT, answers=_ACTED),
    Operation("POST", "/v1/posts/{id}/retry", "retry_post", "Try a post again.", "publish", _WAIT, answers=_ACTED),
    Operation("POST", "/v1/posts/{id}/send", "send_post", "Let parked work go now.", "publish", _WAIT, answers=_ACTED),
    Operation("POST", "/v1/posts/{id}/drop", "drop_post", "End parked work.", "publish", _WAIT, answers=_ACTED),
    Operation(
        "POST", "/v1/posts/{id}/live", "confirm_post", "Say that what failed with an unknown outcome is live.",
        "publish", _WAIT, answers=_ACTED,
    ),
    Operation(
        "GET", "/v1/accounts", "list_accounts", "List accounts, open causes and what waits.", "read", accounts.FILTERS,
        answers={200: "Accounts"},
    ),
    Operation(
        "POST", "/v1/accounts/{id}/reconnect-link", "reconnect_account",
        "Make an address where a person reconnects an account (our name, KEY:ID, or the partner's id).", "publish",
        answers={200: "ReconnectLink"},
    ),
    Operation(
        "GET", "/v1/causes", "list_causes", "List what a person must act on.", "read", accounts.FILTERS,
        answers={200: "Causes"},
    ),
    Operation(
        "POST", "/v1/causes/{id}/close", "close_cause",
        "Let go what waits for a source whose feed had more entries than its brake lets go.", "admin",
        answers={200: "Cause"},
    ),
    Operation("GET", "/v1/endpoints", "list_endpoints", "List where events go.", "read", answers={200: "Endpoints"}),
    Operation(
        "POST", "/v1/endpoints/{name}/enable", "enable_endpoint", "Let an endpoint have deliveries again.", "admin",
        body="Enable", answers={200: "Enabled"},
    ),
    Operation(
        "GET", "/v1/deliveries", "list_deliveries", "List deliveries, newest first.", "read",
        (*deliveries.FILTERS, *PAGE), answers={200: "Deliveries"},
    ),
    Operation(
        "GET", "/v1/deliveries/{id}", "get_delivery", "Show a delivery with its event and every attempt.", "read",
        answers={200: "DeliveryWithTries"},
    ),
    Operation(
        "POST", "/v1/deliveries/{id}/replay", "replay_delivery", "Send a settled delivery again.", "admin",
        answers={202: "Replayed"},
    ),
    Operation(
        "POST", "/v1/deliveries/replay", "replay_deliveries", "Send all settled deliveries of a filter again.", "admin",
        body="Replay", answers={202: "Replayed"},
    ),
    Operation(
        "GET", "/v1/event-types", "list_event_types", "List the types of outbound events.", "read",
        answers={200: "EventTypes"},
    ),
    Operation("GET", "/openapi.json", "openapi", "Show this description.", answers={200: "Object"}),
)  # fmt: skip
"""What the public listener serves."""

ADMIN = (
    Operation("GET", "/livez", "live", "Tell whether the process is of use.", answers={200: "Probe", 503: "Probe"}),
    Operation("GET", "/readyz", "ready", "Tell whether work may come.", answers={200: "Probe", 503: "Probe"}),
    Operation("GET", "/metrics", "metrics", "Show all metrics, in the format of Prometheus."),
)
"""What the admin listener serves."""
