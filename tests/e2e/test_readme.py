"""The README's programs, as printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "sh": ["bash", "-euo", "pipefail", "-c"],
    "python": [sys.executable, "-c"],
    "js": ["node", "--input-type=module", "-e"],
}


def programs(heading: str) -> dict[str, str]:
    """The programs under a heading of the README, by language."""
    section = (ROOT / "README.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL))


def test_the_rest_programs_are_these() -> None:
    """There is one for a shell, one for Python and one for Node."""
    assert set(programs("Over REST")) == set(COMMANDS)


@pytest.mark.parametrize(
    "language",
    [
        pytest.param("sh", marks=pytest.mark.program("curl")),
        "python",
        pytest.param("js", marks=pytest.mark.program("node")),
    ],
)
def test_a_program_does_what_it_says(stack: Stack, language: str) -> None:
    """It prints the number of the sample invoice. Only where the surface is and the key come from here."""
    code = programs("Over REST")[language]
    code = code.replace("http://127.0.0.1:8080", f"http://{stack.rest}").replace(
        ".docmill/api_key", f"{stack.data}/api_key"
    )
    env = {**os.environ, "DOCMILL": f"http://{stack.rest}", "DC_KEY": stack.api_key}
    done = subprocess.run(
        [*COMMANDS[language], code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "FH-2026-0417" in done.stdout
