"""`skypail clock …`: the services that keep the head of a space."""

from __future__ import annotations

from typing import Annotated

import typer

from backup_agent.cli.options import JsonOption, SpaceOption
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

app = typer.Typer(help="Keep the head of a space at clock services too, and serve one.")

UrlArgument = Annotated[str, typer.Argument(metavar="URL", help="Where it answers.", show_default=False)]
DidOption = Annotated[
    str | None, typer.Option("--did", metavar="DID", help="Who it is. [default: what it says of itself]")
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--without-revocation",
        metavar="CID",
        help="Do not tell it that this delegation is revoked: it stays valid there. Repeatable.",
    ),
]


@app.command()
def use(
    url: UrlArgument,
    did: DidOption = None,
    at_least: Annotated[
        int | None,
        typer.Option(
            "--at-least",
            metavar="N",
            min=0,
            max=16,
            help="How many of the services in use must take a backup; exit code 3 if fewer do. [default: 0]",
        ),
    ] = None,
    without_revocation: WithoutOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Record into the service at URL too, from now on.

    Exit code 3: it is in use, and does not host the space yet.
    """
    from backup_agent.cli.commands.clock import use

    return use(url, did, at_least, without_revocation or [], space, as_json)


@app.command()
def forget(url: UrlArgument, space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """Use the service at URL no longer."""
    from backup_agent.cli.commands.clock import forget

    return forget(url, space, as_json)


@app.command()
def head(space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """Show the head, as the space and every service in use have it.

    Exit code 3: a service did not answer, or names what cannot be read here.
    """
    from backup_agent.cli.commands.clock import head

    return head(space, as_json)


@app.command()
def log(
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, help="Events at most.")] = 100,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the events of the clock, newest first."""
    from backup_agent.cli.commands.clock import log

    return log(space, limit, as_json)


@app.command()
def sync(space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """Give every clock in use every event that any of them has.

    Exit code 3: a service failed.
    """
    from backup_agent.cli.commands.clock import sync

    return sync(space, as_json)


@app.command()
def fork(
    url: UrlArgument,
    did: DidOption = None,
    without_revocation: WithoutOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Move to another service, with or without the old one's help.

    The service at URL gets the whole clock from the blocks in the space; then it alone is used.
    """
    from backup_agent.cli.commands.clock import fork

    return fork(url, did, without_revocation or [], space, as_json)


@app.command()
def serve(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8740,
    database: DatabaseOption = None,
    provision: Annotated[
        Provision, typer.Option("--provision", help="Whose clocks to host: those added, or anybody's.")
    ] = Provision.REGISTERED,
    guard: GuardOption = Guard.WHEN_POSSIBLE,
    did: OwnDidOption = None,
    block_source: BlockSourceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Host clocks of many spaces until stopped.

    Its key is made on the first start, in SKYPAIL_HOME. Put a server with TLS in front of it.
    """
    from backup_agent.cli.commands.serve import serve

    return serve(host, port, database, provision, guard, did, block_source or [], as_json)


space_app = typer.Typer(help="Which spaces the service of this machine hosts.")
app.add_typer(space_app, name="space")


@space_app.command("add")
def add_space(
    did: HostedArgument,
    events_a_day: Annotated[
        int | None,
        typer.Option("--events-a-day", metavar="N", min=1, help="New events, by UTC. [default: 100000]"),
    ] = None,
    max_bytes: Annotated[
        int | None,
        typer.Option("--bytes", metavar="BYTES", min=1, help="Of all its events. [default: 1 GiB]"),
    ] = None,
    guard: Annotated[
        Guard | None, typer.Option("--guard", help="Of this clock alone. [default: the service's]")
    ] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> int:
    """Host the clock of a space; again, to set its limits and guard anew."""
    from backup_agent.cli.commands.serve import add_space

    return add_space(did, events_a_day, max_bytes, guard, database, as_json)


@space_app.command("remove")
def remove_space(did: HostedArgument, database: DatabaseOption = None, as_json: JsonOption = False) -> int:
    """Take no more events for a space; what is there stays readable."""
    from backup_agent.cli.commands.serve import remove_space

    return remove_space(did, database, as_json)


@space_app.command("list")
def list_spaces(database: DatabaseOption = None, as_json: JsonOption = False) -> int:
    """List the spaces that are hosted."""
    from backup_agent.cli.commands.serve import list_spaces

    return list_spaces(database, as_json)
