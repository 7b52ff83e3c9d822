"""Puts an object into a bucket, and believes that it is there only when its bytes are proved.

S3 and its kin name what they keep in one request by its MD5. Where that is not what was put, as it
never is where the bucket has keys of its own, what was put is read back. In parts, S3 refuses a part
that has not the SHA-256 that its request is signed with; a store that is asked unsigned, or otherwise
than S3, is read back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import obstore
from obstore.store import ObjectStore, S3Store

from space.bucket.faults import Asking, Lost, Taken, Unsupported, WrongBytes

PART_BYTES = 8 << 20
PARTS_AT_ONCE = 4
"""So an upload takes some 48 MiB of memory, however large the shard is."""

Content = Callable[[], Iterable[bytes]]
"""The bytes of an object from the first to the last, anew at each call. They are sent while they come."""


class Stored(NamedTuple):
    """What the bucket has now. size: in bytes."""

    size: int
    version: str


class Upload:
    """Uploads into one store. Each method raises SpaceUnavailable."""

    def __init__(self, store: ObjectStore, ask: Asking) -> None:
        self._store = store
        self._ask = ask
        self._may_create = True
        self._signs = isinstance(store, S3Store) and not store.config.get("skip_signature")

    def overwrite(self, path: str, content: bytes) -> Stored:
        """Put a small object in one request, over any that is there."""
        return self._ask(f"writing {path}", lambda: self._put(path, lambda: [content]))

    def exchange(self, path: str, content: bytes, before: obstore.UpdateVersion | None) -> Stored:
        """Put a small object over that `before`, or as the first. Raises Taken if another is there."""
        mode = "create" if before is None else before
        try:
            return self._ask(f"writing {path}", lambda: self._put(path, lambda: [content], mode=mode))
        except Unsupported:
            return self.overwrite(path, content)
        except (Taken, Lost):
            there = self._ask(f"looking at {path}", lambda: self._look(path))
        if there is not None and there["e_tag"] == etag_of(content):
            return Stored(len(content), version_of(there))  # an answer was lost, and it was asked again
        if there is None or before is None or there["e_tag"] != before.get("e_tag"):
            raise Taken
        return self.overwrite(path, content)  # it refuses what has not changed: it cannot compare

    def create(self, path: str, content: Content) -> Stored:
        """Put an object whose name says what is in it: one that is there with these bytes is left alone.

        One with other bytes is damaged, or packed by another hand, and is replaced: readers who
        meet the change read anew.
        """
        try:
            return self._ask(f"writing {path}", lambda: self._create(path, content))
        except Taken:
            return self._ask(f"writing {path}", lambda: self._replace(path, content))

    def _create(self, path: str, content: Content) -> Stored:
        if not self._may_create:
            return self._replace(path, content)
        try:
            return self._put(path, content, mode="create")
        except Unsupported:
            self._may_create = False
            return self._replace(path, content)

    def _replace(self, path: str, content: Content) -> Stored:
        """Looks first at what is there."""
        return self._kept(path, content) or self._put(path, content)

    def _kept(self, path: str, content: Content) -> Stored | None:
        """What is there, if it is this."""
        there = self._look(path)
        if there is None:
            return None
        measured = _measured(content())
        is_this = (there["size"], there["e_tag"]) == (measured.size, measured.etag)
        return Stored(measured.size, version_of(there)) if is_this else None

    def _look(self, path: str) -> obstore.ObjectMeta | None:
        try:
            return obstore.head(self._store, path)
        except FileNotFoundError:
            return None

    def _put(self, path: str, content: Content, *, mode: obstore.PutMode = "overwrite") -> Stored:
        pieces = iter(content())
        first = list(_up_to_a_part(pieces))
        if sum(map(len, first)) <= PART_BYTES:
            return self._put_at_once(path, b"".join(first), mode)
        if mode == "create" and (kept := self._kept(path, content)):  # in parts there is no create-only
            return kept
        return self._put_in_parts(path, chain(first, pieces))

    def _put_at_once(self, path: str, content: bytes, mode: obstore.PutMode) -> Stored:
        done = obstore.put(self._store, path, content, mode=mode, use_multipart=False)
        if done["e_tag"] is not None and done["e_tag"] == etag_of(content):
            return Stored(len(content), done["e_tag"])
        return self._read_back(path, _measured([content]))

    def _put_in_parts(self, path: str, pieces: Iterable[bytes]) -> Stored:
        sending = _Counted(pieces) if self._signs else _Measured(pieces)
        done = obstore.put(self._store, path, sending, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        if isinstance(sending, _Measured):
            return self._read_back(path, sending)
        return Stored(sending.size, _in_quotes(done["e_tag"]) if done["e_tag"] else self._version(path))

    def _version(self, path: str) -> str:
        """For a store that says none at the end of parts. Raises WrongBytes if the object is not there."""
        there = self._look(path)
        if there is None:
            raise WrongBytes
        return version_of(there)

    def _read_back(self, path: str, sent: _Measured) -> Stored:
        """Raises WrongBytes unless the object has the bytes that were sent."""
        try:
            found = obstore.get(self._store, path)
        except FileNotFoundError as error:
            raise WrongBytes from error
        there = _measured(map(bytes, found.stream()))
        if (there.size, there.etag) != (sent.size, sent.etag):
            raise WrongBytes
        return Stored(sent.size, version_of(found.meta))


def _up_to_a_part(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """All `pieces`, or so many as are more than a part."""
    size = 0
    while size <= PART_BYTES and (piece := next(pieces, None)) is not None:
        size += len(piece)
        yield piece


class _Counted:
    """Pieces that are looked at while they pass, once. size: of those that did."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.size: int = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._add(memoryview(piece))
            yield piece

    def _add(self, piece: memoryview) -> None:
        self.size += len(piece)


class _Measured(_Counted):
    """`etag`: what S3 would say of the pieces that passed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__(pieces)
        self._digests: list[bytes] = []
        self._part = hashlib.md5(usedforsecurity=False)

    def _add(self, piece: memoryview) -> None:
        while piece:
            room = PART_BYTES - self.size % PART_BYTES
            self._part.update(piece[:room])
            self.size += len(piece[:room])
            if len(piece) >= room:
                self._digests.append(self._part.digest())
                self._part = hashlib.md5(usedforsecurity=False)
            piece = piece[room:]

    @property
    def etag(self) -> str:
        last = [self._part.digest()] if self.size % PART_BYTES or not self.size else []
        digests = [*self._digests, *last]
        if self.size <= PART_BYTES:
            return _quoted(digests[0])
        return f'"{_md5(b"".join(digests)).hex()}-{len(digests)}"'


def _measured(pieces: Iterable[bytes]) -> _Measured:
    measured = _Measured(pieces)
    for _ in measured:
        pass
    return measured


def etag_of(content: bytes) -> str:
    """What S3 calls an object that was put in one request."""
    return _quoted(_md5(content))


def _quoted(digest: bytes) -> str:
    return f'"{digest.hex()}"'


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def version_of(there: obstore.ObjectMeta) -> str:
    """The ETag, or the time of change where there is none."""
    return _in_quotes(there["e_tag"]) if there["e_tag"] else there["last_modified"].isoformat()


def _in_quotes(etag: str) -> str:
    """As S3 always writes it; Azure does not in a listing."""
    return etag if etag.startswith(('"', "W/")) else f'"{etag}"'
