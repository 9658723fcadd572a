"""docs/architecture.md leaves out no table, room or flow; that the names are there is looked up by `test_docs`."""

import re

from bridge.store._tables import metadata
from tests.test_docs import DOCS, ROOT, first_column, spans, text_of

PAGE = text_of(DOCS / "architecture.md")
PATHS = re.findall(r"bridge/[\w/]+(?:\.py|/)", PAGE)


def test_the_table_of_tables_has_exactly_those_of_the_store():
    assert sorted(first_column(PAGE, "The store")) == sorted(metadata.tables)


def test_each_table_is_met_on_the_way_or_serves_the_machinery():
    walk = PAGE.partition("\n## The store\n")[0]
    aside = {"leases", "restores"}
    assert {name for name in metadata.tables if f"`{name}`" not in walk} == aside


def test_each_room_is_named():
    inner = (path for path in (ROOT / "bridge").iterdir() if not path.name.startswith(("_", ".")))
    rooms = {f"bridge/{path.name}/" if path.is_dir() else f"bridge/{path.name}" for path in inner}
    assert rooms - set(PATHS) - {"bridge/py.typed"} == set()


def test_each_flow_is_on_the_way():
    flows = {path.stem for path in (ROOT / "bridge" / "flows").iterdir() if not path.name.startswith("_")}
    named = {span.split(".")[2] for span in spans(PAGE) if span.startswith("bridge.flows.") and span.count(".") > 2}
    # What is asked for by a call of the API, and ends with its answer.
    assert flows - named == {"erase"}
