"""`skypail space register` and what else is about where spaces lie: options and help."""

from __future__ import annotations

from typing import Annotated

import typer

from backup_agent.cli.options import JsonOption


def add_to(app: typer.Typer) -> None:
    """Have `app` know these commands."""
    app.command()(register)


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
    as_json: JsonOption = False,
) -> int:
    """Have a provider host the space. Exit code 3: it does not yet."""
    from backup_agent.cli.commands.hosted import register

    return register(url, account, did, as_json)
