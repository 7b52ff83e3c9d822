"""Connecting: a name is resolved once, every address checked, only a checked address connected to (T4).

The check sits where the connection is made, below redirects, retries and the connection pool, so
nothing can go round it, and a name that resolves to something else a moment later (DNS rebinding)
gains nothing. TLS above still verifies the host's name: only the TCP connection is told the address.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import cast

import httpcore
import httpx

from backup_agent.errors import HostRefused, HostUnreachable
from backup_agent.net.address import Address, is_loopback, parse_address, why_not_public
from backup_agent.net.url import is_localhost

MAX_ADDRESSES = 8
"""Addresses of one name that are tried, in the resolver's order; all of them are checked."""

MAX_CONNECTIONS = 32
CONNECT_TIMEOUT_S = 10.0

_NO_SUCH_NAME = {socket.EAI_NONAME, socket.EAI_NODATA}

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a host name. Raises OSError when it has none or the resolver does not answer."""


async def system_lookup(host: str) -> Sequence[str]:
    """What the operating system's resolver says."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections for httpcore, to public addresses alone; loopback too under `allow_private`.

    Raises HostRefused if any address of the name is another, HostUnreachable if the name has none,
    and httpcore's ConnectError and ConnectTimeout.
    """

    def __init__(
        self, lookup: Lookup, *, allow_private: bool, connect: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._lookup, self._allow_private = lookup, allow_private
        self._inner: httpcore.AsyncNetworkBackend = connect or cast(
            httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend()
        )

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self.addresses_of(host, timeout or CONNECT_TIMEOUT_S)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def addresses_of(self, host: str, timeout_s: float = CONNECT_TIMEOUT_S) -> list[str]:
        """Where `host` may be connected to, MAX_ADDRESSES at most. Raises as `connect_tcp`."""
        found = [self._check(host, text) for text in await self._resolve(host.lower(), timeout_s)]
        if not found:
            raise HostUnreachable(host, "its name has no address")
        return [str(address) for address in dict.fromkeys(found)][:MAX_ADDRESSES]

    async def _resolve(self, host: str, timeout_s: float) -> Sequence[str]:
        if is_localhost(host):
            return ["127.0.0.1", "::1"]
        if parse_address(host) is not None:
            return [host]
        try:
            async with asyncio.timeout(timeout_s):
                return await self._lookup(host)
        except TimeoutError as error:
            raise HostUnreachable(host, "its name was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            unreachable = HostUnreachable(host, "its name cannot be resolved")
            unreachable.transient = not _does_not_exist(error)
            raise unreachable from error

    def _check(self, host: str, text: str) -> Address:
        address = parse_address(text)
        if address is None:
            raise HostRefused(host, "its address cannot be read")
        kind = why_not_public(address)
        if kind and not (self._allow_private and is_loopback(address)):
            raise HostRefused(host, f"its address {address} is not public ({kind})")
        return address


def _does_not_exist(error: Exception) -> bool:
    """Whether the name is known not to exist, so that asking again is of no use."""
    return isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport on our backend, for which it has no parameter."""

    def __init__(self, backend: GuardedBackend, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, network_backend=backend, max_connections=MAX_CONNECTIONS
        )
