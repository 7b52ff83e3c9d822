"""Puts an object into a bucket, and believes that it is there only when its bytes are proved.

S3 and its kin name what they keep by its MD5, or by the MD5 of the MD5s of its parts. Where that
is not what was put, as it never is where the bucket has keys of its own, what was put is read back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import obstore
from obstore.store import ObjectStore

from space.bucket.faults import Asking, Taken, Unsupported, WrongBytes

PART_BYTES = 16 << 20
PARTS_AT_ONCE = 3
"""So an upload takes some 64 MiB of memory, however large the shard is."""


class Content(Protocol):
    """What is uploaded."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, size: int) -> bytes: ...


class _Small(NamedTuple):
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, offset: int, size: int) -> bytes:
        return self.content[offset : offset + size]


class Upload:
    """Uploads into one store. Each method gives the object's version, and raises SpaceUnavailable."""

    def __init__(self, store: ObjectStore, ask: Asking) -> None:
        self._store = store
        self._ask = ask
        self._may_create = True

    def overwrite(self, path: str, content: bytes) -> str:
        """Put a small object in one request, over any that is there."""
        return self._ask(f"writing {path}", lambda: self._put(path, _Small(content)))

    def create(self, path: str, content: Content) -> str:
        """Put an object whose name says what is in it: one that is there with these bytes is left alone.

        One with other bytes is damaged, or packed by another hand, and is replaced: readers who
        meet the change read anew.
        """
        try:
            return self._ask(f"writing {path}", lambda: self._create(path, content))
        except Taken:
            return self._ask(f"writing {path}", lambda: self._replace(path, content))

    def _create(self, path: str, content: Content) -> str:
        if content.size > PART_BYTES or not self._may_create:  # in parts there is no create-only
            return self._replace(path, content)
        try:
            return self._put(path, content, create=True)
        except Unsupported:
            self._may_create = False
            return self._replace(path, content)

    def _replace(self, path: str, content: Content) -> str:
        try:
            there = obstore.head(self._store, path)
        except FileNotFoundError:
            return self._put(path, content)
        if there["size"] == content.size and there["e_tag"] == _etag(content):
            return version_of(there)
        return self._put(path, content)

    def _put(self, path: str, content: Content, *, create: bool = False) -> str:
        parts = _Parts(content)
        if content.size <= PART_BYTES:
            mode = "create" if create else "overwrite"
            only = b"".join(parts)
            done = obstore.put(self._store, path, only, mode=mode, use_multipart=False)
        else:
            done = obstore.put(self._store, path, parts, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        if done["e_tag"] is not None and done["e_tag"] == parts.etag:
            return done["e_tag"]
        return self._read_back(path, content)

    def _read_back(self, path: str, content: Content) -> str:
        """Raises WrongBytes unless the object has these bytes."""
        try:
            there = obstore.head(self._store, path)
        except FileNotFoundError as error:
            raise WrongBytes from error
        if there["size"] != content.size:
            raise WrongBytes
        for at in range(0, content.size, PART_BYTES):
            size = min(PART_BYTES, content.size - at)
            if bytes(obstore.get_range(self._store, path, start=at, length=size)) != content.read(at, size):
                raise WrongBytes
        return version_of(there)


class _Parts:
    """The parts of `content`, once; then `etag` is what S3 would say."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._digests: list[bytes] = []

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, self._content.size, PART_BYTES):
            part = self._content.read(at, min(PART_BYTES, self._content.size - at))
            self._digests.append(_md5(part))
            yield part

    @property
    def etag(self) -> str:
        if self._content.size <= PART_BYTES:
            return _quoted((self._digests or [_md5(b"")])[0])
        return f'"{_md5(b"".join(self._digests)).hex()}-{len(self._digests)}"'


def etag_of(content: bytes) -> str:
    """What S3 calls an object that was put in one request."""
    return _quoted(_md5(content))


def _quoted(digest: bytes) -> str:
    return f'"{digest.hex()}"'


def _etag(content: Content) -> str:
    parts = _Parts(content)
    for _ in parts:
        pass
    return parts.etag


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def version_of(there: obstore.ObjectMeta) -> str:
    """The ETag, or the time of change where there is none."""
    return there["e_tag"] or there["last_modified"].isoformat()
