"""The documentation says what the code does: parts of it are written by the code, the rest is compared with it.

`python -m tests.test_docs` writes the generated parts again. They stand between `<!-- begin: NAME -->` and
`<!-- end: NAME -->` in the pages of docs/.
"""

import ast
import itertools
import json
import re
import shlex
import subprocess
import textwrap
from argparse import _SubParsersAction
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from bridge.app import KINDS
from bridge.cli import _parser, main
from bridge.core import formats
from bridge.core.catalogue import EventType, catalogue
from bridge.core.catalogue._samples import samples
from bridge.core.delivering import headers_of
from bridge.core.endpoint_fields import Known
from bridge.core.endpoint_request import parse_changes, parse_endpoint, parse_subscription
from bridge.core.endpoints import Sending
from bridge.core.errors import FailureReason, Problem
from bridge.core.events import EVENT_TYPES
from bridge.core.model import (
    Attempt,
    Command,
    CommandKind,
    Delivery,
    Endpoint,
    Event,
    Intent,
    OutboundEvent,
    Post,
    PostState,
    Receipt,
    Snapshot,
    Target,
    TargetSnapshot,
    TargetState,
    WorkState,
)
from bridge.core.publishing import ended_attempt, start, succeed
from bridge.core.replaying import FIELDS as REPLAY_FIELDS
from bridge.core.request import FIELDS, parse_request
from bridge.core.retry import most_tries
from bridge.core.rules import DeliverRules, PublishRules, RetryRules, WatchRules
from bridge.core.signing import secret_key
from bridge.core.step import Moment, Step, World
from bridge.core.times import sortable
from bridge.core.transitions import Watching, observe
from bridge.core.units import format_duration
from bridge.flows.ingest import Result
from bridge.partners.genviral.judge import judge
from bridge.ports import Accepted, Timeline
from bridge.settings import json_schema, load
from bridge.store import migrate
from bridge.web import ROUTES
from bridge.web._edge import problem_answer
from bridge.web._shapes import overall
from bridge.web._table import ADMIN, PUBLIC, Operation
from bridge.web._timeline import timeline_shape
from bridge.web.preview import FIELDS as PREVIEW_FIELDS
from bridge.web.publish import _shape as published
from tests.cli import drawn

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "bench" / "README.md"])
MODULES = sorted((ROOT / "bridge").rglob("*.py"))
AGAIN = "write it again: python -m tests.test_docs"

# --- The story that the examples tell --------------------------------------------------------------------------------

NOON = datetime(2026, 3, 2, 12, 0, 0, 120_000, tzinfo=UTC)
SECRET = "whsec_ZXhhbXBsZS1zZWNyZXQtZm9yLXRoZS1kb2NzLW9ubHk="
TIKTOK, INSTAGRAM = "0f4f54d4-8cce-4fb7-8c7b-befbcb8af812", "7b0a1d52-4d0e-4b8e-9f0e-0a3a6a5f2c11"
RULES = Watching(WatchRules(), RetryRules(), lambda error, platform: judge(error))


