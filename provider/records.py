"""What a provider keeps of a space, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from pail import CID

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HostedSpace:
    """account: who added it, None for the operator. used_bytes: of its blobs, each counted once.

    is_hosted: whether it may be added to; if not, what it has stays readable.
    """

    did: str
    account: str | None
    max_bytes: int
    used_bytes: int = 0
    blobs: int = 0
    is_hosted: bool = True


class Allocation(NamedTuple):
    """Room for the blob `digest` in `space`, for the tasks that one `space/blob/add` led to.

    put, accept: CIDs of the tasks. cause: that of the `space/blob/add`. account: that of the space, where it
    was just promised.
    """

    put: CID
    accept: CID
    space: str
    digest: bytes
    size: int
    cause: CID
    expires_at_unix: int
    is_accepted: bool = False
    account: str | None = None


class Entry(NamedTuple):
    """A blob of a space. number: its place in the list."""

    number: int
    digest: bytes
    size: int
    cause: CID
    inserted_at_ms: int


class Upload(NamedTuple):
    """A DAG that a space lists. issuer: who added it."""

    number: int
    root: CID
    shards: tuple[CID, ...]
    issuer: str
    cause: CID
    inserted_at_ms: int
    updated_at_ms: int


class Page(NamedTuple, Generic[T]):
    """Part of a list, newest first. is_last: whether nothing older follows."""

    rows: Sequence[T]
    is_last: bool


class Stored(NamedTuple):
    """Where the bytes of a blob are: the object's key in the store, and its size."""

    digest: bytes
    object: str
    size: int


class Place(NamedTuple):
    """Where a block is: in the blob `stored`, from `offset` on."""

    stored: Stored
    offset: int
    length: int


class Slice(NamedTuple):
    """What an index says: the block `multihash` is `length` bytes of `shard` from `offset` on."""

    multihash: bytes
    shard: bytes
    offset: int
    length: int


class Kept(NamedTuple):
    """A delegation that is kept for its audience. archive: as `ucan.encode_archive` makes it."""

    cid: CID
    audience: str
    archive: bytes
