"""The nouns of the API and what can be asked of each: the one table of the client's verbs."""

from collections.abc import Mapping

from bridge.cli.client._words import Flag, Verb

POST_STATES = (
    "accepted", "parked", "rejected", "draft", "scheduled", "pending", "publishing", "posted", "partial", "failed",
    "canceled", "vanished", "unknown",
)  # fmt: skip
INTENTS = (
    "publish", "schedule", "update", "unpublish", "delete", "test", "handshake", "ignore", "needs_fetch",
    "needs_mapping", "hint", "adopt",
)  # fmt: skip
FORMATS = ("standard", "cloudevents", "slack", "flat")
ACCOUNT_STATES = ("active", "degraded", "disconnected", "removed", "retired")

_STATE = Flag("state", "in this state", metavar="STATE", choices=POST_STATES)
_PARTNER = Flag("partner", "of this partner key, by its name in the configuration", metavar="KEY")
_ACCOUNT = Flag("account", "on this account: our name, or the partner's id", metavar="NAME")
_SOURCE = Flag("source", "from this source", metavar="NAME")
_EXTERNAL = Flag("external_id", "with this id of the sender's", metavar="ID")
_EVENT = Flag("event_id", "of this request", metavar="ID")
_ENDPOINT = Flag("endpoint", "to this endpoint", metavar="NAME")
_TYPE = Flag("type", "of this type, such as post.failed", metavar="TYPE")
_REASON = Flag("reason", "for this reason, such as exhausted", metavar="REASON")

_CAPTION = Flag("caption", "the text")
_MEDIA = Flag("media", "address of a picture or video; may be repeated", "words", "URL")
_ACCOUNTS = Flag("accounts", "names, patterns or ids; may be repeated or have commas", "words", "NAME")
_WHEN = Flag("scheduled_at", "when to publish: ISO 8601", metavar="TIME")
_ZONE = Flag("timezone", "IANA name, for a time without an offset", metavar="ZONE")
_MUSIC = Flag("music_url", "TikTok sound", metavar="URL")
_BLOCKS = tuple(
    Flag(name, f"the partner's {what}, as JSON", "json", "JSON")
    for name, what in (
        ("tiktok", "TikTok options"), ("pinterest", "Pinterest options"), ("settings", "options by platform"),
    )
)  # fmt: skip
_CONTENT = (_CAPTION, _MEDIA, _ACCOUNTS, _WHEN, _ZONE, _MUSIC, *_BLOCKS)

_DESCRIPTION = Flag("description", "for people")
_EVENTS = Flag("events", "types or patterns, such as 'post.*'; may be repeated or have commas", "words", "TYPE")
_WHERE = Flag("where", "a condition on partner, platform, account, source or reason", "pairs", "NAME=WORD")
_FORMAT = Flag("format", "the shape of what is sent", metavar="FORMAT", choices=FORMATS)
_ENDPOINT_FIELDS = (
    _DESCRIPTION,
    _EVENTS,
    _WHERE,
    _FORMAT,
    Flag("headers", "a header of its own, seen in `ps`: rather --body", "header", "'NAME: VALUE'", also="header"),
    Flag("rate", "deliveries a second at most", "number", "N"),
    Flag("ordering", "whether what tells of one thing goes in order", metavar="HOW", choices=("subject", "none")),
    Flag("timeout", "how long an attempt may take, such as 10s", metavar="TIME"),
    Flag("schedule", "pauses before the attempts, such as 0s,1m,1h", "words", "TIMES"),
    Flag("group", "slack: what happens within this time is one message", metavar="TIME"),
    Flag("allow_http", "let the address be plain http", "switch"),
)

