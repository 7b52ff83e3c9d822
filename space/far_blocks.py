"""Blocks of a place that is far away, kept here: those small ones that a run reads again and again.

Pail shards, events, Backups, identities: a backup that finds nothing new asks the place for none.
What is kept is hashed at every read like anything else (S4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pail import CID, DAG_CBOR, HashMismatch, verify_block
from space.kept_bytes import KeptBytes

MAX_RAW_BYTES = 16 << 10
"""Larger raw blocks are media: nobody reads these again and again."""


class FarBlocks:
    """Blocks in a `KeptBytes`."""

    def __init__(self, kept: KeptBytes) -> None:
        self._kept = kept

    def get(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        """Those that are kept, each hashed just now."""
        found = self._kept.get({_key(cid) for cid in cids})
        blocks: dict[CID, bytes] = {}
        for cid in cids:
            content = found.get(_key(cid))
            if content is None:
                continue
            try:
                verify_block(cid, content)
                blocks[cid] = content
            except HashMismatch:
                self._kept.drop(_key(cid))
        return blocks

    def keep(self, blocks: Iterable[tuple[CID, bytes]]) -> None:
        """Keep those that are worth it; each was hashed by the caller."""
        worth_it = (pair for pair in blocks if pair[0].codec == DAG_CBOR or len(pair[1]) <= MAX_RAW_BYTES)
        self._kept.put({_key(cid): content for cid, content in worth_it})


def _key(cid: CID) -> bytes:
    return b"block " + cid
