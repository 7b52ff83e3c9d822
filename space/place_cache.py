"""What this machine keeps of one place: an index of it, bytes of one far away, locks among its processes.

All of it repeats the place and can be lost at any time.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from space.files import held
from space.index import Index
from space.kept_bytes import KeptBytes


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
        self.staging = folder / f"{stem}.staging"
        """A folder for what is being written to a place that is not near."""
        self._kept_path = folder / f"{stem}.kept.sqlite"
        self._kept: KeptBytes | None = None
        with held(self.lock):  # SQLite itself lets only one process at a time make the file
            self.index = Index(folder / f"{stem}.sqlite")

    @property
    def home(self) -> str:
        """An id of this machine's home, as long as the cache lives."""
        return self.index.home

    @property
    def kept(self) -> KeptBytes:
        """Small bytes of a place that is not near."""
        if self._kept is None:
            with held(self.lock):
                self._kept = KeptBytes(self._kept_path)
        return self._kept

    def close(self) -> None:
        self.index.close()
        if self._kept is not None:
            self._kept.close()
