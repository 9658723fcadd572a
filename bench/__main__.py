"""`make bench`: measure every row on both engines, print a table with the ratio first, write bench/out/results.json."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from bench import accept, console, deliver, disk, fanout, growth, hanging, hook, idle, open_model, together, watch
from bench._engines import ENGINES, Engine, started
from bench._run import REPETITIONS, Row
from bench._table import HEAD, shown

OUT = Path(__file__).parent / "out" / "results.json"
MEASURES: dict[str, Callable[[Engine, int], Row | list[Row]]] = {
    "accept": accept.measure,
    "hook": hook.measure,
    "deliver": deliver.measure,
    "fanout": fanout.measure,
    "together": together.measure,
    "open": open_model.measure,
    "hanging": hanging.measure,
    "watch": watch.measure,
    "growth": growth.measure,
    "console": console.measure,
    "idle": idle.measure,
    "disk": disk.measure,
}


def main() -> int:
    """Measure what is named on the command line, else everything."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"any of {', '.join(MEASURES)}; all when left out")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="both when left out")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, metavar="N", help=f"{REPETITIONS} by default")
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - MEASURES.keys():
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    rows: list[Row] = []
    failed = 0
    sys.stdout.write(HEAD)
    for name in arguments.engine or ENGINES:
        with started(name) as engine:
            for row in arguments.rows or MEASURES:
                found = _measured(row, engine, arguments.repetitions)
                failed += not found
                rows += found
                sys.stdout.write("".join(map(shown, found)))
                sys.stdout.flush()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(orjson.dumps([row.wire() for row in rows], option=orjson.OPT_INDENT_2))
    return 1 if failed else 0


def _measured(name: str, engine: Engine, repetitions: int) -> list[Row]:
    """Measure one row; nothing when it failed, which is told, so that the others are measured all the same."""
    began = time.perf_counter()
    try:
        found = MEASURES[name](engine, repetitions)
    except Exception as error:  # noqa: BLE001  # Whatever a row fails by, the rows after it can be measured.
        sys.stderr.write(f"bench: {name} on {engine.name} failed: {error!r}\n")
        return []
    sys.stderr.write(f"bench: {name} on {engine.name} took {time.perf_counter() - began:.0f} s\n")
    return found if isinstance(found, list) else [found]


if __name__ == "__main__":
    sys.exit(main())
