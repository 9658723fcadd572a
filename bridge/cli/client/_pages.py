"""How one thing looks: what it says, then what belongs to it, then what can be done."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from bridge.cli.client._looks import COLUMNS, list_of, row
from bridge.cli.client._tables import Item, Paper
from bridge.cli.client._text import in_line, instant, shown

_POST = (
    "id", "state", "reason", "error", "partner", "partner_id", "source", "event_id", "external_id", "correlation",
    "scheduled_at", "created_at", "changed_at", "ended_at", "next_read_at", "stuck",
)  # fmt: skip
_LONG = (
    "timeline",
    "targets",
    "commands",
    "actions",
    "content",
    "posts",
    "messages",
    "body",
    "tries",
    "told",
    "causes",
)


def fields(paper: Paper, item: Item, names: Sequence[str] | None = None) -> None:
    """Show what is said of a thing, all or some of it; what has a place of its own is left out."""
    chosen = names or [name for name in item if name not in _LONG]
    paper.fields((name.replace("_", " "), _field(item.get(name), paper)) for name in chosen)


def _field(value: object, paper: Paper) -> str:
    """Return a value; a no is told only by leaving it out, and so is what there are none of."""
    return "" if value is False or value == 0 else shown(value, paper.zone)


def post(paper: Paper, item: Item) -> None:
    """Show a post: what it says, its accounts, everything that happened to it, and what can be done now."""
    content = item.get("content") or {}
    fields(paper, {**content, **item}, (*_POST, *(name for name in content if name not in item)))
    _section(paper, "Accounts", "targets", item["targets"])
    _timeline(paper, item.get("timeline", ()))
    if item.get("actions"):
        paper.say()
        paper.say("Possible now: " + ", ".join(f"bridge posts {name} {item['id']}" for name in item["actions"]))


def event(paper: Paper, item: Item) -> None:
    """Show what came in, and the posts that it made."""
    said = item.get("body") or {}
    fields(paper, item)
    if said:
        paper.say()
        paper.say(f"Body: {shown(said.get('text', said.get('base64')), paper.zone)}")
    _section(paper, "Posts", "posts", item["posts"])
    _section(paper, "Messages", "messages", item.get("messages") or ())


def delivery(paper: Paper, item: Item) -> None:
    """Show a delivery, every attempt, and the event as it is told."""
    fields(paper, item)
    _section(paper, "Tries", "tries", item.get("tries") or ())
    told = item.get("told") or {}
    if told.get("body") is not None:
        paper.say()
        paper.say("Told:")
        for line in orjson.dumps(told["body"], option=orjson.OPT_INDENT_2).decode().splitlines():
            paper.say(f"  {in_line(line)}")


def account(paper: Paper, item: Item) -> None:
    """Show an account, and what a person must do about it."""
    fields(paper, {**item, "causes": None})
    for cause in item.get("causes") or ():
        paper.say()
        paper.say("A person must act:")
        fields(paper, cause)


def published(paper: Paper, item: Item) -> None:
    """Show what a request became."""
    again = ", known already" if item["duplicate"] else ""
    paper.say(f"{item['event_id']}  {paper.state(item['status'])}{again}")
    for one in item["posts"]:
        _post_line(paper, one)
    for one in item["warnings"]:
        paper.say(f"  warning: {shown(one.get('field'))} {shown(one.get('message'))}".rstrip())


def acted(paper: Paper, item: Item) -> None:
    """Show what became of a deed on a post."""
    _post_line(paper, item["post"])
    command = item.get("command")
    if command is not None and command["state"] != "done":
        told = "; ".join(
            part for part in (f"{command['kind']} is {command['state']}", shown(command["detail"])) if part
        )
        paper.say(f"  {told}. How it goes: bridge posts show {item['post']['id']}")


def _post_line(paper: Paper, one: Item) -> None:
    facts = (shown(one["accounts"]), shown(one.get("url")), shown(one.get("reason")), shown(one.get("error")))
    paper.say(f"{one['id']}  {paper.state(one['state'])}  " + "  ".join(fact for fact in facts if fact))


def secret(paper: Paper, item: Item) -> None:
    """Show what was made; its secret is told this once."""
    fields(paper, item)
    if item.get("secret"):
        paper.say("The secret is told this once: keep it where its receiver looks.")


def enabled(paper: Paper, item: Item) -> None:
    """Show an endpoint that has deliveries again, and what it missed."""
    list_of(paper, "endpoints", [item["endpoint"]])
    if item.get("replay"):
        paper.say(f"What died meanwhile is sent: bridge replays show {item['replay']}")
    elif item.get("waiting"):
        paper.say(f"{item['waiting']} died meanwhile: bridge endpoints enable {item['endpoint']['name']} --replay")


def tested(paper: Paper, item: Item) -> None:
    """Show how the first attempt of a test ended."""
    made = item["delivery"]
    attempt = item["attempt"]
    if attempt is None:
        paper.say(f"{made['id']}  not known yet: {shown(item['why'])}")
        return
    list_of(paper, "tries", [attempt])


def link(paper: Paper, item: Item) -> None:
    """Show an address where a person reconnects an account."""
    paper.say(shown(item["url"]))
    until = instant(item.get("expires_at"), paper.zone)
    name = item["account"].get("name") or item["account"]["id"]
    paper.say(f"Open it to reconnect {shown(name)}{f'; it ends at {until}' if until else ''}. Keep it to yourself.")


def gone(paper: Paper, item: Item) -> None:
    """Say that something is no more."""
    paper.say(f"{shown(item['id'])}  gone")


def replayed(paper: Paper, item: Item) -> None:
    """Say that something is sent again."""
    paper.say(f"{shown(item['id'])}  is sent again")


def _section(paper: Paper, title: str, look: str, items: Sequence[Item]) -> None:
    if items:
        paper.say()
        paper.say(f"{title}:")
        paper.table(COLUMNS[look], [row(look, item) for item in items], indent=2)


def _timeline(paper: Paper, entries: Sequence[Item]) -> None:
    if entries:
        paper.say()
        paper.say("What happened:")
    for entry in entries:
        paper.say(f"  {instant(entry['at'], paper.zone)}  {'  '.join(_told(paper, entry))}")


_WORDS: Mapping[str, tuple[str, ...]] = {
    "received": ("source",),
    "attempt_started": ("what", "number"),
    "attempt_ended": ("what", "number", "outcome", "status", "reason", "detail"),
    "transition": ("type", "reason", "error", "url"),
    "delivery": ("type", "endpoint", "state", "reason"),
}
"""What is told of an entry of a timeline."""

_SAID = {
    "received": "received",
    "attempt_started": "asks",
    "attempt_ended": "answer",
    "transition": "event",
    "delivery": "told",
}


def _told(paper: Paper, entry: Item) -> Iterator[str]:
    kind = entry["kind"]
    yield f"{_SAID.get(kind, kind):<8}"
    facts = [shown(entry.get(name), paper.zone) for name in _WORDS.get(kind, ())]
    who = entry.get("account") or {}
    facts.append(shown(who.get("name") or who.get("id")))
    yield " ".join(paper.state(fact) if name == "state" else fact for name, fact in _named(kind, facts) if fact)
    retry = entry.get("retry") or {}
    if retry.get("will"):
        yield f"again at {instant(retry.get('at'), paper.zone)} ({retry.get('attempt')} of {retry.get('of')})"


def _named(kind: str, facts: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield from zip((*_WORDS.get(kind, ()), "account"), facts, strict=True)


def erased(paper: Paper, item: Item) -> None:
    """Show how much of each kind was emptied."""
    fields(paper, item)


def numbers(paper: Paper, item: Item) -> None:
    """Show what the last hour came to, and what waits now since when."""
    minutes = item["minutes"]
    counted = {
        name: sum(minute[name] for minute in minutes) for name in (minutes[0] if minutes else ()) if name != "at"
    }
    told = {"last hour": counted, "posts": item["posts"], "endpoints": item["endpoints"], "causes": item["causes"]}
    paper.fields((name, _counts(one) if isinstance(one, Mapping) else str(one)) for name, one in told.items())
    for name, waits in item["backlog"].items():
        if waits["count"]:
            since = f", the oldest since {instant(waits['oldest_at'], paper.zone)}" if waits["oldest_at"] else ""
            paper.say(f"{name.replace('_', ' ')}: {waits['count']} wait{since}")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "nothing"


PAGES: Mapping[str, Callable[[Paper, Any], None]] = {
    "post": post, "event": event, "delivery": delivery, "account": account, "published": published, "acted": acted,
    "secret": secret, "enabled": enabled, "tested": tested, "link": link, "gone": gone, "replayed": replayed,
    "erased": erased, "numbers": numbers, "thing": fields,
}  # fmt: skip
"""How one thing looks, by the look of its verb; of any other look it is a list of one."""
