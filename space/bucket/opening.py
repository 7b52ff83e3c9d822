"""Opens the space in a bucket."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from obstore.store import ObjectStore

from space.bucket.address import parse_address
from space.bucket.faults import Asking
from space.bucket.place import BucketPlace
from space.bucket.store import endpoint_of, open_store
from space.drafts import Drafts
from space.files import LOCAL_FILES, Files
from space.guard import guarded
from space.place_cache import PlaceCache
from space.space import Space


def open_bucket(
    url: str,
    *,
    cache: Path,
    environ: Mapping[str, str],
    did: str | None = None,
    allow_private: bool = False,
    files: Files = LOCAL_FILES,
) -> Space:
    """The space at `url`, as `space.bucket.address` has it; otherwise as `open_folder`.

    environ: says the endpoint and the credentials; see `space.bucket.store`.
    Raises BadAddress too.
    """
    address = parse_address(url)
    store = open_store(address, environ, allow_private=allow_private)
    key = f"{address} {endpoint_of(address, environ) or ''}"
    with guarded(f"opening the space in {address}"):
        kept = PlaceCache(cache, key)
        return Space.open(bucket_place(store, str(address), kept, files=files), kept, did)


def bucket_place(
    store: ObjectStore,
    title: str,
    kept: PlaceCache,
    *,
    files: Files = LOCAL_FILES,
    sleep: Callable[[float], None] = time.sleep,
) -> BucketPlace:
    """The place that `store` is rooted at. sleep: waits so many seconds before something is tried again."""
    drafts = Drafts(files, home=kept.home, lock=kept.lock)
    return BucketPlace(
        store,
        title,
        staging=kept.staging,
        drafts=drafts,
        kept=kept.kept,
        ask=Asking(title, sleep=sleep),
        files=files,
    )
