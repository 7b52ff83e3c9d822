"""What this machine keeps of one place: an index of it, and the locks among its own processes.

All of it repeats the place and can be lost at any time.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from space.files import held
from space.index import Index


class PlaceCache:
    """The files in `folder`, of this machine and never synced, that are about the place called `key`.

    One folder may serve any number of places. Raises OSError and sqlite3.Error.
    """

    def __init__(self, folder: Path, key: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        stem = hashlib.sha256(key.encode()).hexdigest()[:32]
        self.lock = folder / f"{stem}.lock"
        """Held while files of the cache are made, or temporary ones."""
        self.head_lock = folder / f"{stem}.head.lock"
        """Held while an agent's head object is read, folded and written."""
        with held(self.lock):  # SQLite itself lets only one process at a time make the file
            self.index = Index(folder / f"{stem}.sqlite")

    @property
    def home(self) -> str:
        """An id of this machine's home, as long as the cache lives."""
        return self.index.home

    def close(self) -> None:
        self.index.close()
