"""The command line. Importing it loads next to nothing, so that `--help` answers at once."""

from __future__ import annotations

import gc
import sys

GC_THRESHOLD = 100_000


def main() -> None:
    """The `skypail` command."""
    # A large repository makes millions of short-lived tuples and no cycles: at the default of 700 the
    # collector takes a sixth of all time to find nothing.
    gc.set_threshold(GC_THRESHOLD, 50, 100)
    from backup_agent.cli.app import app
    from backup_agent.cli.failure import catch_signals, run_app

    sys.exit(run_app(app, sys.argv[1:], stopped_by=catch_signals()))
