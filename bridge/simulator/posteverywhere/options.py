"""What the vendor's pages say in more than one way, and what they leave open: the switches of the simulator."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(slots=True)
class Options:
    """The switches; all may be changed while it runs.

    Args:
        shapes: how posts, destinations and receipts are written: `docs` (developers.posteverywhere.ai, April 2026 on),
            `sdk` (the types of @posteverywhere/sdk 1.4.2) or `old` (posteverywhere.ai/developers, March 2026).
        account_ids: the account id: `account_id` (int), `id` (int, beside `account_id`) or `string` (`id`, text).
        health_words: `list` (`healthy`, `expired`, `unhealthy`, `can_post`) or `sdk` (its five words and `message`).
        error_retryable: whether an error says `retryable`.
        error_key: whether a success says `error: null`.
        request_id_key: how `meta` names the request: `request_id` or the oldest pages' `requestId`.
        rate_body: the 429: `new` (`rate_limit_exceeded`) or `old` (`rate_limited` and `error.retryAfter`).
        scope_status: the status of a missing scope.
        health_envelope: whether GET /accounts/{id}/health is wrapped as every other answer.
        pagination: `full` (with `total`, `has_more`), `bare` (`limit`, `offset`) or `sdk` (`total` beside `posts`).
        ignore_updated_after: the older server that does not know the filter.
        published_quirk: the post's word is `published` although a destination failed (an example of the docs).
        retrying_is_publishing: a post is `publishing`, not failed, while the vendor waits for its own next try.
        patch_propagates: whether an edit of the time reaches `destinations[].scheduled_for`, by which posts fire.
        destination_ids: whether a destination shows its own `id`; `destination_times`: its own `scheduled_for`.
        rules_shape: GET /platform-rules as `map` by platform or as `list` (both a guess: no client types it).
        general_per_minute, creates_per_minute: the limits by key.
        scheduled_bypass: whether creates for later spare the limit of creates (said by the SDK's README).
        auto_retries: how often the vendor repeats a transient failure by itself; `auto_retry_delay_s` apart.
        breaker_limit: failures with identical content that open the breaker; 0: never.
        breaker_scope: whether they are counted by `destination` (content and account) or by `content`.
        video_by_url: whether upload-from-url takes videos; else 415.
        video_ticks: ticks until a video is ready.
        media_required: refuse text alone for Instagram, TikTok, YouTube and Pinterest.
        webhook_urls: `public` (https only, as the vendor says) or `any`.
        webhook_duplicates: how many times more each event is sent.
        webhook_reorder: send what waits in random order.
        webhook_attempts: tries for one delivery (a guess: the schedule is not published).
        webhook_disable_after: failures in a row that switch a subscription off (a guess).
    """

    shapes: str = "docs"
    account_ids: str = "account_id"
    health_words: str = "list"
    error_retryable: bool = True
    error_key: bool = True
    request_id_key: str = "request_id"
    rate_body: str = "new"
    scope_status: int = 403
    health_envelope: bool = True
    pagination: str = "full"
    ignore_updated_after: bool = False
    published_quirk: bool = False
    retrying_is_publishing: bool = False
    patch_propagates: bool = True
    destination_ids: bool = False
    destination_times: bool = True
    rules_shape: str = "map"
    general_per_minute: int = 60
    creates_per_minute: int = 20
    scheduled_bypass: bool = False
    auto_retries: int = 2
    auto_retry_delay_s: float = 300.0
    breaker_limit: int = 5
    breaker_scope: str = "destination"
    video_by_url: bool = True
    video_ticks: int = 1
    media_required: bool = False
    webhook_urls: str = "public"
    webhook_duplicates: int = 0
    webhook_reorder: bool = False
    webhook_attempts: int = 3
    webhook_disable_after: int = 10

    def __post_init__(self) -> None:
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                raise ValueError(f"{name} must be one of {', '.join(map(str, words))}")

    def change(self, given: dict[str, Any]) -> None:
        """Set several fields; nothing changes if one is unknown or wrong."""
        changed = Options(**(asdict(self) | given))
        for one in fields(changed):
            setattr(self, one.name, getattr(changed, one.name))


WORDS: dict[str, tuple[str | int, ...]] = {
    "shapes": ("docs", "sdk", "old"),
    "account_ids": ("account_id", "id", "string"),
    "health_words": ("list", "sdk"),
    "request_id_key": ("request_id", "requestId"),
    "rate_body": ("new", "old"),
    "scope_status": (401, 403),
    "pagination": ("full", "bare", "sdk"),
    "rules_shape": ("map", "list"),
    "breaker_scope": ("destination", "content"),
    "webhook_urls": ("public", "any"),
}

CONTRACTS: dict[str, dict[str, Any]] = {
    "new": {},
    "sdk": {"shapes": "sdk", "account_ids": "id", "health_words": "sdk", "pagination": "sdk", "destination_ids": True},
    "old": {
        "shapes": "old",
        "account_ids": "string",
        "error_key": False,
        "error_retryable": False,
        "rate_body": "old",
        "scope_status": 401,
        "pagination": "bare",
        "ignore_updated_after": True,
        "destination_ids": True,
        "video_by_url": False,
    },
}


def options_of(contract: str, given: dict[str, Any]) -> Options:
    """Make the options of a generation, `new`, `sdk` or `old`, with some of them changed.

    Raises:
        ValueError: no such generation, or a word a switch does not know.
    """
    if contract not in CONTRACTS:
        raise ValueError(f"contract must be one of {', '.join(CONTRACTS)}")
    return Options(**(CONTRACTS[contract] | given))
