"""A source at a host that a test made up, and what is asked of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from backup_agent.auth import Auth
from backup_agent.source import LatestCommit, Source
from pail import parse_cid
from tests.backup_agent.net.host import Answerer, Host, Time, http_in, serving, told

T = TypeVar("T")

DID = "did:plc:v2zcsbmbhlh2frrbpukqemn6"
COMMIT = parse_cid("bafyreibyxyo7gpjhbrjetysn7q7niinqaez42qw62vlqkfgvecmbfscqje")
REV = "3n2rgos5zvk2i"
HEAD = {"cid": str(COMMIT), "rev": REV}


def visit(
    answer: Answerer,
    ask: Callable[[Source], Awaitable[T]],
    *,
    auth: Auth | None = None,
    time: Time | None = None,
) -> tuple[T, Host]:
    async def main() -> tuple[T, Host]:
        async with serving(answer) as host, http_in(time or Time()) as http:
            return await ask(Source(http, host.url, auth=auth)), host

    return asyncio.run(main())


async def whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def latest(source: Source) -> Awaitable[LatestCommit]:
    return source.latest_commit(DID)


def refused(name: str, message: str = "", status: int = 400) -> bytes:
    return told({"error": name, "message": message}, status)
