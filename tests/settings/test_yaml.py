"""What YAML cannot read is told with its line, in our words; the text itself may be a secret."""

import pytest

from bridge.core.errors import SettingsError
from bridge.settings import load, stamp

HUSH = "hush-hush"
UNREADABLE = {
    "a character": ("a: b\n\x00", "bridge.yaml line 2", "is not YAML: it has the character U+0000"),
    "deep": ("[" * 3000, "bridge.yaml", "is not YAML: it is nested too deep"),
    "rather deep": ("[" * 101 + "]" * 101, "bridge.yaml line 1", "is not YAML: it is nested too deep"),
    "in itself": ("x: 1\na: &a [*a]", "bridge.yaml line 2", "is not YAML: an alias stands within what it stands for"),
    "merged in itself": ("a: &a {<<: *a}", "bridge.yaml line 1", "an alias stands within what it stands for"),
    "no day": ("x: 1\ny: 2026-13-45", "bridge.yaml line 2", "looks like a date or a number and is none"),
    "no moment": ("x: 2026-01-01 00:00:00 +99:00", "bridge.yaml line 1", "looks like a date or a number and is none"),
    "no number": (f"x: !!int {HUSH}", "bridge.yaml line 1", "looks like a date or a number and is none"),
    "no truth": (f"x: !!bool {HUSH}", "bridge.yaml line 1", "looks like a date or a number and is none"),
    "no date": (f"x: !!timestamp {HUSH}", "bridge.yaml line 1", "looks like a date or a number and is none"),
    "too long a number": ("x: " + "9" * 5000, "bridge.yaml line 1", "looks like a date or a number and is none"),
    "an alias": (f"x: *{HUSH}", "bridge.yaml line 1", "is not YAML: found undefined alias"),
    "a tag": (f"x: !{HUSH} y", "bridge.yaml line 1", "is not YAML: could not determine a constructor for the tag"),
    "a quoted tag": (f"x: !it's{HUSH} y", "bridge.yaml line 1", "could not determine a constructor for the tag"),
    "an anchor": (f"x: [&{HUSH} 1, &{HUSH} 2]", "bridge.yaml line 1", "is not YAML: second occurrence"),
    "a character that begins nothing": (f"x: @{HUSH}", "bridge.yaml line 1", "found character '@' that cannot"),
    "no end": ("x: [", "bridge.yaml line 1", "but found '<stream end>'"),
    "a key of keys": (f"? {{{HUSH}: b}}\n: c", "bridge.yaml line 1", "found unhashable key"),
    "two texts": ("{}\n---\n{}", "bridge.yaml line 2", "but found another document"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_it_is_a_fault_with_a_line_and_without_the_text(tmp_path, kinds, name):
    text, field, problem = UNREADABLE[name]
    file = tmp_path / "bridge.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(file, {}, kinds)

    [fault] = caught.value.faults
    assert (fault.field, HUSH in str(caught.value)) == (field, False)
    assert problem in fault.problem
    assert caught.value.files == {file: stamp(file)}


@pytest.mark.parametrize("text", ["[*a]", "[" * 3000, "[2026-13-45]", "[&a [*a]]", "{a: 1, a: 2}"])
def test_a_variable_that_is_no_yaml_is_a_fault_of_it(refused, text):
    name = "BRIDGE_PUBLISH__ACCOUNTS"
    faults = refused(**{name: text})
    assert list(faults) in ([name], [name, "publish.accounts"])
    assert faults[name].startswith("begins like YAML, but ")


def test_an_alias_of_something_else_is_what_it_stands_for(read):
    first, second = (
        "{name: a, token: {env: CALLER}, accounts: &some [x-*]}",
        "{name: b, token: {env: KEY}, accounts: *some}",
    )
    text = f"tokens: [{first}, {second}]"
    assert [token.accounts for token in read(text).tokens] == [("x-*",)] * 2
