"""`skypail provider …`: host spaces of others, and their clocks."""

from __future__ import annotations

from typing import Annotated

import typer

from backup_agent.cli.options import JsonOption
from backup_agent.cli.service_options import (
    BlockSourceOption,
    DatabaseOption,
    Guard,
    GuardOption,
    HostedArgument,
    HostOption,
    OwnDidOption,
    PortOption,
    Provision,
)

app = typer.Typer(help="Host spaces and their clocks, for whoever you let.")


@app.command()
def serve(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8741,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="How others reach it: https://…; clients send blobs there. [default: where it listens]",
        ),
    ] = None,
    database: DatabaseOption = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="URL",
            help="Where blobs go: a folder, s3://BUCKET/PREFIX, gs://…, az://… [default: in SKYPAIL_HOME]",
        ),
    ] = None,
    provision: Annotated[
        Provision, typer.Option("--provision", help="Whose spaces to host: those added, or any account's.")
    ] = Provision.REGISTERED,
    max_bytes: Annotated[
        int | None,
        typer.Option("--bytes", metavar="BYTES", min=1, help="Of the blobs of one space. [default: 100 GiB]"),
    ] = None,
    guard: GuardOption = Guard.WHEN_POSSIBLE,
    clocks: Annotated[bool, typer.Option("--clocks/--no-clocks", help="Host the spaces' clocks too.")] = True,
    did: OwnDidOption = None,
    block_source: BlockSourceOption = None,
    auto_confirm: Annotated[
        bool, typer.Option("--auto-confirm", help="Believe every mail address at once: for tests alone.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Host spaces until stopped.

    Its key is made on the first start, in SKYPAIL_HOME. Put a server with TLS in front of it.

    Accounts are confirmed by mail, through the server that SKYPAIL_SMTP_URL (smtp://USER:PASSWORD@HOST:PORT)
    and SKYPAIL_MAIL_FROM name. Without them the link goes to the log, to be passed on by hand.
    """
    from backup_agent.cli.commands.provider import Wanted, serve

    wanted = Wanted(
        host,
        port,
        url,
        database,
        store,
        provision,
        max_bytes,
        guard,
        clocks,
        did,
        block_source or [],
        auto_confirm,
    )
    return serve(wanted, as_json)


space_app = typer.Typer(help="Which spaces the provider of this machine hosts.")
app.add_typer(space_app, name="space")

BytesOption = Annotated[
    int | None, typer.Option("--bytes", metavar="BYTES", min=1, help="Of its blobs. [default: 100 GiB]")
]


@space_app.command("add")
def add_space(
    did: HostedArgument,
    max_bytes: BytesOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> int:
    """Host a space and its clock."""
    from backup_agent.cli.commands.provider import add_space

    return add_space(did, max_bytes, database, as_json)


@space_app.command("limit")
def limit_space(
    did: HostedArgument,
    max_bytes: Annotated[int, typer.Option("--bytes", metavar="BYTES", min=0, help="Of its blobs.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> int:
    """Give a space more or less room; what it holds stays."""
    from backup_agent.cli.commands.provider import limit_space

    return limit_space(did, max_bytes, database, as_json)


@space_app.command("remove")
def remove_space(did: HostedArgument, database: DatabaseOption = None, as_json: JsonOption = False) -> int:
    """Take nothing more for a space; what is there stays readable."""
    from backup_agent.cli.commands.provider import remove_space

    return remove_space(did, database, as_json)


@space_app.command("list")
def list_spaces(database: DatabaseOption = None, as_json: JsonOption = False) -> int:
    """List the spaces and what they use."""
    from backup_agent.cli.commands.provider import list_spaces

    return list_spaces(database, as_json)


@space_app.command("info")
def show_space(did: HostedArgument, database: DatabaseOption = None, as_json: JsonOption = False) -> int:
    """Show what one space has and uses."""
    from backup_agent.cli.commands.provider import show_space

    return show_space(did, database, as_json)
