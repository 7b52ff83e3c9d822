"""Blobs in a folder: temporary file, fsync, rename, fsync of the folder (S2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time
from typing import TypeVar

from provider.blobs import READ_BYTES
from provider.errors import BlobsUnavailable
from space.files import LOCAL_FILES, Files

T = TypeVar("T")

DRAFT = ".draft"
MAX_LISTED = 256


class FolderBlobs:
    """folder: made if it is not there."""

    def __init__(self, folder: Path, files: Files = LOCAL_FILES) -> None:
        self._folder = folder
        self._files = files

    async def put(self, key: str, size: int, chunks: AsyncIterator[bytes]) -> None:
        path = self._folder / key
        draft = path.with_name(path.name + DRAFT)
        file = await _in_thread(self._create, draft)
        try:
            async for chunk in chunks:
                await _in_thread(self._files.write, file, chunk)
            await _in_thread(self._publish, file, draft, path)
        except BaseException:
            await _in_thread(self._files.remove, draft)
            raise
        finally:
            self._files.close(file)

    def _create(self, draft: Path) -> int:
        self._files.make_folder(draft.parent)
        return self._files.create(draft)

    def _publish(self, file: int, draft: Path, path: Path) -> None:
        self._files.sync(file)
        self._files.rename(draft, path)
        self._files.sync_folder(path.parent)

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes]:
        file = await _in_thread(self._open, self._folder / key)
        if file is None:
            return
        try:
            while start < end:
                chunk = await _in_thread(self._files.read, file, start, min(READ_BYTES, end - start))
                if not chunk:
                    return
                yield chunk
                start += len(chunk)
        finally:
            self._files.close(file)

    def _open(self, path: Path) -> int | None:
        with suppress(FileNotFoundError):
            return self._files.open(path)
        return None

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            await _in_thread(self._files.remove, self._folder / key)

    async def keys_older_than(self, age_s: float) -> AsyncGenerator[list[str]]:
        before_ns = (time() - age_s) * 1e9
        folders = await _in_thread(lambda: sorted((self._folder / "blobs").glob("*")))
        for folder in folders:
            found = await _in_thread(self._files.list, folder)
            old = [each.name for each in found if int(each.version) < before_ns]
            drafts = [folder / name for name in old if name.endswith(DRAFT)]
            for draft in drafts:
                if await _in_thread(self._files.abandoned, draft):
                    await _in_thread(self._files.remove, draft)
            keys = [f"blobs/{folder.name}/{name}" for name in old if not name.endswith(DRAFT)]
            for at in range(0, len(keys), MAX_LISTED):
                yield keys[at : at + MAX_LISTED]

    async def check(self) -> None:
        await _in_thread(self._files.make_folder, self._folder)


async def _in_thread(work: Callable[..., T], *arguments: object) -> T:
    """`work` beside the loop. Raises BlobsUnavailable for what the operating system refuses."""

    def done() -> T:
        with _guarded():
            return work(*arguments)

    return await asyncio.to_thread(done)


@contextmanager
def _guarded() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise BlobsUnavailable(f"the folder of the blobs: {error.strerror or error}") from error
