"""Options that several groups of commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from space import Where
else:
    Where = Path  # for Typer, which knows no unions; the parser says what it is


def folder(text: str) -> Path:
    """A folder that the user names: no name at all, as of a variable that is not set, is none."""
    if not text:
        raise typer.BadParameter("name a folder")
    return Path(text)


def where(text: str) -> Where:
    """Where a space lies: a folder or a URL."""
    if not text:
        raise typer.BadParameter("name a folder or a URL")
    from space.errors import BadAddress
    from space.opening import parse_where

    try:
        return parse_where(text)
    except BadAddress as error:
        raise typer.BadParameter(str(error)) from error


SpaceOption = Annotated[
    Where | None,
    typer.Option(
        "--space",
        metavar="DIR|URL",
        parser=where,
        help="A folder, s3://BUCKET/PREFIX, gs://…, az://…, https://PROVIDER. [default: in SKYPAIL_HOME]",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
