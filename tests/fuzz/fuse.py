"""A fuse in the ports of the service: it kills the process, or loses an answer, at one call of one of them."""

from collections.abc import Collection
from typing import Any

from bridge.core.errors import StoreBusy


class Killed(BaseException):
    """The process is dead: no flow may catch it."""


class Fuse:
    """Blows at the call it is armed for: `port.method`, so many calls from now, before or after its work is done.

    Once it has killed, every call of every port does: a dead process does nothing more.
    """

    def __init__(self) -> None:
        self.disarm()

    def disarm(self) -> None:
        """Let everything work."""
        self.dead, self._left, self._port, self._after, self._busy = False, 0, "", False, False

    def arm(self, port: str, number: int, *, after: bool, busy: bool = False) -> None:
        """Blow at this call of this port; `busy`: the store refuses instead, and the process lives."""
        self._left, self._port, self._after, self._busy = number, port, after, busy

    def wrap(self, port: str, owner: Any, methods: Collection[str]) -> Any:
        """Return the owner with these methods behind the fuse."""
        return _Wrapped(self, port, owner, frozenset(methods))

    async def call(self, port: str, work: Any) -> Any:
        """Make one call, unless the fuse blows."""
        if self.dead:
            work.close()
            raise Killed
        blows = port == self._port and self._left == 1
        self._left -= port == self._port and self._left > 0
        if blows and not self._after:
            work.close()
            self._blow()
        answer = await work
        if blows and self._after:
            self._blow()
        return answer

    def _blow(self) -> None:
        if self._busy:
            raise StoreBusy
        self.dead = True
        raise Killed


class _Wrapped:
    def __init__(self, fuse: Fuse, port: str, owner: Any, methods: frozenset[str]) -> None:
        self._fuse, self._port, self._owner, self._methods = fuse, port, owner, methods

    def __getattr__(self, name: str) -> Any:
        plain = getattr(self._owner, name)
        if name not in self._methods:
            return plain

        async def call(*args: Any, **given: Any) -> Any:
            return await self._fuse.call(self._port, plain(*args, **given))

        return call
