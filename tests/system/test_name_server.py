"""A name server that does not answer keeps nobody waiting at the end."""

import signal
from pathlib import Path

from tests.e2e.process import Process, write_config
from tests.system.pods import ask, pod


def test_a_process_ends_while_a_name_is_looked_up(tmp_path: Path) -> None:
    """Its pod has a loopback and a way out on which nobody is: a question to a name server is never answered."""
    with pod(3) as made:
        nowhere = Path("/etc/netns") / made.name
        nowhere.mkdir(parents=True)
        (nowhere / "resolv.conf").write_text("nameserver 192.0.2.1\noptions timeout:30 attempts:5\n")
        partners = {"genviral": {"kind": "genviral", "token": {"env": "E2E_TOKEN"}}}
        config = write_config(tmp_path, partners=partners, server={"host": "0.0.0.0", "port": 8080})
        process = Process(tmp_path / "log", "serve", "--config", str(config), before=made.inside)
        try:
            process.said("service.started")
            process.until(lambda: ask(f"http://{made.address}:8080/livez")[0] == 200, "the service")
            process.send(signal.SIGTERM)
            assert process.status() == 0  # It waits for less than the name server would be asked.
        finally:
            process.send(signal.SIGKILL)
            (nowhere / "resolv.conf").unlink()
            nowhere.rmdir()
