"""The shape of the code: who may import whom, how long a file may be, and what must never be in the repository."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "bridge").rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if "node_modules" not in path.parts)
MAX_LINES = 400
# Addresses of package registries, paths of one machine, folders beside the repository; written in parts, so that this
# file may be looked at too.
FORBIDDEN = re.compile(
    r"index-"
    r"url|/sim"
    r"ple/?[\"' ]|(?:^|[^A-Za-z])/(?:ro"
    r"ot|wo"
    r"rk|fa"
    r"rm)/|\.\./sha"
    r"red|pypi\.o"
    r"rg|pythonhos"
    r"ted"
)


def test_every_import_follows_the_contract():
    command = Path(sys.executable).parent / "lint-imports"

    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_and_stays_short(path):
    text = path.read_text()

    assert ast.get_docstring(ast.parse(text)), "the module has no docstring"
    assert len(text.splitlines()) <= MAX_LINES


def test_only_the_wrapper_knows_the_scheduler():
    importers = [
        path.name for path in MODULES if re.search(r"^\s*(?:from|import) apscheduler", path.read_text(), re.MULTILINE)
    ]

    assert importers == ["schedule.py"]


def test_nothing_names_a_registry_a_machine_or_a_neighbour():
    named = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(named, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [
        f"{name}: {match.group()}"
        for name in listed
        if (path := ROOT / name).is_file() and (match := FORBIDDEN.search(path.read_text(errors="replace")))
    ]

    assert found == []


def test_no_test_can_skip():
    skipping = re.compile(r"pytest\.(?:skip|mark\.skip|mark\.xfail|import" r"orskip)\b")

    assert [path.name for path in TESTS if skipping.search(path.read_text())] == []


def test_the_locks_carry_a_hash_for_every_version():
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-docs.lock"):
        pinned = re.split(r"\n(?=\S)", (ROOT / name).read_text())
        entries = [entry for entry in pinned if not entry.startswith("#")]

        assert entries
        assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
