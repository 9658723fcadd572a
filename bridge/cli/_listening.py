"""A note of where a service listens, which `serve` leaves for who asks whether it is well.

The configuration cannot say: it may have been edited since, and what runs goes on by what it read. The note is a locked
file, so one that a killed process left is known for what it is. It lies where also a container with a read-only root
can write: in the folder for temporary files, or else in the working directory.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

_MOST_BYTES = 200


@contextlib.contextmanager
def noted(service: str, listening: socket.socket) -> Iterator[None]:
    """Leave the note until the end; where nothing can be written there is none.

    Args:
        service: what tells it from others, as `settings.identity` has it.
        listening: the socket that answers probes.
    """
    host, port = listening.getsockname()[:2]
    with contextlib.ExitStack() as left:
        for place in _places(service):
            with contextlib.suppress(OSError):
                left.enter_context(_locked(place, f"{host} {port}\n"))
                break
        yield


@contextlib.contextmanager
def _locked(place: Path, text: str) -> Iterator[None]:
    """Hold a file of our own. It is locked before it has its name, so that nobody can see it otherwise."""
    # Ten modules that who asks does not need.
    import tempfile

    file, new = tempfile.mkstemp(prefix=place.name, dir=place.parent)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(file, text.encode())
            Path(new).replace(place)
        except OSError:
            Path(new).unlink()
            raise
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                # Not that of another process, which began meanwhile.
                if os.path.samestat(os.fstat(file), place.stat()):
                    place.unlink()
    finally:
        os.close(file)


def where_noted(service: str) -> tuple[str, int] | None:
    """Return the address and port that a running process of ours noted; None when there is none.

    Args: as that of `noted`.
    """
    for place in _places(service):
        # A name in a folder of everybody's may be anything; a pipe would keep us waiting.
        with contextlib.suppress(OSError, ValueError):
            file = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if os.fstat(file).st_uid == os.geteuid() and _is_held(file):
                    host, port = os.read(file, _MOST_BYTES).decode().split()
                    return host, int(port)
            finally:
                os.close(file)
    return None


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _places(service: str) -> Iterator[Path]:
    name = f".bridge-{os.geteuid()}-{service}"
    # Not `tempfile.gettempdir`, which writes a file to find out: this is asked for every half minute.
    for folder in (os.environ.get("TMPDIR") or "/tmp", "."):  # noqa: S108  # Whose file it is is looked at.
        yield Path(folder, name)
