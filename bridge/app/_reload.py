"""Reads the configuration again when told to, or when one of its files has changed, and has the service go by it.

What is wrong with it is told in the log, the metrics and by `/readyz`, while what runs goes on. A file has changed when
it has stood still, other than it was read, for one look: whoever writes it may need a moment, or several files.
"""

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from bridge.app._changes import changed, keep_fixed
from bridge.app._service import Service
from bridge.core.errors import Fault, SettingsError, StoreError
from bridge.metrics import Reloaded
from bridge.settings import Settings, Stamp, stamp

log = structlog.get_logger("bridge")
T = TypeVar("T")

LOOK_S = 2.0
"""How often the files are looked at."""
AGAIN_S = 10.0
"""When a configuration is tried again that the database had no time for, or that could not be read in time."""
PATIENCE_S = 10.0
"""How long reading may take: a disk in a network may never answer."""
_MOST = 10
"""How many faults are told by `/readyz`; the log has all."""
_SILENT = Fault(
    "configuration", "was not read in time: a disk does not answer", "Look where its files and secrets lie."
)


class Reloader:
    """Follows the configuration of a service.

    Args:
        service: goes by it; it has started.
        settings: the configuration as it was read for that.
        read: reads it, from the same file if it is given one; it is called in a thread.
        asked: is set by whoever wants it read now. What is asked for meanwhile is done once, after that.
        look_s: how often the files are looked at.
        patience_s: how long reading them may take.
    """

    def __init__(
        self,
        service: Service,
        settings: Settings,
        read: Callable[[Path | None], Settings],
        asked: asyncio.Event,
        *,
        look_s: float = LOOK_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._service, self._read, self._asked, self._look_s = service, read, asked, look_s
        self._aside, self._path = _Aside(patience_s), settings.path
        self._known: Mapping[Path, Stamp] = settings.files
        self._seen: Mapping[Path, Stamp] | None = None
        self._faults: tuple[Fault, ...] = ()
        self._fixed: tuple[str, ...] = ()
        self._since: datetime | None = None
        self._again_at: float | None = None

    async def run(self) -> None:
        """Look and reload until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._look_s):
                    await self._asked.wait()
            except TimeoutError:
                if not await self.due():
                    continue
            self._asked.clear()
            await self.reload()

    async def due(self) -> bool:
        """Look at the files: whether they have changed, and not since the last look, or it is time to try again."""
        try:
            now = await self._aside.run(partial(_stamps, self._known))
        except TimeoutError:
            return self._again_at is None  # Nobody was told yet.
        settled, self._seen = now == self._seen, now
        return (now != self._known and settled) or (self._again_at is not None and time.monotonic() > self._again_at)

    async def reload(self) -> Reloaded:
        """Read the configuration, go by it if it is sound, and say what came of it."""
        self._again_at, began = None, time.monotonic()
        try:
            settings, fixed = keep_fixed(self._service.settings, await self._wanted())
            sections = changed(self._service.settings, settings)
            if sections:
                await self._service.change(settings)
        except SettingsError as error:
            return self._refused(error.faults)
        except StoreError as error:
            self._again_at = time.monotonic() + AGAIN_S
            return self._refused([Fault("database", str(error), "It is tried again by itself.")])
        except Exception as error:  # The outermost step: one failure must not end the following of the configuration.
            log.error("config.reload_failed", exc_info=error)
            return self._refused([Fault("configuration", f"met a fault of bridge: {type(error).__name__}")])
        return self._taken(settings, sections, fixed, time.monotonic() - began)

    async def _wanted(self) -> Settings:
        """Read the configuration, and remember what its files were like: what is refused is not read over and over."""
        try:
            wanted = await self._aside.run(partial(self._read, self._path))
        except SettingsError as error:
            self._known = error.files or self._known
            raise
        except TimeoutError:
            self._again_at = time.monotonic() + AGAIN_S
            raise SettingsError([_SILENT]) from None
        except Exception:
            self._known = self._seen or self._known
            raise
        self._known, self._path = wanted.files, wanted.path
        return wanted

    def _taken(self, settings: Settings, sections: Sequence[str], fixed: tuple[str, ...], took_s: float) -> Reloaded:
        """Tell what changed, and what waits for a restart."""
        self._service.metrics.config_warned(len(fixed) - (0 if sections else len(self._fixed)))
        warnings = [f"{name}: is another now, but needs a restart" for name in fixed]
        for warning in (*(settings.warnings if sections else ()), *warnings):
            log.warning("config.warned", warning=warning)
        if sections:
            log.info("config.reloaded", sections=sections, took_s=round(took_s, 3))
        else:
            log.info("config.unchanged")
        return self._told("applied" if sections else "unchanged", (), fixed)

    def _refused(self, faults: Sequence[Fault]) -> Reloaded:
        """Tell every fault, each once for as long as they stay the same."""
        faults = tuple(faults)
        for fault in faults if faults != self._faults else ():
            log.error("config.reload_refused", error=f"{fault.field}: {fault.problem}", remedy=fault.remedy)
        return self._told("refused", faults, self._fixed)

    def _told(self, result: Reloaded, faults: tuple[Fault, ...], fixed: tuple[str, ...]) -> Reloaded:
        now = self._service.clock()
        self._service.metrics.config_reloaded(result, now)
        if (faults, fixed) != (self._faults, self._fixed):
            self._since = now if faults or fixed else None
        self._faults, self._fixed = faults, fixed
        refused = [fault.wire() for fault in faults[:_MOST]]
        note = {"faults": len(faults), "refused": refused, "needs_restart": list(fixed), "since": self._since}
        self._service.note = {name: value for name, value in note.items() if value}
        return result


class _Aside:
    """Does what may block in a thread of its own, which nobody has to wait for: not even the end of the process.

    As long as one has not come back no other is begun, so at most one is lost.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._last: concurrent.futures.Future[object] | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Do it, and return what comes of it.

        Raises:
            TimeoutError: it takes too long, or an earlier one still does.
        """
        if self._last is not None and not self._last.done():
            raise TimeoutError
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._last = future  # type: ignore[assignment]  # Of what kind it is counts for nothing here.
        future.set_running_or_notify_cancel()
        threading.Thread(target=_settle, args=(future, work), name="configuration", daemon=True).start()
        async with asyncio.timeout(self._patience_s):
            return await asyncio.wrap_future(future)


def _settle(future: concurrent.futures.Future[T], work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  # Whoever waits has it, of whatever kind it is.
        future.set_exception(error)
    else:
        future.set_result(result)


def _stamps(files: Mapping[Path, Stamp]) -> dict[Path, Stamp]:
    return {file: stamp(file) for file in files}
