"""Which files a configuration was read from, what is in them, and what tells that one of them is another by now."""

import errno
from pathlib import Path
from stat import S_ISREG

Stamp = tuple[int, int, int, int, int] | None


def stamp(file: Path) -> Stamp:
    """Return what tells one state of a file from the next; None while no file is there that could be read again.

    Links are followed: Kubernetes changes a mounted file by pointing a link above it to another folder. A change of its
    permissions counts, too: it may be what lets it be read.
    """
    try:
        found = file.stat()
    except OSError:
        return None
    if not S_ISREG(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def content(file: Path, most: int = -1, *, pipe: bool = False) -> bytes:
    """Return what is in a file, or the first `most` bytes; of a pipe, too, if it may be one: it gives that only once.

    Raises:
        OSError: it cannot be read, or is no regular file: a pipe that nobody writes to would be waited for forever.
    """
    if not pipe and not S_ISREG(file.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    with file.open("rb") as stream:
        return stream.read(most)
