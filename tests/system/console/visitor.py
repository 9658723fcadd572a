"""Somebody at a browser: Chromium of the system, driven by Playwright, and all that a page must not do noted."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request

CHROMIUM = "/usr/bin/chromium"
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NARROW, WIDE = 390, 1440
PATIENCE_MS = 20_000


def launched(playwright: Playwright) -> Browser:
    """Start the system's Chromium; it calls nobody by itself."""
    return playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=[*_FLAGS])


@dataclass
class Visitor:
    """One who looks at the console at `url`. `faults` is what pages did that they must not."""

    url: str
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)
    leaves_for: tuple[str, ...] = ()
    """Addresses of others that a person goes to on purpose."""
    expected: tuple[str, ...] = ()
    """Parts of what the browser says of answers that are meant: of a 401, say."""

    def goto(self, path: str) -> int:
        """Open a page of the console, and return the status that it was answered with."""
        answer = self.page.goto(self.url + path)
        assert answer is not None
        return answer.status

    def sign_in(self, token: str, path: str = "/console") -> None:
        """Sign in, on the way to a page."""
        self.goto(path)
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(self.url + path)

    def press(self, name: str, **more: Any) -> None:
        """Press a button, by its words."""
        self.page.get_by_role("button", name=name, exact=True, **more).click()

    def says(self, *texts: str) -> None:
        """Wait until the page shows all these texts; without loading it again, for as long as nobody does."""
        for text in texts:
            self.page.get_by_text(text).first.wait_for(timeout=PATIENCE_MS)

    def stays(self) -> None:
        """Mark the page, so that `stayed` knows it from one that was loaded anew."""
        self.page.evaluate("window.stays = true")

    def stayed(self) -> bool:
        """Say whether this is the page that was marked."""
        return bool(self.page.evaluate("window.stays === true"))

    def watch(self) -> None:
        """Note what the page must not do: speak on the console, throw, or ask anybody else."""
        self.page.on("console", self._spoke)
        self.page.on("pageerror", lambda error: self.faults.append(f"thrown: {error}"))
        self.page.on("request", self._asked)

    def _spoke(self, message: ConsoleMessage) -> None:
        if not any(part in message.text for part in self.expected):
            self.faults.append(f"console: {message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/console", "data:", *self.leaves_for)):
            self.faults.append(f"request: {request.url}")


@contextlib.contextmanager
def visiting(browser: Browser, url: str, **options: Any) -> Iterator[Visitor]:
    """Open a browser of one's own; on leaving, nothing may have gone wrong in it."""
    context = browser.new_context(**{"viewport": {"width": WIDE, "height": 900}, **options})
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(url, context, context.new_page())
    visitor.watch()
    try:
        yield visitor
        assert not visitor.faults, "\n".join(visitor.faults)
    finally:
        context.close()