_POSTS = (
    Verb(
        "posts", "list", "list posts, newest first", "list_posts", "GET", "/v1/posts", "posts",
        (
            _STATE, _PARTNER, _ACCOUNT, _SOURCE, _EXTERNAL, _EVENT,
            Flag("q", "with this in caption, title or url", also="text"),
        ),
        pages=True, example="bridge posts list --state failed --since 2h",
    ),
    Verb(
        "posts", "show", "show a post and everything that happened to it", "get_post", "GET", "/v1/posts/{id}", "post",
        example="bridge posts show post_019cae6b66780000000000000002",
    ),
    Verb(
        "posts", "edit", "change a post", "edit_post", "PATCH", "/v1/posts/{id}", "acted", body=_CONTENT, waits=0,
        example="bridge posts edit post_019cae6b66780000000000000002 --caption 'On Tuesday!' --null music_url",
    ),
    Verb(
        "posts", "cancel", "take a post back before it goes out", "cancel_post", "DELETE", "/v1/posts/{id}", "acted",
        asks="Take {} back? What is live already stays live.", waits=0,
        example="bridge posts cancel post_019cae6b66780000000000000002 --yes",
    ),
    Verb(
        "posts", "retry", "try a post again", "retry_post", "POST", "/v1/posts/{id}/retry", "acted", waits=0,
        example="bridge posts retry post_019cae6b66780000000000000002 --wait 20",
    ),
    Verb(
        "posts", "send", "let parked work go now", "send_post", "POST", "/v1/posts/{id}/send", "acted", waits=0,
        example="bridge posts send post_019cae6b66780000000000000002",
    ),
    Verb(
        "posts", "drop", "end parked work for good", "drop_post", "POST", "/v1/posts/{id}/drop", "acted",
        asks="Drop what is parked of {}? It will never be sent.", waits=0,
        example="bridge posts drop post_019cae6b66780000000000000002 --yes",
    ),
    Verb(
        "posts", "live", "say that what failed with an unknown outcome is live", "confirm_post", "POST",
        "/v1/posts/{id}/live", "acted", waits=0, example="bridge posts live post_019cae6b66780000000000000002",
    ),
)  # fmt: skip

_EVENTS_IN = (
    Verb(
        "events", "list", "list what came in, newest first", "list_events", "GET", "/v1/events", "events",
        (
            Flag("intent", "that came to this", metavar="INTENT", choices=INTENTS),
            _SOURCE, _EXTERNAL, _PARTNER, _ACCOUNT,
            Flag("state", "with a post in this state", metavar="STATE", choices=POST_STATES),
        ),
        pages=True, example="bridge events list --source blog --intent ignore",
    ),
    Verb(
        "events", "show", "show an event and its posts", "get_event", "GET", "/v1/events/{id}", "event",
        example="bridge events show evt_019cae6b66780000000000000001",
    ),
)  # fmt: skip

_DELIVERIES = (
    Verb(
        "deliveries", "list", "list deliveries, newest first", "list_deliveries", "GET", "/v1/deliveries", "deliveries",
        (
            _ENDPOINT, Flag("state", "in this state", metavar="STATE", choices=("due", "done", "dead")),
            _TYPE, _PARTNER, _SOURCE, _REASON, _ACCOUNT,
            Flag("subject", "about this: post_..., or KIND:ID", metavar="ID"), _EVENT,
        ),
        pages=True, example="bridge deliveries list --endpoint ops --state dead",
    ),
    Verb(
        "deliveries", "show", "show a delivery with its event and every attempt", "get_delivery", "GET",
        "/v1/deliveries/{id}", "delivery", example="bridge deliveries show dlv_019cae6ff9db000000000000000b",
    ),
    Verb(
        "deliveries", "replay", "send a settled delivery again, at once; many: `bridge replay`", "replay_delivery",
        "POST", "/v1/deliveries/{id}/replay", "replayed",
        example="bridge deliveries replay dlv_019cae6ff9db000000000000000b",
    ),
)  # fmt: skip

