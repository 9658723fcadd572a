"""Rows `idle_rss` and `start`: a migrated service with one of each, against a bare Starlette process."""

import tempfile
import time
from pathlib import Path

import psutil

from bench._engines import Engine
from bench._run import Row, config, free_port, process, until_answers, until_listens

IDLE_S = 4.0


def _one(command: list[str], port: int, environ: dict[str, str]) -> tuple[float, float]:
    """Start, wait until ready, idle: seconds to ready, resident MB."""
    began = time.perf_counter()
    with process(*command, environ=environ) as running:
        until_answers(port)
        ready_s = time.perf_counter() - began
        time.sleep(IDLE_S)
        return ready_s, psutil.Process(running.pid).memory_info().rss / 1e6


def measure(engine: Engine, repetitions: int) -> list[Row]:
    """Measure both, turn by turn; the first start of the service, which makes its tables, is left out."""
    mine, other = [], []
    with tempfile.TemporaryDirectory() as name:
        port, bare_port, partner_port = free_port(), free_port(), free_port()
        database, sink_port = engine.database(), free_port()
        path, environ = config(Path(name), database, port=port, partner_port=partner_port, sink_port=sink_port)
        with process("bridge", "simulate", "genviral", "--port", str(partner_port)):
            until_listens(partner_port)
            for turn in range(repetitions + 1):
                here = _one(["bridge", "serve", "--config", str(path)], port, environ)
                there = _one(["bench._servers", "bare", str(bare_port)], bare_port, {})
                if turn:
                    mine.append(here)
                    other.append(there)
    reference = "bare Starlette process on uvicorn"
    return [
        Row("idle_rss", engine.name, "MB", reference, [pair[1] for pair in mine], [pair[1] for pair in other]),
        Row("start", engine.name, "s", reference, [pair[0] for pair in mine], [pair[0] for pair in other]),
    ]
