"""The command line. Importing it loads next to nothing, so that `--help` answers at once."""

from __future__ import annotations

import sys


def main() -> None:
    """The `skypail` command."""
    from backup_agent.cli.app import app
    from backup_agent.cli.failure import run_app

    sys.exit(run_app(app, sys.argv[1:]))
