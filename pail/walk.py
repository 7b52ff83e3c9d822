"""The core asks, the shell answers.

A `Walk` is a generator that yields the CIDs it needs, one or a list that may be fetched at
once, and is sent their bytes (one, or a list in the same order). `run` and `run_async` drive
it with a store's reader. Here is the one door through which blocks come in: whatever the
reader says, bytes that do not hash to the CID asked for never reach a walk (T1, S4).

A reader that hashes every block itself says so by answering with `Hashed`, and the door does not
do it again: on a large repository hashing twice is a tenth of all the work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, TypeVar

from pail.cid import CID, verify_block

T = TypeVar("T")

Ask = CID | list[CID]
Walk = Generator[Ask, Any, T]
"""Yields what it asks for, is sent the bytes, returns a T."""


class Hashed(list[bytes]):
    """Blocks that their reader holds to hash to the CIDs they were asked for by.

    Only for readers whose own contract it is to check: a space, and a stage of blocks that were
    hashed on their way in.
    """


Reader = Callable[[Sequence[CID]], Sequence[bytes]]
"""Fetches blocks in the order asked for. Raises MissingBlock for the first that cannot be had."""

AsyncReader = Callable[[Sequence[CID]], Awaitable[Sequence[bytes]]]


def fetch(cid: CID) -> Walk[bytes]:
    """The walk that asks for one block."""
    return (yield cid)


def run(walk: Walk[T], get: Reader) -> T:
    """Drive `walk` to its result, every block checked against its CID.

    Raises what `get` raises (MissingBlock among it), HashMismatch, and what the walk raises.
    """
    try:
        answer = None
        while True:
            try:
                ask = walk.send(answer)
            except StopIteration as stop:
                return stop.value
            cids = [ask] if isinstance(ask, CID) else ask
            answer = _checked(ask, cids, get(cids))
    finally:
        walk.close()


async def run_async(walk: Walk[T], get: AsyncReader) -> T:
    """As `run`, with a reader that is awaited."""
    try:
        answer = None
        while True:
            try:
                ask = walk.send(answer)
            except StopIteration as stop:
                return stop.value
            cids = [ask] if isinstance(ask, CID) else ask
            answer = _checked(ask, cids, await get(cids))
    finally:
        walk.close()


def _checked(ask: Ask, cids: Sequence[CID], blocks: Sequence[bytes]) -> bytes | Sequence[bytes]:
    assert len(blocks) == len(cids), "a reader answers every CID it is asked for"
    if not isinstance(blocks, Hashed):
        for cid, data in zip(cids, blocks, strict=True):
            verify_block(cid, data)
    return blocks[0] if isinstance(ask, CID) else blocks
