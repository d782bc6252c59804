"""Writes generated documents with their ground truth: `python -m tests.data FOLDER --count 24 --seed 1` from the root."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.data.dataset import write_dataset


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.data", description="Documents with their ground truth.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=24, help="documents in all (24)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same documents (1)")
    options = parser.parse_args()
    write_dataset(options.folder, count=options.count, seed=options.seed)


if __name__ == "__main__":
    main()
