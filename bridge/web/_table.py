"""The one table of the HTTP API: the routes, the metrics' labels and `/openapi.json` are made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.web import accounts, audit, deliveries, endpoints, events, posts, stream, subscriptions
from bridge.web._query import PAGE


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    `name` finds the handler and is the `operationId`. `scope` is what the token needs, None when none is asked for.
    `query` are the parameters; `body` and `answers` name schemas of `openapi.SCHEMAS`, the answers by status. `also`
    are statuses of problems that only this operation may answer.
    """

    method: str
    path: str
    name: str
    summary: str
    scope: str | None = None
    query: tuple[str, ...] = ()
    body: str | None = None
    answers: Mapping[int, str] = field(default_factory=dict)
    also: tuple[int, ...] = ()

    @property
    def problems(self) -> tuple[int, ...]:
        """Every status that a problem may have here: what the caller did, and 503 where the database is asked."""
        found = set(self.also)
        if self.scope is not None:
            # An unknown parameter is 422 everywhere.
            found |= {401, 403, 422, 503}
        if self.body is not None:
            found |= {400, 413, 415, 422, 503}
        if "{" in self.path:
            found.add(404)
        if self.method != "GET":
            found.add(409)
        return tuple(sorted(found))


HOOKS = "/hooks/{source}"

_ACTED = {200: "Acted", 202: "Acted"}
_WAIT = ("wait",)
_FLOOD = (429, 431)
_HOOKED = (401, 405, *_FLOOD)
"""A source says itself who may send, and with which methods."""

PUBLIC = (
    Operation(
        "POST", "/v1/publish", "publish", "Publish a post, now or later.", "publish", _WAIT, "Publish",
        {200: "Published", 202: "Published"}, _FLOOD,
    ),
    Operation(
        "POST", HOOKS, "receive_hook", "Take what a configured source sends; the source checks who it is.",
        body="Hook", answers={200: "Hooked"}, also=_HOOKED,
    ),
    Operation(
        "PUT", HOOKS, "put_hook", "The same, for senders that put.", body="Hook", answers={200: "Hooked"}, also=_HOOKED,
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
        answers={200: "ReconnectLink"}, also=(502,),
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
        "POST", "/v1/endpoints", "create_endpoint", "Make an endpoint; its secret is told this once.", "admin",
        body="NewEndpoint", answers={201: "EndpointWithSecret"},
    ),
    Operation(
        "GET", "/v1/endpoints/{name}", "get_endpoint", "Show an endpoint and how it fares.", "read",
        answers={200: "Endpoint"},
    ),
    Operation(
        "PATCH", "/v1/endpoints/{name}", "patch_endpoint", "Change an endpoint; null makes a field the default.",
        "admin", body="EndpointChanges", answers={200: "Endpoint"},
    ),
    Operation(
        "DELETE", "/v1/endpoints/{name}", "delete_endpoint", "Let an endpoint go; its history stays.", "admin",
        answers={204: ""},
    ),
    Operation(
        "POST", "/v1/endpoints/{name}/enable", "enable_endpoint", "Let an endpoint have deliveries again.", "admin",
        body="Enable", answers={200: "Enabled"},
    ),
    Operation(
        "POST", "/v1/endpoints/{name}/disable", "disable_endpoint", "Let an endpoint have nothing more.", "admin",
        answers={200: "Endpoint"},
    ),
    Operation(
        "POST", "/v1/endpoints/{name}/rotate-secret", "rotate_secret",
        "Give an endpoint a new secret; the present ones sign for 24 hours more.", "admin",
        body="Rotate", answers={200: "RotatedEndpoint"},
    ),
    Operation(
        "POST", "/v1/endpoints/{name}/test", "test_endpoint", "Send a test to an endpoint, and to it alone.", "admin",
        _WAIT, answers={200: "Tested", 202: "Tested"},
    ),
    Operation(
        "GET", "/v1/endpoints/{name}/stats", "endpoint_stats", "Show how an endpoint has fared since an instant.",
        "read", endpoints.STATS, answers={200: "EndpointStats"},
    ),
    Operation(
        "POST", "/v1/subscriptions", "subscribe", "Make a subscription (REST hook), or find the same one.", "read",
        body="Subscribe", answers={200: "Subscription", 201: "Subscription"},
    ),
    Operation(
        "DELETE", "/v1/subscriptions/{id}", "unsubscribe", "End a subscription.", "read", answers={204: ""},
    ),
    Operation(
        "GET", "/v1/samples/{type}", "list_samples", "Show what a subscriber to a type gets, newest first.", "read",
        subscriptions.SAMPLED, answers={200: "Samples"},
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
        "POST", "/v1/deliveries/{id}/replay", "replay_delivery", "Send a settled delivery again, at once.", "admin",
        answers={202: "Replayed"},
    ),
    Operation(
        "POST", "/v1/deliveries/replay", "replay_deliveries",
        "Send all settled deliveries of a filter again, or all that an endpoint missed: begins a job.", "admin",
        body="Replay", answers={202: "ReplayJob"}, also=(404,),
    ),
    Operation(
        "GET", "/v1/replays", "list_replays", "List replays, newest first.", "read", ("state", *PAGE),
        answers={200: "ReplayJobs"},
    ),
    Operation(
        "GET", "/v1/replays/{id}", "get_replay", "Show how far a replay is.", "read", answers={200: "ReplayJob"},
    ),
    Operation(
        "DELETE", "/v1/replays/{id}", "stop_replay", "Stop a replay; what it made due is sent.", "admin",
        answers={200: "ReplayJob"},
    ),
    Operation(
        "DELETE", "/v1/subjects/{id}", "erase_subject",
        "Erase everywhere what a post (post_...), or an event with its posts (evt_...), said.", "admin",
        answers={200: "Erased"},
    ),
    Operation(
        "GET", "/v1/sources", "list_sources", "List what sends to bridge, and how that goes.", "read",
        answers={200: "Sources"},
    ),
    Operation(
        "GET", "/v1/numbers", "list_numbers", "Count the last hour by the minute, and what waits now.", "read",
        answers={200: "Numbers"},
    ),
    Operation(
        "GET", "/v1/stream", "stream", "Tell outbound events as they happen, as server-sent events.", "read",
        stream.FILTERS,
    ),
    Operation(
        "GET", "/v1/audit", "list_audit", "List who asked for which change, newest first.", "admin",
        (*audit.FILTERS, *PAGE), answers={200: "Notes"},
    ),
    Operation(
        "GET", "/v1/event-types", "list_event_types", "List the types of outbound events.", "read",
        answers={200: "EventTypes"},
    ),
    Operation(
        "GET", "/.well-known/jwks.json", "key_set", "Show the public keys that verify v1a signatures.",
        answers={200: "KeySet"},
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