class Story:
    """One post on two accounts, one of which fails for a passing reason; made by the code that would make it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.now = NOON
        self.told: list[OutboundEvent] = []
        self.attempts: list[Attempt] = []
        self.event = self._event()
        self.accepted, self.command = self._accepted()
        self.post = self.accepted
        self._sent()
        self._seen()

    def step(self, after: timedelta = timedelta(), world: World | None = None) -> Step:
        self.now += after
        return Step(Moment(self.now, self.new_id, lambda: 0.0), world)

    def new_id(self, prefix: str) -> str:
        return sortable(prefix, self.now, next(self._numbers).to_bytes(8))

    def keep(self, step: Step) -> None:
        self.told += step.write().events
        self.attempts = [*{(one.number): one for one in (*self.attempts, *step.write().attempts)}.values()]

    def _event(self) -> Event:
        request = {"caption": "Holiday drops start Monday!", "accounts": ["brand-*"], "external_id": "drop-42"}
        return Event(
            id=self.new_id("evt"),
            source="api",
            scope="token:zapier",
            key="id:drop-42",
            key_until=None,
            fingerprint="",
            intent=Intent.PUBLISH,
            received_at=NOON,
            content_type="application/json",
            body=orjson.dumps(request),
            request=request,
            external_id="drop-42",
        )

    def _accepted(self) -> tuple[Post, Command]:
        step = self.step()
        targets = (Target(TIKTOK, "brand-tiktok", "tiktok"), Target(INSTAGRAM, "brand-instagram", "instagram"))
        post = step.add(
            Post(
                id=self.new_id("post"),
                event_id=self.event.id,
                partner="genviral",
                external_id="drop-42",
                caller_id="drop-42",
                source="api",
                content={"caption": "Holiday drops start Monday!"},
                targets=targets,
                created_at=NOON,
                changed_at=NOON,
                wanted_at=NOON,
            )
        )
        command = step.new_command(post, CommandKind.PUBLISH, step.now)
        return step.write().posts[0], replace(command, version=1)

    def _sent(self) -> None:
        began = self.now + timedelta(milliseconds=35)
        step = self.step(timedelta(milliseconds=35))
        self.command = start(step, self.command, b"{}")
        self.keep(step)
        step = self.step(timedelta(milliseconds=840))
        receipt = Receipt("3f6c1f0a-5a43-4a1b-9d13-52a1f0f0c5d7", PostState.PENDING, "pending", status=201)
        step.attempt(ended_attempt(self.command, step.now, receipt, began))
        succeed(step, self.command, self.post, receipt, WatchRules())
        self.post, self.command = step.see(self.post), step.see(self.command)
        self.keep(step)

    def _seen(self) -> None:
        step = self.step(timedelta(minutes=4, seconds=59))
        at = self.now - timedelta(seconds=41)
        live = TargetSnapshot(TIKTOK, TargetState.POSTED, "posted", at, "https://www.tiktok.com/@brandhq/video/7301")
        failed = TargetSnapshot(
            INSTAGRAM, TargetState.FAILED, "failed", error="Temporary error 503", last_attempted_at=at
        )
        seen = Snapshot(self.post.partner_id or "", step.now, PostState.PARTIAL, "partial", (live, failed))
        observe(step, self.post, seen, RULES)
        self.post = step.see(self.post)
        self.keep(step)

    def body(self, event_type: str) -> dict[str, Any]:
        return dict(json.loads(next(event.body for event in self.told if event.type == event_type)))


def delivery_of(story: Story, event: OutboundEvent) -> Delivery:
    at = event.created_at
    return Delivery(story.new_id("dlv"), event.id, event.type, "endpoint", "ops", event.subject, event.sequence, at, at)


def timeline() -> Timeline:
    story = Story()
    event = next(event for event in story.told if event.type == "post.partial")
    sent = event.created_at + timedelta(milliseconds=120)
    done = {"state": WorkState.DONE, "attempts": 1, "calls": 1, "settled_at": sent}
    delivery = replace(delivery_of(story, event), **done)
    ended = Receipt(None, status=204)
    made = ended_attempt(replace(story.command, id=delivery.id, calls=1), sent, ended, event.created_at)
    attempts = (*story.attempts, replace(made, post_id=None, answer=None))
    return Timeline(story.post, story.event, (story.command,), attempts, tuple(story.told), (delivery,))


# --- What is generated -----------------------------------------------------------------------------------------------


FAMILIES = {
    "post": "A post at one partner",
    "target": "One account's part of a post",
    "account": "An account at the partner",
    "partner": "A partner key",
    "attention": "Something that a person must act on",
    "endpoint": "An address that gets events",
    "delivery": "One event on its way to one endpoint",
    "webhook": "Asked for by hand",
}


def types() -> str:
    """One table a family, from the catalogue."""
    parts = []
    for family, title in FAMILIES.items():
        rows = [f"| `{one.type}` | {one.description} | {one.since} |" for one in of_family(family)]
        parts.append(
            "\n".join([f"**`{family}.*`** {title}", "", "| Type | Says | Since |", "| --- | --- | --- |", *rows])
        )
    return "\n\n".join(parts)


def of_family(family: str) -> list[EventType]:
    return [one for one in catalogue().values() if one.family == family]


def fields_of(family: str) -> Callable[[], str]:
    """A table of what the data of a family has beside what all have, from the schemas."""

    def render() -> str:
        named = {one.type: one.schema["properties"]["data"] for one in of_family(family)}
        rows = [
            f"| `{name}` | {_where(name, named)} | {text} |"
            for name, text in dict(part for schema in named.values() for part in _parts(schema)).items()
            if name.partition(".")[0] not in COMMON
        ]
        return "\n".join(["| Field | There in | What |", "| --- | --- | --- |", *rows])

    return render


COMMON = set.intersection(*(set(one.schema["properties"]["data"]["properties"]) for one in catalogue().values()))


def _parts(schema: Any, before: str = "") -> Iterator[tuple[str, str]]:
    for name, part in schema.get("properties", {}).items():
        yield before + name, part["description"]
        yield from _parts(part, f"{before}{name}.")
        yield from _parts(part.get("items", {}), f"{before}{name}[].")


def _where(name: str, named: Mapping[str, Any]) -> str:
    """Say which types always have a field; of a part of a field nothing, it is where that is."""
    if re.search(r"[.\[]", name):
        return ""
    always = [event_type for event_type, schema in named.items() if name in schema["required"]]
    if len(always) == len(named):
        return "all"
    may = [one for one, schema in named.items() if name in schema["properties"] and one not in always]
    whole = len(always) + len(may) == len(named)
    rest = (
        ["others at times" if always else "at times"] if whole else [f"at times {one}" for one in _words(may, "some")]
    )
    return ", ".join([*_words(always, "most"), *rest])


def _words(event_types: Sequence[str], many: str) -> list[str]:
    family = event_types[0].partition(".")[0] if event_types else ""
    return [f"`{one}`" for one in event_types] if len(event_types) < 6 else [f"{many} of `{family}.*`"]


def formatted(name: str, event_type: str) -> Callable[[], str]:
    """An event as it is sent in a format."""

    def render() -> str:
        return shown(json.loads(formats.body(name, samples()[event_type]) or b""))

    return render


def schedule() -> str:
    """The delivery schedule with the defaults."""
    rows, total = [], timedelta()
    for number, pause in enumerate(DeliverRules().schedule, 1):
        total += pause
        rows.append(f"| {number} | {format_duration(pause)} | {format_duration(total)} |")
    return "\n".join(["| Attempt | Pause before it | Since the event, at least |", "| --- | --- | --- |", *rows])


def headers() -> str:
    """The headers of the first example."""
    message = message_example()
    return fenced("http", "\n".join(f"{name}: {value}" for name, value in message.headers.items()))


class Message(NamedTuple):
    headers: Mapping[str, str]
    body: bytes


def message_example() -> Message:
    event = next(event for event in Story().told if event.type == "post.partial")
    sending = Sending((secret_key(SECRET),))
    headers = headers_of(sending, event.id, "application/json", event.body, event.created_at)
    return Message({name: value for name, value in headers.items() if name.startswith("webhook-")}, event.body)


def routes() -> str:
    """Every operation, from the table that is served."""
    rows = [_route(operation) for operation in (*PUBLIC, *ADMIN)]
    return "\n".join(["| Method and path | Scope | Parameters | What |", "| --- | --- | --- | --- |", *rows])


def _route(operation: Operation) -> str:
    query = ", ".join(f"`{name}`" for name in operation.query) or "none"
    scope = f"`{operation.scope}`" if operation.scope else "none"
    return f"| `{operation.method} {operation.path}` | {scope} | {query} | {operation.summary} |"


def published_example() -> str:
    story = Story()
    posts = (story.accepted,)
    accepted = Accepted(story.event.id, (story.accepted.id,))
    return shown(published(Result(accepted, Intent.PUBLISH, "accepted", posts), posts))


def problem_example() -> str:
    with pytest.raises(Problem) as caught:
        parse_request({"caption": "Hello", "acounts": ["brand-tiktok"], "scheduled_at": "2026-03-01T18:00"})
    return shown(json.loads(problem_answer(caught.value).body))


def timeline_example() -> str:
    line = timeline()
    assert overall([line.post]) == "partial"
    whole = timeline_shape(line, NOON + timedelta(minutes=6))
    return shown({name: whole[name] for name in ("id", "state", "timeline", "actions")})


def example(made: Callable[[], Sequence[OutboundEvent]], event_type: str) -> Callable[[], str]:
    def render() -> str:
        return shown(json.loads(next(event.body for event in made() if event.type == event_type)))

    return render


def sample(event_type: str) -> Callable[[], str]:
    """The example of the catalogue."""
    return lambda: shown(catalogue()[event_type].example)


def shown(value: Any) -> str:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()
    # Small objects and lists on one line read better.
    small = re.compile(r"([\[{])\n\s+([^\[\]{}]{1,110}?)\n\s+([\]}])")
    return fenced("json", small.sub(lambda m: m[1] + re.sub(r"\n\s+", " ", m[2]) + m[3], text))


def fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


GENERATED: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "events.md": {
        "types": types,
        "schedule": schedule,
        "post": example(lambda: Story().told, "post.partial"),
        "target": sample("target.failed"),
        "account": sample("account.disconnected"),
        "partner": sample("partner.blocked"),
        "attention": sample("attention.opened"),
        "endpoint": sample("endpoint.failing"),
        "delivery": sample("delivery.exhausted"),
        "webhook": sample("webhook.test"),
        **{f"{family}_fields": fields_of(family) for family in FAMILIES},
    },
    "formats.md": {
        "cloudevents": formatted("cloudevents", "target.linked"),
        "slack": formatted("slack", "attention.opened"),
        "flat": formatted("flat", "target.linked"),
    },
    "verifying.md": {
        "headers": headers,
    },
    "cli.md": {
        "verbs": drawn.verbs,
        "exits": drawn.exits,
    },
    "api.md": {
        "routes": routes,
        "published": published_example,
        "problem": problem_example,
        "timeline": timeline_example,
    },
}
_BLOCK = re.compile(r"<!-- begin: (\w+) -->\n.*?<!-- end: \1 -->", re.DOTALL)


def generated(page: str) -> str:
    """Return a page with its generated parts as the code gives them now."""
    made = GENERATED[page]
    text = (DOCS / page).read_text(encoding="utf-8")
    assert sorted(match[1] for match in _BLOCK.finditer(text)) == sorted(made)
    return _BLOCK.sub(lambda m: f"<!-- begin: {m[1]} -->\n{made[m[1]]()}\n<!-- end: {m[1]} -->", text)


@pytest.mark.parametrize("page", GENERATED)
def test_the_generated_parts_of_a_page_are_what_the_code_gives(page):
    assert (DOCS / page).read_text(encoding="utf-8") == generated(page), AGAIN


# --- Reading the pages -----------------------------------------------------------------------------------------------


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced code of one language; a block inside a list is set back to the margin."""
    found = re.findall(rf"^([ ]*)```{language}\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(code) for _, code in found]


def code_of(text: str) -> str:
    """Return everything that is set as code: blocks, indented lines, spans."""
    fences = re.findall(r"^[ ]*```[^\n]*\n(.*?)^[ ]*```$", text, re.DOTALL | re.MULTILINE)
    return "\n".join([*fences, *re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE), *spans(text)])


