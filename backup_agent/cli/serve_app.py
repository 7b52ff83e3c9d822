"""`skypail serve …`: the server agent, for whoever runs one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backup_agent.cli.options import JsonOption
from backup_agent.cli.service_options import DatabaseOption, HostOption, PortOption

app = typer.Typer(help="Run a server that backs accounts up on schedule.")

LimitOption = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=1, max=10_000, help="Rows at most.")
]


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8742,
    database: DatabaseOption = None,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, max=64, help="Processes; several need PostgreSQL.")
    ] = 1,
    folders: Annotated[
        list[Path] | None,
        typer.Option("--folder", metavar="DIR", help="Spaces may be below it. Repeatable. [default: none]"),
    ] = None,
    endpoints: Annotated[
        list[str] | None,
        typer.Option(
            "--endpoint", metavar="DOMAIN", help="Buckets may be there. Repeatable. [default: Amazon's alone]"
        ),
    ] = None,
    spaces: Annotated[
        list[str] | None,
        typer.Option("--space", metavar="DID", help="Back up its accounts. Repeatable. [default: anybody's]"),
    ] = None,
    max_accounts: Annotated[
        int, typer.Option("--accounts-per-space", metavar="N", min=1, help="Of one space at most.")
    ] = 100,
    max_runs: Annotated[
        int, typer.Option("--runs-per-day", metavar="N", min=1, help="Of one space at most, by UTC.")
    ] = 10_000,
    max_bytes: Annotated[
        int,
        typer.Option(
            "--bytes-per-day",
            metavar="BYTES",
            min=1,
            help="Written to one space at most, by UTC. [default: 50 GiB]",
            show_default=False,
        ),
    ] = 50 << 30,
    ping: Annotated[
        str | None, typer.Option("--ping", metavar="URL", help="Asked every minute while all is well.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Back up accounts on schedule until stopped.

    Its key is made on the first start, in SKYPAIL_HOME. Put a server with TLS in front of it.
    """
    if context.invoked_subcommand is not None:
        return 0
    from backup_agent.cli.commands.serve_agent import Allowed, serve

    allowed = Allowed(folders or [], endpoints or [], spaces or [])
    limits = {"accounts_a_space": max_accounts, "runs_a_day": max_runs, "bytes_a_day": max_bytes}
    return serve(host, port, database, workers, allowed, limits, ping, as_json)


@app.command()
def accounts(database: DatabaseOption = None, limit: LimitOption = 100, as_json: JsonOption = False) -> int:
    """List the accounts: those in trouble first."""
    from backup_agent.cli.commands.serve_agent import accounts

    return accounts(database, limit, as_json)


@app.command()
def runs(database: DatabaseOption = None, limit: LimitOption = 100, as_json: JsonOption = False) -> int:
    """List the last runs."""
    from backup_agent.cli.commands.serve_agent import runs

    return runs(database, limit, as_json)


@app.command()
def hosts(database: DatabaseOption = None, limit: LimitOption = 100, as_json: JsonOption = False) -> int:
    """List the hosts that were asked, and which are left in peace."""
    from backup_agent.cli.commands.serve_agent import hosts

    return hosts(database, limit, as_json)


@app.command()
def workers(database: DatabaseOption = None, limit: LimitOption = 100, as_json: JsonOption = False) -> int:
    """List the workers, alive and dead."""
    from backup_agent.cli.commands.serve_agent import workers

    return workers(database, limit, as_json)
