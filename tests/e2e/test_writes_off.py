"""`writes: off` as a stage: all of bridge runs over the real API, only nothing is written there, and it says so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.simulator import DEMO_KEY, DEMO_TOKEN
from bridge.simulator.genviral import INSTAGRAM
from bridge.simulator.posteverywhere import X
from tests.e2e.process import SECRETS, Process, running, write_config

pytestmark = pytest.mark.slow

HEADERS = {"Authorization": f"Bearer {SECRETS['E2E_TOKEN']}"}
WISH = {"caption": "Hello", "media": ["https://cdn.example.com/i.jpg"], "accounts": ["brand"]}
QUICK = {
    "watch": {"tick": "100ms", "accounts_every": "200ms", "first_poll": "200ms", "max_poll": "1s", "probe_every": "1s"},
    "publish": {"resume_gap": "100ms"},
}


@dataclass(frozen=True)
class Played:
    """A simulated partner: what the configuration says of it, one of its accounts, and the calls that only read."""

    kind: str
    key: str
    path: str
    account: str
    quick: Mapping[str, Any]
    reads: frozenset[str]

    @property
    def environ(self) -> dict[str, str]:
        return SECRETS | {"E2E_PARTNER": self.key}

    def config(self, folder: Path, url: str, *, writes: bool) -> str:
        key = {"kind": self.kind, "token": {"env": "E2E_PARTNER"}, "base_url": url + self.path, "writes": writes}
        accounts = {"brand": {"partner": "key", "id": self.account}}
        return str(write_config(folder, partners={"key": {**key, **self.quick}}, accounts=accounts, **QUICK))


PLAYED = (
    Played("genviral", DEMO_TOKEN, "/api/partner/v1", INSTAGRAM, {"rate": 50}, frozenset({"accounts"})),
    Played(
        "posteverywhere",
        DEMO_KEY,
        "/api/v1",
        str(X),
        {"calls": 1000},
        frozenset({"accounts", "health", "me", "rules", "list"}),
    ),
)


@pytest.fixture(params=PLAYED, ids=lambda one: one.kind)
def played(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Played, str]]:
    """Each partner with its address."""
    with running(tmp_path / "partner", "simulate", request.param.kind, "--port", "0", "--tick", "0.3") as process:
        told = process.until(lambda: "account" in process.log.read_text() and process.log.read_text(), "the address")
        url = next(word for word in told.split() if word.startswith("http://"))
        yield request.param, url.partition("/api")[0]


def get(url: str) -> httpx.Response:
    return httpx.get(url, headers=HEADERS, trust_env=False, timeout=10)


def until_post(process: Process, url: str, post_id: str, state: str) -> dict[str, Any]:
    """Wait for a post's state."""

    def there() -> dict[str, Any] | None:
        post: dict[str, Any] = get(f"{url}/v1/posts/{post_id}").json()
        return post if post["state"] == state else None

    found: dict[str, Any] = process.until(there, f"{post_id} as {state}")
    return found


def operations(url: str) -> set[str]:
    entries = httpx.get(f"{url}/_control/journal", trust_env=False).json()["entries"]
    return {item["operation"] for item in entries}


def test_nothing_is_written_every_answer_says_so_and_the_post_goes_out_once_writes_are_on(tmp_path, played):
    partner, there = played
    off = partner.config(tmp_path, there, writes=False)
    with running(tmp_path / "off", "serve", "-c", off, environ=partner.environ) as process:
        [url] = process.addresses()
        warned = [line["warning"] for line in process.lines if line["event"] == "config.warned"]
        process.until(lambda: len(get(f"{url}/v1/accounts").json()["items"]) > 1, "the accounts")
        answer = httpx.post(f"{url}/v1/publish", json=WISH, headers=HEADERS, trust_env=False)
        post_id = answer.json()["posts"][0]["id"]
        parked = until_post(process, url, post_id, "parked")
        [cause] = get(f"{url}/v1/causes").json()["items"]

        assert any(warning.startswith("partners.key.writes: is off") for warning in warned)
        assert [one["code"] for one in answer.json()["warnings"]] == ["WRITES_OFF"]
        for one in (answer, get(f"{url}/v1/posts/{post_id}"), get(f"{url}/readyz"), get(f"{url}/nowhere")):
            assert one.headers["Bridge-Writes-Off"] == "key"
        assert parked["error"] == "not sent: partners.key.writes is off"
        assert cause["what_to_do"].startswith("Set `writes: on`")
        assert operations(there) <= partner.reads
        assert process.end() == 0

    on = partner.config(tmp_path, there, writes=True)
    with running(tmp_path / "on", "serve", "-c", on, environ=partner.environ) as process:
        [url] = process.addresses()
        posted = until_post(process, url, post_id, "posted")

        assert posted["targets"][0]["url"]
        assert get(f"{url}/v1/causes").json()["items"] == []
        assert "Bridge-Writes-Off" not in get(f"{url}/v1/posts").headers
