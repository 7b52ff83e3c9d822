"""`skypail agent …`: who this machine's agent is, and who may do what to a space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backup_agent.cli.options import JsonOption, SpaceOption

app = typer.Typer(help="Let other agents add to a space; take that back.")


@app.command("id")
def id_(as_json: JsonOption = False) -> int:
    """Show this agent's DID, for others to delegate to."""
    from backup_agent.cli.commands.agent import id_

    return id_(as_json)


@app.command()
def delegate(
    to: Annotated[str, typer.Option("--to", metavar="DID", help="The other agent.", show_default=False)],
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="30d, 12h or 2027-01-31.", show_default=False)
    ],
    can: Annotated[
        list[str] | None,
        typer.Option(
            "--can",
            metavar="ABILITY",
            help="`provider`: to add to a space at one. Repeatable. [default: clock/advance and clock/head]",
        ),
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option(
            "--keys",
            metavar="PREFIX",
            help="Only keys that begin with it; an account's DID: all of the account.",
        ),
    ] = None,
    ops: Annotated[
        list[str] | None,
        typer.Option("--ops", metavar="OP", help="put: may add, and neither delete nor rewrite. Repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A new .ucan file.")] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Let another agent use the space's clock; writes a .ucan file to hand over."""
    from backup_agent.cli.commands.agent import delegate

    abilities = can or ["clock/advance", "clock/head"]
    return delegate(to, abilities, keys, ops or [], expires, out, space, as_json)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .ucan file.", show_default=False)],
    as_json: JsonOption = False,
) -> int:
    """Keep a delegation that was made for this agent."""
    from backup_agent.cli.commands.agent import add

    return add(file, as_json)


@app.command("list")
def list_(space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """List delegations: held, issued and revoked, with the time left; of all spaces, or of one."""
    from backup_agent.cli.commands.agent import list_

    return list_(space, as_json)


@app.command()
def revoke(
    cid: Annotated[str, typer.Argument(metavar="CID", help="See `skypail agent list`.", show_default=False)],
    as_json: JsonOption = False,
) -> int:
    """Take a delegation back, at every clock service of its space."""
    from backup_agent.cli.commands.agent import revoke

    return revoke(cid, as_json)
