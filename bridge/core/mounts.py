r"""Reads the kernel's table of mounts for what a Kubernetes pod takes along when it goes.

Kubernetes does not tell a container what its volumes are, but the table of its mounts (`/proc/self/mountinfo`) says of
each where it lies on the node, as far as the node is no sandbox of its own (gVisor and Kata show less). A line of it:

    90 75 254:0 /var/lib/kubelet/pods/UID/volumes/kubernetes.io~empty-dir/data /var/lib/bridge rw - ext4 /dev/vda rw

The fourth word is what is mounted, of the file system that is named after the dash; the fifth is where. A sign that
would part words is written as `\` and its three octal digits
(https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html, read 2026-11).
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

EMPTY_DIR = "an emptyDir"
MEMORY = "memory"
CONTAINER = "the container itself"

_EMPTY_DIR = "/volumes/kubernetes.io~empty-dir/"
_OF_A_POD = re.compile(r"(?:/pods/[^/]+|/[0-9a-f-]{32,36})/(?:etc-hosts|containers/[^/]+/[^/]+)")
"""What the kubelet mounts into each container: its list of hosts, and the file for its last words.

Where `pods` is a file system of its own, a root begins below it: with the pod's id, of which that of a pod that the
node itself describes has no dashes.
"""
_OF_A_CONTAINER = re.compile(r"/io\.containerd\.[^/]+/containers/[^/]+/volumes/[^/]+$")
"""What containerd mounts where an image has a `VOLUME` and the pod nothing: a folder that goes with the container."""
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_ELSEWHERE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs"})
_ESCAPED = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line: what is mounted, where, and the kind of its file system."""

    root: str
    point: PurePosixPath
    kind: str


def lost_with_pod(mountinfo: str, path: str) -> str | None:
    """Say what a file or folder lies in that goes with the pod, or sooner; None where it stays, and outside of any pod.

    Args:
        mountinfo: the whole table, as the process itself sees it.
        path: absolute, without symbolic links.
    """
    mounts = list(_mounts(mountinfo))
    if not any(_OF_A_POD.search(mount.root) for mount in mounts):
        return None
    found = _holding(mounts, PurePosixPath(path))
    if found is None or _EMPTY_DIR in found.root:
        return found and EMPTY_DIR
    # A Secret, too, is kept in memory, but nobody can write there; what can be written is an emptyDir of that medium.
    if found.kind in _IN_MEMORY:
        return MEMORY
    gone = found.point == PurePosixPath("/") or _OF_A_CONTAINER.search(found.root)
    return CONTAINER if gone else None


def file_system(mountinfo: str, path: str) -> str:
    """Return the kind of file system that a file or folder is on, such as `ext4`; empty where the table has none.

    Args: as those of `lost_with_pod`.
    """
    found = _holding(_mounts(mountinfo), PurePosixPath(path))
    return found.kind if found else ""


def is_elsewhere(kind: str) -> bool:
    """Say whether a kind of file system is that of another machine."""
    return kind in _ELSEWHERE


def _mounts(mountinfo: str) -> Iterator[Mount]:
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(" "), after.partition(" ")[0]
        if len(words) > 5:
            yield Mount(_plain(words[3]), PurePosixPath(_plain(words[4])), kind)


def _plain(word: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), word)


def _holding(mounts: Iterable[Mount], path: PurePosixPath) -> Mount | None:
    """Return the mount that a path is on: the deepest one, and of several in one place the last."""
    above = [mount for mount in mounts if path.is_relative_to(mount.point)]
    depth = max((len(mount.point.parts) for mount in above), default=0)
    return next((mount for mount in reversed(above) if len(mount.point.parts) == depth), None)
