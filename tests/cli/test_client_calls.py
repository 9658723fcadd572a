"""What the verbs of the client ask, what they print where, and how they end."""

import io
import os
import pty
import subprocess
import sys
import termios

import orjson
import pytest
from rich.cells import cell_len

from bridge.cli import main
from tests.cli.counter import TOKEN
from tests.cli.drawn import samples

POST = "post_019cae6b66780000000000000002"


def page(*items, after=None):
    return {"items": list(items), "next": after}


def test_a_list_is_a_table_without_colour_in_a_pipe(counter, capsys):
    counter.answer("GET /v1/posts", page(*samples()["posts"]))
    assert main(["posts", "list", "--state", "parked", "--external-id", "a b"]) == 0
    told = capsys.readouterr()
    assert counter.lines == ["GET /v1/posts?state=parked&external_id=a+b&limit=50"]
    assert counter.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert told.out.splitlines()[0].split()[:3] == ["post", "state", "accounts"]
    assert "\x1b" not in told.out
    assert told.err == ""


def test_a_list_as_json_is_one_thing_a_line_as_the_api_has_it(counter, capsys):
    counter.answer("GET /v1/posts", page(*samples()["posts"]))
    assert main(["posts", "list", "--json"]) == 0
    assert [orjson.loads(line) for line in capsys.readouterr().out.splitlines()] == samples()["posts"]


def test_all_goes_on_to_the_last_page_and_a_limit_ends_before(counter, capsys):
    counter.answer("GET /v1/posts", page({"id": "post_2"}, after="post_2"))
    counter.answer("GET /v1/posts", page({"id": "post_1"}))
    assert main(["posts", "list", "--all", "--ids"]) == 0
    assert counter.lines == ["GET /v1/posts?limit=200", "GET /v1/posts?limit=200&before=post_2"]
    assert capsys.readouterr().out == "post_2\npost_1\n"
    counter.answers.clear()
    counter.answer("GET /v1/posts", page({"id": "post_2"}, after="post_2"))
    assert main(["posts", "list", "--limit", "1", "--ids"]) == 0
    assert capsys.readouterr().err == "There are more: --all, or go on with --before post_2\n"


def test_an_age_is_an_instant_and_what_is_none_is_left_to_the_service(counter):
    counter.answer("GET /v1/posts", page())
    assert main(["posts", "list", "--since", "2h", "--until", "2026-03-02T12:00:00+01:00"]) == 0
    since, until = counter.lines[0].partition("?")[2].split("&")[:2]
    assert since.startswith("since=20")
    assert until == "until=2026-03-02T12%3A00%3A00%2B01%3A00"


def test_one_thing_is_a_page_and_its_json_what_the_api_answers(counter, capsys):
    counter.answer(f"GET /v1/posts/{POST}", samples()["post"])
    assert main(["posts", "show", POST]) == 0
    assert f"Possible now: bridge posts retry {POST}" in capsys.readouterr().out
    assert main(["posts", "show", POST, "--json"]) == 0
    assert orjson.loads(capsys.readouterr().out) == samples()["post"]


def test_several_are_asked_one_after_the_other_and_the_worst_counts(counter, capsys):
    counter.answer("POST /v1/posts/a/retry", samples()["acted"])
    counter.refuse("POST /v1/posts/b/retry", 404, "no_such_post")
    counter.answer("POST /v1/posts/c/retry", samples()["acted"])
    assert main(["posts", "retry", "a", "b", "c", "--wait", "20"]) == 3
    assert counter.lines == [f"POST /v1/posts/{name}/retry?wait=20" for name in "abc"]
    assert "b: no such post (404 no_such_post)" in capsys.readouterr().err


def test_flags_make_the_body_over_that_of_a_file(counter, tmp_path):
    (tmp_path / "body.json").write_text('{"rate": 1, "description": "kept"}')
    counter.answer("PATCH /v1/endpoints/team", samples()["endpoints"][0])
    words = [
        "--body",
        str(tmp_path / "body.json"),
        "--rate",
        "5",
        "--events",
        "a,b",
        "--events",
        "c",
        "--null",
        "group",
    ]
    words += ["--where", "account=x,y", "--where", "account=z", "--header", "Authorization: Bearer q", "--allow-http"]
    assert main(["endpoints", "edit", "team", *words]) == 0
    assert counter.asked[0].body == {
        "rate": 5, "description": "kept", "events": ["a", "b", "c"], "where": {"account": ["x", "y", "z"]},
        "headers": {"Authorization": "Bearer q"}, "allow_http": True, "group": None,
    }  # fmt: skip


