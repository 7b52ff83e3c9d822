"""Requests to hosts we do not trust: guarded (T4), bounded in size and time, no cookies, no proxies.

A document is fetched whole under one deadline and tried again when that may help. A stream is one attempt:
who consumes it wraps the consumption in `Retry.run`, since only they can start over.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import TypeVar

import httpcore
import httpx

from backup_agent.errors import HostError, HostRefused, HostUnreachable, ResponseTooLarge
from backup_agent.net.dial import CONNECT_TIMEOUT_S, GuardedBackend, GuardedTransport, Lookup, system_lookup
from backup_agent.net.faults import broken
from backup_agent.net.messages import MAX_DOCUMENT_BYTES, Answer, Request, Stream, Upload
from backup_agent.net.pace import Pace
from backup_agent.net.retry import Retry
from backup_agent.net.url import check_url, host_of, origin
from backup_agent.secret import Secret

T = TypeVar("T")

DOCUMENT_DEADLINE_S = 20.0
"""From the first byte sent to the last received, redirects included."""

HEADERS_DEADLINE_S = 60.0
"""Until a stream's headers are there: a PDS may gather a large repository first."""

IDLE_TIMEOUT_S = 30.0
MIN_BYTES_PER_S = 256
"""Slowest stream taken, averaged over the time spent waiting for it and counted from SLOW_START_S on."""

MIN_UPLOAD_BYTES_PER_S = 16 << 10
"""Slowest upload that is waited for, from SLOW_START_S on."""

UPLOAD_PIECE_BYTES = 1 << 18

SLOW_START_S = 60.0
MAX_REDIRECTS = 5

