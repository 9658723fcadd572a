"""`bridge check`: every fault of the configuration at once; touches neither network nor database."""

import argparse
import sys

from bridge.cli._settings import read


def run(arguments: argparse.Namespace) -> int:
    """Check the configuration; 0 when it has no fault (warnings are printed and do not count)."""
    settings = read(arguments.config)
    if settings is None:
        return 1
    for warning in settings.warnings:
        sys.stdout.write(f"warning: {warning}\n")
    counts = (
        f"{len(settings.partners)} partner keys, {len(settings.accounts)} named accounts, "
        f"{len(settings.endpoints)} endpoints, {len(settings.tokens)} tokens"
    )
    sys.stdout.write(f"The configuration is sound: {counts}.\n")
    return 0
