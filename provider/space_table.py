"""The abilities that are about a space and what it holds: ability → what is done."""

from __future__ import annotations

from datetime import UTC, datetime

from pail import CID, Value
from provider import capabilities
from provider.capabilities import Blob, List, ShardList, UploadAdd
from provider.errors import SpaceUnknown, UploadNotFound
from provider.hosting import Hosting, checked
from provider.indexing import Indexer
from provider.naming import named
from provider.records import Entry, Page, Upload
from ucan import Outcome, Provided, Task, provide


class SpaceTable:
    """The handlers over one provider's blobs and lists."""

    def __init__(self, hosting: Hosting, indexer: Indexer) -> None:
        self._hosting = hosting
        self._store = hosting.store
        self._indexer = indexer

    def rows(self) -> list[Provided]:
        return [
            provide(capabilities.BLOB_ADD, named(self._blob_add)),
            provide(capabilities.BLOB_LIST, named(self._blob_list)),
            provide(capabilities.BLOB_GET, named(self._blob_get)),
            provide(capabilities.BLOB_REMOVE, named(self._blob_remove)),
            provide(capabilities.INDEX_ADD, named(self._index_add)),
            provide(capabilities.UPLOAD_ADD, named(self._upload_add)),
            provide(capabilities.UPLOAD_LIST, named(self._upload_list)),
            provide(capabilities.UPLOAD_SHARD_LIST, named(self._shard_list)),
            provide(capabilities.UPLOAD_GET, named(self._upload_get)),
            provide(capabilities.UPLOAD_REMOVE, named(self._upload_remove)),
            provide(capabilities.SPACE_INFO, named(self._info)),
        ]

    async def _blob_add(self, task: Task[Blob]) -> Outcome:
        return await self._hosting.add(task.resource, task.nb, task.invocation.cid)

    async def _blob_list(self, task: Task[List]) -> Outcome:
        """Newer than a cursor is an original's habit that no client uses: pages go on, to the older."""
        page = await self._store.entries(task.resource, task.nb.cursor, task.nb.size)
        return Outcome(_list_value(page, [_entry_value(entry) for entry in page.rows]))

    async def _blob_get(self, task: Task[bytes]) -> Outcome:
        return Outcome(_entry_value(await self._hosting.entry(task.resource, task.nb)))

    async def _blob_remove(self, task: Task[bytes]) -> Outcome:
        return Outcome({"size": await self._store.remove(task.resource, checked(task.nb))})

    async def _index_add(self, task: Task[CID]) -> Outcome:
        await self._indexer.add(task.resource, checked(task.nb.multihash))
        return Outcome({})

    async def _upload_add(self, task: Task[UploadAdd]) -> Outcome:
        root, shards = task.nb
        issuer, cause = task.invocation.issuer, task.invocation.cid
        upload = await self._store.add_upload(task.resource, root, shards, issuer=issuer, cause=cause)
        return Outcome({"root": upload.root, "shards": list(upload.shards)})

    async def _upload_list(self, task: Task[List]) -> Outcome:
        cursor, size, is_newer = task.nb
        page = await self._store.uploads(task.resource, cursor, size, is_newer=is_newer)
        return Outcome(_list_value(page, [_upload_value(upload, task.resource) for upload in page.rows]))

    async def _shard_list(self, task: Task[ShardList]) -> Outcome:
        upload = await self._store.upload(task.resource, task.nb.root)
        if upload is None:
            raise _not_found(task.nb.root, task.resource)
        start = task.nb.list.cursor or 0
        end = start + task.nb.list.size
        found: list[Value] = list(upload.shards[start:end])
        more: dict[str, Value] = {"cursor": str(end)} if end < len(upload.shards) else {}
        return Outcome({"size": len(found), "results": found, **more})

    async def _upload_get(self, task: Task[CID]) -> Outcome:
        return _upload_outcome(task, await self._store.upload(task.resource, task.nb))

    async def _upload_remove(self, task: Task[CID]) -> Outcome:
        return _upload_outcome(task, await self._store.remove_upload(task.resource, task.nb))

    async def _info(self, task: Task[None]) -> Outcome:
        space = await self._store.space(task.resource)
        if space is None or not space.is_hosted:
            raise SpaceUnknown("Space not found.")
        usage: Value = {"bytes": space.used_bytes, "limit": space.max_bytes, "blobs": space.blobs}
        return Outcome({"did": space.did, "providers": [self._hosting.issuer.did], "usage": usage})


def _entry_value(entry: Entry) -> Value:
    blob = capabilities.blob_value(Blob(entry.digest, entry.size))
    return {"blob": blob, "cause": entry.cause, "insertedAt": _time(entry.inserted_at_ms)}


def _upload_value(upload: Upload, space: str) -> Value:
    return {
        "root": upload.root,
        "shards": list(upload.shards),
        "space": space,
        "issuer": upload.issuer,
        "cause": upload.cause,
        "insertedAt": _time(upload.inserted_at_ms),
        "updatedAt": _time(upload.updated_at_ms),
    }


def _upload_outcome(task: Task[CID], upload: Upload | None) -> Outcome:
    if upload is None:
        raise _not_found(task.nb, task.resource)
    return Outcome(_upload_value(upload, task.resource))


def _not_found(root: CID, space: str) -> UploadNotFound:
    return UploadNotFound(f"Upload not found: {root} in {space}")


def _list_value(page: Page[Entry] | Page[Upload], results: list[Value]) -> Value:
    """A page, and where to go on: a cursor only if there is more."""
    if not page.rows:
        return {"size": 0, "results": []}
    ends: dict[str, Value] = {"before": str(page.rows[0].number), "after": str(page.rows[-1].number)}
    more: dict[str, Value] = {} if page.is_last else {"cursor": ends["after"]}
    return {"size": len(results), "results": results, **ends, **more}


def _time(at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
