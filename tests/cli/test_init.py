"""`bridge init` as people run it, beside a simulated partner: by flags, on a terminal, and when something is wrong."""

import contextlib
import os
import pty
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import orjson
import pytest
import yaml

from bridge.cli import PARTNERS as CHOICES
from bridge.cli._init_words import TITLES
from bridge.partners import PARTNERS
from bridge.simulator import DEMO_KEY, DEMO_TOKEN
from tests.e2e.process import ROOT, run, running

pytestmark = pytest.mark.slow


KEYS = {"genviral": DEMO_TOKEN, "posteverywhere": DEMO_KEY}


@contextlib.contextmanager
def simulated(partner: str, folder: Path) -> Iterator[str]:
    """Run a simulated partner as a process, and yield where its API is."""
    with running(folder / "log", "simulate", partner, "--port", "0") as process:
        told = process.until(lambda: "account" in process.log.read_text() and process.log.read_text(), "the address")
        yield re.search(r"http://\S+/api/\S*v1", told)[0]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with simulated("genviral", tmp_path_factory.mktemp("sim")) as url:
        yield url


@pytest.fixture(scope="module", params=sorted(KEYS))
def partner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Each partner with its address."""
    with simulated(request.param, tmp_path_factory.mktemp("sim")) as url:
        yield request.param, url


def init(folder: Path, base_url: str, *more: str, partner: str = "genviral", key: str | None = None, **environ: str):
    flags = ["--partner", partner, "--base-url", base_url, "--out", str(folder / "bridge.yaml"), *more]
    return run("init", *flags, environ=environ, input=f"{KEYS[partner] if key is None else key}\n")


def variables(folder: Path) -> dict[str, str]:
    """What a shell has after `set -a; . bridge.env`."""
    lines = (folder / "bridge.env").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if not line.startswith("#")]
    return {name: shlex.split(value)[0] for name, _, value in pairs}


def test_what_it_writes_is_what_check_takes(tmp_path, partner):
    kind, url = partner
    made = init(tmp_path, url, "--endpoint", "https://ops.example.com/hook", partner=kind)

    assert (made.returncode, made.stderr) == (0, "")
    environ = variables(tmp_path)
    checked = run("check", "-c", str(tmp_path / "bridge.yaml"), environ=environ)
    count = len(NAMES[kind])
    told = f"The configuration is sound: 1 partner keys, {count} named accounts, 1 endpoints, 1 tokens."
    assert told in checked.stdout
    tree = yaml.safe_load((tmp_path / "bridge.yaml").read_text())
    assert set(tree["accounts"]) == NAMES[kind]
    assert stat.S_IMODE((tmp_path / "bridge.env").stat().st_mode) == 0o600
    assert environ.keys() == {f"{kind.upper()}_TOKEN", "BRIDGE_TOKEN", "BRIDGE_SECRET_KEY", "BRIDGE_ENDPOINT_SECRET"}
    for value in environ.values():
        assert value not in made.stdout + (tmp_path / "bridge.yaml").read_text()


NAMES = {
    "genviral": {
        "brandhq-instagram", "ugc-trends-42-tiktok", "brandhq-tt-tiktok", "brandhq-yt-youtube", "brandhq-x-x",
    },
    "posteverywhere": {"mybrand-instagram", "mybrand-x", "my-brand-inc-linkedin"}
    | {f"mybrand-on-{name}-{name}" for name in ("facebook", "tiktok", "youtube", "threads", "bluesky")},
}  # fmt: skip


def test_the_first_post_that_it_shows_is_taken_and_can_be_taken_back(tmp_path, partner):
    kind, base_url = partner
    text = init(tmp_path, base_url, partner=kind).stdout
    with (tmp_path / "bridge.yaml").open("a") as config:
        config.write(f"server: {{port: 0}}\ndatabase: {{url: 'sqlite:///{tmp_path}/bridge.db'}}\n")
    with running(tmp_path / "log", "serve", "-c", str(tmp_path / "bridge.yaml"), environ=variables(tmp_path)) as served:
        [url] = served.addresses()
        served.until(
            lambda: "first_seen_at" in call(tmp_path, url, f"curl -X GET {url}/v1/accounts {_TOKEN}"), "the accounts"
        )

        publish = between(text, "    curl http", "\n\n").replace("/v1/publish", "/v1/publish?wait=20")
        post = call(tmp_path, url, publish)
        post_id = orjson.loads(post)["post_id"]
        cancel = between(text, "    curl -X DELETE", "\n").replace("POST_ID", f"{post_id}?wait=20")
        back = call(tmp_path, url, cancel)

    assert '"state":"scheduled"' in post
    assert '"state":"canceled"' in back


_TOKEN = '-H "Authorization: Bearer $BRIDGE_TOKEN"'


def between(text: str, start: str, end: str) -> str:
    begun = text[text.index(start) :]
    return begun[: begun.index(end)]


def call(folder: Path, url: str, command: str) -> str:
    """Do what a curl command that was shown does, with the secrets set."""
    words = shlex.split(command.replace("\\\n", " ").replace("$BRIDGE_TOKEN", variables(folder)["BRIDGE_TOKEN"]))
    address = next(word for word in words if "://" in word).replace("http://127.0.0.1:8080", url)
    after = list(pairwise(words))
    headers = dict(value.split(": ") for flag, value in after if flag == "-H")
    data = next((value for flag, value in after if flag == "-d"), None)
    method = next((value for flag, value in after if flag == "-X"), "POST")
    return httpx.request(method, address, headers=headers, content=data, trust_env=False, timeout=30).text


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (
            "gva_live_wrong.key",
            "unauthorized (401: API key not found).\nCopy the whole key from the partner's dashboard",
        ),
        ("two words", "This cannot be right: token: must be one printable ASCII word"),
        ("", "There is no key. Type it, send it on standard input, or name its variable with --token-env."),
    ],
)
def test_a_key_that_does_not_work_writes_nothing(tmp_path, base_url, key, told):
    made = init(tmp_path, base_url, key=key)

    assert made.returncode != 0
    assert told in made.stderr
    assert not key or key not in made.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_partner_that_cannot_be_reached_writes_nothing(tmp_path):
    made = init(tmp_path, "http://127.0.0.1:9/api/partner/v1")

    assert (made.returncode, list(tmp_path.iterdir())) == (1, [])
    assert "Is this machine online" in made.stderr


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / f"{'b' * 300}.yaml"

    made = run("init", "--partner", "genviral", "--out", str(path), input=f"{DEMO_TOKEN}\n")

    assert (made.returncode, list(tmp_path.iterdir())) == (1, [])
    assert made.stderr.endswith("yaml cannot be written: File name too long. Nothing was written.\n")


def test_what_check_would_refuse_is_not_written(tmp_path, base_url):
    made = init(tmp_path, base_url, "--endpoint", "http://10.0.0.1/hook")

    assert (made.returncode, list(tmp_path.iterdir())) == (1, [])
    assert "endpoints.ops.url: is plain http, and is the private address 10.0.0.1" in made.stderr


@pytest.mark.parametrize("name", ["bridge.yaml", "bridge.env"])
def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(tmp_path, base_url, name):
    (tmp_path / name).write_text("mine")

    refused, forced = init(tmp_path, base_url), init(tmp_path, base_url, "--force")

    assert refused.returncode == 2
    assert f"{name} is there already" in refused.stderr
    assert forced.returncode == 0
    assert (tmp_path / f"{name}.old").read_text() == "mine"


def test_no_old_copy_is_lost_however_often_it_is_forced(tmp_path, base_url):
    (tmp_path / "bridge.yaml").write_text("mine")
    for _ in range(3):
        assert init(tmp_path, base_url, "--force").returncode == 0

    assert (tmp_path / "bridge.yaml.old").read_text() == "mine"
    kept = {path.name for path in tmp_path.glob("*.old*")}
    assert kept == {"bridge.yaml.old", "bridge.yaml.old.2", "bridge.yaml.old.3", "bridge.env.old", "bridge.env.old.2"}


def test_the_key_that_sealed_secrets_is_kept_and_that_of_the_environment_is_not_doubled(tmp_path, base_url):
    assert init(tmp_path, base_url).returncode == 0
    first = variables(tmp_path)["BRIDGE_SECRET_KEY"]
    assert init(tmp_path, base_url, "--force").returncode == 0
    kept = variables(tmp_path)["BRIDGE_SECRET_KEY"]

    assert init(tmp_path, base_url, "--force", BRIDGE_SECRET_KEY=first).returncode == 0
    assert kept == first
    assert "BRIDGE_SECRET_KEY" not in variables(tmp_path)


def test_a_folder_is_never_moved_out_of_the_way(tmp_path, base_url):
    (tmp_path / "bridge.yaml").mkdir()

    made = init(tmp_path, base_url, "--force")

    assert (made.returncode, [path.name for path in tmp_path.iterdir()]) == (2, ["bridge.yaml"])
    assert "bridge.yaml is there and is no file" in made.stderr


def test_a_key_in_a_variable_stays_there(tmp_path, base_url):
    made = init(tmp_path, base_url, "--token-env", "MY_KEY", key="", MY_KEY=DEMO_TOKEN)

    assert "the key stays in MY_KEY" in made.stdout
    assert set(variables(tmp_path)) == {"BRIDGE_TOKEN", "BRIDGE_SECRET_KEY"}
    assert yaml.safe_load((tmp_path / "bridge.yaml").read_text())["partners"]["genviral"]["token"] == {"env": "MY_KEY"}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ((), "Nobody can be asked here: give --partner."),
        (("--partner", "genviral", "--token-env", "NOT_SET"), "The variable NOT_SET is not set."),
        (("--partner", "genviral", "--out", "nowhere/bridge.yaml"), "There is no folder nowhere."),
    ],
)
def test_what_is_missing_is_named(flags, told):
    made = run("init", *flags, stdin=subprocess.DEVNULL)

    assert made.returncode == 2
    assert told in made.stderr


def test_on_a_terminal_it_asks_and_does_not_show_the_key(tmp_path, base_url):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "bridge", "init", "--base-url", base_url, "--out", str(tmp_path / "bridge.yaml")]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, start_new_session=True, close_fds=True
    )
    os.close(theirs)
    shown = ""
    for question, said in (("Partner", "genviral"), ("(not shown)", DEMO_TOKEN), ("webhooks", ""), ("[Y/n]", "y")):
        shown += answered(ours, question, said)
    shown += rest(ours)

    assert process.wait(30) == 0
    assert DEMO_TOKEN not in shown
    assert variables(tmp_path)["GENVIRAL_TOKEN"] == DEMO_TOKEN


def answered(terminal: int, question: str, answer: str) -> str:
    """Read until something is asked, then type."""
    shown = ""
    while question not in shown or not shown.endswith((": ", "] ")):
        shown += os.read(terminal, 4096).decode()
    os.write(terminal, f"{answer}\n".encode())
    return shown


def rest(terminal: int) -> str:
    shown = b""
    try:
        while read := os.read(terminal, 4096):
            shown += read
    except OSError:  # The other side is closed.
        pass
    finally:
        os.close(terminal)
    return shown.decode()


def test_every_partner_may_be_chosen():
    assert set(CHOICES) == set(PARTNERS) == set(TITLES)