_TIMEOUT = httpx.Timeout(IDLE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
_HEADERS = {"user-agent": "skypail", "accept": "*/*", "accept-encoding": "identity"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Http:
    """Outgoing HTTP. Use as an async context manager.

    allow_private: loopback, also without TLS; for test beds (SKYPAIL_ALLOW_PRIVATE_HOSTS=1).
    pace: when a host may be asked; by default this process alone remembers what hosts say of it.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        retry: Retry | None = None,
        lookup: Lookup = system_lookup,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        connect: httpcore.AsyncNetworkBackend | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.retry = retry or Retry()
        self.allow_private = allow_private
        self._clock = clock
        self._pace = pace or Pace(sleep=self.retry.sleep, now=now)
        backend = GuardedBackend(lookup, allow_private=allow_private, connect=connect)
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(backend, tls or httpx.create_ssl_context()),
            timeout=_TIMEOUT,
            headers=_HEADERS,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            trust_env=False,
        )

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def fetch(self, request: Request) -> Answer:
        """The whole answer, tried again after transient failures.

        Raises HostRefused, HostUnreachable, RateLimited, ResponseTooLarge, HostError.
        """
        return await self.retry.run(lambda: self.fetch_once(request))

    async def fetch_once(self, request: Request) -> Answer:
        """As `fetch`, in one attempt: for what we can do without."""
        url = await self._ready(request)
        return await _within(DOCUMENT_DEADLINE_S, host_of(url), self._read(url, request))

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[Stream]:
        """One attempt at an answer of up to `limit_bytes`; entering and reading raise as `fetch` does."""
        url = await self._ready(request)
        response = await _within(HEADERS_DEADLINE_S, host_of(url), self._send(url, request))
        async with aclosing(response), aclosing(self._chunks(response, request.limit_bytes)) as chunks:
            yield Stream(host_of(response.url), response.status_code, response.headers, chunks)

    async def put(self, upload: Upload) -> Answer:
        """What is answered to a PUT, tried again after transient failures; no redirect is followed.

        Raises as `fetch`.
        """
        return await self.retry.run(lambda: self._put_once(upload))

    async def _put_once(self, upload: Upload) -> Answer:
        url = check_url(upload.url, allow_private=self.allow_private)
        await self._pace.before(url)
        headers = {**upload.headers, "content-length": str(upload.size)}
        outgoing = self._client.build_request("PUT", url, content=_pieces(upload), headers=headers)
        deadline_s = SLOW_START_S + upload.size / MIN_UPLOAD_BYTES_PER_S
        return await _within(deadline_s, host_of(url), self._put(url, outgoing))

    async def _put(self, url: httpx.URL, outgoing: httpx.Request) -> Answer:
        response = await self._exchange(url, outgoing)
        async with aclosing(response), aclosing(self._chunks(response, MAX_DOCUMENT_BYTES)) as chunks:
            content = b"".join([chunk async for chunk in chunks])
        return Answer(host_of(url), response.status_code, response.headers, content)

    async def _read(self, url: httpx.URL, request: Request) -> Answer:
        response = await self._send(url, request)
        async with aclosing(response), aclosing(self._chunks(response, request.limit_bytes)) as chunks:
            content = b"".join([chunk async for chunk in chunks])
        return Answer(host_of(response.url), response.status_code, response.headers, content)

    async def _ready(self, request: Request) -> httpx.URL:
        url = check_url(request.url, allow_private=self.allow_private)
        await self._pace.before(url)
        return url.copy_merge_params(request.params) if request.params else url

    async def _send(self, url: httpx.URL, request: Request) -> httpx.Response:
        """The answer behind all redirects, its body still to be read and closed."""
        meant_for = origin(url)
        for _ in range(MAX_REDIRECTS + 1):
            token = request.token if origin(url) == meant_for else None
            response = await self._exchange(url, self._outgoing(url, request, token), request.answers)
            location = response.headers.get("location")
            if request.body is not None or location is None or response.status_code not in _REDIRECTS:
                return response
            await response.aclose()
            url = self._redirected(url, location)
        raise HostError(host_of(url), f"it redirects more than {MAX_REDIRECTS} times")

    def _redirected(self, url: httpx.URL, location: str) -> httpx.URL:
        try:
            target = check_url(str(url.join(location)), allow_private=self.allow_private)
        except (httpx.InvalidURL, ValueError) as error:
            raise HostError(host_of(url), "it redirects to something that is no URL") from error
        if url.scheme == "https" and target.scheme != "https":
            raise HostRefused(host_of(target), f"{host_of(url)} redirects from https to http")
        return target

    def _outgoing(self, url: httpx.URL, request: Request, token: Secret | None) -> httpx.Request:
        headers = {"accept": request.accept}
        if token is not None:
            headers["authorization"] = f"Bearer {token.reveal()}"
        method = "GET" if request.body is None else "POST"
        if request.body is not None:
            headers["content-type"] = request.content_type
        if request.span is not None:
            headers["range"] = f"bytes={request.span[0]}-{request.span[1]}"
        return self._client.build_request(method, url, content=request.body, headers=headers)

    async def _exchange(
        self, url: httpx.URL, outgoing: httpx.Request, answers: frozenset[int] = frozenset()
    ) -> httpx.Response:
        """One request and the head of its answer. Raises for 429 and TRANSIENT_STATUSES not in `answers`."""
        try:
            response = await self._client.send(outgoing, stream=True)
        except httpx.TransportError as error:
            raise broken(host_of(url), error) from error
        self._pace.after(url, response.headers)
        refusal = self._pace.refusal(url, response.status_code, response.headers)
        if refusal and response.status_code not in answers:
            await response.aclose()
            raise refusal
        return response

    async def _chunks(self, response: httpx.Response, limit_bytes: int) -> AsyncGenerator[bytes]:
        """The body, no larger than `limit_bytes` and no slower than MIN_BYTES_PER_S."""
        host, received, waited_s = host_of(response.url), 0, 0.0
        if response.headers.get("content-encoding", "identity") != "identity":
            raise HostError(host, "it compresses what must not be compressed")
        chunks = response.aiter_raw()
        while True:
            asked = self._clock()
            try:
                chunk = await anext(chunks, None)
            except httpx.TransportError as error:
                raise broken(host, error) from error
            if chunk is None:
                return
            received += len(chunk)
            waited_s += self._clock() - asked
            if received > limit_bytes:
                raise ResponseTooLarge(host, limit_bytes)
            if waited_s > SLOW_START_S and received < waited_s * MIN_BYTES_PER_S:
                raise HostUnreachable(host, f"it sends fewer than {MIN_BYTES_PER_S} bytes a second")
            yield chunk


async def _pieces(upload: Upload) -> AsyncGenerator[bytes]:
    for at in range(0, upload.size, UPLOAD_PIECE_BYTES):
        yield upload.read(at, min(UPLOAD_PIECE_BYTES, upload.size - at))


async def _within(deadline_s: float, host: str, work: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(deadline_s):
            return await work
    except TimeoutError as error:
        raise HostUnreachable(host, f"no answer within {deadline_s:.0f} seconds") from error
