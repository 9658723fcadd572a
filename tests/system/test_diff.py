"""`bridge diff` over what a bridge received yesterday, on each engine: what it tells, and that it leaves no trace."""

import asyncio
import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml

from bridge.app import KINDS, serving
from bridge.core.model import RawRequest
from bridge.settings import load
from bridge.simulator.genviral import DEMO_TOKEN, INSTAGRAM, TIKTOK, GenviralSimulator
from bridge.simulator.genviral import app as simulated
from tests.e2e.process import ROOT, run
from tests.postgres import Cluster
from tests.store.filled import rows_of

SAMPLES = ROOT / "tests" / "samples" / "inbound"
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
ENVIRON = {"D_TOKEN": "a-token-0123456789", "D_PARTNER": DEMO_TOKEN}
JSON = ("content-type", "application/json")
PASSED = {"caption": "later", "scheduled_at": (YESTERDAY + timedelta(hours=2)).isoformat()}
"""Scheduled for a time that was to come when it was received, and has passed since."""
SECTIONS: dict[str, Any] = {
    "tokens": [{"name": "zapier", "token": {"env": "D_TOKEN"}, "scopes": ["publish"]}],
    "partners": {"gv": {"kind": "genviral", "token": {"env": "D_PARTNER"}, "base_url": "http://sim/api/partner/v1"}},
    "accounts": {
        "brand-tiktok": {"partner": "gv", "id": TIKTOK},
        "brand-instagram": {"partner": "gv", "id": INSTAGRAM},
    },
    "sources": {
        "blog": {
            "kind": "ghost",
            "auth": "none",
            "accounts": ["brand-instagram"],
            "schedule": "2h",
            "caption": "{{ title }}",
        },
        "site": {"kind": "contentful", "auth": "none", "accounts": ["brand-instagram"], "caption": "{{ title }}"},
    },
}
SENT = (
    ("blog", (SAMPLES / "ghost" / "real_6_65_published.json").read_bytes(), ()),
    ("blog", (SAMPLES / "ghost" / "real_6_65_published_edited.json").read_bytes(), ()),
    (
        "site",
        (SAMPLES / "contentful" / "entry_publish_homepage.json").read_bytes(),
        (("x-contentful-topic", "ContentManagement.Entry.publish"),),
    ),
    *(
        ("api", orjson.dumps({"media": "https://cdn.example.com/a.mp4", "accounts": ["brand-tiktok"], **given}), ())
        for given in ({"caption": "now"}, PASSED)
    ),
)
COUNTS = "unchanged {}, changed {}, refused now {}, accepted now {}, not comparable {}\n"

Diff = Callable[..., tuple[int, str, str]]


async def _receive(path: Path) -> None:
    """Let a bridge receive everything, yesterday."""
    settings, sim = load(path, ENVIRON, KINDS), GenviralSimulator(now=lambda: YESTERDAY)
    async with serving(settings, clock=lambda: YESTERDAY, transport=httpx.ASGITransport(app=simulated(sim))) as service:
        await service.bridge.watcher.accounts()
        # What is received stays as it was accepted.
        await service.bridge.halt(timedelta(seconds=5))
        for source, body, headers in SENT:
            proof = (("authorization", f"Bearer {ENVIRON['D_TOKEN']}"),) if source == "api" else ()
            raw = RawRequest("POST", "", "", "", (JSON, *proof, *headers), body, YESTERDAY)
            await service.bridge.ingest.receive(source, raw)