_ENDPOINTS = (
    Verb(
        "endpoints", "list", "list where events go", "list_endpoints", "GET", "/v1/endpoints", "endpoints",
        example="bridge endpoints list",
    ),
    Verb(
        "endpoints", "show", "show an endpoint and how it fares", "get_endpoint", "GET", "/v1/endpoints/{name}",
        "thing", example="bridge endpoints show ops",
    ),
    Verb(
        "endpoints", "create", "make an endpoint; its secret is told this once", "create_endpoint", "POST",
        "/v1/endpoints", "secret",
        body=(
            Flag("url", "where to, https", metavar="URL", also="to"),
            Flag("name", "made when it is left out", metavar="NAME"),
            *_ENDPOINT_FIELDS, Flag("enabled", "it gets nothing yet", "off", also="disabled"),
        ),
        example="bridge endpoints create --name team --to https://team.example.com/hook --events 'post.*'",
    ),
    Verb(
        "endpoints", "edit", "change an endpoint", "patch_endpoint", "PATCH", "/v1/endpoints/{name}", "thing",
        body=(Flag("url", "where to, https", metavar="URL", also="to"), *_ENDPOINT_FIELDS), also=("update",),
        example="bridge endpoints edit team --rate 5 --null where",
    ),
    Verb(
        "endpoints", "delete", "let an endpoint go; its history stays", "delete_endpoint", "DELETE",
        "/v1/endpoints/{name}", "gone", asks="Delete the endpoint {}? What is due for it dies.",
        example="bridge endpoints delete team --yes",
    ),
    Verb(
        "endpoints", "enable", "let an endpoint have deliveries again", "enable_endpoint", "POST",
        "/v1/endpoints/{name}/enable", "enabled",
        body=(Flag("replay", "send what died while it was disabled, too", "switch"),),
        example="bridge endpoints enable ops --replay",
    ),
    Verb(
        "endpoints", "disable", "let an endpoint have nothing more", "disable_endpoint", "POST",
        "/v1/endpoints/{name}/disable", "endpoints", example="bridge endpoints disable ops",
    ),
    Verb(
        "endpoints", "rotate", "give an endpoint a new secret; the present ones sign for 24 hours more",
        "rotate_secret", "POST", "/v1/endpoints/{name}/rotate-secret", "secret",
        body=(Flag("revoke", "end the present ones at once", "switch"),), also=("rotate-secret",),
        asks="Give {} another secret? Its receiver has to learn it.", example="bridge endpoints rotate team --yes",
    ),
    Verb(
        "endpoints", "test", "send a test to an endpoint, and to it alone", "test_endpoint", "POST",
        "/v1/endpoints/{name}/test", "tested", waits=20, example="bridge endpoints test ops",
    ),
    Verb(
        "endpoints", "stats", "show how an endpoint has fared", "endpoint_stats", "GET", "/v1/endpoints/{name}/stats",
        "thing", (Flag("since", "from when on: an age such as 2h, or ISO 8601; 24h by itself", "instant", "TIME"),),
        example="bridge endpoints stats ops --since 7d",
    ),
)  # fmt: skip

_OF_ACCOUNTS = (_PARTNER, Flag("state", "in this state", metavar="STATE", choices=ACCOUNT_STATES))
_OF_CAUSES = (
    _PARTNER,
    Flag("state", "open, which it is by itself, or closed", metavar="STATE", choices=("open", "closed")),
)
_ACCOUNTS_AND_CAUSES = (
    Verb(
        "accounts", "list", "list accounts and what waits for each", "list_accounts", "GET", "/v1/accounts", "accounts",
        _OF_ACCOUNTS, example="bridge accounts list --state disconnected",
    ),
    Verb(
        "accounts", "show", "show an account: our name, KEY:ID, or the partner's id", "list_accounts", "GET",
        "/v1/accounts{account}", "account", code="_picked", example="bridge accounts show brand-tiktok",
    ),
    Verb(
        "accounts", "reconnect", "make an address where a person reconnects an account", "reconnect_account", "POST",
        "/v1/accounts/{id}/reconnect-link", "link", also=("reconnect-link",),
        example="bridge accounts reconnect brand-tiktok",
    ),
    Verb(
        "causes", "list", "list what a person must act on", "list_causes", "GET", "/v1/causes", "causes", _OF_CAUSES,
        example="bridge causes list",
    ),
    Verb(
        "causes", "show", "show what a person must act on, and what waits", "list_causes", "GET", "/v1/causes{cause}",
        "thing", code="_picked", example="bridge causes show source:blog",
    ),
    Verb(
        "causes", "close", "let go what waits for a source whose feed was braked", "close_cause", "POST",
        "/v1/causes/{id}/close", "causes", example="bridge causes close source:blog",
    ),
)  # fmt: skip

