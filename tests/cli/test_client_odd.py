"""What a person may get wrong at a terminal: it ends with a number and a sentence, never with a traceback."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.cli._ending import run_to_end
from bridge.cli.client._profile import LOCAL, path, service

BAD = "caf\udce9"


@pytest.mark.parametrize(
    "words",
    [
        ["posts", "show", BAD],
        ["posts", "list", "--text", BAD],
        ["publish", "--caption", "x", "--tags", BAD],
        ["posts", "list", "--limit", "0"],
        ["posts", "retry", "post_1", "--wait", "121"],
    ],
)
def test_a_word_that_cannot_be_sent_makes_no_sense(words, home, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "_count" not in told
    assert "_seconds" not in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["posts", "show", "."], "'.' names nothing"),
        (["endpoints", "delete", "..", "--yes"], "'..' names nothing"),
        (["posts", "retry", ""], "'' names nothing"),
        (["posts", "list", "--token", ""], "--token is empty"),
        (["posts", "list", "--url", "http://127.0.0.1/console#token=abc"], "'http://127.0.0.1/console' is no"),
        (["posts", "list", "--url", "http://a b"], "is no address"),
        (["profile", "add", "", "--url", "http://a"], "has a name"),
    ],
)
def test_what_leads_nowhere_is_not_asked(words, told, home, monkeypatch, capsys):
    monkeypatch.setenv("BRIDGE_TOKEN", "another")
    assert main(words) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "token=" not in said


def test_a_name_that_no_machine_has_does_not_answer(home, capsys):
    assert main(["posts", "list", "--url", f"http://{'a' * 80}.test"]) == 5
    assert "Nothing answers" in capsys.readouterr().err


def test_a_variable_set_to_nothing_is_not_set(home):
    nothing = argparse.Namespace(profile=None, url=None, token=None)
    found = service(nothing, {"BRIDGE_TOKEN": "", "BRIDGE_URL": "", "BRIDGE_PROFILE": ""})
    assert (found.url, found.token) == (LOCAL, None)


@pytest.mark.parametrize(
    "text", ["profiles = 3", "[profiles]\na = 3", 'use = ["a"]', '[profiles.a]\nurl = "http://a"\ntoken = 3']
)
def test_a_file_of_profiles_of_another_shape_is_told(text, home, capsys):
    path().parent.mkdir(parents=True, exist_ok=True)
    path().write_text(text)
    assert main(["posts", "list", "--profile", "a"]) == 2
    assert "profiles.toml" in capsys.readouterr().err


def test_a_link_to_the_profiles_stays_one(home, tmp_path):
    path().parent.mkdir(parents=True, exist_ok=True)
    there = tmp_path / "dotfiles.toml"
    there.write_text("# mine\n")
    path().symlink_to(there)
    assert main(["profile", "add", "a", "--url", "http://127.0.0.1", "--token-env", "X"]) == 0
    assert path().is_symlink()
    assert there.read_text().startswith("# mine")


@pytest.mark.slow
def test_output_that_cannot_be_written_is_told(tmp_path):
    with Path("/dev/full").open("w", encoding="ascii") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "bridge", "profile", "add", "a", "--url", "http://127.0.0.1", "--token-env", "X"],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},
            check=False,
        )
    assert (ran.returncode, b"Traceback" in ran.stderr) == (1, False)


def test_sigterm_lets_everything_be_cleared_away():
    cleared = []

    async def works():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(5)
        finally:
            cleared.append(True)
        return 0

    ctrl_c = signal.signal(signal.SIGINT, signal.SIG_IGN)  # As a shell leaves it for what runs in the background.
    try:
        assert run_to_end(works()) == 143
    finally:
        signal.signal(signal.SIGINT, ctrl_c)
    assert cleared == [True]
