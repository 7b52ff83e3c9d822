"""Blobs in a bucket: S3 and its kin, GCS, Azure; opened as `space.bucket` does.

A small blob is one request. A larger one is a multipart upload, which is completed only when all of it
has come and hashes to its name: until then there is no object.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore

from provider.blobs import READ_BYTES
from provider.errors import BlobsUnavailable

if TYPE_CHECKING:
    from obstore import ObjectMeta

PART_BYTES = 8 << 20
PARTS_AT_ONCE = 2
"""Held in memory for each upload."""

MAX_LISTED = 256

NO_BUCKET = "<Code>NoSuchBucket</Code>"

_NO_KEYS = (
    "no credentials are set; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say them, or AWS_PROFILE names some"
)
_SIGNS = {
    NO_BUCKET: "there is no such bucket; make it first",
    "<Code>ContainerNotFound</Code>": "there is no such container; make it first",
    "/latest/api/token": _NO_KEYS,
    "/latest/meta-data": _NO_KEYS,
    "metadata.google.internal": "no credentials are set; GOOGLE_APPLICATION_CREDENTIALS names a file of them",
    "169.254.169.254/metadata": "no credentials are set; AZURE_STORAGE_ACCOUNT_NAME and …_KEY say them",
    "<Code>AccessDenied</Code>": "it refuses what these credentials ask for",
    "<Code>InvalidAccessKeyId</Code>": "it does not know these credentials",
    "<Code>SignatureDoesNotMatch</Code>": "it refuses the credentials: the secret is not that of the key",
}
"""What the client library's text means: without credentials it asks the machine's cloud for a role."""


class BucketBlobs:
    """store: with its prefix."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, key: str, size: int, chunks: AsyncIterator[bytes]) -> None:
        with _guarded():
            if size <= PART_BYTES:
                whole = b"".join([chunk async for chunk in chunks])
                await obstore.put_async(self._store, key, whole, use_multipart=False)
            else:
                await obstore.put_async(
                    self._store,
                    key,
                    chunks,
                    use_multipart=True,
                    chunk_size=PART_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes]:
        if start >= end:
            return
        with _guarded():
            try:
                answer = await obstore.get_async(self._store, key, options={"range": (start, end)})
            except FileNotFoundError as error:
                if NO_BUCKET in str(error):
                    raise
                return
            async for chunk in answer.stream(min_chunk_size=READ_BYTES):
                yield bytes(chunk)

    async def delete(self, keys: Sequence[str]) -> None:
        with _guarded():
            for key in keys:
                try:
                    await obstore.delete_async(self._store, key)
                except FileNotFoundError:
                    continue

    async def keys_older_than(self, age_s: float) -> AsyncGenerator[list[str]]:
        before = datetime.now(UTC) - timedelta(seconds=age_s)
        with _guarded():
            async for found in _list(self._store, MAX_LISTED):
                yield [each["path"] for each in found if each["last_modified"] < before]

    async def check(self) -> None:
        with _guarded():
            async for _ in _list(self._store, 1):
                return


@contextmanager
def _guarded() -> Generator[None]:
    """No message here holds a credential: the store's own has a second part with headers in it."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise BlobsUnavailable(f"the object store: {_said(error)}") from error


def _said(error: Exception) -> str:
    """One sentence, and what to do where that is known."""
    text = str(error)
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return "it refuses the credentials, which must let list, read, write and delete"
    return next((words for sign, words in _SIGNS.items() if sign in text), text.partition("\n")[0][:300])


def _list(store: ObjectStore, chunk_size: int) -> AsyncIterator[Sequence[ObjectMeta]]:
    return obstore.list(store, "blobs", chunk_size=chunk_size)  # pyright: ignore[reportUnknownMemberType]
