"""Blocks of a place that is far away, kept here: those small ones that a run reads again and again.

Pail shards, events and Backups are DAG-CBOR; so a backup that finds nothing new asks the place for
none of them. What is kept is hashed at every read like anything else (S4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pail import CID, DAG_CBOR, HashMismatch, verify_block
from pail.cid import cid_prefix
from space.kept_bytes import KeptBytes

_DAG_CBOR_CID = cid_prefix(DAG_CBOR)


class FarBlocks:
    """Blocks in a `KeptBytes`."""

    def __init__(self, kept: KeptBytes) -> None:
        self._kept = kept

    def get(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        """Those that are kept, each hashed just now."""
        found = self._kept.get({_key(cid) for cid in cids if _is_kept(cid)})
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
        self._kept.put({_key(cid): content for cid, content in blocks if _is_kept(cid)})


def _is_kept(cid: CID) -> bool:
    return cid.startswith(_DAG_CBOR_CID)


def _key(cid: CID) -> bytes:
    return b"block " + cid
