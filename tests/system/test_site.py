"""`make docs`: it builds where there is no network, no link of it is dead, and a reader's browser asks nobody else."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Request, sync_playwright

from docs.site.__main__ import build, gather
from tests.system.test_commands import ALONE
from tests.test_docs import ROOT

COMMAND = [sys.executable, "-m", "docs.site"]


class Read(HTMLParser):
    """What a page links to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.anchors.add(value or "")
            elif name in ("href", "src"):
                self.links.append(value or "")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site that was built without a network."""
    folder = tmp_path_factory.mktemp("docs") / "docs"
    done = run(*ALONE, *COMMAND, str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def test_no_link_is_dead_and_no_anchor_is_missing(built: Path) -> None:
    read = {path: Read(path.read_text(encoding="utf-8")) for path in built.rglob("*.html") if path.name != "404.html"}
    assert len(read) > 150
    dead = [
        f"{path.relative_to(built)}: {link}"
        for path, page in read.items()
        for link in page.links
        if not urlsplit(link).scheme and not leads_somewhere(path, link, read)
    ]
    assert dead == []


def leads_somewhere(page: Path, link: str, read: dict[Path, Read]) -> bool:
    """Say whether a file is there and, of a page of the site, its anchor."""
    parts = urlsplit(link)
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    return target.exists() and (target not in read or parts.fragment in read[target].anchors)


@pytest.fixture
def address(built: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built)))
    Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


def test_a_browser_asks_nobody_else(address: str) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", note)
        for name in ("index.html", "docs/quickstart.html", "docs/events.html", "helm/files/rules.yaml.html"):
            page.goto(address + name, wait_until="networkidle")
            assert page.locator("h1").count() == 1
        browser.close()
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


@pytest.mark.parametrize("link", ["docs/there-is-no-such-page.md", "docs/api.md#there-is-no-such-heading"])
def test_a_dead_link_fails_the_build(tmp_path: Path, capfd: pytest.CaptureFixture[str], link: str) -> None:
    settings = gather(tmp_path / "docs")
    page = settings.parent / "pages" / "README.md"
    page.write_text(f"{page.read_text()}\n[here]({link})\n")

    assert build(settings) != 0
    assert "does not exist" in "".join(capfd.readouterr())
