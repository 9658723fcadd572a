"""docs/zapier.md: the code for n8n verifies what a real receiver got, and nothing else."""

import base64
import subprocess
from pathlib import Path

import orjson
import pytest

from bridge.simulator.receiver import Received
from tests.e2e.receiving import SECRET, receive
from tests.test_docs import DOCS, blocks, text_of

[CODE] = blocks(text_of(DOCS / "zapier.md"), "js")
RUN = """
const given = JSON.parse(process.argv[2]);
const node = { helpers: { getBinaryDataBuffer: async () => Buffer.from(given.body, 'base64') } };
const $input = { first: () => ({ json: { headers: given.headers } }) };
const code = async function () {
%s
};
const refuse = (error) => {
  console.error(error.message);
  process.exit(1);
};
code.call(node).then(([{ json }]) => console.log(JSON.stringify(json)), refuse);
"""


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Received:
    return receive(tmp_path_factory.mktemp("town"), "standard")["standard"]


def run(folder: Path, headers: dict[str, str], body: bytes) -> subprocess.CompletedProcess[str]:
    """Run the code as the node does, with stand-ins for what n8n gives it."""
    file = folder / "code.cjs"
    file.write_text(RUN % CODE.replace("whsec_...", SECRET))
    given = orjson.dumps({"headers": headers, "body": base64.b64encode(body).decode()}).decode()
    command = ["node", str(file), given]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_what_is_genuine_goes_on_as_json(received: Received, tmp_path: Path):
    done = run(tmp_path, received.headers, received.body)

    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout) == received.json


def test_what_was_changed_or_is_old_does_not(received: Received, tmp_path: Path):
    changed = run(tmp_path, received.headers, received.body + b" ")
    old = run(tmp_path, received.headers | {"webhook-timestamp": "1700000000"}, received.body)

    assert [(one.returncode, one.stderr.strip()) for one in (changed, old)] == [(1, "not genuine")] * 2
