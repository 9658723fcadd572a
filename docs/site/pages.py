"""What the site is made of: its order, its pages, and pages for files that are none.

The pages keep their places, so what links them on a forge links them in the site. Pictures come along. Another file,
and a folder, become a page that shows them; only links to those are written otherwise.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
HOME, CONTENTS = "README.md", "docs/README.md"

Nav = list["str | dict[str, str | Nav]"]

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)\s#]+)\)", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
_PICTURE = re.compile(r'\bsrc(?:set)?="([^"\s]+)"')
_PICTURES = frozenset({".gif", ".ico", ".jpg", ".png", ".svg", ".webp"})
_LANGUAGES = {
    "php": "php",
    "py": "python",
    "sh": "bash",
    "tpl": "django",
    "yaml": "yaml",
    "yml": "yaml",
    "json": "json",
}


class Page(NamedTuple):
    """A file by its place in the site, with its bytes and the paths in the repository that it links to."""

    place: str
    content: bytes
    links: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What a page says; nothing where it is a picture."""
        return self.content.decode() if self.place.endswith(".md") else ""


def nav(contents: str) -> Nav:
    """Return the order of the site, from the page of contents: a section a heading, an entry an item's first link.

    The README of a folder of docs/ brings the other pages of it.
    """
    _, *parts = _SECTION.split(contents)
    sections: Nav = [{title: list(_entries(text))} for title, text in zip(parts[::2], parts[1::2], strict=True)]
    return [{"bridge": HOME}, {"Contents": CONTENTS}, *sections]


def _entries(section: str) -> Iterator[str | dict[str, str | Nav]]:
    for title, link in _ENTRY.findall(section):
        place = os.path.normpath(f"docs/{link}")
        inside = _beside(place) if place.startswith("docs/") and place.endswith("/README.md") else []
        yield {title: [place, *inside]} if inside else {title: place}


def _beside(readme: str) -> Nav:
    folder = (ROOT / readme).parent
    return [_named(path) for path in sorted(folder.glob("*.md")) if path.name != "README.md"]


def places(order: Sequence[object]) -> Iterator[str]:
    """Yield every place that an order names."""
    for entry in order:
        for inside in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(inside, str):
                yield inside
            else:
                yield from places(inside)


def pages(order: Nav) -> Iterator[Page]:
    """Yield the pages that an order names, and all that can be reached from them.

    Raises:
        FileNotFoundError: a page is named that is not there.
    """
    waiting, seen = list(places(order)), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            page = _page(name)
            waiting += page.links
            yield page


def _page(name: str) -> Page:
    path = ROOT / name
    if path.suffix == ".md":
        return _written(path)
    if path.suffix in _PICTURES:
        return Page(name, path.read_bytes())
    return _folder(path) if path.is_dir() else _file(path)


def _written(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    links = [*(link for link, _ in _LINK.findall(text)), *_PICTURE.findall(text)]
    targets = tuple(_target(path, link) for link in links if _is_inside(path, link))
    shown = _LINK.sub(lambda m: _as_shown(path, m[1]) + (m[2] or ""), text)
    return Page(_named(path), shown.encode(), targets)


def _is_inside(page: Path, link: str) -> bool:
    return ":" not in link and (page.parent / link).exists()


def _target(page: Path, link: str) -> str:
    """Return the path in the repository that a link leads to; that of a folder's README where it has one."""
    path = Path(os.path.normpath(page.parent / link))
    return _named(path / "README.md" if (path / "README.md").exists() else path)


def _as_shown(page: Path, link: str) -> str:
    if not _is_inside(page, link):
        return link
    return os.path.relpath(_place(_target(page, link)), Path(_named(page)).parent)


def _place(name: str) -> str:
    """Return where a path of the repository stands in the site."""
    if (ROOT / name).is_dir():
        return f"{name}/README.md"
    return name if Path(name).suffix in {".md", *_PICTURES} else f"{name}.md"


def _file(path: Path) -> Page:
    text, name = path.read_text(encoding="utf-8"), _named(path)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 0)
    language = _LANGUAGES.get(path.suffix[1:], "text")
    shown = f"# {path.name}\n\n`{name}`\n\n{fence}{language}\n{text}\n{fence}\n"
    return Page(_place(name), shown.encode())


def _folder(path: Path) -> Page:
    files = sorted(one for one in path.rglob("*") if one.is_file() and "__pycache__" not in one.parts)
    items = [f"- [{one.relative_to(path)}]({os.path.relpath(_place(_named(one)), _named(path))})\n" for one in files]
    shown = f"# {_named(path)}/\n\n{''.join(items)}"
    return Page(_place(_named(path)), shown.encode(), tuple(_named(one) for one in files))


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))
