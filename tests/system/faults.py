"""A disk that fails for a while: system calls of running processes that `strace` answers, and a disk that is full."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

PATIENCE_S = 30.0


@contextlib.contextmanager
def failing(calls: str, error: str, pids: Iterable[int], log: Path, *, path: Path | None = None) -> Iterator[None]:
    """Let system calls fail in these processes, and in those that they start; with `path` only on that file."""
    traced = set(pids)
    only = [] if path is None else ["-P", str(path)]
    attached = [word for pid in traced for word in ("-p", str(pid))]
    command = ["strace", "-f", "-qq", "-o", str(log), "-e", f"inject={calls}:error={error}", *only, *attached]
    strace = subprocess.Popen([*command, "-e", f"trace={calls}"], stderr=subprocess.DEVNULL)
    try:
        _until_traced(traced, strace)
        yield
    finally:
        # It lets go of all that still run, and they go on.
        strace.send_signal(signal.SIGINT)
        strace.wait(PATIENCE_S)


def family(pid: int) -> list[int]:
    """Return a process and all that it has started."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def _until_traced(pids: Iterable[int], strace: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE_S
    for pid in pids:
        while not all(_is_traced(status) for status in Path(f"/proc/{pid}/task").glob("*/status")):
            assert strace.poll() is None, "strace may not attach to processes here"
            assert time.monotonic() < end, f"strace does not attach to {pid}"
            time.sleep(0.02)


def _is_traced(status: Path) -> bool:
    try:
        return "TracerPid:\t0\n" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Put a disk of its own, in memory, under a folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no free byte on a disk, and give it all back."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    try:
        yield
    finally:
        filler.unlink()
