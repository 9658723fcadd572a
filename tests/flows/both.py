"""One intent of two accounts goes through the whole service to either partner, meets a bad day there, and is judged."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.crash.audit import gaps, untold
from tests.fuzz.audit import created
from tests.fuzz.town import ACCOUNTS, Town

CAPTION = "One intent"
WISH = {"caption": CAPTION, "media": "https://cdn.example.com/a.jpg"}
PAIRS: Mapping[str, tuple[str, str]] = {"gv": ("gv-tiktok", "gv-instagram"), "pe": ("pe-x", "pe-linkedin")}
BEGUN: Mapping[str, str] = {"gv": "pending", "pe": "publishing"}
"""The state in which a create leaves a post: what `begun` stands for in a `Play`."""

CONTRACT = "v3"
"""Genviral's, in which the same bytes again are the same post."""

STEP_S = 300
PATIENCE = 60
"""After so many steps a post must be at its end."""

AFTER = 3
"""So many steps more, in which nothing may happen."""

_AROUND = ("account.", "attention.", "partner.")


class Stage(Town):
    """A town in which something may happen at the partner just before a retry of ours gets there."""

    before_retry: Callable[[], object] | None = None

    def _look(self, request: httpx.Request) -> None:
        happen = self.before_retry
        if happen is not None and request.method == "POST" and request.url.path.endswith("/retry"):
            self.before_retry = None
            happen()
        super()._look(request)


Act = Callable[[Stage, str], Awaitable[None]]
"""Something that happens: on which stage, at which partner."""


async def nothing(stage: Stage, key: str) -> None:
    """Let nothing special happen."""


@dataclass(frozen=True, kw_only=True)
class Play:
    """What happens at one partner, and what is promised after it.

    Args:
        faults: of the simulator, with `operation` `create` unless one is named.
        first: outcomes of the first account's attempts; the second has none but good ones.
        before: happens before the request comes in; `amid` when its command was acted on; `later` a step after.
        creates: calls of create that the partner saw, of which it answered `duplicates` with what it had.
        retries: failed rows that it was asked to try again.
        states: of our posts, oldest first. Each is one post at the partner, unless somebody took it away (`taken`).
        target: the state of the first account's target; the second's is `posted`.
        told: the types of post events without `post.`, in order, one text for each post; `begun` is see `BEGUN`.
        first_told: the types of target events of the first account, without `target.`; `second_told` of the second.
        around: the types of all other events, in order.
    """

    faults: tuple[Mapping[str, Any], ...] = ()
    first: tuple[Mapping[str, Any], ...] = ()
    before: Act = nothing
    amid: Act = nothing
    later: Act = nothing
    creates: int = 1
    duplicates: int = 0
    retries: int = 0
    taken: bool = False
    states: tuple[str, ...] = ("posted",)
    target: str = "posted"
    told: tuple[str, ...] = ("begun posted",)
    first_told: str = "posted linked"
    second_told: str = "posted linked"
    around: str = ""


async def judged(folder: Path, key: str, script: Play) -> dict[str, tuple[Any, Any]]:
    """Play it on a stage of its own, and return what is not as promised; see `broken`."""
    stage = Stage(folder, CONTRACT)
    await stage.start()
    try:
        await play(stage, key, script)
        return await broken(stage, key, script)
    finally:
        await stage.end()


async def play(stage: Stage, key: str, script: Play) -> None:
    """Let a day go by, until every post has come to its end and a while longer."""
    await stage.tick()
    for fault in script.faults:
        stage.simulators[key].fault(**{"operation": "create", **fault})
    stage.script(PAIRS[key][0], *map(dict, script.first))
    await script.before(stage, key)
    await wish(stage, key)
    await stage.work()
    await script.amid(stage, key)
    await stage.advance(STEP_S, 1)
    await script.later(stage, key)
    for _ in range(PATIENCE):
        if all(post.ended_at is not None for post in await stage.posts()):
            break
        await stage.advance(STEP_S, 1)
    await stage.advance(AFTER * STEP_S, AFTER)


