"""Where the operating system's and SQLite's errors become the space's own."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from space.errors import SpaceFull, SpaceUnavailable

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def guarded(doing: str) -> Generator[None]:
    """Raise SpaceFull or SpaceUnavailable, which say what was being done, for errors from below."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise SpaceFull(f"the disk is full: {doing}") from error
        raise SpaceUnavailable(f"{doing}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise SpaceFull(f"the disk of the index is full: {doing}") from error
        raise SpaceUnavailable(f"{doing}: the index says: {error}") from error
