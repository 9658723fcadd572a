"""Every page, judged by axe-core: on a phone and on a wide screen, light and dark; and nothing sticks out sideways."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from bridge.web.console import CONSOLE
from tests.system.console.house import ADMIN, open_house
from tests.system.console.places import OF_THEIR_OWN, Place, a_day, places
from tests.system.console.visitor import NARROW, WIDE, Visitor, visiting

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
JUDGE = """
async () => {
  const rules = Object.fromEntries(axe.getRules().map(({ ruleId }) => [ruleId, { enabled: true }]));
  const options = { rules: { ...rules, "color-contrast-enhanced": { enabled: false } }, resultTypes: ["violations"] };
  const { violations } = await axe.run(document, options);
  return violations.map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html} (${failureSummary})`).join("; ")}`);
}
"""
"""All rules, of WCAG 2.2 AA and of good practice among them; but not AAA's contrast, which nobody promised."""
SQUEEZED = """
() => [...document.querySelectorAll("main *")].filter((one) => {
  const { width, height } = one.getBoundingClientRect();
  return [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim().length > 3)
    && one.checkVisibility() && !one.closest(".sr") && width < 30 && height > 60;
}).map((one) => one.outerHTML)
"""
"""What has so little room that a word is broken over many lines."""
SOME = places(dict.fromkeys(OF_THEIR_OWN, "x"))


@pytest.fixture(scope="module")
def seen(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visitor, dict[str, Place]]]:
    with open_house(tmp_path_factory.mktemp("day")) as house, visiting(browser, house.url) as visitor:
        found = places(a_day(house))
        visitor.expected = ("404",)
        visitor.sign_in(ADMIN)
        yield visitor, {place.name: place for place in found}


def judged(visitor: Visitor) -> list[Any]:
    """Return what axe finds wrong, narrow and wide, light and dark; it is let in past the policy, as a debugger is."""
    page, found = visitor.page, []
    page.evaluate(AXE.read_text())
    for width in (NARROW, WIDE):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found += [f"{width} {scheme} {fault}" for fault in page.evaluate(JUDGE)]
        wide = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{width}: the page is {wide} px wide"] if wide > width else []
        found += [f"{width}: squeezed: {one}" for one in page.evaluate(SQUEEZED)]
    return found


@pytest.mark.parametrize("name", [place.name for place in SOME])
def test_a_page_is_for_everybody(seen: tuple[Visitor, dict[str, Place]], name: str) -> None:
    visitor, found = seen
    found[name].show(visitor)
    assert judged(visitor) == []


def test_the_door_is_for_everybody(stranger: Visitor) -> None:
    stranger.expected = ("401",)
    stranger.goto("/console/sign-in")
    assert judged(stranger) == []
    stranger.page.get_by_label("Token").fill("not-a-token")
    stranger.press("Sign in")
    stranger.page.locator("#fault").wait_for()
    assert judged(stranger) == []


def test_every_page_is_looked_at() -> None:
    elsewhere = {"/console/sign-in", "/console/live", "/console/static/{name}"}
    known = {path for path, method in CONSOLE if method == "GET"} - elsewhere
    assert {
        place.pattern for place in places(dict.fromkeys(("failed", "retried", "event", "delivery", "replay"), "x"))
    } == known
