"""The simulated PostEverywhere as a process of its own, before the vendor's SDK."""

from collections.abc import Iterator

import pytest

from tests.e2e.process import running
from tests.system.judge import Judge

ARGUMENTS = ("simulate", "posteverywhere", "--port", "0", "--contract", "sdk", "--tick", "86400")
"""The generation of the API that the SDK's types describe; its worker runs when a test says so."""


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    with running(tmp_path_factory.mktemp("judge") / "log", *ARGUMENTS) as process:
        yield Judge(process)
