"""A post's timeline in sentences: what happened, who told it, and what it means."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.web.console._words import outward, path, seconds, words

Entry = Mapping[str, Any]
Told = dict[str, Any]

_WHO = {"token": "a token of the API", "source": "a source's signature", "hook": "a source's signature"}
_DOES = {
    "publish": "asks the partner to post it",
    "retry": "asks the partner to try again",
    "update": "asks the partner to change it",
    "edit": "asks the partner to change it",
    "cancel": "asks the partner to take it back",
    "delete": "asks the partner to take it back",
    "fetch": "gets the media",
}
_HAPPENED: Mapping[str, tuple[str, str]] = {
    "post.rejected": ("It was refused", "bad"),
    "post.parked": ("It waits until something is mended, or somebody lets it go", "warn"),
    "post.draft": ("The partner has it as a draft", "plain"),
    "post.scheduled": ("It is scheduled", "busy"),
    "post.pending": ("The partner has it", "busy"),
    "post.publishing": ("It is being published", "busy"),
    "post.posted": ("The post is live", "good"),
    "post.partial": ("Some accounts have it, some do not", "warn"),
    "post.failed": ("The post failed", "bad"),
    "post.retrying": ("It is tried again", "warn"),
    "post.gave_up": ("bridge tries no more: it needs a person", "bad"),
    "post.updated": ("It was changed", "plain"),
    "post.canceled": ("It was taken back", "plain"),
    "post.vanished": ("The partner does not have it any more", "bad"),
    "post.stuck": ("The partner has not said anything new for long", "warn"),
    "post.unknown": ("Nobody knows whether the partner has it: look, then say so", "warn"),
    "target.posted": ("is live", "good"),
    "target.linked": ("has its link", "good"),
    "target.failed": ("failed", "bad"),
    "target.retrying": ("is tried again", "warn"),
}


def story(post: Entry, event: Entry | None, seen_at: Entry | None = None) -> list[Told]:
    """Return the timeline, oldest first: of each entry `at`, `tone`, `title`, and what is known of it.

    `text` is a sentence, `facts` are names with values, `raw` is what was said word for word, `href` leads on; `links`
    are further ones. `seen_at` is the `name` and `href` of what was sent, at the sender.
    """
    tellers: Mapping[str, Callable[[Entry, Entry, Entry | None], Told | None]] = {
        "received": _received,
        "attempt_started": _started,
        "attempt_ended": _ended,
        "transition": _changed,
        "delivery": _delivered,
    }
    ended = {(one["command"], one["number"]) for one in post["timeline"] if one["kind"] == "attempt_ended"}
    told = []
    for entry in post["timeline"]:
        if entry["kind"] == "attempt_started" and (entry["command"], entry["number"]) in ended:
            continue
        if (one := tellers[entry["kind"]](entry, post, event)) is not None:
            links = [seen_at] if entry["kind"] == "received" and seen_at is not None else []
            told.append({"at": entry["at"], "text": "", "facts": [], "raw": None, "href": "", "links": links, **one})
    return told


def _received(entry: Entry, post: Entry, event: Entry | None) -> Told:
    by = entry["verified"]
    facts = [
        ("Verified by", f"{_WHO.get(by['by'], words(by['by']))} ({by['name']})" if by["name"] else words(by["by"]))
    ]
    if event is not None:
        facts += [("Size", f"{event['size']:,} bytes"), ("Type", event["content_type"] or "-")]
        if event.get("external_id"):
            facts.append(("Their id", event["external_id"]))
    facts += [("Warning", str(one)) for one in entry["warnings"] or ()]
    return {
        "tone": "plain",
        "title": f"Received from {entry['source']}",
        "text": f"bridge checked who sent it and made it a post at {post['partner']}.",
        "facts": facts,
        "href": path("events", entry["event"]),
        "raw": event["request"] if event is not None else None,
        "raw_title": "What it was mapped to",
    }


def _started(entry: Entry, post: Entry, _: Entry | None) -> Told:
    return {
        "tone": "busy",
        "title": f"bridge {_does(entry, post)}",
        "text": "No answer yet.",
    }


def _ended(entry: Entry, post: Entry, _: Entry | None) -> Told:
    tone = {"ok": "good", "failed": "bad"}.get(entry["outcome"], "warn")
    how = {"ok": "done", "failed": "refused", "waited": "later"}.get(entry["outcome"], words(entry["outcome"]))
    facts = [("Answer", str(entry["status"] or "none")), ("Took", seconds(entry["took_s"]))]
    if entry["reason"]:
        facts.insert(0, ("Why", words(entry["reason"])))
    return {
        "tone": tone,
        "title": f"bridge {_does(entry, post)}: {how}",
        "text": entry["detail"] or "",
        "facts": facts,
        "raw": entry["answer"],
        "raw_title": f"What {post['partner']} answered",
    }


def _does(entry: Entry, post: Entry) -> str:
    does = _DOES.get(entry["what"], f"asks the partner to {words(entry['what'])}").replace(
        "the partner", post["partner"]
    )
    return f"{does} (call {entry['number']})" if entry["number"] > 1 else does


def _changed(entry: Entry, post: Entry, _: Entry | None) -> Told:
    title, tone = _HAPPENED.get(entry["type"], (words(entry["type"].partition(".")[2]).capitalize(), "plain"))
    account = entry.get("account")
    if entry["type"].startswith("target."):
        title = f"{_account(entry, post)} {title if entry['type'] in _HAPPENED else 'is ' + title.lower()}"
    elif entry["type"].startswith("attention."):
        opened = entry["type"].endswith("opened")
        title, tone = ("A person is asked to mend it", "warn") if opened else ("It was mended", "good")
    facts = [(name, words(entry[key])) for key, name in (("previous", "Before"), ("reason", "Why")) if entry.get(key)]
    facts += [(name, str(entry[key])) for key, name in (("by", "Asked by"), ("goes_at", "Goes at")) if entry.get(key)]
    if account is not None and not entry["type"].startswith("target."):
        facts.append(("Account", _name(account)))
    error = entry.get("error")
    text = str(entry.get("what_to_do") or "") or (str(error) if isinstance(error, str) else "")
    url = outward(entry.get("url"))
    return {"tone": tone, "title": title, "text": text, "facts": facts, "href": url, "word": entry["type"]}


def _account(entry: Entry, post: Entry) -> str:
    if entry.get("account") is not None:
        return _name(entry["account"])
    wanted = str(entry["subject"]["id"]).rpartition(":")[2]
    return next((t["name"] or t["account"] for t in post["targets"] if t["account"] == wanted), wanted)


def _name(account: Any) -> str:
    return str(account.get("name") or account.get("id")) if isinstance(account, Mapping) else str(account)


def _delivered(entry: Entry, _post: Entry, _: Entry | None) -> Told:
    endpoint = entry["endpoint"] or "an endpoint"
    attempts: Sequence[Entry] = entry["attempts"] or ()
    tries = f" after {len(attempts)} tries" if len(attempts) > 1 else ""
    how = {
        "done": (f"was told{tries}", "good"),
        "dead": ("was not told: bridge has given up", "bad"),
        "due": ("is being told" if not attempts else f"has not taken it yet{tries or ' after one try'}", "busy"),
    }.get(entry["state"], (words(entry["state"]), "plain"))
    facts = [("Why", words(entry["reason"]))] if entry["reason"] else []
    facts += [
        (f"Try {one['number']}", f"{one['status'] or words(one['reason'] or one['outcome'])}") for one in attempts
    ]
    return {
        "tone": how[1],
        "title": f"{endpoint} {how[0]}",
        "text": "",
        "facts": facts,
        "href": path("deliveries", entry["delivery"]),
        "word": entry["type"],
        "delivery": True,
    }
