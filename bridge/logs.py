"""Sets up logging: structlog for bridge, and the libraries' own lines through the same door.

JSON, one object a line, unless the stream is a terminal. Every line is redacted as a whole, so that no caller has to
think of it. Shape: `{"timestamp": "2026-01-02T03:04:05.678901Z", "level": "info", "event": "event.accepted", ...}`.
"""

import asyncio
import contextlib
import logging
import sys
from datetime import UTC, datetime
from typing import Self, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bridge.core.redact import Redactor
from bridge.core.traces import trace_id
from bridge.tracing import current

LEVELS = ("debug", "info", "warning", "error", "critical")
"""What the setting may be, the most talkative first."""

_LEVEL_OF = {"exception": "error", "warn": "warning", "fatal": "critical"}
# These tell of every request or every tick; bridge says the same in lines of its own, without addresses in them.
_LEAST_LEVEL = {
    "aiohttp": logging.WARNING,
    "apscheduler": logging.ERROR,  # Warns of each tick it leaves out; we count those.
    "asyncio": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "python_multipart": logging.CRITICAL,  # Warns with words of the sender; what it cannot read, we refuse.
    "uvicorn.access": logging.WARNING,
}
_RENDERING = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def configure(
    redactor: Redactor, *, level: str = "info", as_json: bool | None = None, stream: TextIO | None = None
) -> None:
    """Send every log line, ours and the libraries', to one stream. May be called again: the last call counts.

    Args:
        redactor: what takes the secrets out.
        level: one of `LEVELS`; a line below it costs next to nothing.
        as_json: by default True unless `stream` is a terminal.
        stream: a text stream over bytes; by default standard output.

    Raises:
        KeyError: `level` is none of `LEVELS`.
    """
    stream = stream or sys.stdout
    number = logging.getLevelNamesMapping()[level.upper()]
    if as_json is None:
        as_json = not stream.isatty()
    structlog.configure(
        processors=_json(redactor) if as_json else _console(redactor, colors=stream.isatty()),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_Writer(stream) if as_json else structlog.PrintLoggerFactory(stream),
        # A cached logger would outlive the next call; assembling one costs a few microseconds a line.
        cache_logger_on_first_use=False,
    )
    _take_over_libraries(number)


class _Writer:
    """Writes lines; those of one turn of the event loop go out together, so that a busy loop writes once a turn.

    A stream that is gone loses lines, and nothing else: what was being logged has happened.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[bytes] = []

    def __call__(self, *_: object) -> Self:
        """Be the logger that structlog asks its factory for."""
        return self

    def msg(self, line: bytes) -> None:
        """Write one line: at the end of the loop's turn, or at once where no loop runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write([line])
            return
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append(line)

    debug = info = warning = error = critical = msg

    def _flush(self) -> None:
        lines, self._waiting = self._waiting, []
        self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.buffer.write(b"".join(line + b"\n" for line in lines))
            self._stream.buffer.flush()


def _json(redactor: Redactor) -> list[Processor]:
    def render(_: WrappedLogger, method: str, event: EventDict) -> bytes:
        line = {
            "timestamp": datetime.now(UTC),
            "level": _LEVEL_OF.get(method, method),
            "event": event.pop("event", ""),
            **event,
        }
        if (context := current()) is not None:
            line["trace_id"] = trace_id(context)
        written = orjson.dumps(line, default=str, option=_RENDERING)
        if redactor.suspects(written.decode()):
            written = orjson.dumps(redactor.json(line), default=str, option=_RENDERING)
        return written

    return [structlog.processors.format_exc_info, cast(Processor, render)]


def _console(redactor: Redactor, *, colors: bool) -> list[Processor]:
    def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        if (context := current()) is not None:
            event["trace_id"] = trace_id(context)
        return {key: redactor.field(key, value) for key, value in event.items()}

    return [
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        redact,
        structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback),
    ]


class _Passing(logging.Handler):
    """Hands a library's line to structlog: its text is the event, its logger's name a field."""

    def emit(self, record: logging.LogRecord) -> None:
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        facts = {"exc_info": record.exc_info} if record.exc_info else {}
        try:
            structlog.get_logger().log(level, record.getMessage(), logger=record.name, **facts)
        except (TypeError, ValueError):
            self.handleError(record)


def _take_over_libraries(number: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, _Passing)] + [_Passing()]
    root.setLevel(number)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name, least in _LEAST_LEVEL.items():
        logging.getLogger(name).setLevel(max(number, least))
