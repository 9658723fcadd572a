"""The console in a browser that runs no script: every page is readable, and what can be done can be done."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.system.console.house import ADMIN, House
from tests.system.console.places import OF_THEIR_OWN, places
from tests.system.console.visitor import Visitor, visiting

LISTS = [place.path for place in places(dict.fromkeys(OF_THEIR_OWN, "x")) if "{" not in place.pattern]
"""Pages that need nothing to be there."""


@pytest.fixture
def plain(browser: Browser, house: House) -> Iterator[Visitor]:
    """Somebody without scripts, who may do everything."""
    with visiting(browser, house.url, java_script_enabled=False) as visitor:
        visitor.sign_in(ADMIN)
        yield visitor


def test_every_page_is_read(plain: Visitor, house: House) -> None:
    failed = house.failed("Read without a script")
    for path in LISTS:
        assert plain.goto(path) == 200, path
        assert plain.page.locator("h1").count() == 1, path
        assert plain.page.get_by_role("button", name="Sign out").is_visible(), path
        assert not plain.page.get_by_text("live", exact=True).is_visible(), path
    plain.goto(f"/console/posts/{failed}")
    assert " UTC" in plain.page.locator("main time").first.inner_text()


def test_a_failed_post_is_retried(plain: Visitor, house: House) -> None:
    failed = house.failed("Retried without a script")
    plain.goto(f"/console/posts/{failed}")
    plain.page.get_by_role("main").get_by_role("button", name="Retry").click()
    plain.says("Tried again.")
    house.until_state(failed, "posted")
    plain.goto(f"/console/posts/{failed}")
    assert plain.page.locator(".lead .badge").inner_text() == "posted"


def test_a_post_is_edited(plain: Visitor, house: House) -> None:
    (post_id,) = house.publish("Changed without a script", "brand-youtube", scheduled_at="2036-01-31T12:00:00Z")
    house.until_state(post_id, "scheduled")
    plain.goto(f"/console/posts/{post_id}")
    plain.page.get_by_text("Edit", exact=True).click()
    plain.page.get_by_label("Text").fill("Changed by hand")
    plain.press("Change it")
    house.until("the change", lambda: house.show(f"/v1/posts/{post_id}")["content"]["caption"] == "Changed by hand")


def test_an_endpoint_is_made_disabled_and_enabled(plain: Visitor, house: House) -> None:
    plain.goto("/console/endpoints/_new")
    plain.page.get_by_label("Address", exact=True).fill(f"{house.receiver_url}/hook/plain")
    plain.page.get_by_label("Name", exact=True).fill("plain")
    plain.page.get_by_label("It may be plain http").check()
    plain.press("Make it")
    assert plain.page.get_by_label("Secret", exact=True).input_value().startswith("whsec_")
    plain.goto("/console/endpoints/plain")
    plain.press("Disable")
    plain.says("Disabled: it gets nothing any more.")
    plain.press("Enable")
    house.until("it is enabled", lambda: house.show("/v1/endpoints/plain")["enabled"])


def test_what_is_found_has_an_address(plain: Visitor, house: House) -> None:
    house.failed("Sought without a script")
    plain.goto("/console/posts")
    plain.page.get_by_label("State").select_option("failed")
    plain.page.get_by_label("Text or id").fill("sought")
    plain.press("Find")
    assert "state=failed" in plain.page.url
    assert plain.page.locator("tbody tr").count() == 1


def test_dead_letters_are_ticked_and_replayed(plain: Visitor, house: House) -> None:
    house.dead_letters("crm")
    plain.goto("/console/dead-letters?endpoint=crm")
    plain.page.get_by_role("checkbox", name="Replay post.").first.check()
    plain.press("Replay what is ticked")
    plain.says("1 delivery is sent again.")
