"""Looking through JSON of any shape: in the order it is written, and no further than is sensible."""

from bridge.core.trees import DEEPEST, MOST, lines, mappings


def names(data) -> list[str]:
    return [str(one["name"]) for one in mappings(data) if "name" in one]


def test_mappings_come_in_the_order_they_are_written():
    data = {"name": "a", "in": [{"name": "b", "in": {"name": "c"}}, "x", [{"name": "d"}]], "last": {"name": "e"}}

    assert names(data) == ["a", "b", "c", "d", "e"]


def test_what_is_no_tree_has_no_mappings():
    assert [list(mappings(data)) for data in (None, 7, "text", [], [None, "x"])] == [[]] * 5


def test_what_lies_too_deep_is_left_out():
    data: dict[str, object] = {"name": "bottom"}
    for depth in range(DEEPEST + 1, 0, -1):
        data = {"name": depth, "in": data}

    found = names(data)
    assert (len(found), found[-1]) == (DEEPEST + 1, str(DEEPEST + 1))


def test_what_is_too_much_is_left_out():
    assert len(names([{"name": "x"}] * (MOST // 2 + 10))) < MOST // 2 + 10


def test_lines_without_text_are_left_out():
    assert lines(iter(["  one ", "", " \n", "two"])) == "one\ntwo"
