"""The store of blobs that a path or a URL names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from clock_service.errors import BadOption
from provider.blobs import Blobs
from provider.folder_blobs import FolderBlobs


def open_blobs(named: str, environ: Mapping[str, str], *, allow_private: bool = False) -> Blobs:
    """A folder by its path or file:///…; a bucket by s3://…, gs://… or az://….

    environ: says the endpoint and the credentials, as `space.bucket.store` has it. allow_private: plain
    HTTP to this very machine is allowed. Raises BadOption, BadAddress, SpaceUnavailable.
    """
    parts = urlsplit(named)
    if "://" not in named or parts.scheme == "file":
        folder = Path(unquote(parts.path) if "://" in named else named)
        if not named or not folder.name:
            raise BadOption("name a folder, or the URL of a bucket, to keep blobs in")
        return FolderBlobs(folder)
    from provider.bucket_blobs import BucketBlobs
    from space.bucket.address import parse_address
    from space.bucket.store import open_store

    return BucketBlobs(open_store(parse_address(named), environ, allow_private=allow_private))
