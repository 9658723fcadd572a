"""`bridge doctor` on this machine alone: what it shows, how it ends, and what it never shows. The rest: tests/e2e."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from bridge.app import KINDS
from bridge.cli import main
from bridge.cli.doctor import _clock
from bridge.cli.doctor._check import Check, aside, examined
from bridge.cli.doctor._clocks import ahead_of
from bridge.cli.doctor._here import secret_files
from bridge.cli.doctor._shown import as_lines, progress
from bridge.core.examining import Finding, State, ok, problem, warning
from bridge.settings import load
from bridge.store import migrate
from tests.core.builders import NOW

SECRET = "the-secret-of-the-hook-1234"
CONFIG = """
server: {host: 127.0.0.1, port: 1}
database: {url: "sqlite:///FOLDER/bridge.db"}
tokens: [{name: me, token: {env: DOCTOR_TOKEN}}]
partners: {main: {kind: genviral, token: {file: key}}}
accounts: {brand: {partner: main, id: a1}}
sources: {blog: {kind: ghost, secret: {env: DOCTOR_HOOK}, accounts: [brand]}}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCTOR_TOKEN", "the-token-0123456789")
    monkeypatch.setenv("DOCTOR_HOOK", SECRET)
    monkeypatch.setenv("BRIDGE_DATABASE__EPHEMERAL", "true")
    (tmp_path / "key").write_text("gva_live_1.the-partner-key")
    (tmp_path / "key").chmod(0o600)
    path = tmp_path / "bridge.yaml"
    path.write_text(CONFIG.replace("FOLDER", str(tmp_path)))
    return path


@pytest.fixture
def doctor(config: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, list[tuple]]]]:
    """Run it offline; what it found, by what it is about."""

    def run() -> tuple[int, dict[str, list[tuple]]]:
        status = main(["doctor", "-c", str(config), "--offline", "--json"])
        text = capsys.readouterr().out
        assert SECRET not in text
        found: dict[str, list[tuple]] = {}
        for one in orjson.loads(text)["findings"]:
            found.setdefault(one["about"], []).append((one["state"], one["text"]))
        return status, found

    return run


def test_what_is_not_started_yet_is_no_problem(doctor, config: Path):
    status, found = doctor()

    assert status == 0
    assert found["configuration"][0] == ("ok", f"{config}: 1 partner keys, 1 sources, 0 endpoints")
    assert found["secrets"] == [("ok", "3 are there, and 1 files of them are not for everybody")]
    assert found["database"][0][0] == "warning"
    assert "not made yet" in found["database"][0][1]
    assert found["service"][0][0] == "warning"
    assert found["network"][0][0] == "skipped"


def test_a_database_says_its_schema_and_its_room(doctor, tmp_path: Path):
    migrate(f"sqlite:///{tmp_path / 'bridge.db'}")

    _, found = doctor()

    assert [state for state, _ in found["database"]] == ["ok", "ok"]
    assert "schema 00" in found["database"][0][1]
    assert "free on its disk" in found["database"][1][1]


def test_what_is_no_database_of_bridge_is_a_problem(doctor, tmp_path: Path):
    (tmp_path / "bridge.db").write_bytes(b"no database at all, but long enough to be read as one " * 40)

    status, found = doctor()

    assert (status, found["database"][0][0]) == (1, "problem")


@pytest.mark.parametrize(
    ("mode", "kind", "state"),
    [(0o600, "ext4", "ok"), (0o644, "ext4", "warning"), (0o644, "tmpfs", "ok"), (0o666, "tmpfs", "problem")],
)
def test_a_file_with_a_secret_is_not_for_everybody(config: Path, mode: int, kind: str, state: str):
    (config.parent / "key").chmod(mode)
    mounts = config.parent / "mountinfo"
    mounts.write_text(f"1 0 1:1 / / rw - {kind} {kind} rw\n")

    assert [one.state for one in secret_files(load(config, os.environ, KINDS), mounts)] == [state]


def test_a_configuration_that_cannot_be_read_is_told_fault_by_fault(config: Path, capsys):
    config.write_text("server: {port: many}\nlog: {level: loud}\n")

    assert main(["doctor", "-c", str(config)]) == 2
    told = capsys.readouterr().out
    assert "problem  configuration  server.port" in told
    assert "log.level" in told
    assert told.endswith("2 problems.\n")


def test_the_report_has_a_line_for_each_and_says_what_to_do(capsys):
    as_lines([ok("database", "SQLite"), warning("clock", "off", "Set it."), problem("partner main", "no", "Renew.")])

    assert capsys.readouterr().out == (
        "ok       database      SQLite\n"
        "warning  clock         off\n"
        "                       -> Set it.\n"
        "problem  partner main  no\n"
        "                       -> Renew.\n"
        "1 problem and 1 warning.\n"
    )
    as_lines([ok("database", "SQLite")])
    assert capsys.readouterr().out.endswith("All is well.\n")


async def _fails() -> list[Finding]:
    raise RuntimeError("with a secret in it")


async def _stands() -> list[Finding]:
    await asyncio.sleep(60)
    return []


async def _well() -> list[Finding]:
    return [ok("c", "fine")]


def test_a_check_that_fails_or_hangs_keeps_none_of_the_others_up():
    checks = [Check("a", _fails), Check("b", _stands), Check("c", _well)]

    found = asyncio.run(examined(checks, progress(3), patience_s=0.01))

    assert [(one.about, one.state) for one in found] == [
        ("a", State.PROBLEM), ("b", State.PROBLEM), ("c", State.OK),
    ]  # fmt: skip
    assert "secret" not in found[0].text


def test_a_thread_that_hangs_keeps_the_report_not_up():
    held = threading.Event()

    async def hangs() -> list[Finding]:
        return await aside(lambda: [ok("a", "late")] if held.wait(20) else [])

    began = time.monotonic()
    found = asyncio.run(examined([Check("a", hangs)], progress(1), patience_s=0.01))
    took = time.monotonic() - began
    held.set()

    assert [one.state for one in found] == [State.PROBLEM]
    assert took < 10


def test_clocks_are_told_as_one_where_they_agree():
    near, far = ("the database", timedelta()), ("partner main", timedelta(minutes=2))

    assert [one.text for one in _clock([near, near])] == ["agrees with the database, the database"]
    assert [one.state for one in _clock([near, far])] == [State.PROBLEM]
    assert _clock([]) == []


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_what_is_no_date_says_nothing_of_a_clock(date: str | None):
    assert ahead_of(date, NOW) is None


def test_a_date_is_read_in_the_middle_of_its_second():
    assert ahead_of("Sun, 01 Mar 2026 12:01:00 GMT", NOW) == timedelta(seconds=60.5)


def test_an_address_that_is_none_is_told_before_anything_is_looked_at(config: Path, capsys):
    assert main(["doctor", "-c", str(config), "--url", "hooks.example.com"]) == 2
    assert "--url is no address of the web" in capsys.readouterr().out
