"""A look, before the database is opened, at whether what is kept there would stay."""

from pathlib import Path

from sqlalchemy import make_url

from bridge.core.database_urls import is_postgresql
from bridge.core.errors import Fault, SettingsError
from bridge.core.mounts import lost_with_pod
from bridge.settings import Database

MOUNTS = Path("/proc/self/mountinfo")


def check_lasting(database: Database, mounts: Path = MOUNTS) -> None:
    """Refuse a file that a Kubernetes pod would lose, unless the configuration asks for that.

    Raises:
        SettingsError: what the file lies in, and what to do.
    """
    if database.ephemeral or is_postgresql(database.url) or not mounts.exists():
        return
    file, table = Path(make_url(database.url).database or "").resolve(), mounts.read_text(errors="surrogateescape")
    # The file may be mounted by itself; and what was written last is beside it, until SQLite takes it over.
    if lost := lost_with_pod(table, str(file)) or lost_with_pod(table, str(file.parent)):
        problem = f"lies in {lost} and is gone when the pod is, and with it what was acknowledged"
        remedy = "Mount a PersistentVolumeClaim there, use PostgreSQL, or take the loss with database.ephemeral: true."
        raise SettingsError([Fault("database.url", problem, remedy)])
