"""Opens spaces by where they lie: a folder, or what a URL names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from space.bucket.address import is_address, parse_address
from space.errors import BadAddress
from space.files import LOCAL_FILES, Files
from space.folder_place import FolderPlace
from space.guard import guarded
from space.place_cache import PlaceCache
from space.remote.address import is_provider, parse_provider
from space.space import Space

_SLIP = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""How a URL begins that lacks a slash."""

Where = Path | str
"""Where a space lies: a folder, or a URL as `parse_where` gives it."""


def parse_where(text: str) -> Where:
    """`s3://…`, `gs://…` and `az://…` name a bucket, `https://…` a provider, all else a folder.

    Raises BadAddress.
    """
    if is_address(text):
        return str(parse_address(text))
    if is_provider(text):
        return str(parse_provider(text))
    if text.startswith("file://"):
        host, slash, path = text.removeprefix("file://").partition("/")
        if host not in ("", "localhost") or not slash or "?" in path or "#" in path:
            raise BadAddress(text, "a folder of this machine is file:///PATH")
        text = unquote(slash + path)
    elif "://" in text:
        raise BadAddress(text, "a space lies in a folder, or at s3://, gs://, az:// or https://")
    elif _SLIP.match(text):
        raise BadAddress(text, "a URL has two slashes, as s3://BUCKET; a folder of that name is ./NAME")
    if not text or "\0" in text:
        raise BadAddress(text, "name a folder")
    return Path(text)


def open_space(
    where: Where,
    *,
    cache: Path,
    environ: Mapping[str, str],
    did: str | None = None,
    allow_private: bool = False,
) -> Space:
    """As `open_folder`, or `space.bucket.opening.open_bucket`. Who asks a provider brings more: see
    `space.remote.opening`.
    """
    if isinstance(where, Path):
        return open_folder(where, cache=cache, did=did)
    from space.bucket.opening import open_bucket

    return open_bucket(where, cache=cache, environ=environ, did=did, allow_private=allow_private)


def open_folder(folder: Path, *, cache: Path, did: str | None = None, files: Files = LOCAL_FILES) -> Space:
    """The space in `folder`, with what arrived since the last time taken in.

    cache: a folder of this machine, never synced (`SKYPAIL_HOME/…`); may serve many spaces.
    did: names the space when the folder holds none yet, which makes both; else ignored.
    Raises NoSpace without either, SpaceFull, SpaceUnavailable.
    """
    with guarded(f"opening the space in {folder}"):
        kept = PlaceCache(cache, str(folder.resolve()))
        return Space.open(FolderPlace(folder, files, home=kept.home, lock=kept.lock), kept, did)
