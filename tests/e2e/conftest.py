"""One process to fork services from."""

from tests.crash.conftest import starter

__all__ = ["starter"]
