"""A database that would go with its pod is refused before it is opened, unless that is asked for."""

from pathlib import Path

import pytest

from bridge.app._lasting import check_lasting
from bridge.core.errors import SettingsError
from bridge.settings import Database

POD = Path(__file__).parent / "samples" / "mountinfo" / "pod.txt"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:////var/lib/bridge/bridge.db", "lies in an emptyDir and is gone when the pod is"),
        ("sqlite:////memory/bridge.db", "lies in memory and is gone"),
        ("sqlite:////srv/bridge.db", "lies in the container itself and is gone"),
    ],
)
def test_a_file_that_goes_with_the_pod_is_refused_with_what_to_do(url, words):
    with pytest.raises(SettingsError) as caught:
        check_lasting(Database(url=url), POD)
    [fault] = caught.value.faults
    assert (fault.field, words in fault.problem) == ("database.url", True)
    for way in ("PersistentVolumeClaim", "PostgreSQL", "database.ephemeral: true"):
        assert way in fault.remedy


@pytest.mark.parametrize(
    "database",
    [
        Database(url="sqlite:////kept/bridge.db"),
        Database(url="sqlite:////var/lib/bridge/bridge.db", ephemeral=True),
        Database(url="postgresql://db/bridge"),
    ],
)
def test_what_stays_and_what_is_asked_for_is_taken(database):
    check_lasting(database, POD)


@pytest.mark.parametrize(("kept", "scratch"), [("/data", "/data/b.db"), ("/data/b.db", "/data")])
def test_neither_the_file_nor_the_folder_that_has_its_journal_may_go(tmp_path, kept, scratch):
    lines = POD.read_text().splitlines()
    [lasting] = [line.replace(" /kept ", f" {kept} ") for line in lines if " /kept rw" in line]
    [empty] = [line.replace(" /kept/scratch ", f" {scratch} ") for line in lines if " /kept/scratch rw" in line]
    table = tmp_path / "mountinfo"
    table.write_text("\n".join([*lines, lasting, empty]))
    with pytest.raises(SettingsError, match="an emptyDir"):
        check_lasting(Database(url="sqlite:////data/b.db"), table)


def test_a_link_is_followed_to_where_the_file_is(tmp_path):
    (tmp_path / "data").symlink_to("/var/lib/bridge")
    table = tmp_path / "mountinfo"
    table.write_text(POD.read_text().replace(" / / ro", " / /nowhere ro"))
    with pytest.raises(SettingsError, match="an emptyDir"):
        check_lasting(Database(url=f"sqlite:///{tmp_path}/data/bridge.db"), table)


def test_a_system_without_such_a_table_says_nothing(tmp_path):
    check_lasting(Database(url="sqlite:////var/lib/bridge/bridge.db"), tmp_path / "mountinfo")
