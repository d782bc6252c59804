"""Shared fixtures live in tests/fixtures, one file a room."""

import os
import shutil
import signal

import pytest

signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # a shell's background job ignores it, and so would our programs

for name in [name for name in os.environ if name.startswith("DOCMILL_")]:
    del os.environ[name]  # before any test reads settings

pytest_plugins = [
    "tests.fixtures.store",
    "tests.fixtures.blobs",
    "tests.fixtures.bus",
    "tests.fixtures.engine",
    "tests.fixtures.documents",
    "tests.fixtures.rest_house",
    "tests.fixtures.batch_house",
    "tests.fixtures.stack",
]

PROGRAMS = ("curl", "node")
"""What some tests are about and docmill does not need: a machine may be without them."""


def pytest_report_header() -> str:
    """Says which tests are left out."""
    missing = ", ".join(name for name in PROGRAMS if shutil.which(name) is None)
    return f"not installed, so the tests that use it are left out: {missing}" if missing else ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests marked `program(NAME)` where there is no such program."""
    absent = [
        item for item in items if any(shutil.which(mark.args[0]) is None for mark in item.iter_markers("program"))
    ]
    if absent:
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if item not in absent]
