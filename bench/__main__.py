"""`make bench`: measure every row, print a table with the ratio first, write bench/out/results.json."""

import sys
from pathlib import Path

import orjson

from bench import accept, deliver, fanout, hanging, hook, idle
from bench._run import Row

OUT = Path(__file__).parent / "out" / "results.json"


def main() -> int:
    """Measure what is named on the command line, else everything."""
    measures = {
        "accept": accept.measure,
        "hook": hook.measure,
        "deliver": deliver.measure,
        "fanout": fanout.measure,
        "hanging": hanging.measure,
        "idle": idle.measure,
    }
    rows: list[Row] = []
    for name in sys.argv[1:] or measures:
        sys.stderr.write(f"measuring {name} ...\n")
        found = measures[name]()
        rows += found if isinstance(found, list) else [found]
    wires = [row.wire() for row in rows]
    sys.stdout.write(
        f"{'ratio':>7} {'spread':>15}  {'row':<10} {'engine':<8} {'median':>12} {'unit':<13} reference (median)\n"
    )
    for wire in wires:
        spread = f"{wire['ratio_min']:.3f}-{wire['ratio_max']:.3f}"
        sys.stdout.write(
            f"{wire['ratio']:>7.3f} {spread:>15}  {wire['row']:<10} {wire['engine']:<8} {wire['median']:>12.2f} "
            f"{wire['unit']:<13} {wire['reference']} ({wire['reference_median']:.2f})\n"
        )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(orjson.dumps(wires, option=orjson.OPT_INDENT_2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
