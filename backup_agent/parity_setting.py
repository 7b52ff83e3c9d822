"""How much parity a space wants: a small block under a key of its pail, so that every machine agrees."""

from __future__ import annotations

from pail import Block, DecodeError, Reader, crdt, decode_dag_cbor, encode_block, fetch, run
from pail.crdt import Update
from pail.fields import Fields
from space import Head
from space.parity import MAX_PERCENT

VERSION = 1

KEY = "parity"


def stored_percent(head: Head, get: Reader) -> int:
    """The percentage that the space at `head` wants, 0 for none. Raises DecodeError, MissingBlock."""
    cid = run(crdt.get(head, KEY), get)
    return 0 if cid is None else decode_percent(run(fetch(cid), get))


def set_percent(head: Head, percent: int, get: Reader) -> tuple[Update, Block]:
    """The event that makes it `percent`, none if it is already; and the block that it names."""
    block = encode_block({"version": VERSION, "percent": percent})
    return run(crdt.put(head, KEY, block.cid), get), block


def decode_percent(data: bytes) -> int:
    """Raises DecodeError."""
    fields = Fields("parity setting", decode_dag_cbor(data))
    if fields.take("version", int) != VERSION:
        raise DecodeError("this parity setting has a version that this skypail does not know")
    percent = fields.count("percent")
    fields.done()
    if percent > MAX_PERCENT:
        raise DecodeError(f"a parity setting of {percent} percent")
    return percent
