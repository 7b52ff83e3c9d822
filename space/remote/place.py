"""A place that is a provider: shards and their indexes are its blobs.

A provider knows no names and no small objects that change. So the space file, this machine's head
object and its leases lie in a folder of the home, and the head that others see is kept by a clock
service (spec/places.md). Marks never change and are named by their hash: they are blobs too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from pail import CAR, parse_cid
from space.drafts import Drafts, FileDraft
from space.errors import SpaceFull, SpaceUnavailable
from space.files import Files, held
from space.folder_place import FolderPlace
from space.kept_bytes import KeptBytes
from space.layout import HEADS, INDEX_SUFFIX, MARK_SUFFIX, SHARDS, shard_of_name
from space.place import Draft, Entry, Opened, Span
from space.remote.blobs import Blobs, Content, Held, Parcel, Refused
from space.remote.kinds import cid_of_digest, is_of_digest, name_of
from space.remote.pending import Pending
from space.remote.reading import OpenedBlob

HASHED_AT_ONCE = 1 << 20

PARCEL_BYTES, PARCEL_BLOBS = 64 << 20, 16
"""Of what is sent together, unless a single shard with its index is more."""

READ_BACK_BYTES = 64
"""Of the first shard that a process publishes."""

_VERSION = "1"
"""Of every blob: it never changes."""


class ProviderPlace:
    """The `Place` that `blobs` is."""

    is_near = False
    shares_leases = False
    packs = False
    keeps_parity = False
    at_once = 1

    def __init__(
        self, blobs: Blobs, own: FolderPlace, *, staging: Path, drafts: Drafts, kept: KeptBytes, files: Files
    ) -> None:
        """own: where this machine keeps what a provider cannot. staging: for what is being written."""
        self._blobs = blobs
        self._own = own
        self._staging = staging
        self._drafts = drafts
        self._kept = kept
        self._files = files
        self._pending = Pending(staging / "pending", files)
        self._held: dict[str, Held] | None = None
        self._gives = False
        """Whether it gave again what this process had published."""

    @property
    def title(self) -> str:
        return self._blobs.title

    def make_ready(self) -> None:
        self._own.make_ready()
        self._files.make_folder(self._staging / "pending")
        self._drafts.sweep([self._staging])

    def resume(self) -> bool:
        """Send what an earlier process could not; whether there was anything. Raises as `publish`."""
        with held(self._staging.with_suffix(".resume.lock")):
            left = self._pending.left()
            for folder, paths in left:
                self._send([(_FileContent(self._files, path), path.name) for path in paths])
                self._pending.end(folder)
        return bool(left)

    def list(self, room: str) -> list[Entry]:
        if room == HEADS:
            return self._own.list(room)
        named = self._look()
        if room == SHARDS:
            return [entry for entry in named if not entry.name.endswith(MARK_SUFFIX)]
        return sorted([*self._own.list(room), *(each for each in named if each.name.endswith(MARK_SUFFIX))])

    def _look(self) -> list[Entry]:
        """Every blob, under its name."""
        blobs = list(self._blobs.list())
        keys = {blob: b"name " + blob.digest for blob in blobs}
        known = self._kept.get(keys.values())
        fresh = {key: self._name(blob).encode() for blob, key in keys.items() if key not in known}
        self._kept.put(fresh)
        names = {blob: (known.get(key) or fresh[key]).decode() for blob, key in keys.items()}
        self._held = {name: blob for blob, name in names.items()}
        return sorted(Entry(name, blob.size, _VERSION) for name, blob in self._held.items())

    def _name(self, blob: Held) -> str:
        return name_of(blob, lambda at, size: self._blobs.read(blob, [Span(at, min(size, blob.size))])[0])

    def load(self, room: str, name: str, limit_bytes: int) -> bytes | None:
        if room != SHARDS and not name.endswith(MARK_SUFFIX):
            return self._own.load(room, name, limit_bytes)
        blob = self._find(name)
        if blob is None:
            return None
        key = b"blob " + blob.digest
        content = self._kept.get([key]).get(key)
        if content is None:
            try:
                [content] = self._blobs.read(blob, [Span(0, min(blob.size, limit_bytes + 1))])
            except FileNotFoundError:
                return None
            if hashlib.sha256(content).digest() == blob.digest[-32:]:
                self._kept.put({key: content})
        return content[: limit_bytes + 1]

    def _find(self, name: str) -> Held | None:
        if self._held is None or name not in self._held:
            self._look()
        return (self._held or {}).get(name)

    def open(self, room: str, entry: Entry) -> Opened:
        if room != SHARDS:
            return self._own.open(room, entry)
        shard = shard_of_name(entry.name)
        blob = Held(shard.multihash, entry.size) if shard is not None else self._find(entry.name)
        if blob is None:
            raise FileNotFoundError(entry.name)
        return OpenedBlob(self._blobs, blob)

    def draft(self, room: str) -> FileDraft:
        return self._drafts.new(self._staging) if room == SHARDS else self._own.draft(room)

    def publish(self, room: str, drafts: Sequence[tuple[Draft, str]]) -> list[Entry]:
        """What a crash or a dead line leaves half done is finished by `resume`.

        Raises SpaceUnavailable also if the provider took all of it and does not give it again.
        """
        if room != SHARDS:
            return self._own.publish(room, drafts)
        files = [(cast(FileDraft, draft), name) for draft, name in drafts]
        folder = self._pending.begin(files)
        try:
            entries = self._send(files)
        except (Refused, SpaceFull):
            self._pending.end(folder)
            raise
        except BaseException:  # also of who is interrupted
            self._pending.leave(files)
            raise
        self._pending.end(folder)
        if not self._gives:
            self._read_back(files[0][0], entries[0])
            self._gives = True
        return entries

    def _read_back(self, content: Content, entry: Entry) -> None:
        """A provider that names itself otherwise may take everything and give nothing."""
        size = min(entry.size, READ_BACK_BYTES)
        try:
            given = self.open(SHARDS, entry).read(0, size)
        except FileNotFoundError:
            given = b""
        if given != content.read(0, size):
            raise SpaceUnavailable(
                f"{self.title} does not give what it has just taken; nothing was recorded, try again later "
                "or tell its operator"
            )

    def _send(self, contents: Sequence[tuple[Content, str]]) -> list[Entry]:
        """Blobs first, then what the provider is told about them."""
        sent = [(self._checked(content, name), content, name) for content, name in contents]
        self._blobs.add(list(_parcels(sent)))
        blobs = [(blob, name) for blob, _, name in sent]
        shards = [cid_of_digest(CAR, blob.digest) for blob, name in blobs if shard_of_name(name) is not None]
        if shards:
            self._blobs.add_uploads(shards)
        self._kept.put({b"name " + blob.digest: name.encode() for blob, name in blobs})
        if self._held is not None:
            self._held |= {name: blob for blob, name in blobs}
        return [Entry(name, blob.size, _VERSION) for blob, name in blobs]

    def _checked(self, content: Content, name: str) -> Held:
        digest = _digest_of(content)
        if not is_of_digest(name, digest):
            raise SpaceUnavailable(f"{name} is damaged on its way to {self.title}: it was not sent")
        return Held(digest, content.size)

    def store(self, room: str, name: str, content: bytes) -> None:
        if name.endswith(MARK_SUFFIX):
            digest = parse_cid(name.removesuffix(MARK_SUFFIX)).multihash
            return self._blobs.add([Parcel([(digest, _Bytes(content))])])
        if room != SHARDS:
            return self._own.store(room, name, content)
        draft = self.draft(room)
        try:
            draft.write(content)
            old = self._find(name)
            [entry] = self.publish(room, [(draft, name)])
        finally:
            draft.drop()
        if old is not None and self._held is not None and old != self._held[entry.name]:
            self._blobs.remove(old.digest)

    def remove(self, room: str, name: str) -> None:
        if room != SHARDS and not name.endswith(MARK_SUFFIX):
            return self._own.remove(room, name)
        blob = self._find(name)
        if blob is None:
            return
        shard = shard_of_name(name)
        if shard is not None:
            self._blobs.remove_upload(shard)
        self._blobs.remove(blob.digest)
        if self._held is not None:
            self._held.pop(name, None)

    def close(self) -> None:
        self._own.close()
        self._blobs.close()


class _Bytes:
    """A small object."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    def read(self, offset: int, size: int) -> bytes:
        return self._content[offset : offset + size]


