"""The image of this checkout, and containers of it: built by buildah, run by podman, on a base that mmdebstrap made.

The base is Debian's Python 3.13 under the name of the official image; no image is fetched from anywhere. What is made
once, the base and the layers of the dependencies, is kept in .cache/containers. Root alone may do all this, on
machines without systemd too: hence runc, control groups by hand, and only the networks `host` and `none`.
"""

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import bridge

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "containers"
PACKAGES = ("ca-certificates", "python3", "python3-pip", "python3-venv")
SUITE = "trixie"
BASE = "docker.io/library/python:3.13-slim"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
FRESH_S = 30 * 86_400
PATIENCE_S = 30.0
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"

REVISION = "0123456789abcdef0123456789abcdef01234567"
"""What the tests' images say that they were built from."""

HARDENED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges")
"""As restricted as a pod may be, and without any folder in memory."""

SHELLS = ("/usr/bin/dash", "/usr/bin/bash")
WITHOUT_SHELL = tuple(f"--volume=/dev/null:{shell}:ro" for shell in SHELLS)
"""There is nothing that could be a shell."""

_SETTINGS = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=10000:10000"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""


class Storage:
    """Where images and containers are: one for each checkout and recipe of the base."""

    def __init__(self, cache: Path = CACHE) -> None:
        recipe = hashlib.sha256(f"{SUITE} {PACKAGES}".encode()).hexdigest()[:12]
        self.folder = cache.resolve() / recipe
        self.folder.mkdir(parents=True, exist_ok=True)
        # Short, for it has sockets; the same at each run, for podman remembers it.
        self._state = Path("/var/tmp") / f"bridge-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"
        settings = self.folder / "containers.conf"
        settings.write_text(_SETTINGS)
        self._environ = os.environ | {"CONTAINERS_CONF": str(settings)}
        self.started: list[str] = []

    def buildah(self, *arguments: str | Path) -> str:
        """Run buildah, and return what it writes."""
        return self._run("buildah", (), arguments)

    def podman(self, *arguments: str | Path) -> str:
        """Run podman, and return what it writes."""
        return self._run("podman", ("--tmpdir", self._state / "tmp"), arguments)

    def tried(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run podman, whatever comes of it."""
        return self._tried("podman", ("--tmpdir", self._state / "tmp"), arguments)

    def clear(self) -> None:
        """Remove the containers that were started here, and volumes that no container has."""
        if self.started:
            self.podman("rm", "--force", "--time=0", *self.started)
            self.started.clear()
        self.podman("volume", "prune", "--force")

    def _run(self, program: str, more: Sequence[str | Path], arguments: Sequence[str | Path]) -> str:
        done = self._tried(program, more, arguments)
        assert done.returncode == 0, f"{program} {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def _tried(
        self, program: str, more: Sequence[str | Path], arguments: Sequence[str | Path]
    ) -> subprocess.CompletedProcess[str]:
        places = ("--root", self.folder / "store", "--runroot", self._state / "run")
        # Or the folder stays mounted on itself, and cannot be removed.
        driver = ("--storage-driver", "overlay", "--storage-opt", "overlay.skip_mount_home=true")
        command = list(map(str, (program, *places, *driver, *more, *arguments)))
        return subprocess.run(command, check=False, capture_output=True, text=True, env=self._environ, timeout=300)


def base(storage: Storage) -> None:
    """Have the base, at most a month old."""
    made = storage.folder / "base.made"
    if made.exists() and time.time() - made.stat().st_mtime < FRESH_S:
        return
    tar = storage.folder / "base.tar"
    include = f"--include={','.join(PACKAGES)}"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", include, SUITE, tar], check=True, timeout=300)
    storage.buildah("rmi", "--all", "--force")
    container = storage.buildah("from", "scratch")
    storage.buildah("add", "--quiet", container, tar, "/")
    storage.buildah(
        "run", "--isolation", "chroot", container, "--", "ln", "-s", "/usr/bin/python3", "/usr/local/bin/python"
    )
    storage.buildah("copy", "--quiet", container, CERTIFICATES, CERTIFICATES)
    storage.buildah("config", "--env", f"PATH={PATH}", container)
    storage.buildah("commit", "--quiet", "--rm", container, BASE)
    tar.unlink()
    made.touch()


def build(storage: Storage, tag: str, **build_args: str) -> str:
    """Build the image of this checkout with this machine's package index, and return its id."""
    base(storage)
    ours = storage.folder / "pip.conf"
    ours.write_text(_pip_settings())
    # The same in each build, for buildah 1.28 takes a layer of before although an argument is another.
    build_args = {"VERSION": bridge.__version__, "REVISION": REVISION} | build_args
    arguments = [word for name, value in build_args.items() for word in ("--build-arg", f"{name}={value}")]
    mounts = [word for folder in _local_wheels() for word in ("--volume", f"{folder}:{folder}:ro")]
    options = (
        "--isolation",
        "chroot",
        "--pull-never",
        "--layers",
        "--format",
        "docker",
        "--secret",
        f"id=pip,src={ours}",
    )
    storage.buildah("bud", "--quiet", *options, *mounts, *arguments, "--tag", tag, ROOT)
    return storage.podman("image", "inspect", "--format", "{{.Id}}", tag)


def _pip_values() -> Mapping[str, str]:
    """Return what pip is told here, by files and by variables, which go before."""
    told = subprocess.run(["python3", "-m", "pip", "config", "list"], check=True, capture_output=True, text=True).stdout
    pairs = [line.partition("=")[::2] for line in told.splitlines()]
    by_file = {key.rpartition(".")[2]: value for key, value in pairs if not key.startswith(":env:")}
    by_variable = {key.rpartition(".")[2]: value for key, value in pairs if key.startswith(":env:")}
    return {key: value.strip("'") for key, value in (by_file | by_variable).items()}


def _pip_settings() -> str:
    lines = [f"{key} = {value}" for key, value in _pip_values().items() if key not in ("config-file", "cache-dir")]
    return "\n".join(["[global]", *lines, ""])


def _local_wheels() -> list[str]:
    return [folder for folder in _pip_values().get("find-links", "").split() if Path(folder).is_dir()]


@dataclass(frozen=True)
class Container:
    """One that was started; it is there until it is removed."""

    storage: Storage
    name: str

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What podman knew of it when first asked."""
        return dict(self.inspect())

    def inspect(self) -> Mapping[str, Any]:
        """Return what podman knows of it."""
        return dict(json.loads(self.storage.podman("container", "inspect", self.name))[0])

    def log(self) -> str:
        """Return what it said, on both streams."""
        said = self.storage.tried("logs", self.name)
        return said.stdout + said.stderr

    def exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return self.storage.tried("exec", self.name, *command)

    def signal(self, name: str) -> None:
        """Send its first process a signal."""
        self.storage.podman("kill", "--signal", name, self.name)

    def status(self) -> int:
        """Wait for its end, and return the exit status."""
        return int(self.storage.podman("wait", self.name))


def run(storage: Storage, image: str, *command: str, options: Sequence[str] = ()) -> Container:
    """Start a container, hardened and without a shell."""
    words = ("run", "--detach", "--no-healthcheck", "--pull=never", *HARDENED, *WITHOUT_SHELL, *options)
    storage.started.append(storage.podman(*words, image, *command))
    return Container(storage, storage.started[-1])
