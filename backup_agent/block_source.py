"""Blocks from trustless gateways, as a clock service's operator may name them (C3): guarded (T4), bounded.

`GET {gateway}/ipfs/{cid}?format=raw`. What comes is hashed by whoever asked.
Source: https://specs.ipfs.tech/http-gateways/trustless-gateway/
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from backup_agent.errors import AgentError
from backup_agent.net import Http, Request, check_url
from clock_service.admission import MAX_EVENT_BYTES
from pail import CID

MAX_AT_ONCE = 8
"""Blocks that are being asked for, for all clocks together."""

MAX_GATEWAYS = 8


class Gateways:
    """A `clock_service.fetching.Source`: each block from the first of `urls` that has it."""

    def __init__(self, http: Http, urls: Sequence[str]) -> None:
        """Raises HostRefused for a URL that may not be asked."""
        assert len(urls) <= MAX_GATEWAYS
        for url in urls:
            check_url(url, allow_private=http.allow_private)
        self._http = http
        self._urls = [url.rstrip("/") for url in urls]
        self._turn = asyncio.Semaphore(MAX_AT_ONCE)

    async def __call__(self, cids: Sequence[CID]) -> dict[CID, bytes]:
        found = await asyncio.gather(*(self._find(cid) for cid in cids))
        return {cid: data for cid, data in zip(cids, found, strict=True) if data is not None}

    async def _find(self, cid: CID) -> bytes | None:
        async with self._turn:
            for url in self._urls:
                request = Request(f"{url}/ipfs/{cid}", params={"format": "raw"}, limit_bytes=MAX_EVENT_BYTES)
                try:
                    answer = await self._http.fetch_once(request)
                except AgentError:
                    continue
                if answer.status == 200:
                    return answer.content
        return None
