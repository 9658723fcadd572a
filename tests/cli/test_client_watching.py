"""`bridge tail` and `bridge replay` watch what goes on, and take up what was lost."""

import io
import subprocess

import orjson
import pytest

from bridge.cli import main
from bridge.cli.client import replay, tail
from tests.cli.drawn import samples

JOB = {
    "id": "rpl_1", "state": "running", "filter": {}, "total": 3, "sent": 0, "skipped": 0, "detail": None, "by": "me",
    "created_at": "2026-03-02T12:00:00Z", "ended_at": None,
}  # fmt: skip


def stream(*events, first=1):
    told = [
        f"id: c{number}\nevent: {event['type']}\ndata: {orjson.dumps(event).decode()}\n\n"
        for number, event in enumerate(events, first)
    ]
    return ": ping\n\n".join(told).encode() or b": ping\n\n"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(tail.time, "sleep", lambda _: None)


def test_each_event_is_a_line_until_there_were_enough(counter, capsys):
    counter.answer("GET /v1/stream", stream(*samples()["told"]), content_type="text/event-stream")
    assert main(["tail", "--count", "2", "--type", "post.*,target.*", "--post", "post_1", "--after", "c0"]) == 0
    assert counter.lines == ["GET /v1/stream?types=post.%2A%2Ctarget.%2A&post=post_1"]
    assert counter.asked[0].headers["last-event-id"] == "c0"
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == ["post.pending", "target.failed"]


def test_each_event_is_json_as_it_was_told(counter, capsys):
    counter.answer("GET /v1/stream", stream(*samples()["told"]), content_type="text/event-stream")
    assert main(["tail", "--count", "4", "--json"]) == 0
    assert [orjson.loads(line) for line in capsys.readouterr().out.splitlines()] == samples()["told"]


def test_a_stream_that_ends_is_taken_up_where_it_ended(counter, capsys):
    first, second, third, _ = samples()["told"]
    kind = {"content_type": "text/event-stream"}
    counter.answer("GET /v1/stream", stream(first), **kind)
    counter.refuse("GET /v1/stream", 503, "draining")
    # What was told shortly before may come again.
    counter.answer("GET /v1/stream", stream(first, second, third), **kind)
    assert main(["tail", "--count", "3", "--json"]) == 0
    told = capsys.readouterr()
    assert [orjson.loads(line)["type"] for line in told.out.splitlines()] == [
        "post.pending", "target.failed", "target.posted",
    ]  # fmt: skip
    assert [one.headers.get("last-event-id") for one in counter.asked] == [None, "c1", "c1"]
    assert "The connection is lost (the service ended it); again in 0.5 s." in told.err


def test_a_service_that_will_not_have_it_ends_the_verb(counter):
    counter.refuse("GET /v1/stream", 401, "unknown_token")
    assert main(["tail"]) == 4
    counter.answers.clear()
    counter.answer("GET /v1/stream", b"<html>", content_type="text/html")
    assert main(["tail"]) == 5
    assert main(["tail", "--url", "http://127.0.0.1:9"]) == 5


def test_what_the_service_does_not_filter_is_filtered_here(counter, capsys):
    events = [
        {"type": "post.posted", "data": {"source": source, "partner": partner, "subject": {"id": f"post_{number}"}}}
        for number, (source, partner) in enumerate([("blog", "genviral"), ("api", "genviral"), ("blog", "other")])
    ]
    events.append(
        {"type": "post.posted", "data": {"source": "blog", "partner": "genviral", "subject": {"id": "post_9"}}}
    )
    counter.answer("GET /v1/stream", stream(*events), content_type="text/event-stream")
    words = ["--source", "blog", "--partner", "genviral", "--post", "post_0", "--post", "post_9"]
    assert main(["tail", "--count", "2", "--json", *words]) == 0
    shown = [orjson.loads(line)["data"]["subject"]["id"] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["post_0", "post_9"]


def test_a_replay_is_watched_to_its_end(counter, capsys, monkeypatch):
    counter.answer("POST /v1/deliveries/replay", JOB, 202)
    counter.answer("GET /v1/replays/rpl_1", JOB | {"sent": 2})
    counter.answer("GET /v1/replays/rpl_1", JOB | {"sent": 3, "state": "done"})
    assert main(["replay", "--endpoint", "ops", "--since", "2026-03-02T12:00:00Z", "--state", "done", "--json"]) == 0
    assert counter.asked[0].body == {"endpoint": "ops", "since": "2026-03-02T12:00:00Z", "state": "done"}
    assert orjson.loads(capsys.readouterr().out)["sent"] == 3


def test_a_terminal_sees_a_bar(counter, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    counter.answer("POST /v1/deliveries/replay", JOB, 202)
    counter.answer("GET /v1/replays/rpl_1", JOB | {"sent": 3, "state": "done"})
    assert main(["replay", "--endpoint", "ops"]) == 0
    assert "3/3" in terminal.getvalue()


def test_all_that_an_endpoint_missed_is_asked_for_as_that(counter):
    counter.answer("POST /v1/deliveries/replay", JOB | {"state": "done"}, 202)
    assert main(["replay", "--missed", "--endpoint", "ops", "--since", "2026-03-02T12:00:00Z"]) == 0
    assert main(["replay", "--all"]) == 0
    assert counter.asked[0].body == {"endpoint": "ops", "missed_since": "2026-03-02T12:00:00Z"}
    assert counter.asked[1].body == {"all": True}


def test_a_replay_that_is_stopped_has_failed(counter):
    counter.answer("POST /v1/deliveries/replay", JOB, 202)
    counter.answer("GET /v1/replays/rpl_1", JOB | {"state": "stopped", "detail": "its endpoint was disabled"})
    assert main(["replay", "--endpoint", "ops"]) == 1


def test_whoever_does_not_wait_or_interrupts_is_told_how_to_look_again(counter, capsys, monkeypatch):
    counter.answer("POST /v1/deliveries/replay", JOB, 202)
    counter.answer("GET /v1/replays/rpl_1", JOB)
    assert main(["replay", "--endpoint", "ops", "--no-wait"]) == 0
    assert "See it: bridge replays show rpl_1; end it: bridge replays stop rpl_1" in capsys.readouterr().err

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(replay.time, "sleep", interrupt)
    assert main(["replay", "--endpoint", "ops"]) == 130
    assert "See it: bridge replays show rpl_1" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_a_shell_completes_every_verb(shell, capsys, tmp_path):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("posts", "deliveries", "tail", "completion", "serve"):
        assert word in script
    if shell == "bash":
        (tmp_path / "bridge").write_text(script)
        ask = "COMP_WORDS=(bridge posts re); COMP_CWORD=2; _shtab_bridge; echo ${COMPREPLY[*]}"
        told = subprocess.run(["bash", "-c", f". {tmp_path}/bridge; {ask}"], capture_output=True, text=True, check=True)
        assert told.stdout == "retry\n"
