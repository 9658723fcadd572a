"""docs/verifying.md in Node.js and in a shell: each way verifies what a real receiver got, and nothing else."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson
import pytest

from bridge.simulator.receiver import Received
from tests.e2e.receiving import SECRET, receive
from tests.test_docs import DOCS, blocks

HERE = Path(__file__).parent
PAGE = (DOCS / "verifying.md").read_text()
RUN = """
import {{ readFileSync }} from "node:fs";
import {{ receive }} from {module!r};
console.log(JSON.stringify(receive(JSON.parse(process.argv[1]), readFileSync(process.argv[2]))));
"""


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Received:
    return receive(tmp_path_factory.mktemp("town"), "standard")["standard"]


@pytest.fixture
def body(received: Received, tmp_path: Path) -> Path:
    """The bytes that came, as a file."""
    path = tmp_path / "body.json"
    path.write_bytes(received.body)
    return path


@pytest.fixture
def modules() -> Iterator[Path]:
    """A folder from which the packages of the lock are found."""
    folder = HERE / "node_modules" / ".verifying"
    folder.mkdir(exist_ok=True)
    yield folder
    shutil.rmtree(folder)


def run(*command: str, environ: Mapping[str, str] | None = None, folder: Path = HERE) -> tuple[int, str, str]:
    """Run a command to its end: its status, what it said, and why it failed."""
    environ = {"PATH": os.environ["PATH"]} | dict(environ or {})
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("code", blocks(PAGE, "js"), ids=["library", "alone"])
def test_node_verifies_it(received: Received, body: Path, modules: Path, code: str):
    module = modules / "receive.mjs"
    module.write_text(f'const SECRET = "{SECRET}";\n{code}')
    command = ("node", "--input-type=module", "-e", RUN.format(module=str(module)))
    headers = orjson.dumps(received.headers).decode()

    status, told, fault = run(*command, headers, str(body))
    assert (status, fault) == (0, "")
    assert orjson.loads(told) == received.json
    old = orjson.dumps(received.headers | {"webhook-timestamp": "1700000000"}).decode()
    assert run(*command, old, str(body))[0] != 0
    body.write_bytes(received.body + b" ")
    status, told, fault = run(*command, headers, str(body))
    assert (status, told) == (1, "")
    assert "not genuine" in fault or "No matching signature" in fault


def test_a_shell_verifies_it(received: Received, body: Path):
    [code] = blocks(PAGE, "sh")
    names = {"ID": "webhook-id", "TIMESTAMP": "webhook-timestamp", "SIGNATURE": "webhook-signature"}
    environ = {"SECRET": SECRET} | {name: received.headers[header] for name, header in names.items()}

    assert run("sh", "-euc", code, environ=environ, folder=body.parent) == (0, "genuine\n", "")
    body.write_bytes(received.body + b" ")
    assert run("sh", "-euc", code, environ=environ, folder=body.parent) == (1, "not genuine\n", "")
