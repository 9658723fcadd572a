"""`python -m docs.site [FOLDER]`: build the site; dead links and missing anchors fail. Needs the group `docs`."""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from docs.site.pages import CONTENTS, ROOT, nav, pages


def gather(folder: Path) -> Path:
    """Write the pages and the settings of the generator into a folder, and return the path of the settings."""
    shutil.rmtree(folder, ignore_errors=True)
    order = nav((ROOT / CONTENTS).read_text(encoding="utf-8"))
    for page in pages(order):
        path = folder / "pages" / page.place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page.content)
    settings = yaml.safe_load(Path(__file__).with_name("mkdocs.yml").read_text(encoding="utf-8"))
    file = folder / "mkdocs.yml"
    file.write_text(yaml.safe_dump(settings | {"nav": order}, sort_keys=False), encoding="utf-8")
    return file


def build(file: Path) -> int:
    """Build from the settings of a folder, and return the generator's status."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(file)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(build(gather(ROOT / (sys.argv[1] if sys.argv[1:] else "build/docs"))))
