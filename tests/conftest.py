"""Shared fixtures live in tests/fixtures, one file a room."""

import os

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