def spans(text: str) -> list[str]:
    """Return the inline code of a page, fenced blocks left out."""
    return re.findall(r"`([^`\n]+)`", without_fences(text))


def without_fences(text: str) -> str:
    return re.sub(r"^[ ]*```.*?^[ ]*```$", "", text, flags=re.DOTALL | re.MULTILINE)


def first_column(text: str, heading: str) -> list[str]:
    """Return the code in the first column of the tables under a heading, up to the next one."""
    part = re.split(r"^#+ ", text, flags=re.MULTILINE)
    section = next(item for item in part if item.startswith(heading))
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def difference(page: str, listed: Iterable[str], known: Iterable[str]) -> str:
    """Say what has to be done to a page so that it lists what there is; empty when it does."""
    there, wanted = set(listed), set(known)
    changes = {"add": sorted(wanted - there), "take out": sorted(there - wanted)}
    return "; ".join(f"docs/{page}: {what} {', '.join(names)}" for what, names in changes.items() if names)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


# --- Events ----------------------------------------------------------------------------------------------------------


def test_the_page_of_events_lists_exactly_the_event_types():
    section = text_of(DOCS / "events.md").partition("## The types")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", section, re.MULTILINE)
    assert listed == list(EVENT_TYPES), f"docs/events.md: {AGAIN}"


