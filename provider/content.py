"""GET /blob/{name}: the bytes of a blob, for whoever may read it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from clock_service.errors import AskAgain
from pail import DecodeError
from provider.blobs import Blobs
from provider.bytes_of import bytes_of, is_known, parse_range, streamed
from provider.digest import name_of, parse_name
from provider.errors import (
    BadRequest,
    BlobDamaged,
    BlobNotFound,
    BlockNotFound,
    ProviderError,
    RangeNotSatisfiable,
    Unauthorized,
    UploadRefused,
)
from provider.records import Stored
from provider.rights import Right, Rights
from provider.store import ProviderStore

OCTETS = "application/octet-stream"

_STATUS: dict[type[ProviderError], int] = {
    BadRequest: 400,
    Unauthorized: 401,
    BlobNotFound: 404,
    BlockNotFound: 404,
    RangeNotSatisfiable: 416,
    BlobDamaged: 502,
}

Endpoint = Callable[[Request], Awaitable[Response]]


class Content:
    """The blobs of one provider."""

    def __init__(self, store: ProviderStore, blobs: Blobs, rights: Rights) -> None:
        self._store = store
        self._blobs = blobs
        self._rights = rights

    async def blob(self, request: Request) -> Response:
        """Raises ProviderError by its kinds, StoreUnavailable."""
        try:
            digest = parse_name(request.path_params["name"]).multihash
        except DecodeError as error:
            raise BadRequest(str(error)) from error
        rights = await self._rights.to_read(request.headers.get("authorization"), digest)
        right, stored = await self._find(rights, digest)
        etag = f'"{name_of(digest)}"'
        headers = {"etag": etag, "cache-control": cache_control(right)}
        if is_known(request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        span = parse_range(request.headers.get("range"), stored.size)
        if not right.covers(digest, span.start, span.end):
            raise Unauthorized("the token is for other bytes")
        if request.method == "HEAD":
            return Response(headers=headers | {"content-length": str(stored.size), "accept-ranges": "bytes"})
        return await streamed(bytes_of(self._blobs, stored, span), span, headers, OCTETS)

    async def _find(self, rights: list[Right], digest: bytes) -> tuple[Right, Stored]:
        for right in rights:
            if right.digest in (None, digest):
                stored = await self._store.stored(right.space, digest)
                if stored is not None:
                    return right, stored
        raise BlobNotFound(digest)


def cache_control(right: Right) -> str:
    """Content never changes under its name; what was read by a token is nobody else's."""
    return f"{'public' if right.is_public else 'private'}, max-age=29030400, immutable"


def answered(work: Endpoint) -> Endpoint:
    """`work`, with our errors as JSON and a status."""

    async def endpoint(request: Request) -> Response:
        try:
            return await work(request)
        except AskAgain:
            raise
        except ProviderError as error:
            return error_response(error)

    return endpoint


def error_response(error: ProviderError) -> Response:
    """`{name, message}`, with the causes of an Unauthorized."""
    body: dict[str, object] = {"name": type(error).__name__, "message": str(error)}
    headers: dict[str, str] = {}
    status = error.status if isinstance(error, UploadRefused) else _STATUS.get(type(error), 400)
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = "Bearer"
        body |= {"causes": list(error.causes)} if error.causes else {}
    if isinstance(error, RangeNotSatisfiable):
        headers["content-range"] = f"bytes */{error.size}"
    if isinstance(error, UploadRefused):
        headers["connection"] = "close"  # the rest of the body is not read
    return JSONResponse(body, status, headers)
