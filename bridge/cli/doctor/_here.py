"""What can be seen on this machine: configuration, files of secrets, the database, and the running service."""

import argparse
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from bridge.app import check_lasting
from bridge.cli.doctor._check import Check, aside
from bridge.cli.health import fault_of
from bridge.core.errors import SettingsError, StoreError
from bridge.core.examining import Finding, disk, ok, problem, warning
from bridge.core.mounts import file_system, is_elsewhere
from bridge.settings import Settings
from bridge.store.condition import Condition, Schema, condition

_MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = ("tmpfs", "ramfs")
_SCHEMAS = {
    Schema.OLDER: ("its schema {} is older", "Run `bridge migrate`; `bridge serve` does it by itself on SQLite."),
    Schema.NEWER: ("its schema {} is of a newer bridge", "Run that bridge, or go back to a copy from before."),
    Schema.COPYING: ("it is an unfinished copy", "Run the same `bridge migrate --from ...` again to its end."),
    Schema.STRANGE: ("it has tables of something else", "Give bridge a database of its own."),
}


def checks(settings: Settings, arguments: argparse.Namespace, clocks: list[tuple[str, timedelta]]) -> Iterator[Check]:
    """Give the checks; `clocks` gets that of the database, where it has one."""

    async def configuration() -> Iterable[Finding]:
        return _configuration(settings)

    async def files() -> Iterable[Finding]:
        return secret_files(settings)

    async def database() -> Iterable[Finding]:
        return await aside(lambda: list(_database(settings, clocks)))

    async def service() -> Iterable[Finding]:
        return await aside(lambda: [_service(arguments.config)])

    yield Check("configuration", configuration)
    yield Check("secrets", files)
    yield Check("database", database)
    yield Check("service", service)


def _configuration(settings: Settings) -> Iterator[Finding]:
    counts = (
        f"{len(settings.partners)} partner keys, {len(settings.sources)} sources, {len(settings.endpoints)} endpoints"
    )
    yield ok("configuration", f"{settings.path or 'no file, only variables'}: {counts}")
    for told in settings.warnings:
        yield warning("configuration", told, "If it is meant, leave it; else see docs/configuration.md.")


def secret_files(settings: Settings, mounts: Path = _MOUNTS) -> Iterator[Finding]:
    """Judge who may read the files of secrets, beside the configuration; one in memory is a mounted Secret."""
    secrets = [path for path in settings.files if path != settings.path and path.is_file()]
    beside = settings.path.with_suffix(".env") if settings.path else None
    looked_at = [*secrets, *([beside] if beside and beside.is_file() and beside not in secrets else [])]
    wrong = [finding for path in looked_at for finding in _mode(path, mounts)]
    yield from wrong
    if not wrong:
        count = len(settings.secrets)
        whose = f", and {len(looked_at)} files of them are not for everybody" if looked_at else ""
        yield ok("secrets", f"{count} are there{whose}")


def _mode(path: Path, mounts: Path) -> Iterator[Finding]:
    mode = path.stat().st_mode
    if mode & stat.S_IWOTH:
        yield problem("secrets", f"{path} may be written by everybody on this machine", f"chmod 600 {path}")
    elif mode & stat.S_IROTH and _kind(path, mounts) not in _IN_MEMORY:
        yield warning("secrets", f"{path} may be read by everybody on this machine", f"chmod 600 {path}")


def _kind(path: Path, mounts: Path = _MOUNTS) -> str:
    """Return the kind of file system that a file is on, where this system tells."""
    try:
        return file_system(mounts.read_text(errors="surrogateescape"), str(path.resolve()))
    except OSError:
        return ""


def _database(settings: Settings, clocks: list[tuple[str, timedelta]]) -> Iterator[Finding]:
    try:
        check_lasting(settings.database)
        found = condition(settings.database.url)
    except SettingsError as error:
        yield from (problem("database", f"{one.field} {one.problem}", one.remedy) for one in error.faults)
        return
    except StoreError as error:
        yield problem("database", str(error), "See docs/operations.md; with PostgreSQL compare host, name and role.")
        return
    yield _schema(found)
    for told in found.unsafe:
        yield problem("database", f"{told}: what was acknowledged may be lost or garbled", "See docs/scaling.md.")
    if found.ahead is not None:
        clocks.append(("the database", found.ahead))
    if found.path is not None:
        yield from _file(found, found.path, settings.limits.free_disk)


def _schema(found: Condition) -> Finding:
    if found.schema is Schema.PRESENT:
        return ok("database", f"{found.engine}, schema {found.version}")
    if found.schema is Schema.EMPTY:
        return warning(
            "database", f"{found.engine}: it is not made yet", "`bridge serve` makes it; or `bridge migrate`."
        )
    text, todo = _SCHEMAS[found.schema]
    return problem("database", f"{found.engine}: {text.format(found.version)}", todo)


def _file(found: Condition, path: Path, least: int) -> Iterator[Finding]:
    folder = path.parent
    if not folder.is_dir():
        yield problem("database", f"there is no folder {folder}", "Make it, for the user that bridge runs as.")
        return
    yield disk("database", shutil.disk_usage(folder).free, least)
    if not os.access(path if path.exists() else folder, os.W_OK):
        yield problem("database", f"{path} cannot be written by this user", "Run as the service's user, or chown it.")
    if found.log and found.log != "wal":
        yield warning("database", f"it keeps its log as {found.log}", "Start bridge once: it sets WAL.")
    kind = _kind(folder)
    if is_elsewhere(kind):
        yield problem("database", f"it lies on {kind}, a disk of another machine", "Use a local disk, or PostgreSQL.")


def _service(config: Path | None) -> Finding:
    fault = fault_of(config, "/readyz")
    if not fault:
        return ok("service", "is ready")
    if "does not answer" in fault or "not known" in fault or "is not bridge" in fault:
        return warning(
            "service", f"does not run here: {fault}", "Start it with `bridge serve`; else look where it runs."
        )
    return problem(
        "service", f"is not ready: {fault}", "Look at its log; docs/operations.md says what each check means."
    )