async def wish(stage: Stage, key: str) -> str:
    """Hand the request in, and return the id of its event."""
    answer = await stage.publish({**WISH, "accounts": list(PAIRS[key])}, "key-1")
    assert answer is not None
    return answer.accepted.event_id


async def broken(stage: Stage, key: str, script: Play) -> dict[str, tuple[Any, Any]]:
    """Return what is not as promised: its name -> what is, what should be; empty is well."""
    posts = await stage.posts()
    first, second = (ACCOUNTS[name][1] for name in PAIRS[key])
    live = Counter({first: int(script.target == "posted"), second: 1})
    states = {first: script.target, second: "posted"}
    stories = [story.replace("begun", BEGUN[key]) for story in script.told]
    checks = {
        "ids there": (there(stage, key), sorted(str(post.partner_id) for post in posts if not script.taken)),
        "ever stored": (created(stage, key, CAPTION), len(posts)),
        "calls of create": (creates(stage, key), (script.creates, script.duplicates)),
        "published": (published(stage, key), +live),
        "retries": (len(stage.retries), script.retries),
        "states": (tuple(post.state.value for post in posts), script.states),
        "targets": ({row.account: row.state.value for post in posts for row in post.targets}, states),
        "told of posts": ([told(stage, post.id) for post in posts], stories),
        "told of the first": (told_of(stage, first), script.first_told),
        "told of the second": (told_of(stage, second), script.second_told),
        "told around": (told_around(stage), script.around),
        "lost or doubled on the way": ([*untold(stage), *gaps(stage), *unordered(stage)], []),
    }
    return {name: pair for name, pair in checks.items() if pair[0] != pair[1]}


def creates(stage: Stage, key: str) -> tuple[int, int]:
    """How often the partner was asked to make a post, and how often it answered with one that it had."""
    entries = stage.simulators[key].journal.of("create")
    return len(entries), sum(getattr(entry, "duplicate", False) for entry in entries)


def there(stage: Stage, key: str) -> list[str]:
    """The ids of the posts at the partner."""
    return sorted(stage.simulators[key].world.posts)


def published(stage: Stage, key: str) -> Counter[str]:
    """How often each account's network shows it."""
    return Counter(str(one.account_id) for one in stage.simulators[key].world.publications)


def events(stage: Stage) -> Iterator[tuple[str, dict[str, Any]]]:
    """The type and data of everything that arrived, as it arrived."""
    return ((one.json["type"], one.json["data"]) for one in stage.receiver.received)


def told(stage: Stage, post_id: str) -> str:
    """What was told of a post, without `post.`."""
    return " ".join(name[5:] for name, data in events(stage) if data["subject"] == {"kind": "post", "id": post_id})


def told_of(stage: Stage, account: str) -> str:
    """What was told of an account's targets, without `target.`."""
    targets = (pair for pair in events(stage) if pair[1]["subject"]["kind"] == "target")
    return " ".join(name[7:] for name, data in targets if data["subject"]["id"].endswith(f":{account}"))


def told_around(stage: Stage) -> str:
    """What was told of accounts, keys and causes, but for the first sight of each account."""
    names = (name for name, _ in events(stage) if name.startswith(_AROUND))
    return " ".join(name for name in names if name != "account.connected")


def unordered(stage: Stage) -> Iterator[str]:
    """Each subject's sequences arrive in their order, each once; a target's are its post's."""
    last: dict[tuple[str, str], int] = {}
    for name, data in events(stage):
        kind, subject = data["subject"]["kind"], data["subject"]["id"]
        owner = ("post", data["post"]["id"]) if kind == "target" else (kind, subject)
        if data["sequence"] <= last.get(owner, 0):
            yield f"{name} of {subject} came as {data['sequence']} after {last[owner]}"
        last[owner] = data["sequence"]
