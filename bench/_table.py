"""The table that `make bench` prints: each row's ratio first, and beside it what is aimed at."""

from bench._run import Row

AIMS = {
    ("accept", "sqlite"): "0.18 or more",
    ("accept", "postgresql"): "0.10 or more",
    ("deliver", "sqlite"): "0.35 or more",
    ("deliver", "postgresql"): "0.20 or more",
    "growth_accept": "below 1.3",
    "growth_claim": "below 1.3",
    "growth_deliver": "below 1.3",
    "growth_timeline": "below 1.3",
    "watch_cpu": "below 5 ms",
    "watch_rss": "below 300 MB",
    "console_now": "below 60 ms",
    "console_posts": "below 60 ms",
    "console_state": "below 60 ms",
    "console_text": "below 250 ms",
    "console_post": "below 60 ms",
    "idle_rss": "below 90 MB",
    "start": "below 2 s",
}
"""By row, or by row and engine. Those without a unit are ratios."""

_PER = {"statements": "0.5 or less", "commits": "0.1 or less"}


HEAD = (
    f"{'ratio':>7} {'spread':>15}  {'row':<15} {'engine':<10} {'median':>10} {'unit':<12} {'aim':<13} "
    "reference (median)\n"
)


def shown(row: Row) -> str:
    """Return the lines of a row; statements and commits have one each."""
    lines = [_line(row)]
    for name, value in row.more.items():
        aim = _PER.get(name.partition("/")[0], "")
        lines.append(f"{value:>7.3f} {'':>15}  {row.row:<15} {row.engine:<10} {name:>23} {aim}".rstrip())
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    wire = row.wire()
    spread = f"{wire['ratio_min']:.3f}-{wire['ratio_max']:.3f}"
    aim = AIMS.get((row.row, row.engine)) or AIMS.get(row.row, "")
    return (
        f"{wire['ratio']:>7.3f} {spread:>15}  {row.row:<15} {row.engine:<10} {wire['median']:>10.2f} {row.unit:<12} "
        f"{aim:<13} {row.reference} ({wire['reference_median']:.2f})"
    )
