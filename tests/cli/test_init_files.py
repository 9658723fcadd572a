"""What `bridge init` makes of accounts that a partner names: nothing that YAML or a terminal would obey."""

import pytest
import yaml

from bridge.cli._init_files import Wanted, config_text, names_of
from bridge.cli.init import _told
from bridge.core.model import Listed

EVIL = "evil\x1b]0;owned\x07\n  x: y\x7f\u2028\U0001f600"


def listed(username: str, platform: str = "") -> Listed:
    return Listed("1", platform, username)


def written(tmp_path, kind: str, *accounts: Listed) -> dict[str, dict[str, str]]:
    text = config_text(Wanted(kind, "KEY", None, None), names_of(accounts), tmp_path / "bridge.env")
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    return yaml.safe_load(text)["accounts"]


@pytest.mark.parametrize("name", ["yes", "null", "on", "123", "1e5", "2024-01-02", "2024-13-99", "0x1f", "~", "brand"])
def test_a_name_is_text_whatever_yaml_would_make_of_it(tmp_path, name):
    names = written(tmp_path, "genviral", listed(name))

    assert list(names) == list(names_of([listed(name)]))


def test_what_people_named_their_accounts_comes_back_as_it_was(tmp_path):
    [account] = written(tmp_path, "genviral", listed(EVIL, "tiktok")).values()

    assert account == {"partner": "genviral", "platform": "tiktok", "username": EVIL}


def test_a_terminal_is_told_nothing_that_it_obeys(capsys):
    _told("genviral", names_of([listed(EVIL, "tik\ntok")]))

    shown = capsys.readouterr().out
    assert all(sign.isprintable() or sign == "\n" for sign in shown)
    assert shown.count("\n") == 2
