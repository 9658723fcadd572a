"""The site of the documentation: every page has its place, and every link leads to one. `tests/system` builds it."""

import re
from pathlib import Path

import pytest

from docs.site.pages import CONTENTS, ROOT, nav, pages, places

ORDER = nav((ROOT / CONTENTS).read_text(encoding="utf-8"))
PAGES = {page.place: page for page in pages(ORDER)}


def test_every_page_of_the_documentation_has_one_place_in_the_order():
    listed = list(places(ORDER))
    there = {str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]}
    assert len(listed) == len(set(listed))
    assert there - set(listed) == set(), "add it to docs/README.md, as an item that begins with its link"


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.place)
def test_every_link_of_a_page_leads_to_a_page(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", page.text):
        target = (ROOT / page.place).parent / link
        if ":" not in link and Path(target).resolve().relative_to(ROOT).as_posix() not in PAGES:
            broken.append(link)
    assert broken == []


def test_a_file_that_is_no_page_is_shown_on_one():
    shown = PAGES["helm/files/rules.yaml.md"].text
    assert (ROOT / "helm" / "files" / "rules.yaml").read_text(encoding="utf-8") in shown
    assert "(../helm/files/rules.yaml.md)" in PAGES["docs/operations.md"].text


def test_a_folder_is_shown_with_its_files():
    folder = PAGES["docs/sidecar/components/volume/README.md"]
    assert "(kustomization.yaml.md)" in folder.text
    assert "docs/sidecar/components/volume/kustomization.yaml.md" in PAGES


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.place)
def test_blocks_in_a_list_are_set_in_by_four(page):
    """Forges are content with three; the generator is not."""
    assert [line for line in re.findall(r"^( +)```\w", page.text, re.MULTILINE) if len(line) % 4] == []