def test_a_secret_in_a_body_comes_by_standard_input(counter, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"secret": "whsec_a"}')))
    counter.answer("POST /v1/endpoints/team/rotate-secret", samples()["secret"])
    assert main(["endpoints", "rotate", "team", "--yes", "--body", "-"]) == 0
    assert counter.asked[0].body == {"secret": "whsec_a"}
    assert "secret      " in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["posts", "cancel", "a"], ["posts", "drop", "a"], ["endpoints", "delete", "a"], ["endpoints", "rotate", "a"],
        ["subscriptions", "delete", "a"], ["subjects", "erase", "a"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_cannot_be_taken_back_is_asked_first(words, counter, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(words) == 2
    assert "add --yes" in capsys.readouterr().err
    terminal = io.StringIO("no\n")
    terminal.isatty = lambda: True  # type: ignore[method-assign]  # A terminal with somebody at it.
    monkeypatch.setattr("sys.stdin", terminal)
    assert main(words) == 1
    assert "[y/N]" in capsys.readouterr().err
    assert counter.asked == []


def test_whoever_agrees_has_it_done(counter, monkeypatch, capsys):
    terminal = io.StringIO("y\n")
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", terminal)
    counter.answer("DELETE /v1/endpoints/a", b"", 204)
    assert main(["endpoints", "delete", "a"]) == 0
    assert capsys.readouterr().out == "a  gone\n"


@pytest.mark.parametrize(
    ("status", "word", "how"),
    [
        (422, "invalid_request", 1), (409, "not_allowed_now", 1), (404, "no_such_post", 3), (401, "unknown_token", 4),
        (403, "scope", 4), (429, "queue_full", 5), (500, "internal", 5), (503, "draining", 5),
    ],
)  # fmt: skip
def test_a_refusal_ends_with_its_number_and_is_told_in_words(status, word, how, counter, capsys):
    counter.refuse("GET /v1/posts/a", status, word, retry_after="7")
    assert main(["posts", "show", "a"]) == how
    told = capsys.readouterr()
    assert told.out == ""
    assert f"({status} {word})\n  It is {word}.\n  Come back in 7 s.\n" in told.err


@pytest.mark.parametrize(
    ("status", "said"), [(200, b"<html>"), (404, b"<html>"), (302, b""), (500, b'{"a": 1}'), (400, b"[]")]
)
def test_what_is_not_bridge_is_told_as_that(status, said, counter, capsys):
    counter.answer("GET /v1/posts/a", said, status, location="https://elsewhere.example.com")
    assert main(["posts", "show", "a"]) == 5
    assert f"({status}) is not bridge" in capsys.readouterr().err


def test_nobody_there_is_told_with_what_to_do(home, capsys):
    assert main(["posts", "list", "--url", "127.0.0.1:9", "--token", TOKEN]) == 5
    told = capsys.readouterr().err
    assert told.startswith("bridge: Nothing answers at http://127.0.0.1:9 (ConnectError).")
    assert TOKEN not in told


@pytest.mark.parametrize(
    "words",
    [
        ["posts"], ["posts", "list", "--state", "nope"], ["posts", "list", "--limit", "0"], ["posts", "nothing"],
        ["posts", "retry", "a", "--wait", "500"], ["completion", "cmd"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_call_that_makes_no_sense_ends_with_2(words, home):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["posts", "edit", "a"], "Nothing was given to edit."),
        (["publish", "--tiktok", "{"], "--tiktok '{' is no JSON."),
        (["publish", "--body", "nowhere.json"], "nowhere.json cannot be read: No such file or directory."),
        (["endpoints", "edit", "a", "--where", "x"], "--where 'x' has no '='. Write --where NAME=WORD."),
        (["endpoints", "edit", "a", "--rate", "fast"], "--rate 'fast' is no number."),
        (["posts", "list", "--url", "ftp://a"], "'ftp://a' is no address of a service."),
        (["posts", "list", "--url", "http://a?token=b"], "'http://a' is no address of a service."),
        (["posts", "list", "--profile", "nope"], "There is no profile 'nope' with a `url`. There are: none."),
        (["replay"], "Say which: "),
        (["replay", "--missed", "--since", "1h"], "--missed takes --endpoint and --since"),
    ],
)
def test_what_is_found_to_make_no_sense_ends_with_2_and_a_sentence(words, told, counter, capsys):
    assert main(words) == 2
    assert told in capsys.readouterr().err
    assert counter.asked == []


def test_a_test_that_fails_is_a_failure(counter):
    failed = samples()["tested"] | {"attempt": samples()["tested"]["attempt"] | {"outcome": "failed"}}
    unknown = samples()["tested"] | {"attempt": None, "why": "it is held"}
    for said, how in ((samples()["tested"], 0), (failed, 1), (unknown, 1)):
        counter.answers.clear()
        counter.answer("POST /v1/endpoints/ops/test", said)
        assert main(["endpoints", "test", "ops"]) == how
    assert counter.lines[0] == "POST /v1/endpoints/ops/test?wait=20"


def test_one_account_is_found_by_any_of_its_names(counter, capsys):
    counter.answer("GET /v1/accounts", page(*samples()["accounts"]))
    wanted = samples()["accounts"][1]
    for name in (wanted["name"], wanted["id"], f"genviral:{wanted['id']}"):
        assert main(["accounts", "show", name, "--json"]) == 0
        assert orjson.loads(capsys.readouterr().out) == wanted
    assert main(["accounts", "show", "nobody"]) == 3
    same = samples()["accounts"][0] | {"id": wanted["id"], "partner": "other"}
    counter.answers["GET /v1/accounts"] = []
    counter.answer("GET /v1/accounts", page(wanted, same))
    assert main(["accounts", "show", wanted["id"]]) == 1
    assert "is several: genviral:" in capsys.readouterr().err


def test_a_closed_cause_is_found_too(counter, capsys):
    counter.answer("GET /v1/causes", page())
    counter.answer("GET /v1/causes", page(samples()["causes"][0]))
    assert main(["causes", "show", samples()["causes"][0]["id"]]) == 0
    assert counter.lines == ["GET /v1/causes", "GET /v1/causes?state=closed"]


def test_ids_of_partners_stand_in_the_path(counter):
    counter.answer("GET /v1/posts/genviral:a%2Fb%3Fc", samples()["post"])
    assert main(["posts", "show", "genviral:a/b?c"]) == 0


def test_an_empty_list_says_so_beside_the_output(counter, capsys):
    counter.answer("GET /v1/endpoints", page())
    assert main(["endpoints", "list"]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "There is none.\n")


@pytest.mark.slow
def test_whoever_stops_reading_ends_it_quietly(counter):
    counter.answer("GET /v1/posts", page(*[{"id": f"post_{number}" + "x" * 500} for number in range(1000)]))
    command = [sys.executable, "-m", "bridge", "posts", "list", "--json"]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ)
    assert pipe.stdout is not None
    pipe.stdout.readline()
    pipe.stdout.close()
    assert pipe.stderr is not None
    assert (pipe.stderr.read(), pipe.wait(30)) == (b"", 141)
    pipe.stderr.close()


def on_a_terminal(**environ: str) -> str:
    """What a list of posts looks like on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, "-m", "bridge", "posts", "list"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **environ})
    assert process.wait(30) == 0
    os.close(theirs)
    told = os.read(ours, 10_000).decode()
    os.close(ours)
    return told


@pytest.mark.slow
def test_a_terminal_has_colours_and_a_width_unless_somebody_wants_none(counter):
    counter.answer("GET /v1/posts", page(*samples()["posts"]))
    coloured = on_a_terminal(TERM="xterm")
    plain = on_a_terminal(TERM="xterm", NO_COLOR="1")
    assert "\x1b[33mscheduled" in coloured
    assert "\x1b" not in plain
    assert max(map(cell_len, plain.splitlines())) <= 80
