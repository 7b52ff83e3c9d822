"""Which blobs a run has made durable before any snapshot names them.

A blob of several chunks has another root than its CID, so a run that follows a killed one could
not know that it is there. Losing the journal costs fetching again, never a blob: what it says is
checked against the space before it is believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pail import CID, DecodeError, parse_cid
from space.guard import guarded


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob in the space."""

    cid: CID
    """As records link it."""
    root: CID
    """Of its UnixFS file."""
    size_bytes: int


class Journal:
    """A file of JSON lines, one for each blob."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[CID, CID]:
        """What runs before this one stored, and under which roots. A line cut short is passed over."""
        roots: dict[CID, CID] = {}
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        for line in lines:
            try:
                cid, root = json.loads(line)
                roots[parse_cid(cid)] = parse_cid(root)
            except (DecodeError, ValueError, TypeError):
                continue
        return roots

    def append(self, blobs: Iterable[StoredBlob]) -> None:
        """Remember `blobs`, which are durable."""
        lines = "".join(json.dumps([str(blob.cid), str(blob.root)]) + "\n" for blob in blobs)
        with guarded("noting which blobs are here"), self._path.open("a", encoding="utf-8") as file:
            file.write(lines)

    def clear(self) -> None:
        """Forget everything: a snapshot names it all now."""
        self._path.unlink(missing_ok=True)
