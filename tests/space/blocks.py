"""Blocks, agents and events to fill spaces with; the same ones every time."""

from pail import DAG_CBOR, Block, cid_of, encode_block
from pail.event import Head, encode_event
from pail.shard import Entry, Shard, encode_shard
from ucan import Signer

DID = "did:key:z6MkoBPjMzBFn7dGjDRqhNEsXjdVjGVsFbXyYVUQ2nnzEvXX"
OTHER_DID = "did:key:z6MkoAPjMzBFn7dGjDRqhNEsXjdVjGVsFbXyYVUQ2nnzEvXX"


def block(number: int, size: int = 100) -> Block:
    content = number.to_bytes(8, "big") * (size // 8)
    return Block(cid_of(DAG_CBOR, content), content)


def blocks(first: int, last: int) -> list[Block]:
    return [block(number) for number in range(first, last)]


def agent(number: int) -> Signer:
    return Signer.from_seed(bytes([number]) * 32)


def put_event(parents: Head, number: int) -> tuple[Block, Block]:
    """An event whose pail has one key of its own, and that pail."""
    value = encode_block(number).cid
    shard = encode_shard(Shard("", {"k": Entry(f"k{number}", None, value)}))
    data = {"type": "put", "root": shard.cid, "key": f"k{number}", "value": value}
    return encode_event(parents, data), shard
