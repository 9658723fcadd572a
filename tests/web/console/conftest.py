"""The console of a room, and browsers that look at it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from bridge.web import public_app
from tests.web.console.browser import Browser
from tests.web.room import Room

Open = Callable[[], Browser]
SignIn = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def stranger(room: Room) -> AsyncIterator[Open]:
    """Opens the browser of somebody who is not signed in; a session lasts twelve hours."""
    object.__setattr__(room.web, "session", timedelta(hours=12))
    transport, opened = httpx.ASGITransport(app=public_app(room.web)), []

    def open_browser() -> Browser:
        opened.append(Browser(httpx.AsyncClient(transport=transport, base_url="https://bridge.example.com")))
        return opened[-1]

    yield open_browser
    for browser in opened:
        await browser.client.aclose()


@pytest.fixture
def sign_in(stranger: Open) -> SignIn:
    """Signs somebody in with one of the room's tokens."""

    async def enter(token: str = "admin") -> Browser:
        browser = stranger()
        answer = await browser.client.post("/console/sign-in", data={"token": f"secret-of-{token}"})
        assert answer.status_code == 303, answer.text
        return browser

    return enter
