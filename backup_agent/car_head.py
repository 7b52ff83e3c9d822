"""The latest commit, read from the beginning of a repository's CAR.

A host that serves an account to its owner alone may refuse the owner `getLatestCommit` and yet give
`getRepo`: the reference PDS does so for an account that was taken down.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from backup_agent.atproto.commit import Commit, decode_commit
from backup_agent.atproto.errors import InvalidCommit
from backup_agent.errors import HostError
from pail import PailError
from pail.car import CarReader

MAX_SCANNED_BYTES = 16 << 20
"""A PDS sends the blocks of the last commit first."""


async def read_car_head(chunks: AsyncIterator[bytes], host: str) -> Commit:
    """The commit that the CAR's header names, well-formed but not yet verified.

    Reads no further than that block. Raises HostError if it is not among the first MAX_SCANNED_BYTES.
    """
    reader, scanned = CarReader(), 0
    try:
        async for chunk in chunks:
            for block in reader.feed(chunk):
                if reader.roots == (block.cid,):
                    return decode_commit(block.cid, block.data)
            scanned += len(chunk)
            if scanned > MAX_SCANNED_BYTES:
                break
    except (PailError, InvalidCommit) as error:
        raise HostError(host, f"its repository does not begin with a commit: {error}") from error
    raise HostError(host, "its repository does not begin with a commit")
