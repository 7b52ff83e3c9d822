"""Names of blobs: a sha2-256 multihash, and how it is written."""

from __future__ import annotations

from pail import CID, RAW, DecodeError, parse_cid
from pail.cid import cid_prefix

SHA2_256 = b"\x12\x20"
MULTIHASH_BYTES = 34

MAX_NAME_CHARS = 128


def is_digest(digest: bytes) -> bool:
    """Whether it is the multihash of a sha2-256, the only kind that is hosted."""
    return len(digest) == MULTIHASH_BYTES and digest.startswith(SHA2_256)


def name_of(digest: bytes) -> str:
    """The blob's name in URLs and to people: its CID as raw bytes."""
    return str(CID(cid_prefix(RAW)[: -len(SHA2_256)] + digest))


def parse_name(name: str) -> CID:
    """The CID that names a blob or a block, or a multihash in base58btc as CID of version 0.

    Raises DecodeError, also for another hash than sha2-256.
    """
    if len(name) > MAX_NAME_CHARS:
        raise DecodeError("that is no CID")
    cid = parse_cid(name.removeprefix("z") if name.startswith("zQm") else name)
    if not is_digest(cid.multihash):
        raise DecodeError("only blobs and blocks named by their sha2-256 are here")
    return cid