@pytest.mark.parametrize("code", [one for one in blocks(text_of(DOCS / "verifying.md"), "python") if "SECRET" in one])
def test_the_ways_to_verify_a_webhook_work(code, monkeypatch):
    """Each defines `receive(headers, body)`, which gives the event, and raises for a body that was changed."""
    message = message_example()
    space: dict[str, Any] = {"SECRET": SECRET}
    exec(code, space)
    at = float(message.headers["webhook-timestamp"])
    _stop_the_clock(monkeypatch, at)
    assert space["receive"](dict(message.headers), message.body) == json.loads(message.body)
    with pytest.raises((PermissionError, WebhookVerificationError)):
        space["receive"](dict(message.headers), message.body + b" ")


def _stop_the_clock(monkeypatch: pytest.MonkeyPatch, at: float) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromtimestamp(at, tz)

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", Stopped)
    monkeypatch.setattr("time.time", lambda: at)


# --- The HTTP API ----------------------------------------------------------------------------------------------------


def test_the_page_of_the_api_has_a_heading_for_each_route():
    headings = re.findall(r"^### `([A-Z]+ [^`]+)`$", text_of(DOCS / "api.md"), re.MULTILINE)
    assert not difference(
        "api.md", headings, (f"{method} {path}" for path, method in ROUTES if not path.startswith("/console"))
    )


