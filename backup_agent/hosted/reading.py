"""Reads blobs of a provider by ranges, with a token that shows `space/content/retrieve`.

Our provider gives a blob at `/blob/<digest>`. Another says where in the claim that it made when it
accepted the blob, and says it again whenever the blob is added again.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence

from backup_agent.errors import AgentError, HostError
from backup_agent.hosted import asking
from backup_agent.hosted.answers import ERROR_BYTES, error_name, words
from backup_agent.hosted.asking import Asking
from backup_agent.hosted.promise import site_of
from backup_agent.hosted.sending import Sender
from backup_agent.net import Answer, Http, Request
from backup_agent.net.url import check_url, origin
from backup_agent.secret import Secret
from pail import RAW
from space.errors import SpaceUnavailable
from space.kept_bytes import KeptBytes
from space.place import Span
from space.remote.blobs import Held
from space.remote.kinds import cid_of_digest
from ucan import Receipt, encode_archive

TOKEN_LIFE_S = 240
"""After so long a token is made anew; it is good for a minute more."""

COALESCE_BYTES = 64 << 10
"""Ranges so near to each other are one request."""

WHOLE_BYTES = 64 << 10
"""A larger blob is never asked for as a whole."""

READS_AT_ONCE = 8
_DAMAGED = 502


class Reader:
    """Of one space at one provider. kept: where the URLs of blobs are remembered that have foreign ones."""

    def __init__(self, ask: Asking, http: Http, sender: Sender, kept: KeptBytes) -> None:
        self._ask = ask
        self._http = http
        self._sender = sender
        self._kept = kept
        self._token: tuple[float, Secret] | None = None

    async def read(self, blob: Held, spans: Sequence[Span]) -> list[bytes]:
        """The bytes of each span, fewer where some are lost. Raises FileNotFoundError, SpaceUnavailable."""
        windows = _windows(spans)
        turns = asyncio.Semaphore(READS_AT_ONCE)

        async def had(window: Span) -> bytes:
            async with turns:
                try:
                    return await self._window(blob, window)
                except AgentError as error:
                    raise SpaceUnavailable(f"{self._ask.url} cannot be read: {error}") from error

        contents = await asyncio.gather(*map(had, windows))
        found = dict(zip(windows, contents, strict=True))
        return [_cut(found, span) for span in spans]

    async def _window(self, blob: Held, span: Span) -> bytes:
        """A whole blob in two parts: as a whole, the provider would break a damaged one off."""
        if span.size == 0:
            return b""
        if span != (0, blob.size) or span.size <= WHOLE_BYTES:
            return await self._read(blob, span)
        half = span.size // 2
        return await self._read(blob, Span(0, half)) + await self._read(blob, Span(half, span.size - half))

    async def _read(self, blob: Held, span: Span) -> bytes:
        url = self._site(blob.digest)
        answer = await self._get(url, blob, span)
        if answer.status == 404 and not error_name(answer):  # a service that gives blobs elsewhere
            located = self.keep_site(blob.digest, (await self._sender.promise(blob)).accepted)
            if located is not None and located != url:
                answer = await self._get(located, blob, span)
        match answer.status:
            case 200 | 206:
                at = span.offset if answer.status == 200 else 0
                return answer.content[at : at + span.size]
            case 502:
                return b""
            case 404 | 410:
                raise FileNotFoundError(url)
            case 401 if not self._is_own(url):
                raise SpaceUnavailable(
                    f"{self._ask.url} gives what it holds at {url.split('/blob/')[0]}, where no token "
                    "for this name is shown: name the provider by that, or have its operator start it with "
                    f"--url {self._ask.url}"
                )
            case _:
                raise SpaceUnavailable(f"{self._ask.url} does not give what it holds: {words(answer)}")

    async def _get(self, url: str, blob: Held, span: Span) -> Answer:
        """Of status 502 only if the provider says itself that the bytes are damaged."""
        request = Request(
            url,
            token=self._bearer() if self._is_own(url) else None,
            span=(span.offset, span.offset + span.size - 1),
            limit_bytes=blob.size + ERROR_BYTES,  # some servers know no ranges
            answers=frozenset({_DAMAGED}),
        )

        async def attempt() -> Answer:
            async with self._http.stream(request) as stream:
                content = b"".join([chunk async for chunk in stream.chunks])
            answer = Answer(stream.host, stream.status, stream.headers, content)
            if answer.status == _DAMAGED and error_name(answer) != "BlobDamaged":
                raise HostError(answer.host, f"status {answer.status}", status=answer.status)
            return answer

        return await self._http.retry.run(attempt)

    def _is_own(self, url: str) -> bool:
        return self._origin(url) == self._origin(self._ask.url)

    def _origin(self, url: str) -> object:
        return origin(check_url(url, allow_private=self._http.allow_private))

    def _bearer(self) -> Secret:
        """Shows that this agent may read every blob of the space."""
        now = self._ask.now()
        if self._token is None or now > self._token[0]:
            archive = encode_archive(self._ask.invoke(asking.RETRIEVE, {}))
            text = base64.urlsafe_b64encode(archive).decode().rstrip("=")
            self._token = now + TOKEN_LIFE_S, Secret(f"u{text}")
        return self._token[1]

    def _site(self, digest: bytes) -> str:
        kept = self._kept.get([_site_key(digest)])
        return next((url.decode() for url in kept.values()), self._own_url(digest))

    def _own_url(self, digest: bytes) -> str:
        return f"{self._ask.url}/blob/{cid_of_digest(RAW, digest)}"

    def keep_site(self, digest: bytes, accepted: Receipt | None) -> str | None:
        """Where the blob can be had by the receipt of its acceptance; remembered if that is elsewhere."""
        site = None if accepted is None else site_of(accepted, digest)
        if site is not None and site != self._own_url(digest):
            self._kept.put({_site_key(digest): site.encode()})
        return site


def _site_key(digest: bytes) -> bytes:
    return b"site " + digest


def _windows(spans: Sequence[Span]) -> list[Span]:
    """Spans of what is wanted, those together that are near to each other."""
    windows: list[Span] = []
    for offset, size in sorted(spans):
        if windows and offset <= windows[-1].offset + windows[-1].size + COALESCE_BYTES:
            first = windows.pop()
            end = max(first.offset + first.size, offset + size)
            windows.append(Span(first.offset, end - first.offset))
        else:
            windows.append(Span(offset, size))
    return windows


def _cut(found: dict[Span, bytes], span: Span) -> bytes:
    for window, content in found.items():
        at = span.offset - window.offset
        if at >= 0 and span.offset + span.size <= window.offset + window.size:
            return content[at : at + span.size]
    raise AssertionError("every span is in a window")
