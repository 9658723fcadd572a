"""`bridge send`: what it would send, and the calls that make no sense. What a service makes of it: tests/e2e."""

import itertools
import shlex
from pathlib import Path

import pytest

from bridge.cli import main

SECRET = 'the "secret" of the hook'
CONFIG = """
server: {host: 0.0.0.0, port: 9, public_url: "https://b.example/base"}
tokens: [{name: reader, token: {env: SEND_READER}, scopes: [read]}, {name: me, token: {env: SEND_TOKEN}}]
sources:
  blog: {kind: ghost, secret: {env: SEND_HOOK}}
  lined: {kind: contentful, secret: {env: SEND_HOOK}}
  bearing: {kind: generic, secret: {env: SEND_HOOK}}
  basic: {kind: generic, auth: basic, secret: {env: SEND_HOOK}}
  named: {kind: generic, auth: "header:X-Key", secret: {env: SEND_HOOK}}
  asked: {kind: generic, auth: "query:key", secret: {env: SEND_HOOK}}
  inside: {kind: generic, auth: "body:a.key", secret: {env: SEND_HOOK}}
  open: {kind: generic, auth: none}
  notes: {kind: notion}
  team: {kind: slack, mode: socket, app_token: {env: SEND_APP}, bot_token: {env: SEND_BOT}}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    secrets = {"HOOK": SECRET, "READER": "the-token-of-the-reader", "TOKEN": "the-token-of-me-1234"}
    for name, value in (secrets | {"APP": "xapp-1-app-secret", "BOT": "xoxb-1-bot-secret"}).items():
        monkeypatch.setenv(f"SEND_{name}", value)
    path = tmp_path / "bridge.yaml"
    path.write_text(CONFIG)
    (tmp_path / "post.json").write_text('{"title": "Hello", "a": {"b": 1}}')
    monkeypatch.chdir(tmp_path)
    return str(path)


DRY = {
    "blog": ("x-ghost-signature: t=", "http://127.0.0.1:9/hooks/blog", "@post.json"),
    "lined": ("x-contentful-signed-headers: x-contentful-signed-headers,x-contentful-timestamp", "", "@post.json"),
    "bearing": ("authorization: Bearer [redacted]", "http://127.0.0.1:9/hooks/bearing", "@post.json"),
    "basic": ("bridge:[redacted]", "", "@post.json"),
    "named": ("x-key: [redacted]", "", "@post.json"),
    "asked": ("", "http://127.0.0.1:9/hooks/asked?a=1&key=[redacted]", "@post.json"),
    "inside": ("", "", '{"title":"Hello","a":{"b":1,"key":"[redacted]"}}'),
    "open": ("content-type: application/json", "http://127.0.0.1:9/hooks/open?a=1", "@post.json"),
    "api": ("authorization: Bearer [redacted]", "http://127.0.0.1:9/v1/publish?a=1", "@post.json"),
}


@pytest.mark.parametrize("source", DRY)
def test_a_dry_run_is_a_command_of_curl_without_the_secret(config: str, capsys, source: str):
    header, url, body = DRY[source]

    assert main(["send", "post.json", "--source", source, "-c", config, "--query", "a=1", "--dry-run"]) == 0

    shown = capsys.readouterr().out
    words = shlex.split(shown, comments=True)
    assert words[:5] == ["curl", "-i", "-g", "-X", "POST"]
    assert not header or any(word.startswith(header) for word in words)
    assert not url or any(word.startswith(url) for word in words)
    assert words[-2:] == ["--data-binary", body]
    assert "secret" not in shown.replace("the secret where", "")
    assert "the-token" not in shown


def test_a_secret_that_holds_its_user_stands_for_both(config: str, capsys, monkeypatch):
    monkeypatch.setenv("SEND_HOOK", "somebody:with-a-password")

    assert main(["send", "post.json", "--source", "basic", "-c", config, "--dry-run"]) == 0

    words = shlex.split(capsys.readouterr().out, comments=True)
    assert words[words.index("-u") + 1] == "[redacted]"


def test_headers_of_a_capture_go_along_but_for_those_of_its_way(config: str, tmp_path: Path, capsys):
    (tmp_path / "post.headers").write_text(
        "Host: x\nContent-Type: text/plain\nX-Ghost-Signature: old\nContent-Version: v6\n"
    )
    words = [
        "send",
        "post.json",
        "--source",
        "blog",
        "-c",
        config,
        "-H",
        "@post.headers",
        "-H",
        "X-More: 1",
        "--dry-run",
    ]

    assert main(words) == 0

    shown = shlex.split(capsys.readouterr().out, comments=True)
    headers = [word.partition(":")[0] for before, word in itertools.pairwise(shown) if before == "-H"]
    assert headers == ["content-type", "content-version", "x-more", "x-ghost-signature"]
    assert "content-type: text/plain" in shown


def test_the_address_may_stand_in_the_environment_and_a_flag_goes_before_it(config: str, capsys, monkeypatch):
    monkeypatch.setenv("BRIDGE_URL", "bridge.example:80/")
    main(["send", "post.json", "--source", "open", "-c", config, "--dry-run"])
    assert "http://bridge.example/hooks/open" in capsys.readouterr().out
    main(["send", "post.json", "--source", "open", "-c", config, "--dry-run", "--url", "https://other.example"])
    assert "https://other.example/hooks/open" in capsys.readouterr().out


WRONG = {
    "a source that is none": (["--source", "blogg"], 3, "Write blog."),
    "a source without a secret": (["--source", "notes"], 2, "Give it one"),
    "a source that opens its own connection": (["--source", "team"], 2, "Write in Slack"),
    "a header without a colon": (["--source", "blog", "-H", "nothing"], 2, "has no colon"),
    "a file that is not there": (["--source", "blog", "-H", "@nowhere"], 2, "cannot be read"),
    "nobody who answers": (["--source", "blog", "--url", "http://127.0.0.1:9"], 5, "bridge serve"),
}


@pytest.mark.parametrize("why", WRONG)
def test_a_call_that_makes_no_sense_says_what_to_do(config: str, capsys, why: str):
    words, status, text = WRONG[why]

    assert main(["send", "post.json", "-c", config, *words]) == status
    told = capsys.readouterr().err
    assert text in told
    assert "secret of the hook" not in told


def test_a_body_that_has_no_place_for_the_secret_is_refused(config: str, tmp_path: Path, capsys):
    (tmp_path / "post.json").write_text("[1, 2]")

    assert main(["send", "post.json", "--source", "inside", "-c", config]) == 2
    assert "has no place for the secret at a.key" in capsys.readouterr().err


def test_a_configuration_with_faults_sends_nothing(config: str, capsys):
    Path(config).write_text("server: {port: many}")

    assert main(["send", "post.json", "--source", "api", "-c", config]) == 2
    assert "server.port" in capsys.readouterr().err