def test_the_page_of_the_api_lists_exactly_the_problems():
    listed = first_column(text_of(DOCS / "api.md"), "Problems")
    assert not difference("api.md, Problems", listed, slugs())


NOT_ANSWERED = {"no_lookup", "unreadable_answer"}
"""Problems that only flows raise, and settle themselves."""


def slugs() -> set[str]:
    """Every problem that the code can answer: the second argument of `Problem`, or a word that `slug` is set to."""
    found: set[str] = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
                found |= constants(node.args[1])
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "slug":
                found |= constants(node.value) if isinstance(node.value, (ast.Constant, ast.IfExp)) else set()
    return found - NOT_ANSWERED


@cache
def trees() -> list[ast.AST]:
    return [ast.parse(text_of(path)) for path in MODULES]


def constants(node: ast.AST) -> set[str]:
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def test_the_page_of_the_api_lists_exactly_the_fields_of_a_request():
    listed = first_column(text_of(DOCS / "api.md"), "Fields")
    assert not difference("api.md, Fields", listed, FIELDS)


class Curl(NamedTuple):
    page: str
    method: str
    path: str
    query: Mapping[str, str]
    data: str | None


def curls() -> Iterator[Curl]:
    """Yield the curl calls of all pages that go to bridge."""
    for page in PAGES:
        text = text_of(page)
        lines = [*blocks(text, "sh"), *re.findall(r"^ {4,}(curl .*)$", without_fences(text), re.MULTILINE)]
        for block in lines:
            for command in re.findall(r"^curl .*?(?=^curl |\Z)", block, re.DOTALL | re.MULTILINE):
                words = shlex.split(command.replace("\\\n", " "))
                url = next(word for word in words if "://" in word or word.startswith("$BRIDGE/"))
                data = words[words.index("-d") + 1] if "-d" in words else None
                data = data and re.sub(r"\$\(date .*?\)", "2031-01-05T09:00:00Z", data)
                method = words[words.index("-X") + 1] if "-X" in words else "POST" if data else "GET"
                parts = urlsplit(url.replace("$BRIDGE", "http://bridge"))
                yield Curl(named(page), method, parts.path, dict(parse_qsl(parts.query)), data)


@pytest.mark.parametrize("curl", list(curls()), ids=lambda curl: f"{curl.page}:{curl.method}:{curl.path}")
def test_a_curl_example_would_be_understood(curl):
    operation = next((one for one in (*PUBLIC, *ADMIN) if _serves(one, curl)), None)
    assert operation is not None, f"{curl.page}: nothing serves {curl.method} {curl.path}"
    assert set(curl.query) <= set(operation.query)
    fields = json.loads(curl.data or "{}")
    match operation.body:
        case "Publish":
            assert parse_request(fields)
        case "Changes":
            assert parse_request(fields, editing=True)
        case "Replay":
            assert set(fields) <= set(REPLAY_FIELDS)
        case "Enable":
            assert set(fields) <= {"replay"}
        case "NewEndpoint":
            assert parse_endpoint(fields, Known())
        case "EndpointChanges":
            assert parse_changes(fields, Known(), Endpoint("team", "https://team.example.com/hook"))
        case "Subscribe":
            assert parse_subscription(fields, Known())
        case "Preview":
            assert set(fields) <= set(PREVIEW_FIELDS)
        case _:
            assert not fields


def _serves(operation: Operation, curl: Curl) -> bool:
    pattern = re.sub(r"{\w+}", "[^/]+", operation.path)
    return operation.method == curl.method and re.fullmatch(pattern, curl.path) is not None


# --- Operations ------------------------------------------------------------------------------------------------------

_LEVELS = {"debug", "info", "warning", "error", "exception"}


