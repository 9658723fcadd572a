"""Reading the configuration for a verb, and telling its faults to a person."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from bridge.app import KINDS
from bridge.core.errors import SettingsError
from bridge.settings import Settings, load


def read(
    path: Path | None, environ: Mapping[str, str] | None = None, *, without_secrets: bool = False
) -> Settings | None:
    """Return the settings, with the variables of this process or others; None after every fault was told."""
    try:
        return load(path, os.environ if environ is None else environ, KINDS, without_secrets=without_secrets)
    except SettingsError as error:
        count = len(error.faults)
        sys.stderr.write(f"The configuration has {count} fault{'s' if count > 1 else ''}:\n")
        for fault in error.faults:
            sys.stderr.write(f"  {fault.field}: {fault.problem}\n")
            if fault.remedy:
                sys.stderr.write(f"      {fault.remedy}\n")
        return None
