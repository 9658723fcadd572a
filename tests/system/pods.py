"""Network namespaces that are joined to this machine as pods are to their node: a loopback each, and one address."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ASK = """
import sys, urllib.error, urllib.request
url, body, *headers = sys.argv[1:]
request = urllib.request.Request(url, body.encode() or None, dict(zip(headers[::2], headers[1::2])))
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(request, timeout=10) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except OSError as error:
    print(0, getattr(error, "reason", error))
"""
"""Asks `URL BODY NAME VALUE ...`, and prints the status and the body, or 0 and why there is no answer."""

_NET = f"10.213.{os.getpid() % 250}"
"""Four addresses of it are a pod's network."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One namespace; `address` is the pod's, `node` that of this machine as the pod sees it."""

    name: str
    address: str
    node: str

    @property
    def inside(self) -> tuple[str, ...]:
        """The words before a command that make it run in the pod."""
        return ("ip", "netns", "exec", self.name)


def ask(
    url: str, body: str = "", headers: Mapping[str, str] | None = None, *, pod: Pod | None = None
) -> tuple[int, str]:
    """Ask as a process on the node does, or as one in the pod; the status is 0 where nobody answers.

    It is another process in any case: this one may only connect to itself.
    """
    named = [word for pair in (headers or {}).items() for word in pair]
    command = [*(pod.inside if pod else ()), sys.executable, "-c", ASK, url, body, *named]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    status, _, rest = said.strip().partition(" ")
    return int(status), rest


@contextlib.contextmanager
def pod(number: int) -> Iterator[Pod]:
    """Make a pod, and leave nothing of it."""
    made = Pod(f"bridge-{os.getpid()}-{number}", f"{_NET}.{4 * number + 2}", f"{_NET}.{4 * number + 1}")
    cable = f"br{os.getpid() % 10**6}-{number}"
    _ip("netns", "add", made.name)
    try:
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", made.name)
        _ip("address", "add", f"{made.node}/30", "dev", cable)
        _ip("link", "set", cable, "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{made.address}/30", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", made.node),
        ):
            _ip("-netns", made.name, *words)
        yield made
    finally:
        _ip("link", "delete", cable, check=False)
        _ip("netns", "delete", made.name)


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, stderr=None if check else subprocess.DEVNULL)
