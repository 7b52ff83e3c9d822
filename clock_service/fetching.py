"""Ancestors that did not come along, from where the operator says that they may be had (C3)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from clock_service.admission import MAX_BLOCKS_BYTES, MAX_EVENTS, Gathered, gather
from clock_service.errors import MissingAncestors
from clock_service.store import Store
from pail import CID, DecodeError, PailError, verify_block
from pail.event import decode_event

Source = Callable[[Sequence[CID]], Awaitable[Mapping[CID, bytes]]]
"""Answers with those blocks that it has. What it says is hashed here; it may be slow or lie."""

MAX_ASKED = 64
"""Blocks asked for at once."""

FETCH_TIMEOUT_S = 30.0
"""For all that one advance lacks."""


async def fetch_missing(
    store: Store, source: Source, space: str, event: CID, blocks: Mapping[CID, bytes]
) -> Gathered:
    """`event` with all ancestors that the clock does not keep, from `blocks` and the source.

    Nothing is written. Raises MissingAncestors if the source has not all of them, takes longer
    than FETCH_TIMEOUT_S, or there are more than MAX_EVENTS.
    """
    found = dict(blocks)
    wanted = await _unkept(store, space, gather(event, found).edge)
    try:
        async with asyncio.timeout(FETCH_TIMEOUT_S):
            while wanted:
                fetched = await _fetch(source, event, wanted)
                found |= fetched
                if len(found) > MAX_EVENTS or sum(map(len, found.values())) > MAX_BLOCKS_BYTES:
                    raise MissingAncestors(event, wanted)
                parents = {parent for data in fetched.values() for parent in _parents(data)}
                wanted = await _unkept(store, space, parents - found.keys())
    except TimeoutError as error:
        raise MissingAncestors(event, wanted) from error
    return gather(event, found)


async def _unkept(store: Store, space: str, events: frozenset[CID] | set[CID]) -> list[CID]:
    return sorted(events - (await store.known(space, events)).kept)


async def _fetch(source: Source, event: CID, wanted: Sequence[CID]) -> dict[CID, bytes]:
    fetched: dict[CID, bytes] = {}
    for at in range(0, len(wanted), MAX_ASKED):
        part = wanted[at : at + MAX_ASKED]
        answer = await source(part)
        fetched |= {cid: answer[cid] for cid in part if cid in answer and _is_block(cid, answer[cid])}
    if missing := [cid for cid in wanted if cid not in fetched]:
        raise MissingAncestors(event, missing)
    return fetched


def _is_block(cid: CID, data: bytes) -> bool:
    try:
        verify_block(cid, data)
    except DecodeError:
        return False
    return True


def _parents(data: bytes) -> Sequence[CID]:
    try:
        return decode_event(data).parents
    except PailError:
        return ()  # `gather` says what is wrong with it
