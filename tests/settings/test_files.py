"""Which files a configuration is said to be read from, and when one of them counts as another."""

import os
from pathlib import Path

import pytest

from bridge.core.errors import SettingsError
from bridge.settings import Kinds, load, stamp

TOKENS = "tokens: [{name: cms, token: [{file: one}, {file: sub/two}]}]"


def names(files, folder: Path) -> dict[str, bool]:
    return {str(file.relative_to(folder)): stamp is not None for file, stamp in files.items()}


def test_the_file_itself_and_each_secret(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "one").write_text("a-token-0123456789")
    (tmp_path / "sub" / "two").write_text("b-token-0123456789")
    (tmp_path / "key").write_text("A" * 43 + "=")
    (tmp_path / "bridge.yaml").write_text(TOKENS)
    settings = load(tmp_path / "bridge.yaml", {"BRIDGE_SECRET_KEY_FILE": str(tmp_path / "key")}, Kinds())

    assert names(settings.files, tmp_path) == dict.fromkeys(["bridge.yaml", "one", "sub/two", "key"], True)


def test_those_that_are_not_there_are_among_them(tmp_path):
    (tmp_path / "bridge.yaml").write_text(TOKENS)
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "bridge.yaml", {}, Kinds())

    assert names(caught.value.files, tmp_path) == {"bridge.yaml": True, "one": False, "sub/two": False}


def test_without_a_file_the_one_that_would_be_read_is_watched_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert load(None, {}, Kinds()).files == {Path("bridge.yaml"): None}


def test_another_length_time_or_place_is_another_file(tmp_path):
    file, other = tmp_path / "file", tmp_path / "other"
    stamps = [stamp(file)]
    file.write_text("a")
    os.utime(file, ns=(1, 1))
    stamps.append(stamp(file))
    os.utime(file, ns=(1, 2))
    stamps.append(stamp(file))
    file.write_text("ab")
    os.utime(file, ns=(1, 2))
    stamps.append(stamp(file))
    other.write_text("ab")
    os.utime(other, ns=(1, 2))
    other.replace(file)
    stamps.append(stamp(file))

    assert len(set(stamps)) == len(stamps)
    assert stamps[0] is None
    assert stamp(file) == stamps[-1]


def test_other_permissions_make_another_file(tmp_path):
    file = tmp_path / "file"
    file.write_text("a")
    before = stamp(file)
    file.chmod(0o600)
    file.chmod(0o640)

    assert stamp(file) != before


def test_what_is_no_regular_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bridge.yaml").write_text("tokens: [{name: cms, token: {file: pipe}}]")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "bridge.yaml", {}, Kinds())

    [fault] = caught.value.faults
    assert (fault.field, fault.problem) == ("tokens[0].token", "the file pipe cannot be read: it is no regular file")
    assert caught.value.files[tmp_path / "pipe"] is None


def test_a_pipe_gives_a_configuration_once(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, b"server: {port: 1}")
    os.close(writing)
    file = Path(f"/dev/fd/{reading}")
    settings = load(file, {}, Kinds())
    os.close(reading)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "pipe", {}, Kinds(), again=True)

    assert (settings.server.port, settings.files) == (1, {file: None})
    assert [fault.problem for fault in caught.value.faults] == ["cannot be read: it is no regular file"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}\n", "null\n"])
def test_a_file_that_holds_nothing_takes_nothing_away(tmp_path, text):
    file = tmp_path / "bridge.yaml"
    file.write_text(text)
    begun = load(file, {}, Kinds())
    with pytest.raises(SettingsError) as caught:
        load(file, {"BRIDGE_SERVER__PORT": "1"}, Kinds(), again=True)

    assert "bridge.yaml: holds nothing, so it configures nothing" in begun.warnings
    assert [(fault.field, fault.problem) for fault in caught.value.faults] == [("bridge.yaml", "is empty")]
    assert caught.value.files == {file: stamp(file)}


def test_a_file_that_is_gone_takes_nothing_away(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "bridge.yaml", {}, Kinds(), again=True)

    assert [(fault.field, fault.problem) for fault in caught.value.faults] == [("bridge.yaml", "is gone")]
