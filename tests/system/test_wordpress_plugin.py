"""The plugin for WordPress that the docs offer: what a real PHP sends with it is genuine, and understood."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sources.reading import a_request, a_source

HERE = Path(__file__).parent
PLUGIN = HERE.parents[1] / "docs" / "sources" / "wordpress-mu-plugin.php"
SECRET = "a secret with ümlauts"


def php(*arguments: str) -> str:
    done = subprocess.run(["php", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sent():
    lines = php(str(HERE / "wordpress" / "run.php"), str(PLUGIN), SECRET).splitlines()
    return [(line["body"].encode(), line["headers"]) for line in map(json.loads, lines)]


def test_the_plugin_is_php():
    assert "No syntax errors" in php("-l", str(PLUGIN))


def test_what_it_sends_is_genuine_and_says_what_became_of_the_post(sent):
    source = a_source("wordpress", secret=SECRET)
    requests = [a_request(body, headers, datetime.now(UTC)) for body, headers in sent]

    items = [item for raw in requests for item in source.read(source.verify(raw)).items]

    assert [(item.intent, item.previous) for item in items] == [
        ("publish", "draft"), ("update", "publish"), ("unpublish", "draft"), ("schedule", ""), ("unpublish", "publish"),
        ("unpublish", "publish"), ("delete", "trash"),
    ]  # fmt: skip
    assert {item.key for item in items} == {headers["webhook-id"] for _, headers in sent}
    assert len({item.key for item in items}) == len(items)


def test_a_post_is_told_whole_unless_it_has_a_password(sent):
    source = a_source("wordpress", secret=SECRET)
    published, _, closed, scheduled, *_ = (
        source.read(source.verify(a_request(body, headers, datetime.now(UTC)))).items[0] for body, headers in sent
    )

    assert (published.title, published.body, published.tags) == ("Grüße", "<p>All of it.</p>", ("News of category",))
    assert (published.url, published.images) == ("https://blog.example.com/hello/", ())
    assert closed.body == ""
    assert (scheduled.url, scheduled.scheduled_at) == (published.url, "2031-01-01T09:00:00Z")
