"""What has to be kept of a simulated account, and what the bytes of a space are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.simulation import Day
from bench.simulation_tools import compress
from pail import CID, DAG_CBOR, decode_dag_cbor
from pail.car import CarReader

BLOBS = "blobs"
FRAMES = "CIDs and lengths in CAR shards"
INDEXES = "index objects"
OTHERS = "head objects and .space"

_FIELDS = {
    "$type": "records",
    "e": "MST nodes",
    "certificate": "Backups",
    "signingKey": "certificates",
    "didDocument": "identity",
    "parents": "events",
    "data": "commits",
}
"""The first of these that a block of DAG-CBOR has says what it is."""


class Limit:
    """The blocks that no snapshot before had: what any tool has to keep."""

    def __init__(self) -> None:
        self._seen: set[CID] = set()
        self.raw: list[int] = []
        self.compressed: list[int] = []
        """Of all days so far, in one zstd frame a day."""

    def add(self, day: Day) -> None:
        new = b"".join(content for cid, content in day.blocks.items() if cid not in self._seen)
        self._seen |= day.blocks.keys()
        self.raw.append(sum(self.raw[-1:]) + len(new))
        self.compressed.append(sum(self.compressed[-1:]) + len(compress(new)))


class Kinds:
    """What the bytes of a space in a folder are: those of the first day, and of all that followed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[Path] = set()
        self.first, self.later = Counter[str](), Counter[str]()

    def add(self) -> None:
        new = {path for path in self._folder.rglob("*") if path.is_file()} - self._seen
        (self.later if self._seen else self.first).update(_bytes_by_kind(new))
        self._seen |= new

    def show(self, days: int) -> None:
        print(f"\n{'the folder, by kind of block':34}{'first day':>12}{'a day':>10}")
        for kind in sorted(self.first | self.later, key=lambda kind: -self.first[kind]):
            if kind != BLOBS:
                print(f"{kind:34}{self.first[kind]:12,}{self.later[kind] // (days - 1):10,}")


def _bytes_by_kind(files: Iterable[Path]) -> Counter[str]:
    """The bytes of each kind in these files of a space."""
    sizes = Counter[str]()
    for path in files:
        content = path.read_bytes()
        if path.suffix != ".car":
            sizes[INDEXES if path.suffix == ".idx" else OTHERS] += len(content)
            continue
        blocks = CarReader().feed(content)
        for cid, data in blocks:
            sizes[_kind(cid, data)] += len(data)
        sizes[FRAMES] += len(content) - sum(len(data) for _, data in blocks)
    return sizes


def _kind(cid: CID, data: bytes) -> str:
    if cid.codec != DAG_CBOR:
        return "identity" if _is_json(data) else BLOBS
    value: dict[str, Any] = decode_dag_cbor(data)
    if "keyChars" in value:
        keys = value["prefix"] or value["entries"][0][0] if value["entries"] else ""
        return "pail of snapshots" if keys.startswith("d") else "pails of blobs"
    return next(kind for name, kind in _FIELDS.items() if name in value)


def _is_json(data: bytes) -> bool:
    """The identity is JSON as received; what the account shows is noise."""
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
