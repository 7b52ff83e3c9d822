"""Opens spaces by where they lie."""

from __future__ import annotations

from pathlib import Path

from space.files import LOCAL_FILES, Files
from space.folder_place import FolderPlace
from space.guard import guarded
from space.place_cache import PlaceCache
from space.space import Space


def open_folder(folder: Path, *, cache: Path, did: str | None = None, files: Files = LOCAL_FILES) -> Space:
    """The space in `folder`, with what arrived since the last time taken in.

    cache: a folder of this machine, never synced (`SKYPAIL_HOME/…`); may serve many spaces.
    did: names the space when the folder holds none yet, which makes both; else ignored.
    Raises NoSpace without either, SpaceFull, SpaceUnavailable.
    """
    with guarded(f"opening the space in {folder}"):
        kept = PlaceCache(cache, str(folder.resolve()))
        return Space.open(FolderPlace(folder, files, home=kept.home, lock=kept.lock), kept, did)
