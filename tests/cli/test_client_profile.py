"""Which service is asked and with which token, and the file that keeps them."""

import argparse
import io
import stat

import orjson
import pytest

from bridge.cli import main
from bridge.cli.client._failed import Failed
from bridge.cli.client._profile import LOCAL, service

KEPT = """# Mine.
use = "prod"
[profiles.prod]
url = "https://prod.example.com"
token = "prod-token"
[profiles.stage]
url = "https://stage.example.com/"
token_env = "STAGE_TOKEN"
"""


def asked(environ=None, **flags):
    found = service(argparse.Namespace(**({"url": None, "token": None, "profile": None} | flags)), environ or {})
    return found.url, found.token


@pytest.fixture
def kept(home):
    home.parent.mkdir()
    home.write_text(KEPT)
    home.chmod(0o600)
    return home


def test_without_anything_it_is_this_machine(home):
    assert asked() == (LOCAL, None)
    assert asked({"BRIDGE_TOKEN": "t"}) == (LOCAL, "t")


def test_the_profile_in_use_is_asked_when_nothing_is_said(kept):
    assert asked() == ("https://prod.example.com", "prod-token")


def test_the_environment_comes_before_the_profile_in_use(kept):
    environ = {"BRIDGE_URL": "https://env.example.com", "BRIDGE_TOKEN": "env"}
    assert asked(environ) == ("https://env.example.com", "env")
    assert asked({"BRIDGE_TOKEN": "env"}) == ("https://prod.example.com", "env")


def test_a_profile_that_is_named_by_a_flag_comes_before_the_environment(kept):
    environ = {"BRIDGE_URL": "https://env.example.com", "BRIDGE_TOKEN": "env", "STAGE_TOKEN": "stage"}
    assert asked(environ, profile="stage") == ("https://stage.example.com", "stage")
    assert asked({"BRIDGE_PROFILE": "stage", "STAGE_TOKEN": "stage"}) == ("https://stage.example.com", "stage")


def test_a_token_of_a_profile_goes_nowhere_else(kept):
    assert asked(url="https://evil.example.com") == ("https://evil.example.com", None)
    assert asked(url="https://evil.example.com", profile="prod") == ("https://evil.example.com", None)
    assert asked(url="https://prod.example.com/", profile="prod") == ("https://prod.example.com", "prod-token")


def test_a_token_in_a_file_is_read_and_one_that_others_read_is_warned_of(kept, tmp_path, capsys):
    file = tmp_path / "token"
    file.write_text("filed\n")
    kept.write_text(f'[profiles.a]\nurl = "https://a.example.com"\ntoken = {{file = "{file}"}}\n')
    file.chmod(0o600)
    assert asked(profile="a") == ("https://a.example.com", "filed")
    assert capsys.readouterr().err == ""
    file.chmod(0o644)
    asked(profile="a")
    assert capsys.readouterr().err == f"warning: {file} has a token and can be read by others: chmod 600 {file}\n"


def test_profiles_with_tokens_that_others_read_are_warned_of(kept, capsys):
    kept.chmod(0o640)
    asked()
    assert f"chmod 600 {kept}" in capsys.readouterr().err


def test_a_token_that_goes_in_clear_is_warned_of(home, capsys):
    asked(url="http://bridge.example.com", token="t")
    assert capsys.readouterr().err == "warning: the token goes to bridge.example.com in clear: use https\n"
    asked(url="http://localhost:8080", token="t")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "cannot be read"),
        ('use = "gone"', "There is no profile 'gone'"),
        ('use = "a"\n[profiles.a]\nurl = "https://a"\ntoken_env = "NOT_SET"', "has its token in NOT_SET"),
        ('use = "a"\n[profiles.a]\nurl = "https://a"\ntoken = {file = "/nowhere"}', "has its token in /nowhere"),
        ('use = "a"\n[profiles.a]\nurl = "https://a"\ntoken = "a b"', "characters that no token has"),
    ],
)
def test_a_profile_that_makes_no_sense_is_told(text, told, kept):
    kept.write_text(text)
    with pytest.raises(Failed, match=told) as failed:
        asked()
    assert failed.value.how == 2


def test_profiles_are_added_used_and_removed_and_comments_stay(kept, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("new-token\n"))
    assert main(["profile", "add", "new", "--url", "new.example.com"]) == 0
    assert main(["profile", "add", "other", "--url", "https://o.example.com", "--token-env", "OTHER"]) == 0
    assert main(["profile", "use", "new"]) == 0
    assert main(["profile", "remove", "stage"]) == 0
    capsys.readouterr()
    assert main(["profile", "list", "--json"]) == 0
    told = capsys.readouterr().out
    assert 'token":"new' not in told
    assert [orjson.loads(line)["token"] for line in told.splitlines()] == ["kept here", "kept here", "in $OTHER"]
    assert kept.read_text().startswith("# Mine.\n")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert asked() == ("http://new.example.com", "new-token")


def test_the_first_profile_is_in_use(home, capsys, tmp_path):
    (tmp_path / "t").write_text("filed")
    assert main(["profile", "add", "one", "--url", "https://one.example.com", "--token-file", str(tmp_path / "t")]) == 0
    assert asked() == ("https://one.example.com", "filed")
    assert main(["profile", "remove", "one"]) == 0
    assert asked() == (LOCAL, None)


def test_what_is_not_there_cannot_be_used(home, capsys):
    assert main(["profile", "use", "nope"]) == 3
    assert main(["profile", "remove", "nope"]) == 3
    assert main(["profile", "add", "a", "--url", "https://a", "--token-file", "nowhere"]) == 2
    assert main(["profile", "list"]) == 0
    assert "There is no profile: http://127.0.0.1:8080 is asked." in capsys.readouterr().err
