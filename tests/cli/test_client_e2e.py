"""Every verb of the client once, against a real service beside a simulated partner."""

import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from bridge.cli import main
from bridge.cli.client._nouns import PUBLISH, VERBS
from bridge.simulator import DEMO_TOKEN
from bridge.simulator.genviral import INSTAGRAM, TIKTOK
from tests.cli.counter import Counter, open_counter
from tests.e2e.process import PATIENCE_S, running, write_config

pytestmark = pytest.mark.slow

TOKEN = "verbs-token-0123456789"
ENVIRON = {
    "E2E_TOKEN": TOKEN,
    "E2E_PARTNER": DEMO_TOKEN,
    "E2E_SEAL": urlsafe_b64encode(b"k" * 32).decode(),
    "E2E_SIGN": "whsec_" + "QUJD" * 10,
    "E2E_HOOK": "hook-secret-0123456789",
}
QUICK = {
    "watch": {"tick": "100ms", "accounts_every": "200ms", "first_poll": "100ms", "max_poll": "300ms"},
    "publish": {"resume_gap": "20ms"},
    "retry": {"delays": ["1h"]},
    "network": {"allow": ["127.0.0.0/8"], "allow_http": True, "ports": []},
}
VIDEO = "https://cdn.example.com/v.mp4"


@dataclass
class Place:
    """A service that runs, the partner's strings, and a sink that takes every webhook."""

    url: str
    partner: str
    sink: Counter

    def pull(self, path: str, **body: Any) -> None:
        """Pull a string of the partner."""
        httpx.post(f"{self.partner}/_control{path}", json=body, trust_env=False).raise_for_status()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("verbs")
    simulate = ("simulate", "genviral", "--port", "0", "--tick", "0.15")
    with open_counter() as sink, running(folder / "partner", *simulate) as played:
        told = played.until(lambda: "account" in played.log.read_text() and played.log.read_text(), "the address")
        partner = next(word for word in told.split() if word.startswith("http://")).partition("/api")[0]
        sink.answer("POST /ops", b"")
        sink.answer("POST /team", b"")
        sections = {
            "server": {"host": "127.0.0.1", "port": 0, "secret_key": {"env": "E2E_SEAL"}},
            "tokens": [{"name": "e2e", "token": {"env": "E2E_TOKEN"}, "scopes": ["admin"]}],
            "partners": {
                "genviral": {
                    "kind": "genviral", "token": {"env": "E2E_PARTNER"}, "rate": 100,
                    "base_url": f"{partner}/api/partner/v1",
                }
            },
            "accounts": {"tt": {"partner": "genviral", "id": TIKTOK}, "ig": {"partner": "genviral", "id": INSTAGRAM}},
            "sources": {"blog": {"kind": "generic", "secret": {"env": "E2E_HOOK"}, "accounts": ["ig"]}},
            "endpoints": {"ops": {"url": f"{sink.url}/ops", "events": ["post.*"], "secret": {"env": "E2E_SIGN"}}},
            **QUICK,
        }  # fmt: skip
        config = write_config(folder, **sections)
        with running(folder / "log", "serve", "-c", str(config), environ=ENVIRON) as process:
            yield Place(process.addresses()[0], partner, sink)


