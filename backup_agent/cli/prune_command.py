"""`skypail prune`: its options and help."""

from __future__ import annotations

from typing import Annotated

import typer

from backup_agent.cli.options import JsonOption, SpaceOption

Count = Annotated[int | None, typer.Option(min=0, metavar="N", show_default=False)]


def prune(
    keep_last: Count = None,
    keep_hourly: Count = None,
    keep_daily: Count = None,
    keep_weekly: Count = None,
    keep_monthly: Count = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="In a folder that others sync: do not wait seven days for them.")
    ] = False,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Drop old snapshots, and free what only they needed.

    Keeps, of each account, the newest snapshot of each of the last N hours, days, weeks and months that
    have one, the last N, and always the newest. The policy is kept with the space: without options it is
    applied again, on any machine. Safe while backups run.
    """
    from backup_agent.cli.commands.prune import prune

    counts = (keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly)
    return prune(counts, dry_run, now, space, as_json)
