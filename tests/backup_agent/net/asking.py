"""One request to a host that a test made up, and what came of it."""

import asyncio
from collections.abc import Awaitable, Callable

from backup_agent.errors import AgentError
from backup_agent.net import Http, Request
from tests.backup_agent.net.host import Answerer, Host, Time, http_in, serving


def visit(
    answer: Answerer, ask: Callable[[Http, Host], Awaitable[object]], time: Time | None = None
) -> tuple[object, Host]:
    """What `ask` returns, or the AgentError it raises, and the host that `answer` made."""

    async def main() -> tuple[object, Host]:
        async with serving(answer) as host, http_in(time or Time()) as http:
            try:
                return await ask(http, host), host
            except AgentError as error:
                return error, host

    return asyncio.run(main())


def fetch(answer: Answerer, time: Time | None = None, **more: object) -> tuple[object, Host]:
    return visit(answer, lambda http, host: http.fetch(Request(host.url + "/x", **more)), time)  # pyright: ignore[reportArgumentType]
