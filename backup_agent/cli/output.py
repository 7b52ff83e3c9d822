"""What a command says: one JSON document on standard output, or words and tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

WHOLE, FAILED, USAGE, INCOMPLETE = 0, 1, 2, 3
"""Exit codes: all is well; nothing was recorded; the command was wrong; recorded, but not everything."""


def print_json(document: Any) -> None:
    """The one JSON document of a command that was given --json."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def print_text(*lines: str) -> None:
    """Lines for people."""
    for line in lines:
        sys.stdout.write(line + "\n")


def print_error(sentence: str) -> None:
    """One sentence for people, on standard error."""
    sys.stderr.write(f"skypail: {sentence}\n")


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table whose columns are as wide as they need to be; never cut, so it can be piped."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print_text("  ".join(cells).rstrip())


def size_text(size_bytes: int) -> str:
    """Bytes for people: 1.5 MB."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    size = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"
