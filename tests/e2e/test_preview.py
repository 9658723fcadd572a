"""`bridge preview SOURCE FILE` beside a service that runs: what it prints for a person, and how it ends."""

import hmac
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import orjson
import pytest

from tests.e2e.process import ROOT, SECRETS, run, running, write_config

pytestmark = pytest.mark.slow

PUBLISHED = ROOT / "tests" / "samples" / "inbound" / "ghost" / "post_published.json"
SECRET = "ghost-secret-0123456789"
ENVIRON = {**SECRETS, "E2E_GHOST": SECRET, "BRIDGE_TOKEN": SECRETS["E2E_TOKEN"]}
SECTIONS = {
    "partners": {"genviral": {"kind": "genviral", "token": {"env": "E2E_TOKEN"}, "base_url": "http://127.0.0.1:9/"}},
    "accounts": {"brand": {"partner": "genviral", "id": "3e30c8d1-0bc0-42d8-9a1a-bb63fe6c3c16"}},
    "sources": {
        "blog": {"kind": "ghost", "secret": {"env": "E2E_GHOST"}, "accounts": ["brand"], "caption": "{{ title }}"}
    },
}


@dataclass(frozen=True)
class Service:
    """A service that runs, with its address."""

    url: str

    def preview(self, *words: str, **options: object) -> CompletedProcess[str]:
        return run("preview", *words, "--url", self.url, **{"environ": ENVIRON, **options})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all: a preview leaves nothing behind."""
    folder = tmp_path_factory.mktemp("preview")
    with running(folder / "log", "serve", "-c", str(write_config(folder, **SECTIONS)), environ=ENVIRON) as process:
        [url] = process.addresses()
        yield Service(url)


def signed(file: Path) -> str:
    """The header that Ghost would send with this body now."""
    at = str(int(time.time() * 1000))
    code = hmac.new(SECRET.encode(), file.read_bytes() + at.encode(), "sha256").hexdigest()
    return f"X-Ghost-Signature: sha256={code}, t={at}"


def test_a_payload_that_is_signed_is_shown_a_step_a_line_and_leaves_nothing(service: Service):
    shown = service.preview("blog", str(PUBLISHED), "-H", signed(PUBLISHED))

    assert (shown.returncode, shown.stderr) == (0, "")
    for line in (
        "verified   yes: HMAC-SHA256 of {body}{timestamp} in x-ghost-signature\n",
        "intent     publish (post.published)\n",
        "  url          http://ghost.blog/welcome/\n",
        "outcome    accepted\npost       accepted, for genviral on brand\n  asks       publish\n",
        '  request    {"caption":"Welcome to Ghost",',
    ):
        assert line in shown.stdout
    assert shown.stdout.endswith("Nothing was stored or sent.\n")
    assert SECRET not in shown.stdout
    headers = {"Authorization": f"Bearer {SECRETS['E2E_TOKEN']}"}
    assert httpx.get(f"{service.url}/v1/events", headers=headers, trust_env=False).json()["items"] == []


def test_one_that_is_not_signed_is_shown_all_the_same_and_fails(service: Service):
    shown = service.preview("blog", str(PUBLISHED))

    assert shown.returncode == 1
    assert "verified   no, it is unsigned: " in shown.stdout
    assert "answered 401. Give the sender's headers with -H." in shown.stdout
    assert "post       accepted, for genviral on brand" in shown.stdout


def test_all_of_it_comes_as_json(service: Service):
    shown = service.preview("blog", str(PUBLISHED), "-H", signed(PUBLISHED), "--json")

    told = orjson.loads(shown.stdout)
    assert (shown.returncode, told["verified"]["genuine"], told["problem"]) == (0, True, None)
    assert told["items"][0]["posts"][0]["request"]["caption"] == "Welcome to Ghost"


def test_a_post_that_would_be_rejected_fails_and_says_why(service: Service, tmp_path: Path):
    file = tmp_path / "without_title.json"
    current = {"id": "1", "status": "published", "url": "https://blog.example.com/bare/"}
    file.write_bytes(orjson.dumps({"post": {"current": current, "previous": {"status": "draft"}}}))
    shown = service.preview("blog", str(file), "-H", signed(file))

    assert shown.returncode == 1
    assert (
        "post       rejected, for genviral on brand\n  fault      caption is empty: its template gives nothing. Send"
        in shown.stdout
    )


def test_a_body_that_cannot_be_read_says_where_it_breaks(service: Service):
    shown = service.preview("blog", "-", input="{")

    assert shown.returncode == 1
    assert "refused    400 The body is not JSON: " in shown.stdout


@pytest.mark.parametrize(
    ("words", "environ", "told"),
    [
        (["nobody", str(PUBLISHED)], ENVIRON, "source names no configured source. There are: blog."),
        (["blog", str(PUBLISHED)], SECRETS, "The variable BRIDGE_TOKEN is not set."),
        (["blog", str(PUBLISHED)], {**ENVIRON, "BRIDGE_TOKEN": "no-token"}, "401: This token is not known here."),
        (["blog", "nowhere.json"], ENVIRON, "nowhere.json cannot be read: No such file or directory."),
        (["blog", str(PUBLISHED), "-H", "X-Ghost"], ENVIRON, "-H 'X-Ghost' has no colon. Write -H 'Name: value'."),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_sentence(service: Service, words, environ, told):
    shown = service.preview(*words, environ=environ)

    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr.startswith("bridge preview: ")
    assert told in shown.stderr


def test_without_a_service_it_says_what_to_start(tmp_path: Path):
    config = write_config(tmp_path, server={"host": "127.0.0.1", "port": 9}, **SECTIONS)
    shown = run("preview", "blog", str(PUBLISHED), "-c", str(config), environ=ENVIRON)

    assert (shown.returncode, shown.stdout) == (1, "")
    assert "Nothing answers at http://127.0.0.1:9 (ConnectError). Start it with `bridge serve`" in shown.stderr
