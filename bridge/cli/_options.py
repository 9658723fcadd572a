"""What several verbs take on the command line."""

import argparse
from pathlib import Path


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config`."""
    parser.add_argument("--config", "-c", type=Path, help="the YAML file; else BRIDGE_CONFIG, else ./bridge.yaml")
