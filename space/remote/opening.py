"""Opens the space at a provider."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from space.drafts import Drafts
from space.files import LOCAL_FILES, Files
from space.folder_place import FolderPlace
from space.guard import guarded
from space.kept_bytes import KeptBytes
from space.layout import did_key_part
from space.place_cache import PlaceCache
from space.remote.blobs import Blobs
from space.remote.place import ProviderPlace
from space.space import Space


def open_remote(
    url: str,
    did: str,
    blobs_of: Callable[[KeptBytes], Blobs],
    *,
    cache: Path,
    own: Path,
    resume: bool = False,
    files: Files = LOCAL_FILES,
) -> Space:
    """The space `did` at the provider `url`, which may know nothing of it yet.

    cache: as for a folder. own: a folder of this machine, not to be lost, for what a provider cannot keep.
    resume: finish first what an earlier process was sending. blobs_of: asks the provider.
    Raises SpaceFull, SpaceUnavailable.
    """
    with guarded(f"opening the space at {url}"):
        kept = PlaceCache(cache, f"{url} {did}")
        drafts = Drafts(files, home=kept.home, lock=kept.lock)
        folder = own / own_name(url, did)
        small = FolderPlace(folder, files, home=kept.home, lock=kept.lock)
        blobs = blobs_of(kept.kept)
        place = ProviderPlace(blobs, small, staging=kept.staging, drafts=drafts, kept=kept.kept, files=files)
        space = Space.open(place, kept, did)
    try:
        if resume and place.resume():
            space.refresh()
    except BaseException:
        space.close()
        raise
    return space


def own_name(url: str, did: str) -> str:
    """The folder of one space at one provider."""
    return f"{did_key_part(did)}-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
