"""GET /ipfs/{cid}/{path}: a block, a CAR that proves itself, or the bytes of a file.

    ?format=raw, or Accept: application/vnd.ipld.raw   the block
    ?format=car, or Accept: application/vnd.ipld.car   blocks of the path, then by dag-scope and entity-bytes
    neither                                            a UnixFS file, or a raw block; Range too

Source: https://specs.ipfs.tech/http-gateways/trustless-gateway/
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pail import CID, DAG_PB, RAW, Block, DecodeError, TooLarge, Walk, fetch
from pail.car import encode_car_header, encode_frame
from provider import dag
from provider.blobs import Blobs
from provider.block_reader import BlockReader, steps
from provider.bytes_of import Span, is_known, parse_range, streamed, with_first
from provider.content import OCTETS, cache_control
from provider.digest import parse_name
from provider.errors import BadRequest, BlockNotFound, TooManyReaders, TooMuch
from provider.rights import Rights
from provider.store import ProviderStore

RAW_TYPE = "application/vnd.ipld.raw"
CAR_TYPE = "application/vnd.ipld.car"

MAX_CARS, MAX_CARS_OF_SPACE = 32, 8
"""At once in one process, and of them of one space: each remembers the CIDs of its whole DAG."""

_FORMATS = {"raw": RAW_TYPE, "car": CAR_TYPE}
_SCOPES = ("block", "entity", "all")
_BYTES = re.compile(r"(-?\d{1,18}):(\*|-?\d{1,18})")


class Wanted(NamedTuple):
    """media_type: None for a file. scope, part: of a CAR; a part has a first byte and a last or None."""

    root: CID
    path: tuple[str, ...]
    media_type: str | None
    scope: str
    part: tuple[int, int | None] | None


class Gateway:
    """Blocks of the spaces of one provider."""

    def __init__(self, store: ProviderStore, blobs: Blobs, rights: Rights) -> None:
        self._store = store
        self._blobs = blobs
        self._rights = rights
        self._cars: Counter[str] = Counter()

    async def ipfs(self, request: Request) -> Response:
        """Raises ProviderError by its kinds, StoreUnavailable."""
        wanted = wanted_of(request)
        reader = await self._reader(request, wanted.root)
        try:
            found = await reader.run(dag.resolve(wanted.root, wanted.path))
            if found is None:
                raise BadRequest(f"there is nothing at /{'/'.join(wanted.path)[:200]}")
            return await self._respond(request, wanted, reader, found)
        except DecodeError as error:
            raise BadRequest(f"that is no file: {error}") from error
        except TooLarge as error:
            raise TooMuch(str(error)) from error

    async def _reader(self, request: Request, root: CID) -> BlockReader:
        rights = await self._rights.to_read(request.headers.get("authorization"), root.multihash)
        for right in rights:
            reader = BlockReader(self._store, self._blobs, right)
            if await reader.has(root):
                return reader
        raise BlockNotFound(root.multihash)

    async def _respond(self, request: Request, wanted: Wanted, reader: BlockReader, found: CID) -> Response:
        etag = _etag(wanted, found)
        headers = {
            "etag": etag,
            "cache-control": cache_control(reader.right),
            "x-content-type-options": "nosniff",
            "x-ipfs-roots": ",".join(map(str, dict.fromkeys((wanted.root, found)))),
        }
        if is_known(request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        if wanted.media_type == CAR_TYPE:
            return await self._car(request, wanted, reader, found, headers)
        headers["content-disposition"] = f'attachment; filename="{found}.bin"'
        walk = _size(found) if wanted.media_type == RAW_TYPE else dag.file_size(found)
        span = parse_range(request.headers.get("range"), await reader.run(walk))
        if request.method == "HEAD":
            return Response(headers=headers | {"content-length": str(span.size), "accept-ranges": "bytes"})
        content = _bytes(reader, found, span, is_block=wanted.media_type == RAW_TYPE)
        return await streamed(content, span, headers, wanted.media_type or OCTETS)

    async def _car(
        self, request: Request, wanted: Wanted, reader: BlockReader, found: CID, headers: Mapping[str, str]
    ) -> Response:
        named = {**headers, "content-disposition": f'attachment; filename="{found}.car"'}
        media_type = f"{CAR_TYPE}; version=1; order=dfs; dups=n"
        if request.method == "HEAD":
            return Response(headers=named, media_type=media_type)
        content = await with_first(self._counted(reader.right.space, _frames(reader, found, wanted)))
        return StreamingResponse(content, headers=named, media_type=media_type)

    async def _counted(self, space: str, frames: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """The frames of one of few. Raises TooManyReaders."""
        if self._cars.total() >= MAX_CARS or self._cars[space] >= MAX_CARS_OF_SPACE:
            raise TooManyReaders
        self._cars[space] += 1
        try:
            async with aclosing(frames):
                async for frame in frames:
                    yield frame
        finally:
            self._cars[space] -= 1
            if not self._cars[space]:
                del self._cars[space]


def wanted_of(request: Request) -> Wanted:
    """Raises BadRequest."""
    try:
        root = parse_name(request.path_params["cid"])
    except DecodeError as error:
        raise BadRequest(str(error)) from error
    path = tuple(name for name in request.path_params.get("path", "").split("/") if name)
    scope = request.query_params.get("dag-scope", "all")
    if scope not in _SCOPES:
        raise BadRequest(f"dag-scope is one of {', '.join(_SCOPES)}")
    return Wanted(root, path, _media_type(request), scope, _part(request.query_params.get("entity-bytes")))


def _media_type(request: Request) -> str | None:
    """What the query asks for, else the header."""
    wanted = request.query_params.get("format")
    if wanted is not None and wanted not in _FORMATS:
        raise BadRequest(f"format is one of {', '.join(_FORMATS)}")
    if wanted is not None:
        return _FORMATS[wanted]
    accepted = [each.partition(";")[0].strip() for each in request.headers.get("accept", "").split(",")]
    return next((each for each in accepted if each in _FORMATS.values()), None)


def _part(text: str | None) -> tuple[int, int | None] | None:
    if text is None:
        return None
    match = _BYTES.fullmatch(text)
    if match is None:
        raise BadRequest("entity-bytes is FROM:TO, where TO may be *")
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _etag(wanted: Wanted, found: CID) -> str:
    if wanted.media_type != CAR_TYPE:
        return f'"{found}{".raw" if wanted.media_type == RAW_TYPE else ""}"'
    part = "" if wanted.part is None else f".{wanted.part[0]}-{wanted.part[1]}"
    return f'W/"{wanted.root}.{found}.{wanted.scope}{part}.car"'


def _size(cid: CID) -> Walk[int]:
    return len((yield cid))


async def _bytes(reader: BlockReader, cid: CID, span: Span, *, is_block: bool) -> AsyncGenerator[bytes]:
    if is_block or cid.codec == RAW:
        yield (await reader.run(fetch(cid)))[span.start : span.end]
        return
    out: list[bytes] = []
    left = span.end - span.start
    async for _ in steps(reader, dag.part_of_file(cid, span.start, span.end, out.append)):
        for chunk in out:
            left -= len(chunk)
            yield chunk
        out.clear()
        reader.visited.clear()
    if left:
        raise BadRequest("the file's parts are not of the size that it says")


async def _frames(reader: BlockReader, found: CID, wanted: Wanted) -> AsyncGenerator[bytes]:
    """A CAR of the blocks of the path and those of the scope, each as it is read.

    Raises BlockNotFound and others in the middle of it: the CAR then ends where it is.
    """
    head = encode_car_header([found])
    path = reader.visited
    reader.visited = []
    below: list[Block] = []
    is_whole = wanted.scope == "all" and wanted.part is None
    walk = dag.whole_dag(found, below.append) if is_whole else await _scope(reader, found, wanted)
    async for _ in steps(reader, walk):
        blocks = path + (below if is_whole else reader.visited)
        if blocks:
            yield head + b"".join(encode_frame(cid, block) for cid, block in blocks)
            head, path = b"", []
            below.clear()
            reader.visited.clear()


async def _scope(reader: BlockReader, found: CID, wanted: Wanted) -> Walk[None]:
    """What asks for the blocks that are wanted, and no others."""
    if wanted.scope == "block" or found.codec != DAG_PB:
        return _only(found)
    try:
        size = await reader.run(dag.file_size(found))
    except DecodeError:
        return _only(found)  # a directory: what it lists is in its block
    start, end = _absolute(wanted.part, size)
    return dag.part_of_file(found, start, end, _dropped, is_once=True)


def _absolute(part: tuple[int, int | None] | None, size: int) -> tuple[int, int]:
    """From, and to before; a negative number counts from the end."""
    if part is None:
        return 0, size
    start = part[0] if part[0] >= 0 else max(0, size + part[0])
    last = size - 1 if part[1] is None else part[1] if part[1] >= 0 else size + part[1]
    return start, min(size, last + 1)


def _only(cid: CID) -> Walk[None]:
    yield cid


def _dropped(chunk: bytes) -> None:
    """The blocks themselves are what is sent."""
