"""Walk over blocks that are not stored yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pail.cid import CID
from pail.walk import Walk

T = TypeVar("T")


def with_blocks(walk: Walk[T], blocks: Mapping[CID, bytes]) -> Walk[T]:
    """`walk`, asking only for what is not in `blocks`, which hash to their CIDs."""
    try:
        ask = next(walk)
        while True:
            cids = [ask] if isinstance(ask, CID) else ask
            missing = [cid for cid in cids if cid not in blocks]
            fetched = dict(zip(missing, (yield missing), strict=True)) if missing else {}
            answers = [fetched[cid] if cid in fetched else blocks[cid] for cid in cids]
            ask = walk.send(answers[0] if isinstance(ask, CID) else answers)
    except StopIteration as stop:
        return stop.value
    finally:
        walk.close()
