"""Which blob of a provider is what: blobs have no names, so what they begin with tells.

An index is a CAR whose root says so, and names its shard; another CAR is a shard. Whatever else other
clients keep in the space is none of ours, and is listed under a name that says that. A mark (spec/prune.md)
is neither: it is a small object that every machine has to see.
"""

from __future__ import annotations

from collections.abc import Callable

from pail import CAR, CID, DAG_CBOR, RAW, DecodeError, TooLarge
from pail.cid import cid_prefix
from space.layout import INDEX_SUFFIX, MARK_SUFFIX, SHARD_SUFFIX, index_name, shard_name
from space.marks import MAX_MARK_BYTES
from space.remote.blobs import Held
from space.sharded_dag_index import MAX_INDEX_BYTES, VERSION, decode_index

FIRST_BYTES = 192
"""Read of a blob to tell its kind: the header of a CAR with one root, and how that root begins."""

BLOB_SUFFIX = ".blob"

_CAR_ROOTS = b"\xa2\x65roots"
_MARK = b"\xa3\x65agent\x78"
_INDEX_ROOT = b"\xa1" + bytes((0x60 | len(VERSION),)) + VERSION.encode()


def name_of(blob: Held, read: Callable[[int, int], bytes]) -> str:
    """The name in the room of the shards. read: the blob's bytes, by offset and size."""
    first = read(0, FIRST_BYTES)
    if first.startswith(_MARK) and blob.size <= MAX_MARK_BYTES:
        return f"{cid_of_digest(DAG_CBOR, blob.digest)}{MARK_SUFFIX}"
    if _CAR_ROOTS not in first[:16]:
        return f"{cid_of_digest(RAW, blob.digest)}{BLOB_SUFFIX}"
    if _INDEX_ROOT not in first:
        return shard_name(cid_of_digest(CAR, blob.digest))
    return _index_name(blob, read)


def _index_name(blob: Held, read: Callable[[int, int], bytes]) -> str:
    """An index of several shards, as the original's client writes it, has a name that no shard asks for."""
    own = f"{cid_of_digest(CAR, blob.digest)}{INDEX_SUFFIX}"
    if blob.size > MAX_INDEX_BYTES:
        return own
    try:
        index = decode_index(read(0, blob.size))
    except (DecodeError, TooLarge):
        return own
    return index_name(index.shards[0].shard) if len(index.shards) == 1 else own


def is_of_digest(name: str, digest: bytes) -> bool:
    """Whether a name may be that of the blob; those of indexes say another CID."""
    if name.endswith(INDEX_SUFFIX):
        return True
    codec = CAR if name.endswith(SHARD_SUFFIX) else RAW
    return name.split(".", 1)[0] == str(cid_of_digest(codec, digest))


def cid_of_digest(codec: int, digest: bytes) -> CID:
    """The CID of the bytes whose sha2-256 multihash is `digest`."""
    return CID(cid_prefix(codec)[:-2] + digest)
