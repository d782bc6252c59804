"""`python -m docmill.role services|gateway|worker`: a role as a child process of `docmill up`."""

from __future__ import annotations

import os
import sys

from docmill.app import serve
from docmill.lifeline import die_with_parent
from docmill.settings import load_settings


def main() -> int:
    """Run the role named on the command line until its supervisor stops it or dies."""
    die_with_parent(int(os.environ.pop("DOCMILL_PARENT")))
    return serve(sys.argv[1], load_settings())


if __name__ == "__main__":
    sys.exit(main())
