"""The blobs of a space at a provider, over UCAN and HTTP: a `space.remote.blobs.Blobs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from backup_agent.hosted import asking
from backup_agent.hosted.asking import Asking, fields_of
from backup_agent.hosted.reading import Reader
from backup_agent.hosted.sending import Sender
from backup_agent.net import Http
from clock_service.caller import Finish
from pail import CID, Value
from space.errors import SpaceUnavailable
from space.kept_bytes import KeptBytes
from space.place import Span
from space.remote.blobs import Held, Parcel

MAX_PAGES = 1 << 14
"""Of a list; each has a thousand blobs."""


class HostedBlobs:
    """finish: where requests are waited for. close: lets go of what they go through."""

    def __init__(
        self, ask: Asking, http: Http, finish: Finish, kept: KeptBytes, *, close: Callable[[], None]
    ) -> None:
        self._ask = ask
        self._finish = finish
        self._sender = Sender(ask, http)
        self._reader = Reader(ask, http, self._sender, kept)
        self._close = close

    @property
    def title(self) -> str:
        return f"{self._ask.url}/{self._ask.space}"

    def list(self) -> Iterator[Held]:
        cursor: str | None = None
        seen = set[bytes]()
        for _ in range(MAX_PAGES):
            nb: dict[str, Value] = {} if cursor is None else {"cursor": cursor}
            page = fields_of(self._finish(self._ask.ask(asking.LIST, nb)).out["ok"])
            blobs = [self._held(each) for each in cast("list[Any]", page.get("results") or [])]
            yield from (blob for blob in blobs if blob.digest not in seen)
            seen |= {blob.digest for blob in blobs}
            cursor = page.get("cursor")
            if not isinstance(cursor, str) or not blobs:
                return
        raise SpaceUnavailable(f"{self._ask.url} lists without end")

    def _held(self, value: Any) -> Held:
        match value:
            case {"blob": {"digest": bytes(digest), "size": int(size)}} if len(digest) == 34 and size >= 0:
                return Held(digest, size)
            case _:
                raise SpaceUnavailable(f"{self._ask.url} lists something that is no blob")

    def read(self, blob: Held, spans: Sequence[Span]) -> list[bytes]:
        return self._finish(self._reader.read(blob, spans))

    def add(self, parcels: Sequence[Parcel]) -> None:
        for digest, accepted in self._finish(self._sender.send(parcels)):
            self._reader.keep_site(digest, accepted)

    def add_uploads(self, shards: Sequence[CID]) -> None:
        wanted: list[dict[str, Value]] = [{"root": shard, "shards": [shard]} for shard in shards]
        self._finish(self._ask.ask_all(asking.UPLOAD_ADD, wanted))

    def remove(self, digest: bytes) -> None:
        self._finish(self._ask.ask(asking.REMOVE, {"digest": digest}))

    def remove_upload(self, root: CID) -> None:
        try:
            self._finish(self._ask.ask(asking.UPLOAD_REMOVE, {"root": root}))
        except asking.ProviderRefused as refused:
            if refused.name != "UploadNotFound":
                raise

    def close(self) -> None:
        self._close()