class _FileContent:
    """A file of a publishing that was interrupted."""

    def __init__(self, files: Files, path: Path) -> None:
        self._files = files
        self._path = path
        self.size = path.stat().st_size

    def read(self, offset: int, size: int) -> bytes:
        file = self._files.open(self._path)
        try:
            return self._files.read(file, offset, size)
        finally:
            self._files.close(file)


def _parcels(sent: Sequence[tuple[Held, Content, str]]) -> Iterator[Parcel]:
    """A shard and its index, which have the same name but for its end, are in one."""
    together: dict[str, list[tuple[Held, Content, str]]] = {}
    for each in sent:
        together.setdefault(each[2].split(".", 1)[0], []).append(each)
    parcel: list[tuple[Held, Content, str]] = []
    size = 0
    for group in together.values():
        size += sum(blob.size for blob, _, _ in group)
        if parcel and (size > PARCEL_BYTES or len(parcel) + len(group) > PARCEL_BLOBS):
            yield _parcel(parcel)
            parcel, size = [], sum(blob.size for blob, _, _ in group)
        parcel += group
    if parcel:
        yield _parcel(parcel)


def _parcel(sent: Sequence[tuple[Held, Content, str]]) -> Parcel:
    indexes = [cid_of_digest(CAR, blob.digest) for blob, _, name in sent if name.endswith(INDEX_SUFFIX)]
    return Parcel([(blob.digest, content) for blob, content, _ in sent], indexes)


def _digest_of(content: Content) -> bytes:
    hashed = hashlib.sha256()
    for at in range(0, content.size, HASHED_AT_ONCE):
        hashed.update(content.read(at, min(HASHED_AT_ONCE, content.size - at)))
    return b"\x12\x20" + hashed.digest()
