"""A page changes while somebody is at it: what was typed, closed or focussed stays, and the line comes back."""

from dataclasses import dataclass

from playwright.sync_api import Page, Route

from tests.system.console.visitor import Visitor

LIVE = "**/console/live*"


@dataclass
class Line:
    """Answers for the live stream of a page: 503 until there is something to `say`."""

    page: Page
    main: str = ""
    asked: int = 0

    def say(self, change: tuple[str, str]) -> None:
        """Say that the page is what it is now, with a part of it replaced."""
        now = self.page.evaluate("document.querySelector('main').innerHTML")
        assert change[0] in now
        self.main = now.replace(*change, 1)

    def answer(self, route: Route) -> None:
        """Answer one line; the browser asks for the next."""
        self.asked += 1
        if not self.main:
            route.fulfill(status=503, body="away")
            return
        data = "".join(f"data: {line}\n" for line in self.main.splitlines())
        route.fulfill(content_type="text/event-stream", body=f"retry: 200\nevent: main\n{data}\n")


def opened(ada: Visitor, path: str) -> Line:
    """Open a page whose live stream is not there yet."""
    ada.expected = ("503",)
    line = Line(ada.page)
    ada.page.route(LIVE, line.answer)
    ada.goto(path)
    ada.page.locator(".live.lost").wait_for()
    return line


def test_what_was_typed_stays_where_something_appears_above(ada: Visitor) -> None:
    line = opened(ada, "/console/audit")
    field = ada.page.get_by_label("Who (token)")
    field.fill("half a na")
    line.say(("<h1>", '<div class="card">News</div><h1>'))
    ada.says("News")

    assert field.input_value() == "half a na"
    assert field.evaluate("field => field === document.activeElement")


def test_focus_stays_on_its_row_when_there_is_a_new_one_above(ada: Visitor) -> None:
    line = opened(ada, "/console/audit")
    row = ada.page.locator("tbody tr").first
    row.evaluate("row => { row.tabIndex = 0; row.id = 'mine'; row.focus(); }")
    line.say(("<tbody>", "<tbody><tr id='newer'><td>A newer one</td></tr>"))
    ada.says("A newer one")

    assert ada.page.evaluate("document.activeElement.id") == "mine"
    assert ada.page.locator("tbody tr").nth(1).get_attribute("id") == "mine"


def test_what_a_person_closed_stays_closed(ada: Visitor) -> None:
    line = opened(ada, "/console")
    ada.page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<details id=d open>It</details>')"
    )
    line.say(("<h1>Now", "<h1>Now and then"))
    ada.page.evaluate("document.getElementById('d').open = false")
    ada.says("Now and then")

    assert not ada.page.evaluate("document.getElementById('d').open")


def test_a_tab_in_the_background_needs_no_connection(ada: Visitor) -> None:
    line = opened(ada, "/console")
    hide = "is => { Object.defineProperty(document, 'hidden', {value: is, configurable: true});"
    turn = f"{hide} document.dispatchEvent(new Event('visibilitychange')); }}"
    ada.page.evaluate(turn, True)
    asked = line.asked
    ada.page.wait_for_timeout(2500)
    assert line.asked == asked

    with ada.page.expect_request(LIVE):
        ada.page.evaluate(turn, False)
