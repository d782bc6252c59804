"""`python -m tests.bench [NAME ...]`: measure what this machine does now, and print it as a table."""

from __future__ import annotations

import importlib
import logging
import os
import platform
import sys
import time
import traceback

import structlog

from tests.bench._figures import Figure, table

BENCHES = ("latency", "rest", "pages", "jobs", "fairness", "memory", "rooms", "limits", "batches")


def main(names: list[str]) -> int:
    """Run the benches named, or all; 1 if one broke. A bar missed is no failure: other programs have a say in it."""
    if unknown := set(names) - set(BENCHES):
        sys.stderr.write(f"There is no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}\n")
        return 2
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    figures: list[Figure] = []
    failed: list[str] = []
    before = os.getloadavg()[0]
    for name in names or BENCHES:
        began = time.monotonic()
        try:
            figures += importlib.import_module(f"tests.bench.bench_{name}").measure()
        except Exception:
            traceback.print_exc()
            failed.append(name)
        load = os.getloadavg()[0]
        sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s, load average {load:.1f}\n")
    sys.stdout.write(f"{table(figures)}\n\n{_machine()}; load average at the start {before:.1f}.\n")
    return int(bool(failed))


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
