"""A place that is a bucket, or a prefix of one.

Nothing here needs compare-and-swap: shards are named by their content, and a head object has one
writer. Where there is one, it keeps a writer that was frozen from going back. What is being written
is staged in the home; an object appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import obstore
from obstore.store import ObjectStore

from space.bucket.faults import Asking, Lost, PastEnd, Taken, WrongBytes
from space.bucket.upload import Stored, Upload, etag_of, version_of
from space.drafts import Drafts, FileDraft
from space.errors import HeadOvertaken
from space.files import LOCAL_FILES, Files
from space.frames import pack
from space.kept_bytes import KeptBytes
from space.layout import HEADS, PACKED_SUFFIX
from space.place import Draft, Entry, Span
from space.stock import READ_BYTES

AHEAD_BYTES = 8 << 20
"""Had at once by who reads an object from end to end."""

COALESCE_BYTES = 64 << 10
"""Ranges so near to each other are one request."""


class OpenedObject:
    """An `Opened` object. Its size is that of the entry: one that was replaced by less reads as cut short."""

    def __init__(self, bucket: BucketPlace, path: str, size: int) -> None:
        self._bucket = bucket
        self._path = path
        self.size = size
        self._ahead = Span(0, 0)
        self._ahead_bytes = b""

    def read(self, offset: int, size: int) -> bytes:
        size = min(size, self.size - offset)
        if size <= 0:
            return b""
        start, length = self._ahead
        if not start <= offset <= offset + size <= start + length:
            goes_on = offset == start + length
            self._ahead = Span(offset, min(max(size, AHEAD_BYTES if goes_on else 0), self.size - offset))
            self._ahead_bytes = self._bucket.read(self._path, *self._ahead)
        at = offset - self._ahead.offset
        return self._ahead_bytes[at : at + size]

    def read_many(self, spans: Sequence[Span]) -> list[bytes]:
        within = [Span(at, min(size, self.size - at)) for at, size in spans]
        wanted = [span for span in within if span.size > 0]
        if len(wanted) <= 1:
            return [self.read(*span) for span in within]
        found = iter(self._bucket.read_ranges(self._path, wanted))
        return [next(found) if span.size > 0 else b"" for span in within]

    def close(self) -> None:
        self._ahead, self._ahead_bytes = Span(0, 0), b""


class BucketPlace:
    """The `Place` that `store` gives access to."""

    is_near = False
    shares_leases = True
    packs = True
    keeps_parity = True
    at_once = 8

    def __init__(
        self,
        store: ObjectStore,
        title: str,
        *,
        staging: Path,
        drafts: Drafts,
        kept: KeptBytes,
        ask: Asking,
        files: Files = LOCAL_FILES,
    ) -> None:
        """store: rooted at the place's prefix. staging: a folder of this machine for drafts.

        kept: where small objects are remembered by their version.
        """
        self.title = title
        self._store = store
        self._staging = staging
        self._drafts = drafts
        self._kept = kept
        self._ask = ask
        self._files = files
        self._upload = Upload(store, ask)
        self._listed: dict[str, Entry] = {}
        self._heads: dict[str, obstore.UpdateVersion] = {}
        """Head objects as they were listed last, by path."""

    def make_ready(self) -> None:
        self._files.make_folder(self._staging)
        self._drafts.sweep([self._staging])

    def list(self, room: str) -> list[Entry]:
        found = self._ask(f"listing {room or 'the space'}", lambda: self._list(room or None))
        entries = [Entry(each["path"].rsplit("/", 1)[-1], each["size"], version_of(each)) for each in found]
        self._listed = {
            path: entry for path, entry in self._listed.items() if path.rpartition("/")[0] != room
        }
        self._listed.update((_path(room, entry.name), entry) for entry in entries)
        if room == HEADS:
            self._heads = {each["path"]: _update_of(each) for each in found}
        return sorted(entries)

    def _list(self, prefix: str | None) -> Sequence[obstore.ObjectMeta]:
        found: obstore.ListResult[Sequence[obstore.ObjectMeta]]
        found = obstore.list_with_delimiter(self._store, prefix)  # pyright: ignore[reportUnknownMemberType] - Arrow's
        return found["objects"]

    def load(self, room: str, name: str, limit_bytes: int) -> bytes | None:
        """Also from what is kept, if the last listing showed the same version."""
        path = _path(room, name)
        listed = self._listed.get(path)
        key = f"{path}\0{listed.version}".encode() if listed else b""
        kept = self._kept.get([key]).get(key) if key else None
        if kept is not None:
            return kept[: limit_bytes + 1]
        try:
            content = self._ask(f"reading {path}", lambda: self._read_sure(path, limit_bytes + 1, listed))
        except (FileNotFoundError, Lost):
            return None
        if listed and len(content) == listed.size:
            self._kept.put({key: content})
        return content

    def _read_sure(self, path: str, size: int, listed: Entry | None) -> bytes:
        """What is kept must not be what a bad line made of it: read twice, unless the ETag proves it."""
        content = self.read(path, 0, size)
        if listed is None or listed.version == etag_of(content) or self.read(path, 0, size) == content:
            return content
        raise WrongBytes

    def open(self, room: str, entry: Entry) -> OpenedObject:
        return OpenedObject(self, _path(room, entry.name), entry.size)

    def read(self, path: str, offset: int, size: int) -> bytes:
        """A range of an object, fewer bytes where it ends. Raises FileNotFoundError."""
        try:
            return self._ask(
                f"reading {path}",
                lambda: bytes(obstore.get_range(self._store, path, start=offset, length=size)),
            )
        except PastEnd:
            return b""
        except Lost as error:
            raise FileNotFoundError(path) from error

    def read_ranges(self, path: str, spans: Sequence[Span]) -> list[bytes]:
        """Several ranges of an object, none of them empty. Raises FileNotFoundError."""
        starts, lengths = zip(*spans, strict=True)

        def ask() -> list[bytes]:
            found = obstore.get_ranges(
                self._store, path, starts=starts, lengths=lengths, coalesce=COALESCE_BYTES
            )
            return [bytes(each) for each in found]

        try:
            return self._ask(f"reading {path}", ask)
        except PastEnd:
            return [self.read(path, *span) for span in spans]
        except Lost as error:
            raise FileNotFoundError(path) from error

    def draft(self, room: str) -> FileDraft:
        return self._drafts.new(self._staging)

    def publish(self, room: str, drafts: Sequence[tuple[Draft, str]]) -> list[Entry]:
        entries: list[Entry] = []
        for draft, name in drafts:
            path = _path(room, name)
            content = partial(_packed if name.endswith(PACKED_SUFFIX) else _plain, draft)
            entries.append(Entry(name, *self._upload.create(path, content)))
            self._listed[path] = entries[-1]
        return entries

    def store(self, room: str, name: str, content: bytes) -> None:
        path = _path(room, name)
        stored = self._exchange(path, content) if room == HEADS else self._upload.overwrite(path, content)
        entry = self._listed[path] = Entry(name, *stored)
        self._kept.put({f"{path}\0{entry.version}".encode(): content})

    def _exchange(self, path: str, content: bytes) -> Stored:
        try:
            return self._upload.exchange(path, content, self._heads.pop(path, None))
        except Taken:
            raise HeadOvertaken from None

    def remove(self, room: str, name: str) -> None:
        path = _path(room, name)
        with suppress(Lost):
            self._ask(f"removing {path}", lambda: obstore.delete(self._store, path))
        self._listed.pop(path, None)

    def close(self) -> None:
        pass


def _update_of(found: obstore.ObjectMeta) -> obstore.UpdateVersion:
    """What one kind of store asks for and what the other does; those that have none are told nothing."""
    named: obstore.UpdateVersion = {}
    if found["e_tag"]:
        named["e_tag"] = version_of(found)
    if found["version"]:
        named["version"] = found["version"]
    return named


def _plain(draft: Draft) -> Iterator[bytes]:
    return (draft.read(at, min(READ_BYTES, draft.size - at)) for at in range(0, draft.size, READ_BYTES))


def _packed(draft: Draft) -> Iterable[bytes]:
    return pack(_plain(draft))


def _path(room: str, name: str) -> str:
    return f"{room}/{name}" if room else name
