"""What a command says: one JSON document on standard output, or words and tables for people."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

WHOLE, FAILED, USAGE, INCOMPLETE = 0, 1, 2, 3
"""Exit codes: all is well; nothing was recorded; the command was wrong; recorded, but not everything."""


def print_json(document: Any) -> None:
    """The one JSON document of a command that was given --json."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    _write(json.dumps(document, indent=2, ensure_ascii=plain) + "\n")


def print_text(*lines: str) -> None:
    """Lines for people."""
    _write("".join(line + "\n" for line in lines))


def print_error(sentence: str) -> None:
    """One sentence for people, on standard error."""
    sys.stderr.write(f"skypail: {sentence}\n")


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table whose columns are as wide as they need to be; never cut, so it can be piped."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
    print_text(*lines)


def counted(number: int, noun: str) -> str:
    """1 block; 2 blocks."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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


def _write(text: str) -> None:
    """To standard output, at once. Whoever stops reading does not stop the work, nor change its exit code."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
