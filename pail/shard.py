"""A pail shard: one node of the map, and its one encoding.

A shard holds every key that starts with its `prefix`, one entry for each next character. Keys
that share that character live in a child shard, one character further down. So shards nest no
deeper than a key is long, and one prefix has one shard.

Source: @web3-storage/pail 0.6.2 (pail v1); spec/pail.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from pail.cache import Cache
from pail.cid import CID, DAG_CBOR, cid_prefix
from pail.dag_cbor import Block, Value, decode_dag_cbor, encode_dag_cbor
from pail.errors import DecodeError, InvalidKey
from pail.walk import Walk

MAX_KEY_BYTES = 4096
"""Also the limit on depth: each level of shards takes one character of the key."""

MAX_ASK = 64
"""Shards asked for at once."""

CACHED_SHARDS = 2048
"""Shards of a generation of the cache. More cost the garbage collector more than they save."""

MAX_CACHED_BYTES = 8 << 10
"""Larger shards, of a hundred long keys, are not kept: with these limits none can fill the memory."""

_LINK_PREFIX = cid_prefix(DAG_CBOR)


class Entry(NamedTuple):
    """The keys of a shard that go on with the first character of `key`.

    Without `shard`, one key: `key` is all of its rest. With `shard`, several: `key` is the one
    character they share, and `value` belongs to the key that ends there, if any.
    """

    key: str
    shard: CID | None
    value: CID | None


class Shard(NamedTuple):
    """prefix: what every key in it starts with. entries: by first character, ascending."""

    prefix: str
    entries: Mapping[str, Entry]


def is_key(key: str) -> bool:
    """Whether a pail can hold `key`: printable ASCII of at most MAX_KEY_BYTES."""
    return len(key) <= MAX_KEY_BYTES and key.isascii() and key.isprintable()


def check_key(key: str) -> None:
    """Raises InvalidKey unless a pail can hold `key`."""
    if not is_key(key):
        raise InvalidKey(f"not printable ASCII of at most {MAX_KEY_BYTES} bytes: {key[:80]!r}")


def encode_shard(shard: Shard) -> Block:
    """The block of `shard`, whose entries are in order."""
    rows = [
        [key, value] if link is None else [key, [link]] if value is None else [key, [link, value]]
        for key, link, value in shard.entries.values()
    ]
    fields = {
        "prefix": shard.prefix,
        "entries": rows,
        "version": 1,
        "keyChars": "ascii",
        "maxKeySize": MAX_KEY_BYTES,
    }
    data = encode_dag_cbor(fields)
    return Block(CID(_LINK_PREFIX + sha256(data).digest()), data)


def decode_shard(data: bytes) -> Shard:
    """The shard of `data`. Raises DecodeError for anything but the bytes `encode_shard` makes."""
    match decode_dag_cbor(data):
        case {"prefix": str(prefix), "entries": [*rows]} if is_key(prefix):
            shard = Shard(prefix, {entry.key[:1]: entry for entry in map(_decode_row, rows)})
        case _:
            raise DecodeError("not a pail shard")
    _check_entries(shard)
    if encode_shard(shard).data != data:
        raise DecodeError("pail shard is not version 1, repeats an entry, or holds more than a shard does")
    return shard


def _decode_row(row: Value) -> Entry:
    match row:
        case [str(key), CID() as value]:
            return Entry(key, None, value)
        case [str(key), [CID() as shard]]:
            return Entry(key, shard, None)
        case [str(key), [CID() as shard, CID() as value]]:
            return Entry(key, shard, value)
        case _:
            raise DecodeError("pail shard has a malformed entry")


def _check_entries(shard: Shard) -> None:
    chars = list(shard.entries)
    if chars != sorted(chars):
        raise DecodeError("pail shard has entries out of order")
    if shard.prefix and (not chars or "" in chars):
        raise DecodeError("pail shard below the root is empty, or holds its own prefix")
    for key, link, _ in shard.entries.values():
        if not is_key(key) or len(shard.prefix) + len(key) > MAX_KEY_BYTES:
            raise DecodeError("pail shard has a key that no pail can hold")
        if link is not None and (len(key) != 1 or len(link) != 36 or link[:4] != _LINK_PREFIX):
            raise DecodeError("pail shard has a link that is no shard's, or under more than a character")


EMPTY = encode_shard(Shard("", {}))
"""The empty pail. Every walk knows it: no store is asked for it."""

_EMPTY_SHARD = Shard("", {})

_cache: Cache[CID, Shard] = Cache(CACHED_SHARDS)


def known(cid: CID, prefix: str) -> Shard | None:
    """The shard if it was read before and is still kept. Raises DecodeError as `learn` does."""
    shard = _cache.get(cid)
    if shard is None:
        if cid != EMPTY.cid:
            return None
        shard = _EMPTY_SHARD
    if shard.prefix != prefix:
        raise _misplaced(cid, prefix, shard)
    return shard


def learn(cid: CID, prefix: str, data: bytes) -> Shard:
    """The shard of `data`, which came through the door for `cid`; kept for the next walk.

    Raises DecodeError if it is no shard, or not the one of `prefix`.
    """
    shard = decode_shard(data)
    if shard.prefix != prefix:
        raise _misplaced(cid, prefix, shard)
    remember(Block(cid, data), shard)
    return shard


def remember(block: Block, shard: Shard) -> None:
    """Keep `shard`, which `block` decodes to: its bytes came through the door, or were encoded here."""
    if len(block.data) <= MAX_CACHED_BYTES:
        _cache.put(block.cid, shard)


def _misplaced(cid: CID, prefix: str, shard: Shard) -> DecodeError:
    return DecodeError(f"pail shard has prefix {shard.prefix[:80]!r}, not {prefix[:80]!r}: {cid}")


def load(wanted: Sequence[tuple[CID, str]]) -> Walk[list[Shard]]:
    """The shards of these CIDs and prefixes, in order; the unknown ones asked for together."""
    shards = {cid: known(cid, prefix) for cid, prefix in wanted}
    missing = [(cid, prefix) for cid, prefix in wanted if shards[cid] is None]
    for at in range(0, len(missing), MAX_ASK):
        part = missing[at : at + MAX_ASK]
        blocks = yield [cid for cid, _ in part]
        for (cid, prefix), data in zip(part, blocks, strict=True):
            shards[cid] = learn(cid, prefix, data)
    return [shard for cid, _ in wanted if (shard := shards[cid]) is not None]
