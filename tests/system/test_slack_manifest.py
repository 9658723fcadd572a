"""What `bridge slack manifest` prints has the types that Slack's own package gives a manifest."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.process import run

HERE = Path(__file__).parent
CONFIG = """
server: {public_url: "https://bridge.example.com"}
sources:
  team: {kind: slack, secret: {env: SLACK_SECRET}, bot_token: {env: SLACK_BOT}, accounts: [a]}
  laptop: {kind: slack, mode: socket, app_token: {env: SLACK_APP}, bot_token: {env: SLACK_BOT}, accounts: [a]}
"""
TYPES = """import type { AppsManifestCreateArguments, AppsManifestExportResponse } from "@slack/web-api";
type Asked = AppsManifestCreateArguments["manifest"];
type Kept = NonNullable<AppsManifestExportResponse["manifest"]>;
"""
UNKNOWN_EVENT = "function_executed"
"""The package's list of events lacks it; https://docs.slack.dev/reference/app-manifest (read 2026-11) has it."""


def printed(folder: Path, name: str) -> dict[str, Any]:
    """What the command prints; none of the secrets is set yet, as when an app is first made."""
    (folder / "bridge.yaml").write_text(CONFIG)
    done = run("slack", "manifest", "--name", name, "--json", "--config", str(folder / "bridge.yaml"), environ={})
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def judged(source: str) -> str:
    """What the compiler says of a module; it must lie where the packages are found."""
    module = HERE / "node_modules" / ".manifest" / "manifest.mts"
    module.parent.mkdir(exist_ok=True)
    module.write_text(source)
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck"]
    command = ["node_modules/.bin/tsc", *options, str(module)]
    return subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=120, check=False).stdout


@pytest.mark.parametrize("name", ["team", "laptop"])
def test_the_manifest_has_the_types_of_slacks_own_package(tmp_path, name):
    made = printed(tmp_path, name)
    # Steps are written as the page and an export have them: parameters by name. The type of a request is another.
    asked = {key: value for key, value in made.items() if key != "functions"}
    events = asked["settings"]["event_subscriptions"]["bot_events"]
    assert UNKNOWN_EVENT in events
    events.remove(UNKNOWN_EVENT)
    kept = {"functions": made["functions"]}

    source = f"{TYPES}export const asked: Asked = {json.dumps(asked)};\nexport const kept: Kept = {json.dumps(kept)};\n"
    assert judged(source) == ""


def test_the_compiler_would_see_a_mistake(tmp_path):
    made = printed(tmp_path, "team")
    features = made["features"] | {"shortcuts": [{"type": "somewhere", "name": "a"}]}

    assert '"somewhere"' in judged(
        f"{TYPES}export const asked: Asked = {json.dumps({**made, 'features': features})};\n"
    )
