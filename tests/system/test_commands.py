"""README.md and docs/quickstart.md: what they tell a newcomer to type is typed, in a folder and a network of its own.

All blocks marked `sh` of a page are one script. Those that need what is not here, such as a partner's real key, are
marked `console`. The network has nothing but its own loopback, so ports are free, and nothing leaves this machine.
"""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.process import clean_environ
from tests.test_docs import ROOT, blocks, text_of

ALONE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
PAGES = ("README.md", "docs/quickstart.md")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout after `make install`: what is in the repository, and the environment that this test runs in."""
    for path in ROOT.iterdir():
        if path.name not in (".venv", ".git", "build") and not path.name.startswith("bridge."):
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / ".venv").mkdir()
    for path in (ROOT / ".venv").iterdir():
        if path.name != ".installed":
            (tmp_path / ".venv" / path.name).symlink_to(path)
    (tmp_path / ".venv" / ".installed").touch()
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work_one_after_the_other(page: str, checkout: Path) -> None:
    script = "\n".join(blocks(text_of(ROOT / page), "sh"))
    log = checkout / "said.log"
    with log.open("wb") as said:
        command = [*ALONE, "bash", "-euo", "pipefail", "-c", script]
        running = subprocess.Popen(
            command, cwd=checkout, env=clean_environ(), stdout=said, stderr=said, start_new_session=True
        )
        try:
            status = running.wait(240)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    assert status == 0, log.read_text()
