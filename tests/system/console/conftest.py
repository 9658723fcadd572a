"""A house for all tests of the console and a browser for each file; each test looks with a window of its own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.system.console.house import ADMIN, House, open_house
from tests.system.console.visitor import Visitor, launched, visiting


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser, for one file alone: as long as it is there, no other test can run a loop of its own."""
    with sync_playwright() as playwright:
        started = launched(playwright)
        yield started
        started.close()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def stranger(browser: Browser, house: House) -> Iterator[Visitor]:
    """Somebody who has not signed in."""
    with visiting(browser, house.url) as visitor:
        yield visitor


@pytest.fixture
def ada(stranger: Visitor) -> Visitor:
    """Somebody who may do everything, and looks at Now."""
    stranger.sign_in(ADMIN)
    return stranger
