"""`bridge health` beside a real service whose configuration is edited while it runs."""

import signal
from pathlib import Path

import pytest
import yaml

from tests.e2e.process import SECRETS, run, running, write_config

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("edit", ["broken", "another port"])
def test_a_service_that_goes_on_by_its_former_configuration_is_well(tmp_path: Path, edit: str):
    environ = SECRETS | {"TMPDIR": str(tmp_path)}
    server = {"host": "127.0.0.1", "port": 0, "admin": {"port": 0}}
    path = write_config(tmp_path, server=server)
    with running(tmp_path / "log", "serve", "-c", str(path)) as process:
        process.said("service.started")
        tree = yaml.safe_load(path.read_text()) | {"server": server | {"admin": {"port": 1}}}
        path.write_text(yaml.safe_dump(tree) if edit == "another port" else "server: {port: 1")

        assert run("health", "-c", str(path), environ=environ).stdout == "ready\n"
        assert run("health", "-c", str(path), "--live", environ=environ).stdout == "live\n"

        process.end(signal.SIGKILL)
        assert run("health", "-c", str(path), "--live", environ=environ).returncode == 1
