"""Commits that are wrong in one way and well signed all the same, so that a test meets that one fault.

forger = K256Key(bytes(31) + b"\\7")
host.swap_signing_key(forger)
host.demo.head = forge(host.demo.head, forger, did="did:plc:somebodyelse…")
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import starmap
from typing import Any

from backup_agent.demo.k256 import K256Key
from backup_agent.demo.recording import Revision
from bench.tree_builder import build_tree, put_value
from pail import CID, Block, Value, decode_dag_cbor, encode_block, encode_dag_cbor, parse_cid
from pail.car import CarReader, encode_car


def forge(
    revision: Revision,
    key: K256Key,
    *,
    without: Collection[CID] = (),
    instead: Mapping[CID, Block] | None = None,
    **changes: Any,
) -> Revision:
    """`revision` with a commit that differs by `changes` (did, version, data, rev, prev), signed by `key`.

    without: blocks to leave out. instead: blocks to put in the place of others, under their own CIDs.
    """
    blocks = {block.cid: block for block in read_car(revision.car)}
    commit = decode_dag_cbor(blocks.pop(parse_cid(revision.cid)).data) | changes
    del commit["sig"]
    root = encode_block(commit | {"sig": key.sign(encode_dag_cbor(commit))})
    kept = [(instead or {}).get(cid, block) for cid, block in blocks.items() if cid not in without]
    return Revision(str(root.cid), commit["rev"], encode_car([root.cid], [root, *kept]))


def read_car(car: bytes) -> list[Block]:
    """The blocks of a whole CAR, in its order."""
    reader = CarReader()
    blocks = reader.feed(car)
    reader.close()
    return blocks


def repository(
    records: Mapping[str, Value], key: K256Key, *, did: str, rev: str, besides: Iterable[Block] = ()
) -> Revision:
    """A commit of these records by path, signed by `key`. besides: blocks that it does not reach."""
    blocks: dict[CID, bytes] = {}
    root = build_tree({path: put_value(value, blocks) for path, value in records.items()}, blocks)
    commit = {"did": did, "version": 3, "data": root, "rev": rev, "prev": None}
    head = encode_block(commit | {"sig": key.sign(encode_dag_cbor(commit))})
    return Revision(
        str(head.cid), rev, encode_car([head.cid], [head, *starmap(Block, blocks.items()), *besides])
    )
