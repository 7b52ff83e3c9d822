"""The commands, their arguments and their help. The work is in `commands`, loaded when it is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backup_agent.cli.options import JsonOption, SpaceOption, folder
from backup_agent.cli.prune_command import prune
from backup_agent.cli.sections import Sections

app = typer.Typer(
    cls=Sections,
    help="Back up an AT Protocol (Bluesky) account into a space that you own, prove it whole, restore it.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"skypail {version('skypail')}")
        raise typer.Exit


@app.callback()
def skypail(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


AccountOption = Annotated[
    str | None,
    typer.Option("--account", "-a", metavar="ACCOUNT", help="Only this account: its DID or handle."),
]
SnapshotArgument = Annotated[
    str,
    typer.Argument(
        metavar="SNAPSHOT",
        help="`latest`, a timestamp, a Backup's CID, or how they begin.",
        show_default=False,
    ),
]


@app.command()
def backup(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="A handle or a DID.", show_default=False)],
    clock: Annotated[
        list[str] | None,
        typer.Option("--clock", metavar="URL", help="Record at this clock service too. Repeatable."),
    ] = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Fetch what is new, prove it whole, record a snapshot.

    Exit code 0: whole. 1: failed, nothing recorded. 3: recorded, but something is missing, or a --clock
    did not take it. A clock of `skypail clock use` that fails is a warning.
    """
    from backup_agent.cli.commands.backup import backup

    return backup(account, space, as_json, clock or [])


@app.command()
def login(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="A handle or a DID.", show_default=False)],
    recipient: Annotated[
        list[str] | None,
        typer.Option(
            "--recipient",
            "-r",
            metavar="KEY",
            help="Seal private data to this age or SSH public key too. Repeatable.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Log in, so that backups include the preferences.

    Asks for an app password, or reads it from standard input. It is never stored.
    Recipients of an earlier login stay unless new ones are given.
    """
    from backup_agent.cli.commands.login import login

    return login(account, recipient or [], as_json)


@app.command()
def logout(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="A handle or a DID.", show_default=False)],
    as_json: JsonOption = False,
) -> int:
    """Forget the session of an account on this machine."""
    from backup_agent.cli.commands.login import logout

    return logout(account, as_json)


@app.command()
def snapshots(account: AccountOption = None, space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """List the snapshots: by account, oldest first."""
    from backup_agent.cli.commands.look import snapshots

    return snapshots(account, space, as_json)


@app.command()
def show(
    snapshot: SnapshotArgument,
    account: AccountOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show what one snapshot holds, and what was proved of it."""
    from backup_agent.cli.commands.look import show

    return show(snapshot, account, space, as_json)


@app.command()
def verify(
    snapshot: Annotated[
        str | None,
        typer.Argument(
            metavar="SNAPSHOT",
            help="`latest`, a timestamp, a Backup's CID, or how they begin.",
            show_default="latest",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Verify every snapshot of the space.")] = False,
    account: AccountOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Read and hash all of it again, check the certificate."""
    from backup_agent.cli.commands.verify import verify

    if every and snapshot is not None:
        raise typer.BadParameter("name a SNAPSHOT or --all, not both")
    return verify(None if every else "latest" if snapshot is None else snapshot, account, space, as_json)


@app.command()
def restore(
    snapshot: SnapshotArgument,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="DIR", parser=folder, help="A new or empty folder.", show_default=False),
    ],
    account: AccountOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write a snapshot to a folder of ordinary files.

    They are repo.car, blobs, identity, preferences and certificate; a README.txt there says more.
    """
    from backup_agent.cli.commands.restore import restore

    return restore(snapshot, to, account, space, as_json)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="A", help="The older snapshot.", show_default=False)],
    new: Annotated[str, typer.Argument(metavar="B", help="The newer snapshot.", show_default=False)],
    account: AccountOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the records and blobs that differ from A to B."""
    from backup_agent.cli.commands.look import diff

    return diff(old, new, account, space, as_json)


@app.command()
def get(
    snapshot: SnapshotArgument,
    path: Annotated[
        str, typer.Argument(metavar="COLLECTION/RKEY", help="Or its at:// address.", show_default=False)
    ],
    account: AccountOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Print one record of a snapshot as JSON."""
    from backup_agent.cli.commands.look import get

    return get(snapshot, path, account, space, as_json)


@app.command()
def records(
    snapshot: SnapshotArgument,
    collection: Annotated[
        str | None,
        typer.Argument(metavar="COLLECTION", help="Only these: app.bsky.feed.post.", show_default=False),
    ] = None,
    account: AccountOption = None,
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the paths of a snapshot's records.

    With --json their CIDs too.
    """
    from backup_agent.cli.commands.look import records

    return records(snapshot, collection, account, space, as_json)


@app.command()
def check(
    space: SpaceOption = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare names and sizes only; read no data.")
    ] = False,
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Read every byte; as a folder's check does unasked.")
    ] = False,
    subset: Annotated[
        str | None,
        typer.Option(
            "--read-data-subset",
            metavar="N%|n/m",
            help="Read a part: 10% by chance; 2/7, the second of 7.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Read the space and name what is damaged.

    Of one far away it reads only what this machine never saw whole.
    """
    from backup_agent.cli.commands.space import check

    return check(space, quick, read_data, subset, as_json)


@app.command()
def repair(space: SpaceOption = None, as_json: JsonOption = False) -> int:
    """Rebuild the index, save what is good of damaged shards.

    Deletes nothing.
    """
    from backup_agent.cli.commands.space import repair

    return repair(space, as_json)


app.command()(prune)


@app.command()
def key(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the private key to this new file, for `age -i`."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Show the agent's public key, or export the private one.

    With the exported key the stock age tool opens what was sealed: `age --decrypt -i FILE preferences.age`.
    """
    from backup_agent.cli.commands.key import key

    return key(out, as_json)


@app.command()
def demo(as_json: JsonOption = False) -> int:
    """See it work, on a recorded account and this machine.

    A small host serves the account: it is backed up, gets a post, is backed up again, verified and restored.
    """
    from backup_agent.cli.commands.demo import demo

    return demo(as_json)
