"""A message for a person, as Slack's incoming webhooks take it: what happened, where, why, and what to do."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from bridge.core.block_kit import block_id, instant, joined, link, message, plain, section
from bridge.core.catalogue.words import sentence
from bridge.core.errors import FailureReason
from bridge.core.model import OutboundEvent

Data = Mapping[str, Any]

_TITLES = {
    "post.unknown": "Whether the post is live is not known",
    "account.degraded": "The account may soon stop working",
    "attention.opened": "A person must act",
    "attention.closed": "Nobody needs to act any more",
}
"""Titles of types whose own sentence is not for a person in a hurry."""

_GOOD = {
    "post.posted", "target.posted", "account.connected", "account.reconnected", "partner.recovered", "attention.closed",
}  # fmt: skip
_BAD = {
    "post.rejected", "post.partial", "post.failed", "post.gave_up", "post.vanished", "post.stuck", "post.unknown",
    "target.failed", "account.degraded", "account.disconnected", "account.removed", "partner.blocked",
    "attention.opened", "endpoint.failing", "endpoint.disabled", "delivery.exhausted",
}  # fmt: skip
_RETRIES = ("post.retrying", "target.retrying")

_TO_DO = {
    "post.rejected": "Mend what the reason names, then send it again.",
    "post.partial": "Look at the reason; `POST /v1/posts/{post}/retry` tries the failed accounts again.",
    "post.failed": "Look at the reason; `POST /v1/posts/{post}/retry` tries it again.",
    "post.gave_up": "Look at the reason; `POST /v1/posts/{post}/retry` tries it again.",
    "post.stuck": "Look at the partner's dashboard; bridge goes on reading it.",
    "post.unknown": "Look on the network whether it is live before you send it again.",
    "post.vanished": "Find out who took it away; bridge does not send it again.",
    "target.failed": "Look at the reason; `POST /v1/posts/{post}/retry` tries it again.",
    "account.disconnected": "Reconnect the account at the partner.",
    "account.removed": "Connect the account at the partner again.",
    "account.degraded": "Reconnect the account at the partner before it stops working.",
    "partner.blocked": "Renew the key or the plan at the partner.",
    "endpoint.disabled": "Nothing, if that was meant; `POST /v1/endpoints/{subject}/enable` switches it on again.",
}  # fmt: skip
"""What a person can do, where the event does not say it."""

CAUSE = "cause:"
"""What the `block_id` of a cause begins with: of these the newest word counts."""


def _title(event_type: str) -> str:
    sign = "✅ " if event_type in _GOOD else "🔴 " if event_type in _BAD else ""
    return sign + (_TITLES.get(event_type) or sentence(event_type).removesuffix("."))


OPENED, CLOSED = _title("attention.opened"), _title("attention.closed")


def body(event: OutboundEvent) -> bytes | None:
    """Return an event as a message; None for what is being retried anyway, which nobody has to know."""
    told = orjson.loads(event.body)
    data = told["data"]
    if told["type"] in _RETRIES or (data.get("retry") or {}).get("will"):
        return None
    title = _title(told["type"])
    places = list(_places(data))
    lines = [f"*{title}*: {joined(places, 700)}" if places else f"*{title}*", *_lines(told["type"], data)]
    lines.append(f"_{' · '.join([*_marks(data), instant(told['timestamp'])])}_")
    text = " — ".join(filter(None, [f"{title}: {plain(_names(data), 200)}", plain(_why(data), 200)]))
    return message(text, [section(_place_of(told["type"], data), lines)])


def _place_of(event_type: str, data: Data) -> str:
    """Return the id of the block: one for all that tells of one cause, or of the same at the same place."""
    if event_type.startswith("attention."):
        return block_id(CAUSE + str(data["subject"]["id"]))
    return block_id(f"{event_type}:{data.get('reason') or ''}:{_names(data)}")


def _lines(event_type: str, data: Data) -> Iterator[str]:
    if why := _why(data):
        yield f"*Why:* {plain(why, 800)}"
    if data.get("waiting"):
        yield f"*Waiting:* {plain(data['waiting'], 20)} post(s)"
    if event_type == "delivery.exhausted":
        more = f" and {data['count'] - 1} more" if data["count"] > 1 else ""
        yield f"*Lost:* {plain(data['type'], 40)}{more}, for {plain(data['endpoint'], 100)}"
    if words := data.get("message"):
        yield plain(words, 300)
    post = data.get("post") or {}
    names = {"post": post.get("id", "ID"), "subject": data["subject"]["id"]}
    if do := data.get("what_to_do"):
        yield f"*What to do:* {plain(do, 500)}"
    elif event_type in _TO_DO:
        yield f"*What to do:* {_TO_DO[event_type].format(**{name: plain(word, 100) for name, word in names.items()})}"


def _why(data: Data) -> str:
    """Return what the event says of the reason, in words, and then the reason's own word."""
    faults = " ".join(f"{one['field']}: {one['problem']}. {one['remedy']}" for one in data.get("errors") or ())
    words = data.get("how") or data.get("error") or faults or data.get("detail") or data.get("raw_status") or ""
    if data.get("reason") == FailureReason.BY_HAND:
        words = words or "a person switched it off"
    # How something ended is not for the reason that it began for.
    reason = "" if data.get("how") else data.get("reason") or ""
    return f"{words} ({reason})" if words and reason else str(words or reason)


def _accounts(data: Data) -> list[Mapping[str, Any]]:
    if rows := data.get("targets"):
        return [row["account"] for row in rows]
    return [data["account"]] if data.get("account") else []


def _name(account: Mapping[str, Any]) -> str:
    name = account.get("name") or account.get("username") or account.get("id") or ""
    return f"{name} ({account['platform']})" if account.get("platform") else str(name)


def _names(data: Data) -> str:
    """Return where it happened: the accounts, else the endpoint, else the partner or what else it is about."""
    accounts = ", ".join(_name(account) for account in _accounts(data))
    subject = data["subject"]
    # The id of a cause says its kind first: `key:genviral`.
    own = subject["id"].partition(":")[2] if subject["kind"] == "cause" else subject["id"]
    return accounts or str(data.get("endpoint") or own)


def _places(data: Data) -> Iterator[str]:
    """Give each place in mrkdwn: a post's accounts with how they fare, as a link where they are live."""
    rows = data.get("targets") or ([data] if "url" in data else [])
    if not rows:
        yield plain(_names(data), 300)
    differ = len({row["state"] for row in rows}) > 1
    for row in rows:
        shown = plain(_name(row["account"]), 150)
        yield (link(row["url"], shown) if row["url"] else shown) + (f" {row['state']}" if differ else "")


def _marks(data: Data) -> Iterator[str]:
    """Give what helps to find it: the key, the source, the caller's own id, and ours."""
    post = data.get("post") or {}
    for word in (data.get("partner"), data.get("source"), data.get("external_id"), post.get("id")):
        if word:
            yield plain(word, 130)
