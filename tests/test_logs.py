"""Logs: one JSON object a line, everybody's lines through one door, and no secret through it."""

import asyncio
import io
import json
import logging
import sys
from datetime import datetime

import pytest
import structlog

from bridge import logs
from bridge.core.redact import MARK, Redactor

SECRET = "tok-3f9a-Zq71"


class Lines(io.TextIOWrapper):
    """A stream like standard output that remembers, and may pass for a terminal."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> str:
        return self.buffer.getvalue().decode()

    def json(self) -> list[dict]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture(autouse=True)
def _restored():
    """Leave logging as it was found."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    structlog.reset_defaults()
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def lines():
    stream = Lines()
    logs.configure(Redactor([SECRET]), level="info", stream=stream)
    return stream


def test_a_line_is_one_json_object_with_time_level_and_event_first(lines):
    structlog.get_logger().info("hook.accepted", event_id="evt_1", count=2, at=None)

    (line,) = lines.json()
    assert list(line) == ["timestamp", "level", "event", "event_id", "count", "at"]
    assert (line["level"], line["event"], line["event_id"], line["count"]) == ("info", "hook.accepted", "evt_1", 2)
    assert datetime.fromisoformat(line["timestamp"]).utcoffset().total_seconds() == 0


def test_lines_below_the_level_are_left_out(lines):
    structlog.get_logger().debug("step.taken")
    logging.getLogger("alembic").debug("step")

    assert lines.text() == ""


@pytest.mark.parametrize(
    "fact",
    [
        SECRET,
        f"https://example.com/?token={SECRET}",
        {"deep": [{"value": f"x{SECRET}y"}]},
        ValueError(f"Bearer {SECRET}"),
        SECRET.encode(),
        {SECRET: 1},
    ],
)
def test_no_secret_is_written(lines, fact):
    structlog.get_logger().info("hook.rejected", fact=fact)

    assert SECRET not in lines.text()
    assert MARK in lines.text()


def test_a_secret_in_a_traceback_is_not_written(lines):
    try:
        raise ValueError(f"cannot use {SECRET}")
    except ValueError:
        structlog.get_logger().exception("tick.failed")

    (line,) = lines.json()
    assert line["level"] == "error"
    assert line["exception"].endswith(f"ValueError: cannot use {MARK}")


def test_a_library_speaks_through_the_same_door(lines):
    logging.getLogger("alembic.runtime").info("Running upgrade to %s with %s", "0001", SECRET)

    (line,) = lines.json()
    assert (line["level"], line["event"]) == ("info", f"Running upgrade to 0001 with {MARK}")
    assert line["logger"] == "alembic.runtime"


def test_a_librarys_exception_comes_with_its_traceback(lines):
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it broke")

    (line,) = lines.json()
    assert "ValueError: why" in line["exception"]


@pytest.mark.parametrize("name", ["httpx", "uvicorn.access", "apscheduler.scheduler", "asyncio"])
def test_libraries_that_tell_of_every_request_are_kept_quiet(lines, name):
    logging.getLogger(name).info("HTTP Request: POST https://example.com/")

    assert lines.text() == ""


def test_words_of_a_sender_that_a_library_warns_with_are_not_written(lines):
    logging.getLogger("python_multipart.multipart").warning("Unknown Content-Transfer-Encoding: %r", b"words")

    assert lines.json() == []


def test_an_odd_level_of_a_library_is_rounded_down(lines):
    logging.getLogger("library").log(25, "louder than info")

    assert lines.json()[0]["level"] == "info"


def test_a_library_that_cannot_format_its_line_is_told_on_standard_error(lines, capsys):
    root = logging.getLogger()
    root.handlers[:] = [
        one for one in root.handlers if type(one).__module__ == logs.__name__
    ]  # Without the test runner's own handler, which would raise.

    root.info("%d", "not a number")

    assert lines.text() == ""
    assert "Logging error" in capsys.readouterr().err


def test_values_json_does_not_know_are_written_as_text(lines):
    structlog.get_logger().info("step.taken", fact=object, pair=(1, {2: 3}))

    assert lines.json()[0]["fact"] == "<class 'object'>"
    assert lines.json()[0]["pair"] == [1, {"2": 3}]


def test_a_terminal_gets_readable_lines_without_secrets():
    stream = Lines(terminal=True)
    logs.configure(Redactor([SECRET]), stream=stream)

    structlog.get_logger().warning("command.retry_scheduled", url=f"https://h/?{SECRET}", password=SECRET)

    assert "command.retry_scheduled" in stream.text()
    assert SECRET not in stream.text()
    with pytest.raises(json.JSONDecodeError):
        stream.json()


def test_the_last_configuration_counts_also_for_loggers_that_spoke_before(lines):
    log = structlog.get_logger()
    log.info("before.told")
    second = Lines()

    logs.configure(Redactor(), level="warning", stream=second)
    log.info("after.told")
    log.error("after.failed")
    logging.getLogger("library").error("said once")

    assert [line["event"] for line in lines.json()] == ["before.told"]
    assert [line["event"] for line in second.json()] == ["after.failed", "said once"]


def test_standard_output_is_the_default(capsys):
    logs.configure(Redactor(), as_json=True)

    structlog.get_logger().info("hook.accepted")
    sys.stdout.flush()

    assert json.loads(capsys.readouterr().out)["event"] == "hook.accepted"


def test_an_unknown_level_is_refused():
    with pytest.raises(KeyError):
        logs.configure(Redactor(), level="loud")


def test_lines_of_one_turn_of_the_loop_are_written_together(lines):
    async def turn() -> tuple[int, int]:
        structlog.get_logger().info("one.said")
        structlog.get_logger().info("two.said")
        before = len(lines.json())
        await asyncio.sleep(0)
        return before, len(lines.json())

    assert asyncio.run(turn()) == (0, 2)


def test_the_last_line_before_the_loop_ends_is_written(lines):
    async def last() -> None:
        structlog.get_logger().info("last.said")

    asyncio.run(last())
    assert [line["event"] for line in lines.json()] == ["last.said"]


def test_a_stream_that_is_gone_is_no_error(lines):
    lines.close()
    structlog.get_logger().info("nobody.heard")
