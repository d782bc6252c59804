"""`python -m tests.bench [NAME ...]`: measure what this machine does now, and print it as a table."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import time

import structlog

from tests.bench._figures import Figure, table

BENCHES = ("latency", "pages", "jobs", "memory", "rooms")


def main(names: list[str]) -> int:
    """Run the benches named, or all; 1 if a bar was missed."""
    if unknown := set(names) - set(BENCHES):
        sys.stderr.write(f"There is no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}\n")
        return 2
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    figures: list[Figure] = []
    for name in names or BENCHES:
        began = time.monotonic()
        figures += importlib.import_module(f"tests.bench.bench_{name}").measure()
        load = os.getloadavg()[0]
        sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s, load average {load:.1f}\n")
    sys.stdout.write(table(figures) + "\n")
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