class Person:
    """Somebody who types verbs; `typed` are all that were."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.typed: set[str] = set()

    def types(self, *words: str, how: int = 0) -> str:
        """Run a verb that ends like this, and return what it printed."""
        self.capsys.readouterr()
        ended = main(words)
        told = self.capsys.readouterr()
        assert ended == how, told
        assert "\x1b" not in told.out + told.err
        self.typed.add(" ".join(("bridge", *words[: 1 if words[0] in ("publish", "tail", "replay") else 2])))
        return told.out

    def reads(self, *words: str, how: int = 0) -> Any:
        """Run a verb that prints one thing as JSON, and return that."""
        return orjson.loads(self.types(*words, "--json", how=how))

    def publishes(self, caption: str, *words: str) -> str:
        """Publish a post and return its id."""
        said = self.reads("publish", "--caption", caption, "--media", VIDEO, "--wait", "10", *words)
        return str(said["posts"][0]["id"])

    def until(self, post_id: str, state: str) -> Any:
        """Wait until a post is in a state, and return it."""
        return eventually(lambda: (post := self.reads("posts", "show", post_id))["state"] == state and post)


def eventually(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
    return found


@pytest.fixture
def person(place: Place, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    monkeypatch.setenv("BRIDGE_URL", place.url)
    monkeypatch.setenv("BRIDGE_TOKEN", TOKEN)
    somebody = Person(capsys)
    eventually(lambda: "active" in somebody.types("accounts", "list"))
    return somebody


def a_post_is_found_read_retried_and_live(place: Place, person: Person) -> str:
    place.pull("/outcomes", account_id=INSTAGRAM, outcomes=[{"kind": "fail", "text": "The video is broken"}])
    post_id = person.publishes("First", "--accounts", "ig")
    person.until(post_id, "failed")
    assert person.types("posts", "list", "--state", "failed", "--ids").split() == [post_id]
    assert f"bridge posts retry {post_id}" in person.types("posts", "show", post_id)
    assert post_id in person.types("posts", "retry", post_id)
    assert person.until(post_id, "posted")["targets"][0]["url"]
    person.types("posts", "live", post_id, how=1)
    assert "First" in person.types("posts", "list", "--text", "First")
    return post_id


def scheduled_posts_are_edited_and_canceled(person: Person) -> None:
    later = person.publishes("Later", "--accounts", "ig", "--scheduled-at", "2035-01-01T00:00:00Z")
    person.types("posts", "edit", later, "--caption", "Later still", "--wait", "10")
    assert person.reads("posts", "show", later)["content"]["caption"] == "Later still"
    person.types("posts", "cancel", later, how=2)
    person.types("posts", "cancel", later, "--yes", "--wait", "10")
    person.until(later, "canceled")


def what_is_parked_is_sent_or_dropped(place: Place, person: Person) -> None:
    place.pull(f"/accounts/{TIKTOK}/revoke")
    eventually(lambda: person.types("accounts", "list", "--state", "disconnected", "--json"))
    waits = person.publishes("Waits", "--accounts", "tt")
    person.until(waits, "parked")
    [cause] = [person.reads("causes", "list")]
    assert cause["waiting"]["posts"] == [waits]
    assert "what to do" in person.types("causes", "show", cause["id"])
    assert "A person must act" in person.types("accounts", "show", "tt")
    person.types("accounts", "reconnect", "tt", how=1)
    person.types("causes", "close", cause["id"], how=1)
    person.types("posts", "send", waits)
    person.until(waits, "parked")
    person.types("posts", "drop", waits, "--yes")
    person.until(waits, "rejected")


def what_was_told_is_listed_and_sent_again(place: Place, person: Person, post_id: str) -> None:
    settled = ("deliveries", "list", "--endpoint", "ops", "--state", "done", "--subject", post_id)
    told = eventually(lambda: person.types(*settled, "--ids").split())
    assert "webhook" not in person.types("deliveries", "show", told[0])
    person.types("deliveries", "replay", told[0])
    before = len(place.sink.asked)
    job = person.reads("replay", "--endpoint", "ops", "--state", "done", "--since", "1h")
    assert job["state"] == "done"
    assert job["sent"] >= job["total"] > 0
    eventually(lambda: len(place.sink.asked) >= before + job["sent"])
    assert job["id"] in person.types("replays", "list")
    assert "done" in person.types("replays", "show", job["id"])
    person.types("replays", "stop", job["id"])


def an_endpoint_is_made_tested_and_let_go(place: Place, person: Person) -> None:
    made = person.reads("endpoints", "create", "--name", "team", "--to", f"{place.sink.url}/team", "--allow-http")
    assert made["secret"].startswith("whsec_")
    assert "team" in person.types("endpoints", "list")
    person.types("endpoints", "edit", "team", "--rate", "5")
    assert "5.0" in person.types("endpoints", "show", "team")
    assert "200" in person.types("endpoints", "test", "team")
    assert person.reads("endpoints", "rotate", "team", "--yes")["secret"] != made["secret"]
    assert "ok: 1" in person.types("endpoints", "stats", "team")
    person.types("endpoints", "disable", "team")
    person.types("endpoints", "enable", "team", "--replay")
    person.types("endpoints", "delete", "team", "--yes")
    person.types("endpoints", "delete", "team", "--yes", how=3)
    person.types("endpoints", "delete", "ops", "--yes", how=1)


def the_rest_is_read(person: Person, post_id: str) -> None:
    event_id = person.reads("posts", "show", post_id)["event_id"]
    assert event_id in person.types("events", "list", "--source", "api")
    assert "First" in person.types("events", "show", event_id)
    assert "post.posted" in person.types("event-types", "list")
    assert "post.posted" in person.types("samples", "list", "post.posted", "--limit", "1")
    assert "/hooks/blog" in person.types("sources", "list")
    assert "posts" in person.types("numbers", "show")
    assert "retry" in person.types("audit", "list", "--by", "e2e")
    hook = ("--target-url", "https://hooks.example.com/1", "--events", "post.posted")
    made = person.reads("subscriptions", "create", *hook)
    person.types("subscriptions", "delete", made["id"], "--yes")
    person.types("subjects", "erase", event_id, "--yes")
    assert person.reads("posts", "show", post_id)["content"].get("caption") in (None, "")


def events_are_told_as_they_happen(place: Place, person: Person) -> None:
    wish = {"caption": "Told live", "media": VIDEO, "accounts": ["ig"]}
    sent = {"json": wish, "headers": {"Authorization": f"Bearer {TOKEN}"}, "trust_env": False}
    later = threading.Timer(1.0, httpx.post, [f"{place.url}/v1/publish"], sent)
    later.start()
    told = [
        orjson.loads(line) for line in person.types("tail", "--type", "post.*", "--count", "2", "--json").splitlines()
    ]
    later.join()
    assert told[0]["type"] in ("post.pending", "post.publishing")
    assert {one["data"]["source"] for one in told} == {"api"}


def test_every_verb_does_what_it_says(place: Place, person: Person) -> None:
    post_id = a_post_is_found_read_retried_and_live(place, person)
    scheduled_posts_are_edited_and_canceled(person)
    what_is_parked_is_sent_or_dropped(place, person)
    what_was_told_is_listed_and_sent_again(place, person, post_id)
    an_endpoint_is_made_tested_and_let_go(place, person)
    events_are_told_as_they_happen(place, person)
    the_rest_is_read(person, post_id)
    assert {verb.full for verb in (*VERBS, PUBLISH)} | {"bridge tail", "bridge replay"} == person.typed


def test_a_token_that_may_not_is_told_so(place: Place, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_TOKEN", "another-token-0123456789")
    person.types("posts", "list", how=4)
    monkeypatch.delenv("BRIDGE_TOKEN")
    person.types("tail", how=4)
