"""`skypail prune`: its options and help."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from backup_agent.cli.options import JsonOption, SpaceOption


def _count(what: str) -> Any:
    return typer.Option(metavar="N", show_default=False, help=what)


def prune(
    keep_last: Annotated[int | None, _count("The N newest snapshots.")] = None,
    keep_hourly: Annotated[
        int | None, _count("The newest snapshot of each of the last N hours with one.")
    ] = None,
    keep_daily: Annotated[int | None, _count("The same of days.")] = None,
    keep_weekly: Annotated[int | None, _count("Of weeks.")] = None,
    keep_monthly: Annotated[int | None, _count("Of months.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go and about how much; change nothing.")
    ] = False,
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="In a folder that others sync, and at a provider: do not wait seven days for them."
        ),
    ] = False,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Drop old snapshots, and free what only they needed.

    Keeps, of each account, the newest snapshot of each of the last N hours, days, weeks and months that
    have one, the last N, and always the newest. The policy is kept with the space: without options it is
    applied again, on any machine. Safe while backups run. Each rule takes 0 to 100,000; all are of UTC.
    """
    from backup_agent.cli.commands.prune import prune

    counts = (keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly)
    return prune(counts, dry_run, now, space, as_json)
