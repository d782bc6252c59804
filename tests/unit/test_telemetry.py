"""Log lines tell what happened, and never a secret."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from docmill.settings import Settings
from docmill.telemetry import configure_logging

URL = "postgresql://docmill:hunter2@host/db"


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """The test process logs as before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_does_not_show_the_values_of_variables(
    form: str, logging_restored: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """What failed is told with its stack, without the passwords and keys that stood in its variables."""
    configure_logging(Settings(log_format=form), "services")

    def fail(url: str) -> None:
        raise ConnectionError("the database does not answer")

    try:
        fail(URL)
    except ConnectionError:
        structlog.get_logger("docmill.test").exception("a part is away", event_key="test.failed")
    printed = capsys.readouterr().err
    assert "the database does not answer" in printed
    assert "test.failed" in printed
    assert "hunter2" not in printed