_REST = (
    Verb(
        "replays", "list", "list replays, newest first", "list_replays", "GET", "/v1/replays", "replays",
        (Flag("state", "in this state", metavar="STATE", choices=("running", "done", "stopped")),), pages=True,
        example="bridge replays list --state running",
    ),
    Verb(
        "replays", "show", "show how far a replay is", "get_replay", "GET", "/v1/replays/{id}", "thing",
        example="bridge replays show rpl_019cae7000000000000000000000000c",
    ),
    Verb(
        "replays", "stop", "stop a replay; what it made due is sent", "stop_replay", "DELETE", "/v1/replays/{id}",
        "replays", example="bridge replays stop rpl_019cae7000000000000000000000000c",
    ),
    Verb(
        "subscriptions", "create", "make a subscription (REST hook), or find the same one", "subscribe", "POST",
        "/v1/subscriptions", "secret",
        body=(
            Flag("target_url", "where to", metavar="URL"), _EVENTS, _WHERE, _FORMAT,
            Flag("secret", "sign what is sent; the secret is told this once", "switch", also="signed"),
        ),
        example="bridge subscriptions create --target-url https://hooks.example.com/1 --events post.posted",
    ),
    Verb(
        "subscriptions", "delete", "end a subscription", "unsubscribe", "DELETE", "/v1/subscriptions/{id}", "gone",
        asks="End the subscription {}? What is due for it dies.", example="bridge subscriptions delete sub_1 --yes",
    ),
    Verb(
        "subjects", "erase", "erase everywhere what a post or an event with its posts said", "erase_subject", "DELETE",
        "/v1/subjects/{id}", "erased", asks="Erase everywhere what {} said? It cannot be brought back.",
        example="bridge subjects erase evt_019cae6b66780000000000000001 --yes",
    ),
    Verb(
        "event-types", "list", "list the types of outbound events", "list_event_types", "GET", "/v1/event-types",
        "types", example="bridge event-types list",
    ),
    Verb(
        "samples", "list", "show what a subscriber to a type gets, newest first", "list_samples", "GET",
        "/v1/samples/{type}", "raw",
        (
            Flag("format", "the shape", metavar="FORMAT", choices=FORMATS),
            Flag("limit", "so many at most", "number", "N"),
        ),
        example="bridge samples list post.posted",
    ),
    Verb(
        "audit", "list", "list who asked for which change, newest first", "list_audit", "GET", "/v1/audit", "audit",
        (
            Flag("token", "asked for by this token", metavar="NAME", also="by"),
            Flag("action", "of this kind", metavar="WORD"), Flag("subject", "done to this", metavar="ID"),
        ),
        pages=True, example="bridge audit list --since 7d --by zapier",
    ),
    Verb(
        "sources", "list", "list who may send, the address for each, and how that goes", "list_sources", "GET",
        "/v1/sources", "sources", example="bridge sources list",
    ),
    Verb(
        "numbers", "show", "count the last hour, and what waits now", "list_numbers", "GET", "/v1/numbers", "numbers",
        example="bridge numbers show",
    ),
)  # fmt: skip

PUBLISH = Verb(
    "publish", "", "publish a post, now or later", "publish", "POST", "/v1/publish", "published",
    body=(
        *_CONTENT,
        Flag("external_id", "your id for this post; the same one is published once", metavar="ID"),
        Flag("correlation", "anything of yours; comes back in every event"),
        Flag("captions", "texts by platform, as JSON", "json", "JSON"),
        Flag("title", "for the caption template"), Flag("url", "for the caption template", metavar="URL", also="link"),
        Flag("excerpt", "for the caption template"), Flag("tags", "for the caption template", "words", "WORD"),
        Flag("dedupe", "never take it for a repetition because its content is the same", "off", also="no-dedupe"),
    ),
    waits=0, example="bridge publish --caption 'On Monday!' --media https://cdn.example.com/1.jpg --accounts brand-x",
)  # fmt: skip

VERBS = (*_POSTS, *_EVENTS_IN, *_DELIVERIES, *_ENDPOINTS, *_ACCOUNTS_AND_CAUSES, *_REST)

NOUNS: Mapping[str, str] = {
    "posts": "posts: list, show, edit, cancel, retry, send, drop, live",
    "events": "what came in: list, show",
    "deliveries": "what was told to whom: list, show, replay",
    "endpoints": "where events go: list, show, create, edit, test, rotate and others",
    "accounts": "accounts at the partners: list, show, reconnect",
    "causes": "what a person must act on: list, show, close",
    "replays": "what is sent again: list, show, stop",
    "subscriptions": "endpoints of programs: create, delete",
    "subjects": "what may have to be forgotten: erase",
    "event-types": "the types of outbound events: list",
    "samples": "what a subscriber gets: list",
    "audit": "who changed what: list",
    "sources": "who may send: list",
    "numbers": "what goes on now: show",
}
