"""SIGHUP ends no process that is about to serve."""

import subprocess
import sys

_ASKED = """
import signal, sys

class Asked:
    def find_spec(self, name, path, target=None):
        if name == "bridge.cli.serve":
            sys.exit(f"SIGHUP is {signal.getsignal(signal.SIGHUP).name}")

import bridge.cli
sys.meta_path.insert(0, Asked())
bridge.cli.main(["serve"])
"""


def test_it_is_ignored_before_all_that_takes_time_is_imported():
    done = subprocess.run([sys.executable, "-c", _ASKED], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == "SIGHUP is SIG_IGN\n"