def _write(path: Path, url: str, change: Callable[[dict[str, Any]], object] = lambda tree: None) -> str:
    tree = copy.deepcopy({**SECTIONS, "database": {"url": url, "ephemeral": True}})
    change(tree)
    path.write_text(yaml.safe_dump(tree))
    return str(path)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with what was received; nobody changes it."""
    folder = tmp_path_factory.mktemp("diff")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'bridge.db'}"
        asyncio.run(_receive(Path(_write(folder / "bridge.yaml", url))))
        yield url
        return
    with Cluster.made(settings={"fsync": "off"}) as cluster:
        url = cluster.new()
        asyncio.run(_receive(Path(_write(folder / "bridge.yaml", url))))
        yield url


@pytest.fixture
def diff(url: str, tmp_path: Path) -> Diff:
    """Compare with a changed configuration, against the former one or what is stored."""

    def call(change: Callable[[dict[str, Any]], object], *words: str, stored: bool = False) -> tuple[int, str, str]:
        new, old = _write(tmp_path / "new.yaml", url, change), _write(tmp_path / "old.yaml", url)
        against = [] if stored else ["--against", old]
        ended = run("diff", "-c", new, *against, *words, environ=ENVIRON)
        return ended.returncode, ended.stdout, ended.stderr

    return call


def _recaption(tree: dict[str, Any]) -> None:
    tree["sources"]["blog"]["caption"] = "New: {{ title }}"


def test_the_same_configuration_changes_nothing_and_leaves_no_trace(diff: Diff, url: str):
    before = rows_of(url)
    status, out, err = diff(lambda tree: None, "-v")

    assert (status, err) == (0, "")
    assert COUNTS.format(4, 0, 0, 0, 1) in out
    assert "its sender says in the header x-contentful-topic what it is, and headers are not stored" in out
    assert out.endswith("Nothing was stored or sent.\n")
    assert rows_of(url) == before


def test_against_what_is_stored_a_change_of_other_posts_is_not_comparable(diff: Diff):
    status, out, err = diff(lambda tree: None, stored=True)

    assert (status, err) == (0, "")
    assert COUNTS.format(2, 0, 0, 0, 3) in out


@pytest.mark.parametrize("stored", [False, True])
def test_another_caption_changes_what_the_source_sent(diff: Diff, stored):
    status, out, _ = diff(_recaption, "--source", "blog", stored=stored)

    assert status == (0 if stored else 1)
    assert ('+    "caption": "New: ' in out) is (not stored)
    assert COUNTS.format(0, *((0, 0, 0, 2) if stored else (2, 0, 0, 0))) in out
    assert ("a post of it was edited since" in out) is stored


@pytest.mark.parametrize("stored", [False, True])
def test_what_nobody_may_send_any_more_is_refused_now(diff: Diff, stored):
    status, out, _ = diff(lambda tree: tree["tokens"][0].update(name="other"), "--json", stored=stored)

    told = orjson.loads(out)
    assert (status, told["changes"], told["counts"]["refused_now"]) == (1, True, 2)
    refused = [one["reason"] for one in told["events"] if one["verdict"] == "refused_now"]
    assert refused == ["there is no token 'zapier' under tokens"] * 2


def test_another_account_shows_as_a_change_of_the_request(diff: Diff):
    def swap(tree: dict[str, Any]) -> None:
        tree["accounts"]["brand-tiktok"], tree["accounts"]["brand-instagram"] = (
            tree["accounts"]["brand-instagram"],
            tree["accounts"]["brand-tiktok"],
        )

    status, out, _ = diff(swap, "--source", "api", stored=True)

    assert status == 1
    assert f'+      "id": "{INSTAGRAM}"' in out or INSTAGRAM in out
    assert COUNTS.format(0, 2, 0, 0, 0) in out


def test_what_is_older_than_asked_for_is_left_out(diff: Diff):
    status, out, _ = diff(_recaption, "--since", "2h")

    assert (status, out) == (0, COUNTS.format(0, 0, 0, 0, 0) + "Nothing was stored or sent.\n")


@pytest.mark.parametrize(
    ("words", "change", "said"),
    [
        (["--since", "soon"], lambda tree: None, "--since must be a duration with a unit"),
        ([], lambda tree: tree.update(nonsense=1), "nonsense: is not a section of the configuration"),
        (
            [],
            lambda tree: tree["database"].update(url="sqlite:////nowhere/b.db"),
            "there is no database /nowhere/b.db.",
        ),
    ],
)
def test_what_cannot_be_compared_is_told_in_a_sentence(diff: Diff, words, change, said):
    status, out, err = diff(change, *words, stored=True)

    assert (status, out) == (2, "")
    assert said in err
