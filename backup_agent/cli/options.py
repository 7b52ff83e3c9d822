"""Options that several groups of commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SpaceOption = Annotated[
    Path | None, typer.Option("--space", metavar="DIR", help="The space's folder. [default: in SKYPAIL_HOME]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
