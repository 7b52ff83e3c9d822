"""`skypail space …`: making a space, its key, and what it is."""

from __future__ import annotations

from typing import Annotated

import typer

from backup_agent.cli import places_commands
from backup_agent.cli.options import JsonOption, SpaceOption, Where
from backup_agent.cli.options import where as place

app = typer.Typer(help="Make spaces, keep their keys, look at them.")
key_app = typer.Typer(help="A space's key, as 24 words that you can write down.")
app.add_typer(key_app, name="key")
places_commands.add_to(app)


@app.command()
def create(
    where: Annotated[
        Where | None,
        typer.Argument(
            metavar="DIR|URL", parser=place, help="[default: in SKYPAIL_HOME]", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Make a space, and show its key once: write the words down."""
    from space.remote.address import is_provider

    if isinstance(where, str) and is_provider(where):
        from backup_agent.cli.commands.hosted import create as create_hosted

        return create_hosted(where, as_json)
    from backup_agent.cli.commands.spaces import create

    return create(where, as_json)


@app.command("list")
def list_(as_json: JsonOption = False) -> int:
    """List the spaces whose keys are on this machine."""
    from backup_agent.cli.commands.spaces import list_

    return list_(as_json)


@app.command()
def info(space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """Show what a space is and holds: accounts, agents, size, and how long snapshots are kept."""
    from backup_agent.cli.commands.spaces import info

    return info(space, as_json)


@app.command()
def recover(
    did: Annotated[
        str | None,
        typer.Option("--did", metavar="DID", help="Which space it is, if several keys are here."),
    ] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Make a space again from its shards and its key: index, heads or the space's file may be lost.

    Take the key first: `skypail space key import`. Run it as often as you like.
    """
    from backup_agent.cli.commands.recover import recover

    return recover(did, space, as_json)


@app.command()
def parity(
    percent: Annotated[
        int | None,
        typer.Argument(metavar="PERCENT", min=0, max=100, show_default=False, help="0: no more of it."),
    ] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Keep parity beside the shards: PERCENT more bytes, from which `repair` computes what is damaged.

    Without PERCENT: what is set. It is for flipped bits, lost sectors and torn ends, not for lost files.
    """
    from backup_agent.cli.commands.parity import parity

    return parity(percent, space, as_json)


@key_app.command("export")
def export(space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """Show the key of a space. Whoever reads these words has the space."""
    from backup_agent.cli.commands.spaces import export

    return export(space, as_json)


@key_app.command("import", context_settings={"allow_extra_args": True})
def import_(context: typer.Context, as_json: JsonOption = False) -> int:
    """Take the key of a space: 24 words that are typed in, or come on standard input."""
    if context.args:  # not repeated: they may be the words, and this may go into a log (T5)
        raise typer.BadParameter(
            "the words come on standard input or are typed in when asked; on the command line other "
            "users of this machine and the shell's history see them"
        )
    from backup_agent.cli.commands.spaces import import_

    return import_(as_json)
