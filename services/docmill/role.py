"""`python -m docmill.role services|gateway|worker`: a role as a child process of `docmill up`."""

from __future__ import annotations

import os
import sys

from docmill.app import serve
from docmill.domain.errors import DocmillError
from docmill.last_word import leave_last_word
from docmill.lifeline import die_with_parent
from docmill.settings import load_settings


def main() -> int:
    """Run the role named on the command line until its supervisor stops it or dies."""
    die_with_parent(int(os.environ.pop("DOCMILL_PARENT")))
    settings = load_settings()

    def failed(error: DocmillError) -> None:
        if settings.ready_file is not None:
            leave_last_word(settings.ready_file, error)

    return serve(sys.argv[1], settings, failed=failed)


if __name__ == "__main__":
    sys.exit(main())
