"""The real service, able to kill itself: `python -m tests.crash.service`.

Each line on standard input is a JSON list `[CONFIG, LOG, KILL]` and makes a process that serves CONFIG and writes what
it says to LOG. KILL is empty or `store.record:after:3`: SIGKILL to itself as soon as that call of that port's method
has ended (`before`: when it begins). Two lines come back: the process id, and, when it has ended, how: its exit status,
or the negative number of the signal.

The process is forked from one that has imported everything: a start then costs a third of what it would.
"""

import argparse
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from bridge import app
from bridge.app import _service
from bridge.cli import serve
from bridge.partners.genviral import Genviral
from bridge.partners.posteverywhere import PostEverywhere

FEEDS = timedelta(milliseconds=100)
LOOKS = (timedelta(), timedelta(seconds=1))
"""When a lost create is looked for: here nobody is on the way with one for long, as its process is dead."""


class Fuse:
    """Kills this process at a call of a method of a port; without a plan it does nothing."""

    def __init__(self, plan: str) -> None:
        method, self.when, number = plan.split(":") if plan else ("", "", "0")
        self.port, _, self.method = method.partition(".")
        self.left = int(number)

    def fit(self, built: app.Bridge) -> app.Bridge:
        """Wrap the method that the plan names."""
        owners = {
            "store": [built.kit.store],
            "partner": built.kit.partners.values(),
            "client": [built.deliverer.client],
            "network": [built.feeds.client],
        }
        for owner in owners.get(self.port, ()):
            setattr(owner, self.method, self._wrapped(getattr(owner, self.method)))
        return built

    def _wrapped(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def called(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            blows = self.left == 0
            if blows and self.when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return await call(*args, **kwargs)
            finally:
                if blows:
                    os.kill(os.getpid(), signal.SIGKILL)

        return called


def look_often(built: app.Bridge) -> app.Bridge:
    """Look for feeds to read at once and all the time, not twice a minute."""
    every = built.schedule.every

    def sooner(name: str, interval: timedelta, job: Any, **when: timedelta) -> None:
        if name == "feeds":
            every(name, FEEDS, job)
        else:
            every(name, interval, job, **when)

    built.schedule.every = sooner  # type: ignore[method-assign]
    return built


def run(config: str, log: str, kill: str) -> int:
    """Serve, in a process of our own, until told to stop or killed."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    Genviral.looks = PostEverywhere.looks = LOOKS
    fuse, build = Fuse(kill), _service.build
    _service.build = lambda *args, **kwargs: look_often(fuse.fit(build(*args, **kwargs)))
    return serve.run(argparse.Namespace(config=Path(config)))


def main() -> None:
    """Start one process after the other, as asked."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            status = 70
            try:
                status = run(*orjson.loads(line))
            finally:
                sys.stdout.flush()
                os._exit(status)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
