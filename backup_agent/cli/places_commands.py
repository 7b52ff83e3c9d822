"""`skypail space register` and what else is about where spaces lie: options and help."""

from __future__ import annotations

from typing import Annotated

import typer

from backup_agent.cli.options import JsonOption, SpaceOption, Where
from backup_agent.cli.options import where as place


def add_to(app: typer.Typer) -> None:
    """Have `app` know these commands."""
    for command in (register, copy, move, replicate, sync, forget, status):
        app.command()(command)


DestArgument = Annotated[
    Where,
    typer.Argument(
        metavar="DEST",
        parser=place,
        help="A folder, s3://BUCKET/PREFIX, gs://…, az://…, or https://PROVIDER.",
        show_default=False,
    ),
]


def register(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="https://PROVIDER[/did:key:…]", show_default=False)
    ],
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="MAIL", help="Who asks for it; a link is sent there."),
    ] = None,
    did: Annotated[
        str | None,
        typer.Option("--did", metavar="DID", help="Who the provider is. [default: what it says of itself]"),
    ] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Have a provider host the space. Exit code 3: it does not yet."""
    from backup_agent.cli.commands.hosted import register

    return register(url, account, did, space, as_json)


def copy(dest: DestArgument, space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """Bring every shard and index to another place too, each read back there. Again: only what is new."""
    from backup_agent.cli.commands.carry import copy

    return copy(dest, space, as_json)


def move(
    dest: DestArgument,
    clock: Annotated[
        str | None,
        typer.Option("--clock", metavar="URL", help="Move the clock there too, as `clock fork` does."),
    ] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """As copy; then use the new place. The old one is left as it is.

    Stopped at any point it goes on when it is run again; nothing is switched before everything is there.
    """
    from backup_agent.cli.commands.carry import move

    return move(dest, clock, space, as_json)


def replicate(
    dests: Annotated[
        list[Where],
        typer.Argument(metavar="DEST…", parser=place, help="As for copy. Repeatable.", show_default=False),
    ],
    at_least: Annotated[
        int | None,
        typer.Option(
            "--at-least",
            metavar="N",
            min=1,
            max=16,
            help="How many places must take a backup; exit code 3 if fewer do. [default: 1]",
        ),
    ] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Keep the space in more places: every backup is brought to all, and read from any that answers."""
    from backup_agent.cli.commands.replicas import replicate

    return replicate(dests, at_least, space, as_json)


def sync(space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """Bring every place of the space up to date. Exit code 3: one is still behind."""
    from backup_agent.cli.commands.replicas import sync

    return sync(space, as_json)


def forget(dest: DestArgument, space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """Keep a place in step no more. What it holds stays there."""
    from backup_agent.cli.commands.replicas import forget

    return forget(dest, space, as_json)


def status(
    prove: Annotated[
        int, typer.Option("--prove", metavar="N", min=0, max=10_000, help="Read so many random blocks back.")
    ] = 0,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show what each place of the space holds, how far it is behind, and when that was last proved.

    Exit code 1: a place gave wrong bytes. 3: one is behind or does not answer.
    """
    from backup_agent.cli.commands.replicas import status

    return status(prove, space, as_json)
