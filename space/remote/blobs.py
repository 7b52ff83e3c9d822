"""What a space needs of a provider. How it is asked, and as whom, is the shell's business."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from pail import CID
from space.errors import SpaceUnavailable
from space.place import Span


class Refused(SpaceUnavailable):
    """The provider said no, and will again: trying later does not help."""


class Held(NamedTuple):
    """A blob of the space. digest: its sha2-256 multihash."""

    digest: bytes
    size: int


class Content(Protocol):
    """Bytes that are sent, more than once if need be."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, size: int) -> bytes: ...


class Parcel(NamedTuple):
    """What goes together. blobs: each by its digest. indexes: those of them that index shards among them."""

    blobs: Sequence[tuple[bytes, Content]]
    indexes: Sequence[CID] = ()


class Blobs(Protocol):
    """The blobs of one space at one provider. Raises SpaceUnavailable, and SpaceFull past the quota."""

    @property
    def title(self) -> str:
        """The provider's URL, and the space."""
        ...

    def list(self) -> Iterable[Held]:
        """All of them, each once."""
        ...

    def read(self, blob: Held, spans: Sequence[Span]) -> list[bytes]:
        """The bytes of each span, fewer than asked for if the provider has lost some.

        Raises FileNotFoundError if the space does not hold it.
        """
        ...

    def add(self, parcels: Sequence[Parcel]) -> None:
        """Have the space hold the blobs, durably, and the provider find blocks by the indexes.

        What it holds already is not sent, unless the provider has damaged it. Of some parcels it may be
        done when that of another raises.
        """
        ...

    def add_uploads(self, shards: Sequence[CID]) -> None:
        """List each shard among the uploads, for clients that go by that."""
        ...

    def remove(self, digest: bytes) -> None:
        """The space holds it no more; no error if it did not."""
        ...

    def remove_upload(self, root: CID) -> None: ...

    def close(self) -> None: ...
