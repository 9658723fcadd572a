"""The table of mounts says what goes with a pod, and outside of pods nothing."""

from pathlib import Path

import pytest

from bridge.core.mounts import CONTAINER, EMPTY_DIR, MEMORY, file_system, is_elsewhere, lost_with_pod

SAMPLES = Path(__file__).parent.parent / "samples" / "mountinfo"
POD, ALONE = ((SAMPLES / f"{name}.txt").read_text() for name in ("pod", "container"))

IN_A_POD = {
    "/var/lib/bridge": EMPTY_DIR,
    "/var/lib/bridge/deeper/down": EMPTY_DIR,
    "/part": EMPTY_DIR,
    "/memory": MEMORY,
    "/dev/shm": MEMORY,
    "/kept": None,
    "/kept/scratch": EMPTY_DIR,
    "/kept/scratched": None,
    "/kept too": None,
    "/node": None,
    "/": CONTAINER,
    "/var/lib": CONTAINER,
    "/var/lib/bridge-2": CONTAINER,
}


@pytest.mark.parametrize("folder", IN_A_POD)
def test_in_a_pod_it_depends_on_what_is_mounted_there(folder):
    assert lost_with_pod(POD, folder) == IN_A_POD[folder]


@pytest.mark.parametrize("folder", ["/", "/memory", "/node", "/var/lib/bridge"])
def test_outside_of_a_pod_nothing_is_said(folder):
    assert lost_with_pod(ALONE, folder) is None


@pytest.mark.parametrize("mark", ["etc-hosts", "containers/"])
def test_each_mark_of_the_kubelet_is_enough(mark):
    other = "containers/" if mark == "etc-hosts" else "etc-hosts"
    table = "\n".join(line for line in POD.splitlines() if f"9c7a21/{other}" not in line)
    assert lost_with_pod(table, "/var/lib/bridge") == EMPTY_DIR


def test_a_folder_of_the_kubelet_under_another_name_is_known():
    """As where the node is itself a container, and its disk a volume of that."""
    table = POD.replace("/var/lib/kubelet/pods", "/volumes/b081761fac04/_data/pods")
    assert lost_with_pod(table, "/var/lib/bridge") == EMPTY_DIR


@pytest.mark.parametrize("uid", ["3b0f7f6e-5c1d-4c3e-9a55-0e6f5d9c7a21", "3b0f7f6e5c1d4c3e9a550e6f5d9c7a21"])
@pytest.mark.parametrize("below", ["", "/@pods"])
@pytest.mark.parametrize("mark", ["etc-hosts", "containers/"])
def test_the_folder_of_the_pods_may_be_a_file_system_of_its_own(uid, below, mark):
    other = "containers/" if mark == "etc-hosts" else "etc-hosts"
    table = "\n".join(line for line in POD.splitlines() if f"9c7a21/{other}" not in line)
    table = table.replace("/var/lib/kubelet/pods/3b0f7f6e-5c1d-4c3e-9a55-0e6f5d9c7a21", f"{below}/{uid}")
    assert lost_with_pod(table, "/var/lib/bridge") == EMPTY_DIR
    assert lost_with_pod(table, "/kept") is None


def test_a_file_may_be_mounted_by_itself():
    [line] = [line for line in POD.splitlines() if " /part rw" in line]
    table = f"{POD}\n{line.replace('data/part /part ', 'data/bridge.db /kept/bridge.db ')}\n"
    assert lost_with_pod(table, "/kept/bridge.db") == EMPTY_DIR
    assert lost_with_pod(table, "/kept") is None


def test_of_two_mounts_in_one_place_the_last_counts():
    [line] = [line for line in POD.splitlines() if " /kept rw" in line]
    table = f"{POD}\n{line.replace(' /kept ', ' /var/lib/bridge ')}\n"
    assert lost_with_pod(table, "/var/lib/bridge") is None


@pytest.mark.parametrize("below", ["/var/lib/containerd", ""])
def test_a_volume_of_the_image_goes_with_the_container(below):
    [line] = [line for line in POD.splitlines() if " /kept rw" in line]
    root = f"{below}/io.containerd.grpc.v1.cri/containers/{'4917ee0e' * 8}/volumes/{'0b9f4f1e' * 8}"
    table = f"{POD}\n{line.replace(line.split()[3], root).replace(' /kept ', ' /var/lib/bridge ')}\n"
    assert lost_with_pod(table, "/var/lib/bridge") == CONTAINER


@pytest.mark.parametrize("table", ["", "\n", "1 2 3", "75 49 0:41 / / ro - ", " - "])
def test_a_table_that_cannot_be_read_says_nothing(table):
    assert lost_with_pod(table, "/var/lib/bridge") is None


def test_a_file_is_on_the_kind_of_disk_that_its_deepest_mount_is():
    table = "1 0 1:1 / / rw - ext4 /dev/vda rw\n2 1 0:9 / /srv/data rw - nfs4 host:/data rw\n"

    assert file_system(table, "/srv/data/bridge.db") == "nfs4"
    assert file_system(table, "/srv/other") == "ext4"
    assert file_system("", "/srv") == ""
    assert is_elsewhere("nfs4")
    assert not is_elsewhere("ext4")
