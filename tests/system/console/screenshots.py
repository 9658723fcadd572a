"""`make screenshots`: pictures of every page, on a phone and on a wide screen, light and dark.

They are written to the folder that is named, else to `build/screenshots`. With `--readme` only the picture that the
README shows is made anew: Now, wide and light, in few colours.
"""

import argparse
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.system.console.house import ADMIN, open_house
from tests.system.console.places import Place, a_day, places
from tests.system.console.visitor import NARROW, WIDE, Visitor, launched, visiting

FOLDER = Path("build/screenshots")
README = Path("docs/assets/console.png")
HEIGHT = 900
SCHEMES = ("light", "dark")


def taken(visitor: Visitor, place: Place, folder: Path) -> None:
    """Take the pictures of one page, whole."""
    place.show(visitor)
    for width in (NARROW, WIDE):
        visitor.page.set_viewport_size({"width": width, "height": HEIGHT})
        for scheme in SCHEMES:
            visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # One of the two that there are.
            visitor.page.screenshot(path=folder / f"{place.name}-{width}-{scheme}.png", full_page=True)


def few_colours(picture: Path, target: Path) -> None:
    """Write a picture again in 128 colours, a third of its size."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(picture) as whole:
        whole.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)


def main() -> None:
    """Let a day go by, and look at all of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.console.screenshots", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--readme", action="store_true", help=f"make {README} alone")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright, open_house(Path(name)) as house:
        found = places(a_day(house))
        with visiting(launched(playwright), house.url) as visitor:
            visitor.expected = ("404",)
            if not arguments.readme:
                taken(visitor, Place("sign-in", "/console/sign-in", "/console/sign-in"), folder)
            visitor.sign_in(ADMIN)
            for place in found[: 1 if arguments.readme else None]:
                taken(visitor, place, folder)
                print(folder / place.name, flush=True)
    if arguments.readme:
        few_colours(folder / f"{found[0].name}-{WIDE}-light.png", README)


if __name__ == "__main__":
    main()
