"""Options that several groups of commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def folder(text: str) -> Path:
    """A folder that the user names: no name at all, as of a variable that is not set, is none."""
    if not text:
        raise typer.BadParameter("name a folder")
    return Path(text)


SpaceOption = Annotated[
    Path | None,
    typer.Option(
        "--space", metavar="DIR", parser=folder, help="The space's folder. [default: in SKYPAIL_HOME]"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
