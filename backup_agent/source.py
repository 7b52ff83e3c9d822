"""The source: what one host serves of one account, streamed and not yet verified.

Everything public is asked for without a token. A host that serves the account only to its owner
(deactivated, taken down, suspended) is asked again with the owner's token, when there is one.
Source: the com.atproto.sync lexicons; the reference PDS 0.5 where it differs.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import NamedTuple, TypeVar, cast

import httpx

from backup_agent.atproto.errors import InvalidSyntax
from backup_agent.atproto.syntax import parse_tid
from backup_agent.auth import Auth, with_token
from backup_agent.car_head import read_car_head
from backup_agent.errors import AccountInactive, BlobNotFound, HostError, TokenRefused
from backup_agent.net import Http, Retry, Stream
from backup_agent.net.url import host_of
from backup_agent.secret import Secret
from backup_agent.xrpc import JsonObject, Xrpc, decode_object
from pail import CID, DecodeError, parse_cid

T = TypeVar("T")

MAX_REPO_BYTES = 16 << 30
MAX_BLOB_BYTES = 2 << 30
MAX_BLOB_PAGES = 10_000
BLOBS_PER_PAGE = 500
MAX_CURSOR_CHARS = 1024

_GET_REPO = "com.atproto.sync.getRepo"
_GET_BLOB = "com.atproto.sync.getBlob"
_LIST_BLOBS = "com.atproto.sync.listBlobs"
_GET_LATEST_COMMIT = "com.atproto.sync.getLatestCommit"


class LatestCommit(NamedTuple):
    cid: CID
    rev: str


class Source:
    """What the host at `pds`, as the DID document names it (T6), serves.

    auth: the session of the one account that is asked for; None for public accounts.
    """

    def __init__(self, http: Http, pds: str, *, auth: Auth | None = None) -> None:
        self._http, self._pds, self._auth = http, pds, auth
        self._owner_only = False

    @property
    def retry(self) -> Retry:
        """For whoever consumes a stream: `await source.retry.run(consume)` starts over if that may help."""
        return self._http.retry

    async def latest_commit(self, did: str) -> LatestCommit:
        """The root of the repository and its rev, in one request; for an account that was taken down
        from the beginning of its repository. Raises AccountError, HostError.
        """
        try:
            told = await self._query(_GET_LATEST_COMMIT, did, {"did": did})
        except TokenRefused:
            if not self._owner_only:
                raise
            async with aclosing(self.repo(did)) as chunks:
                head = await read_car_head(chunks, self.host)
            return LatestCommit(head.cid, head.rev)
        cid, rev = _text(told.get("cid")), _text(told.get("rev"))
        try:
            return LatestCommit(parse_cid(cid), parse_tid(rev))
        except (DecodeError, InvalidSyntax) as error:
            raise HostError(self.host, f"its latest commit is {error}") from error

    def repo(
        self, did: str, since: str | None = None, *, limit_bytes: int = MAX_REPO_BYTES
    ) -> AsyncGenerator[bytes]:
        """The repository as a CAR, or what changed after the rev `since`; one attempt, never held whole.

        A host may answer `since` with the whole repository, or with a CAR that has no blocks.
        Iterate under `contextlib.aclosing`, so that leaving early frees the connection.
        Raises AccountError, HostUnreachable, HostError, ResponseTooLarge, also between chunks.
        """
        params = {"did": did} if since is None else {"did": did, "since": since}
        return self._stream(_GET_REPO, did, params, limit_bytes)

    async def blob(self, did: str, cid: CID, *, limit_bytes: int = MAX_BLOB_BYTES) -> AsyncGenerator[bytes]:
        """The bytes of one blob, unverified; one attempt. Raises BlobNotFound, else as `repo` does."""
        chunks = self._stream(_GET_BLOB, did, {"did": did, "cid": str(cid)}, limit_bytes)
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield chunk
        except HostError as error:
            if error.name == "BlobNotFound" or (error.status == 400 and "Blob not found" in str(error)):
                raise BlobNotFound(self.host, str(cid)) from error
            raise

    async def blobs(self, did: str, *, since: str | None = None) -> AsyncGenerator[CID]:
        """The blobs the host says the account has, page by page; bytes of some may be missing there.

        since: a rev; only blobs of records written after it.
        The last page is one without a cursor or without CIDs: the reference PDS gives a cursor
        until a page is empty. Raises AccountError, HostError; also for a list that does not end.
        """
        params = {"did": did, "limit": str(BLOBS_PER_PAGE)} | ({} if since is None else {"since": since})
        seen: set[str] = set()
        for _ in range(MAX_BLOB_PAGES):
            told = await self._query(_LIST_BLOBS, did, params)
            cids: object = told.get("cids")
            if not isinstance(cids, list):
                raise HostError(self.host, "its list of blobs is no list")
            for text in cast(list[object], cids):
                try:
                    yield parse_cid(_text(text))
                except DecodeError as error:
                    raise HostError(self.host, f"its list of blobs names {error}") from error
            cursor = told.get("cursor")
            if not cids or cursor is None:
                return
            if not isinstance(cursor, str) or len(cursor) > MAX_CURSOR_CHARS or cursor in seen:
                raise HostError(self.host, "the cursor of its list of blobs leads nowhere")
            seen.add(cursor)
            params["cursor"] = cursor
        raise HostError(self.host, f"its list of blobs has more than {MAX_BLOB_PAGES} pages")

    @property
    def host(self) -> str:
        """Its name, for messages."""
        return host_of(httpx.URL(self._pds))

    async def _query(self, nsid: str, did: str, params: Mapping[str, str]) -> JsonObject:
        xrpc = Xrpc(self._http, self._pds, did)
        try:
            body = await self._as_allowed(lambda token: xrpc.get(nsid, params, token=token))
        except HostError as error:
            if error.status < 500 or did in error.why:
                raise
            why = f"{error.why} for account {did}"
            raise HostError(error.host, why, status=error.status, name=error.name) from error
        return decode_object(self.host, body)

    async def _stream(
        self, nsid: str, did: str, params: Mapping[str, str], limit_bytes: int
    ) -> AsyncGenerator[bytes]:
        xrpc = Xrpc(self._http, self._pds, did)
        async with AsyncExitStack() as stack:

            def opened(token: Secret | None) -> Awaitable[Stream]:
                answer = xrpc.stream(nsid, params, limit_bytes=limit_bytes, token=token)
                return stack.enter_async_context(answer)

            stream = await self._as_allowed(opened)
            async for chunk in stream.chunks:
                yield chunk

    async def _as_allowed(self, ask: Callable[[Secret | None], Awaitable[T]]) -> T:
        """What `ask` gives without a token; with the owner's if the host serves nobody else."""
        if not self._owner_only:
            try:
                return await ask(None)
            except (AccountInactive, TokenRefused):
                if self._auth is None:
                    raise
                self._owner_only = True
        assert self._auth is not None
        return await with_token(self._auth, ask)


def _text(told: object) -> str:
    return told if isinstance(told, str) else ""
