"""A partner and a source to configure, and functions that read a configuration text."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

import pytest
from pydantic import BaseModel, SecretStr

from bridge.core.errors import SettingsError
from bridge.core.units import Duration
from bridge.settings import Kinds, Settings, load


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A partner whose configuration is a dataclass.

    Args:
        token: what opens it.
        pause: between two calls.
    """

    kind: ClassVar[str] = "plain"

    token: str = field(repr=False)
    base_url: str = "https://plain.example"
    pause: Duration = timedelta(seconds=1)

    def __post_init__(self) -> None:
        if " " in self.token:
            raise ValueError("token: must be one word")


class Model(BaseModel):
    """A source whose configuration is a pydantic model."""

    kind: str
    secret: SecretStr
    accounts: list[str] = []


@pytest.fixture
def kinds() -> Kinds:
    return Kinds(partners={"plain": Plain}, sources={"blog": Model})


@pytest.fixture
def environ() -> dict[str, str]:
    """Give the variables that every text may refer to; no value is the beginning of another."""
    return {
        "KEY": "the-partner-key",
        "CALLER": "a-long-caller-token",
        "OPS": "whsec_" + "QUJD" * 10,
        "SPACED": "a b",
    }


@pytest.fixture
def read(tmp_path, kinds, environ):
    """Return a function that loads a configuration text."""

    def read(text: str = "", **more: str) -> Settings:
        file = tmp_path / "bridge.yaml"
        file.write_text(text)
        return load(file, environ | more, kinds)

    return read


@pytest.fixture
def refused(read):
    """Return a function that loads a configuration text and gives its faults by field."""

    def refused(text: str = "", **more: str) -> dict[str, str]:
        with pytest.raises(SettingsError) as caught:
            read(text, **more)
        assert all(fault.remedy for fault in caught.value.faults)
        return {fault.field: fault.problem for fault in caught.value.faults}

    return refused
