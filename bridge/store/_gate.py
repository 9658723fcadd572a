"""The gate before reads: it is shut for a moment where reads that overlap would never all have ended."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Counts the reads that run; shut, it keeps new ones waiting. It opens by itself, so nobody waits for long.

    Args:
        shut_s: how long it stays shut at most.
        open_s: how long it then stays open at least, when it was in vain.
    """

    def __init__(self, *, shut_s: float = 2.0, open_s: float = 10.0) -> None:
        self._shut_s, self._open_s = shut_s, open_s
        self._changed = threading.Condition()
        self._running = 0
        self._ended_at = self._shut_until = self._open_until = -math.inf

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Wait while the gate is shut, and count as a read that runs."""
        with self._changed:
            while (left_s := self._shut_until - time.monotonic()) > 0:
                self._changed.wait(left_s)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._ended_at = time.monotonic()

    def shut(self, since: float) -> None:
        """Keep new reads waiting, for whoever tries again soon what he began in vain at `since`, a monotonic instant.

        When no read ran after that, it is not they who are in the way, and the gate opens.
        """
        with self._changed:
            now = time.monotonic()
            if not self._running and self._ended_at < since:
                self._open()
            elif now >= self._open_until:
                self._shut_until = now + self._shut_s
                self._open_until = self._shut_until + self._open_s

    def open(self) -> None:
        """Let reads through: what they were in the way of is done."""
        with self._changed:
            self._open_until = -math.inf
            self._open()

    def _open(self) -> None:
        self._shut_until = -math.inf
        self._changed.notify_all()
