"""Options of the commands that serve, and of those that say which spaces a service hosts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Provision(StrEnum):
    """As `clock_service.Provision`, which is not loaded for a help text."""

    OPEN = "open"
    REGISTERED = "registered"


class Guard(StrEnum):
    """As `clock_service.Guard`."""

    OFF = "off"
    WHEN_POSSIBLE = "when-possible"
    REQUIRE = "require"


HostOption = Annotated[str, typer.Option("--host", metavar="H", help="The address to listen at.")]
PortOption = Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 for any.")]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="URL", help="sqlite:///PATH or postgresql://… [default: in SKYPAIL_HOME]"
    ),
]
GuardOption = Annotated[
    Guard, typer.Option("--guard", help="How events are looked at: see spec/clock_service.md.")
]
OwnDidOption = Annotated[str | None, typer.Option("--did", metavar="did:web:…", help="What it calls itself.")]
BlockSourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--block-source",
        metavar="URL",
        help="A trustless IPFS gateway that may have events which did not come along. Repeatable.",
    ),
]
HostedArgument = Annotated[str, typer.Argument(metavar="DID", help="The space.", show_default=False)]