def log_events() -> dict[str, set[str]]:
    """Every log event of the code with its levels: what is logged by name, or stands beside a level in a table."""
    found: dict[str, set[str]] = {}
    for tree in trees():
        for node, around in _inside(tree, tree):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                events, levels = constants(node.args[0]), _levels(ast.unparse(node.func), around)
            elif isinstance(node, ast.Tuple):
                events, levels = constants(node), constants(node) & _LEVELS
            else:
                continue
            for event in events if levels else ():
                if re.fullmatch(r"[a-z]+\.[a-z_]+", event):
                    found.setdefault(event, set()).update("error" if one == "exception" else one for one in levels)
    return found


def _inside(node: ast.AST, around: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Every node with the function that it stands in."""
    for child in ast.iter_child_nodes(node):
        yield child, around
        yield from _inside(child, child if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) else around)


def _levels(function: str, around: ast.AST) -> set[str]:
    """Return the levels that a call logs at: the name of it, or all that its function lets `level` be."""
    owner, _, name = function.rpartition(".")
    if function != "level":
        return {name} & _LEVELS if owner in ("log", "self._log") else set()
    chosen = (node.value for node in ast.walk(around) if isinstance(node, ast.Assign) and _is_level(node.targets))
    return {part.attr for value in chosen for part in ast.walk(value) if isinstance(part, ast.Attribute)} & _LEVELS


def _is_level(targets: Sequence[ast.expr]) -> bool:
    return [ast.unparse(target) for target in targets] == ["level"]


def test_the_page_of_operations_lists_exactly_the_log_events():
    listed = first_column(text_of(DOCS / "operations.md"), "Log events")
    assert not difference("operations.md, Log events", listed, log_events())


def test_the_page_of_operations_has_the_level_of_each_log_event():
    section = text_of(DOCS / "operations.md").partition("\n## Log events\n")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| `([a-z.]+[a-z_]*)` \| ([a-z, ]+) \|", section, re.MULTILINE))
    known = log_events()
    wrong = {
        event: f"says {told[event]}, is {known[event]}"
        for event in told
        if set(told[event].split(", ")) != known[event]
    }
    assert not wrong


def test_the_page_of_operations_lists_exactly_the_reasons():
    listed = first_column(text_of(DOCS / "operations.md"), "Reasons")
    assert not difference("operations.md, Reasons", listed, FailureReason)


def test_copies_are_made_and_put_back_by_the_commands_that_are_shown(tmp_path, capsys):
    shown = [shlex.split(code) for code in blocks(text_of(DOCS / "operations.md"), "sh")]
    made, back = (next(line for line in shown if line[:2] == ["bridge", verb]) for verb in ("backup", "restore"))
    (tmp_path / "bridge.yaml").write_text(f"database: {{url: 'sqlite:///{tmp_path / 'bridge.db'}'}}\n")
    migrate(f"sqlite:///{tmp_path / 'bridge.db'}")
    config = ["-c", str(tmp_path / "bridge.yaml")]
    assert main([*(str(tmp_path) if word == made[2] else word for word in made[1:]), *config]) == 0
    [copy] = tmp_path.glob("bridge-*.db")
    assert re.sub(r"\d", "0", copy.name) == re.sub(r"\d", "0", Path(back[2]).name)
    assert main(["restore", str(copy), *config]) == 0
    assert f"{tmp_path / 'bridge.db'}.old" in capsys.readouterr().out


# --- Configuration ---------------------------------------------------------------------------------------------------


def configurations() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, code in enumerate(blocks(text_of(page), "yaml"), 1):
            yield f"{named(page)}:{number}", code


@pytest.mark.parametrize(("where", "code"), list(configurations()), ids=lambda value: value if ".md:" in value else "")
def test_a_configuration_that_is_shown_loads(where, code, tmp_path):
    (tmp_path / "bridge.yaml").write_text(code)
    secret = "whsec_" + "QUJD" * 10
    environ = {name: f"{secret}{number}" for number, name in enumerate(re.findall(r"{env: (\w+)}", code))}
    environ |= {name: secret for name in environ if "SECRET" in name}
    environ |= {name: "https://hooks.example.com/a" for name in environ if name.endswith("_WEBHOOK")}
    environ |= {name: f"xoxb-1-{name}" for name in environ if name.endswith("BOT_TOKEN")}
    environ |= {name: f"xapp-1-{name}" for name in environ if name.endswith("APP_TOKEN")}
    environ |= {name: "postgresql://bridge:a@db/bridge" for name in environ if name.endswith("DATABASE_URL")}
    load(tmp_path / "bridge.yaml", environ, KINDS)


# --- README and the rest ---------------------------------------------------------------------------------------------


def readme() -> str:
    return text_of(ROOT / "README.md")


def test_the_readme_names_every_verb_of_the_command_line():
    verbs = next(action for action in _parser()._actions if isinstance(action, _SubParsersAction)).choices
    code = code_of(readme())
    missing = [verb for verb in verbs if not re.search(rf"\bbridge {verb}\b", code)]
    assert not missing, f"README.md does not name: bridge {', '.join(missing)}"
    assert set(re.findall(r"\bbridge ([a-z]+(?:-[a-z]+)*)\b", code)) <= set(verbs)


def test_the_readme_names_every_section_of_the_configuration():
    code = spans(readme())
    assert [name for name in json_schema(KINDS)["properties"] if name not in code] == []


def test_the_readme_names_every_part_of_the_http_api():
    starts = {"/".join(path.split("/")[: 3 if path.startswith("/v1") else 2]) for path, _ in ROUTES}
    code = code_of(readme())
    assert [start for start in sorted(starts) if start not in code] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_names_only_verbs_of_make_that_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    # `make install check test` names three.
    runs = re.findall(r"(?:^|\s)make((?: [a-z][a-z-]*)+)(?=$|[\s`.,;:)])", code_of(text_of(page)), re.MULTILINE)
    assert {word for run in runs for word in run.split()} <= targets


def test_the_test_command_of_the_readme_is_the_one_that_ci_runs():
    ci = text_of(ROOT / ".ci" / "run")
    pattern = re.search(r"grep -oE '([^']+)' README\.md", ci)
    assert pattern, ".ci/run no longer looks the command up in README.md"
    looked_up = ["grep", "-oE", pattern[1], "README.md"]
    found = subprocess.run(looked_up, cwd=ROOT, capture_output=True, text=True, check=True)
    assert {line.replace("`", "").strip() for line in found.stdout.splitlines()} == {"make test"}
    assert re.search(r"^\$test_command$", ci, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_to_a_file_leads_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        name, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def anchors(page: Path) -> set[str]:
    """Return the anchors that headings get."""
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_a_page_names_in_the_code_is_there(page):
    missing = []
    for span in spans(text_of(page)):
        if "NAME" in span or "inkwell" in span or span in MADE:
            continue
        is_path = re.fullmatch(r"(?:bridge|tests|docs|bench)/[\w./-]*", span)
        is_name = re.fullmatch(r"bridge(?:\.[a-zA-Z_]\w*)+", span)
        if (is_path and not (ROOT / span).exists()) or (is_name and not _is_file_or_name(span)):
            missing.append(span)
    assert missing == []


MADE = ("bench/out/results.json",)
"""Paths that a run makes. What is called inkwell is made up, see tests/test_contributing.py."""


def _is_file_or_name(name: str) -> bool:
    """Say whether something in the code has this name, or it is one of the files that users have."""
    if name.startswith(("bridge.yaml", "bridge.env", "bridge.db")):
        return True
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


ADRS = sorted((DOCS / "adr").glob("0*.md"))


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.stem)
def test_a_decision_has_its_parts_and_fits_on_half_a_page(path):
    text = text_of(path)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert re.search(r"^Status: (accepted|replaced by \[\d+\]\(.+\))$", text, re.MULTILINE)
    assert len(text.split()) < 400


def test_the_number_of_tries_that_a_decision_names_is_the_one_of_the_code():
    assert f"{most_tries(PublishRules())} with the defaults" in text_of(DOCS / "adr" / "0010-retries-are-judged.md")


def test_the_decisions_are_numbered_and_listed():
    listed = re.findall(r"^(\d+)\. \[(.+)\]\((.+)\)$", text_of(DOCS / "adr" / "README.md"), re.MULTILINE)
    titles = [re.match(r"# (\d+)\. (.+)", text_of(path)) for path in ADRS]
    assert [(number, title) for number, title, _ in listed] == [(title[1], title[2]) for title in titles if title]
    assert [name for _, _, name in listed] == [path.name for path in ADRS]
    assert [int(path.name[:4]) for path in ADRS] == list(range(1, len(ADRS) + 1))


if __name__ == "__main__":
    for page in GENERATED:
        (DOCS / page).write_text(generated(page), encoding="utf-8")
