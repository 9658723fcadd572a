"""Two replicas behind a proxy that lends a connection for one transaction at a time."""

import asyncio
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.crash.audit import broken, query
from tests.crash.replicas import open_replicas
from tests.crash.town import SECRETS
from tests.e2e.process import run
from tests.postgres import UNPRIVILEGED, Cluster, free_port

pytestmark = pytest.mark.anyio

WISHES = 40
LENT = 3
"""How many connections to the server there are for all connections of both replicas."""

SETTINGS = """
[databases]
* = host={folder} port={port} user=bridge

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {lent}
max_client_conn = 100
"""


@contextmanager
def pooled(cluster: Cluster) -> Iterator[int]:
    """Run the proxy and give its port."""
    folder, port = Path(tempfile.mkdtemp(prefix="bridge-pool-", dir="/tmp")), free_port()
    folder.chmod(0o755)
    settings = folder / "pgbouncer.ini"
    settings.write_text(SETTINGS.format(folder=cluster.folder, port=cluster.port, listen=port, lent=LENT))
    with (folder / "log").open("wb") as log:
        command = [*UNPRIVILEGED, shutil.which("pgbouncer") or "pgbouncer", settings]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        _answers(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def _answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until something listens."""
    while process.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("the proxy has ended")


async def test_all_works_through_a_proxy_that_pools_transactions(tmp_path: Path):
    with Cluster.made() as cluster, pooled(cluster) as port:
        direct = cluster.new()
        name = conninfo_to_dict(direct)["dbname"]
        through = {"url": f"postgresql://bridge@127.0.0.1:{port}/{name}", "notify": False}
        async with open_replicas(tmp_path, direct, count=2, through=through) as town:
            migrated = await asyncio.to_thread(
                run, "migrate", "--config", str(tmp_path / "bridge.yaml"), environ=SECRETS
            )
            assert migrated.returncode == 0, migrated.stderr
            await town.start()
            await asyncio.gather(*(town.publish(town.wish()) for _ in range(WISHES)))
            [[lent]] = query(direct, "select count(*) from pg_stat_activity where application_name = 'bridge'")
            await town.rest(limit_s=60)
            assert await town.stop() == [0, 0]
            print(f"\n  {dict(town.told)}, {town.receiver.total} webhooks, {lent} connections to the server")
            assert broken(town) == []
            assert 0 < lent <= LENT
            assert [line for line in town.logged() if '"level":"error"' in line] == []
            assert all(replica.said("event.accepted") for replica in town.replicas)
