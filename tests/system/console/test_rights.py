"""Who may do what at the console: a reader sees and cannot do, a stranger does neither, and a session ends."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from bridge.core.sessions import csrf_of
from tests.system.console.house import ADMIN, READER, House
from tests.system.console.visitor import Visitor, visiting


@pytest.fixture
def ben(browser: Browser, house: House) -> Iterator[Visitor]:
    """Somebody who may only read."""
    with visiting(browser, house.url) as visitor:
        visitor.sign_in(READER)
        yield visitor


@pytest.fixture
def failed(house: House) -> str:
    return house.failed("A reader looks at this")


def test_a_reader_sees_everything_and_no_button_that_changes_something(ben: Visitor, failed: str) -> None:
    page = ben.page
    for path in (f"/console/posts/{failed}", "/console/endpoints/ops", "/console/dead-letters", "/console/accounts"):
        assert ben.goto(path) == 200
        assert page.locator("main form[method=post]").count() == 0, path
    ben.goto(f"/console/posts/{failed}")
    ben.says("This content violates our community guidelines")


def test_a_reader_who_sends_the_form_by_hand_is_refused(ben: Visitor, house: House, failed: str) -> None:
    csrf = _csrf(ben)
    for path, form in (
        (f"/console/posts/{failed}/retry", {}),
        (f"/console/posts/{failed}/edit", {"caption": "Mine now"}),
        ("/console/endpoints", {"url": "https://example.com/hook"}),
        ("/console/endpoints/ops/test", {}),
        ("/console/endpoints/ops/disable", {}),
        ("/console/dead-letters", {"which": "all"}),
        ("/console/accounts/genviral:x/reconnect", {}),
    ):
        answer = ben.context.request.post(house.url + path, form={"csrf": csrf, **form}, max_redirects=0)
        assert answer.status == 403, f"{path}: {answer.status} {answer.headers.get('location')}"
    assert house.show(f"/v1/posts/{failed}")["state"] == "failed"


def test_a_form_of_no_session_or_another_site_does_nothing(ada: Visitor, house: House, failed: str) -> None:
    path = f"{house.url}/console/posts/{failed}/retry"
    csrf = _csrf(ada)
    without = ada.context.request.post(path, form={}, max_redirects=0)
    foreign = ada.context.request.post(
        path, form={"csrf": csrf}, headers={"Sec-Fetch-Site": "cross-site"}, max_redirects=0
    )
    assert (without.status, foreign.status) == (403, 403)
    assert house.show(f"/v1/posts/{failed}")["state"] == "failed"


def test_a_session_is_over_when_one_signs_out_even_for_who_kept_the_cookie(ada: Visitor, house: House) -> None:
    kept = ada.context.cookies()
    session = next(one for one in kept if one["name"] == "bridge_console")
    assert (session["httpOnly"], session["sameSite"]) == (True, "Strict")
    ada.press("Sign out")
    ada.page.get_by_label("Token").wait_for()
    ada.context.add_cookies(kept)  # type: ignore[arg-type]  # What was read is what is written.
    ada.goto("/console/posts")
    assert "/console/sign-in" in ada.page.url


def test_a_token_that_is_not_known_is_told_so_in_words(stranger: Visitor) -> None:
    stranger.expected = ("401",)
    stranger.goto("/console/sign-in")
    stranger.page.get_by_label("Token").fill("not-a-token")
    stranger.press("Sign in")
    stranger.says("bridge does not know this token")
    assert stranger.page.get_by_label("Token").get_attribute("aria-invalid") == "true"
    assert stranger.page.get_by_label("Token").input_value() == ""


def test_one_signs_in_with_the_keyboard_alone_and_reaches_the_content(stranger: Visitor) -> None:
    page = stranger.page
    stranger.goto("/console/posts")
    page.locator("#token:focus").wait_for()
    page.keyboard.insert_text(ADMIN)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{stranger.url}/console/posts")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    assert page.evaluate("document.activeElement.matches(':focus-visible')")


def test_a_page_can_run_and_ask_nothing_but_its_own(ada: Visitor, house: House) -> None:
    page = ada.page
    page.evaluate(
        """(elsewhere) => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
        document.body.setAttribute("style", "color: red");
        document.body.append(Object.assign(new Image(), { src: `${elsewhere}/pixel.png` }));
        return fetch(elsewhere).catch(() => 0);
    }""",
        house.receiver_url,
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.body.style.color") == ""
    said = " ".join(ada.faults)
    for directive in ("script-src", "style-src", "img-src", "connect-src"):
        assert directive in said
    ada.faults.clear()


def test_the_demos_address_signs_in_by_itself_and_is_forgotten(stranger: Visitor) -> None:
    stranger.goto(f"/console/sign-in#token={ADMIN}")
    stranger.page.wait_for_url(f"{stranger.url}/console")
    assert ADMIN not in stranger.page.content()


def _csrf(visitor: Visitor) -> str:
    """Return what the session's forms carry, as whoever reads his own cookie can make it."""
    cookies = visitor.context.cookies()
    return csrf_of(next(one["value"] for one in cookies if one["name"] == "bridge_console"))
