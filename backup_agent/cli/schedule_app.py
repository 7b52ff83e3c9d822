"""`skypail schedule …`: backups by a server, while this machine is off."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from backup_agent.cli.options import JsonOption, SpaceOption


class _AddUnlessNamed(TyperGroup):
    """`schedule ACCOUNT …` is `schedule add ACCOUNT …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["add", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_AddUnlessNamed,
    help="Have a server do the backups: `schedule ACCOUNT --server URL`.",
)

AccountArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="A handle or a DID.", show_default=False)
]
ServerOption = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="The server. [default: where it is scheduled]"),
]


@app.command()
def add(
    account: AccountArgument,
    server: Annotated[
        str, typer.Option("--server", metavar="URL", help="The server that does it.", show_default=False)
    ],
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="15m at least, 2h, hourly, daily or weekly.")
    ] = "daily",
    keep: Annotated[
        str | None,
        typer.Option("--keep", metavar="TEXT", help="A note for `status`; only `skypail prune` deletes."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="30d or 2027-01-31; then it ends.")
    ] = None,
    place: Annotated[
        str | None,
        typer.Option("--place", metavar="URL", help="Where the server finds the space, if elsewhere."),
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(
            "--credentials", metavar="FILE", help="A bucket's, as NAME=VALUE. [default: AWS_* of here]"
        ),
    ] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Schedule an account, or change its schedule.

    The server gets a delegation that lets it add snapshots of this account, and neither delete nor
    rewrite any, for 90 days; every `skypail backup` and `schedule` of yours renews it.
    """
    from backup_agent.cli.commands.schedule import add

    return add(account, server, every, keep, until, place, credentials, space, as_json)


@app.command("list")
def list_(server: ServerOption = None, space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """List what is scheduled for the space."""
    from backup_agent.cli.commands.schedule import list_

    return list_(server, space, as_json)


@app.command()
def status(
    account: AccountArgument,
    server: ServerOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say how an account's backups go. Exit code 3: the last one failed, lacks something, or is late."""
    from backup_agent.cli.commands.schedule import status

    return status(account, server, space, as_json)


@app.command()
def now(
    account: AccountArgument,
    server: ServerOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Back it up now, before all that is scheduled."""
    from backup_agent.cli.commands.schedule import change

    return change("now", account, server, space, as_json)


@app.command()
def pause(
    account: AccountArgument,
    server: ServerOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Stop until `resume`; a run that is under way writes nothing more."""
    from backup_agent.cli.commands.schedule import change

    return change("pause", account, server, space, as_json)


@app.command()
def resume(
    account: AccountArgument,
    server: ServerOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Go on with what is paused or parked."""
    from backup_agent.cli.commands.schedule import change

    return change("resume", account, server, space, as_json)


@app.command()
def remove(
    account: AccountArgument,
    server: ServerOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Take the account off the schedule, and its delegation back."""
    from backup_agent.cli.commands.schedule import remove

    return remove(account, server, space, as_json)
