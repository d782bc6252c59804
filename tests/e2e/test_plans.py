"""An operator's plans on a running docmill."""

from __future__ import annotations

from pathlib import Path

import pytest

from docmill.client import RateLimitedError
from tests.fixtures.stack import start_stack


def test_a_plan_of_the_operators_is_enforced(tmp_path: Path) -> None:
    """The services read the file that DOCMILL_PLANS_FILE names: the third call of a minute is one too many."""
    file = tmp_path / "plans.yaml"
    file.write_text("{default: acme.tiny, plans: {acme.tiny: {test: {requestsPerMinute: 2}}}}")
    stack = start_stack(tmp_path / "data", env={"DOCMILL_PLANS_FILE": str(file)})
    try:
        with stack.connect() as docmill:
            assert docmill.account.usage().plan.id == "acme.tiny"
            docmill.flows.get("document-text")
            with pytest.raises(RateLimitedError):
                docmill.flows.get("document-text")
    finally:
        assert stack.stop() == 0
