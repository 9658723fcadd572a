"""The vendor's Node SDK as a judge: plays its areas against a simulator process, and has its types hold every answer.

Its version, 1.4.2, does not know Bluesky yet, so that account is taken away.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import orjson

from bridge.simulator.posteverywhere import BLUESKY, DEMO_KEY
from tests.e2e.process import Process

HERE = Path(__file__).parent
TYPES = """import type { PostEverywhere } from "@posteverywhere/sdk";
type Answer<R extends keyof PostEverywhere, M extends keyof PostEverywhere[R]> =
  PostEverywhere[R][M] extends (...given: never[]) => Promise<infer A> ? Frozen<A> : never;
type Frozen<T> = T extends (infer U)[] ? readonly Frozen<U>[]
  : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;
"""
"""An answer `as const` keeps its words; by a name of its own it may have more fields than its type, but none less."""


@dataclass(frozen=True)
class Report:
    """What one area came to: `facts` by name; `answers` as (resource, method, value); `calls` as (method, path, status;
    none if it was cut); `sleeps` in milliseconds."""

    facts: Mapping[str, Any]
    answers: list[tuple[str, str, Any]]
    calls: list[list[Any]]
    sleeps: list[float]


class Judge:
    """The SDK before one simulator, which begins anew for each area."""

    def __init__(self, process: Process) -> None:
        found = process.until(lambda: re.search(r"http://[^/\s]+", process.log.read_text()), "the simulator's address")
        self.url = str(found.group())
        self._reports: dict[str, Report] = {}

    def report(self, area: str) -> Report:
        """Play an area, once."""
        if area not in self._reports:
            self._reports[area] = self._play(area)
        return self._reports[area]

    def _play(self, area: str) -> Report:
        for path in ("reset", f"accounts/{BLUESKY}/remove"):
            httpx.post(f"{self.url}/_control/{path}", trust_env=False).raise_for_status()
        environ = os.environ | {"SIMULATOR_URL": self.url, "SIMULATOR_KEY": DEMO_KEY}
        done = _run(["node", "sdk/run.mjs", area], environ)
        assert done.returncode == 0, done.stdout + done.stderr
        return Report(**orjson.loads(done.stdout))

    @cached_property
    def areas(self) -> list[str]:
        """The names of all areas."""
        listing = 'import("./sdk/areas.mjs").then((found) => console.log(Object.keys(found.areas).join(" ")))'
        return _run(["node", "-e", listing], os.environ).stdout.split()

    def misfits(self) -> str:
        """What the compiler says of all answers of all areas, under the SDK's own types; empty is well."""
        answers = [one for area in self.areas for one in self.report(area).answers]
        lines = [_judged(number, *one) for number, one in enumerate(answers)]
        assert lines
        module = HERE / "node_modules" / ".answers" / "answers.mts"
        module.parent.mkdir(exist_ok=True)
        module.write_text(TYPES + "\n".join(lines))
        options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck"]
        done = _run(["node_modules/.bin/tsc", *options, str(module)], os.environ)
        return done.stdout + done.stderr


def _judged(number: int, resource: str, method: str, value: Any) -> str:
    """One line of TypeScript, so that a complaint names the line of one answer."""
    given = f"const given{number} = {json.dumps(value)} as const;"
    return f'{given} const {resource}_{method}{number}: Answer<"{resource}", "{method}"> = given{number};'


def _run(command: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=HERE, env=dict(environ), capture_output=True, text=True, timeout=120, check=False
    )
