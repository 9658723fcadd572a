"""The cases of the alerts prove each part of every rule: without it at least one of them fails."""

import json
import os
import re
import subprocess
from itertools import groupby
from operator import itemgetter

from tests.rules import alerts, unit_tests
from tests.system.rule_mutants import mutants

SAME = (
    # Of values that are 0 or more, the sum is above 0 where the highest is; and the value itself is not told.
    ("BridgeAbsent: sum instead of max", "up{"),
    ("BridgeSlackDisconnected: sum instead of max", "socket_connected"),
    ("BridgeIntakeFailing: max instead of sum", "[10m]"),
    ("BridgeIntakeFailing: max instead of sum", 'outcome!~"failed|overloaded|unauthorized|forbidden|invalid"}[6h]'),
    ("BridgeSourceLockedOut: max instead of sum", "outcome!~"),
    ("BridgeFeedUnread: max instead of sum", "failed"),
    ("BridgeFeedUnread: max instead of sum", "ok|unchanged"),
    ("BridgeStorageErrors: max instead of sum", "[3m]"),
    ("BridgeDiskFull: max instead of sum", "[15m]"),
    ("BridgeDiskFull: min instead of max", "<"),
    ("BridgeDiskFull: sum instead of max", "<"),
    # An instance has one such series; summed up it has only its own labels.
    ("BridgeGaugesFrozen: max instead of sum", "gauges"),
    ("BridgeReloadRefused: max instead of min", "reload"),
    # Where every other outcome stands still, all outcomes together are these.
    ("BridgeSourceLockedOut: ", 'without outcome=~"unauthorized|forbidden"'),
)
"""Changes that change nothing: how each begins, and what is in it."""


def written(folder, number, mutant):
    """Write a mutant and the cases that try it, as promtool wants them; return the files with the cases."""
    (folder / f"{number}.json").write_text(json.dumps({"groups": [{"name": "one", "rules": mutant.rules}]}))
    tests = unit_tests({name: alerts()[name] for name in mutant.alerts})
    for every, some in groupby(sorted(tests, key=itemgetter("interval")), itemgetter("interval")):
        path = folder / f"{number}-{every}.json"
        path.write_text(
            json.dumps({"rule_files": [f"{number}.json"], "evaluation_interval": every, "tests": list(some)})
        )
        yield path


def test_no_part_of_a_rule_can_be_left_out_without_a_case_that_fails(tmp_path):
    tried = {number: (mutant, list(written(tmp_path, number, mutant))) for number, mutant in enumerate(mutants())}
    files = [path for _, paths in tried.values() for path in paths]
    # Thousands of small databases, each soon forgotten: collecting garbage less often saves a third of the time.
    less = {**os.environ, "GOGC": "400"}
    done = subprocess.run(["promtool", "test", "rules", *files], env=less, capture_output=True, text=True, check=False)
    assert done.stdout.count("Unit Testing:") == len(files), done.stderr
    passed = set(re.findall(r"^Unit Testing: +(\S+)\n +SUCCESS$", done.stdout, re.MULTILINE))
    kept = [mutant.said for mutant, paths in tried.values() if {str(path) for path in paths} <= passed]
    assert [said for said in kept if not any(is_same(said, same) for same in SAME)] == []
    assert [same for same in SAME if not any(is_same(said, same) for said in kept)] == []


def is_same(said, same):
    return said.startswith(same[0]) and same[1] in said
