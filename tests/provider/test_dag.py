"""Walks over DAGs that are made to never end."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pail import CID, RAW, Block, TooLarge, cid_of, run
from pail.unixfs_node import Entry, encode_file_node
from provider import dag


def bomb() -> tuple[list[Block], CID, int]:
    """A file of a terabyte in four blocks: three rows of 1,024 links, each to the same."""
    leaf = Block(cid_of(RAW, bytes(1000)), bytes(1000))
    blocks, part = [leaf], Entry(leaf.cid, 1000, 1000)
    for _ in range(3):
        block, part = encode_file_node([part] * 1024)
        part = part._replace(dag_bytes=0)
        blocks.append(block)
    return blocks, part.cid, part.size_bytes


def test_a_car_of_a_file_that_repeats_itself_is_small_and_made_at_once() -> None:
    blocks, root, size = bomb()
    known = dict(blocks)
    asked: list[CID] = []

    def get(cids: Sequence[CID]) -> list[bytes]:
        asked.extend(cids)
        assert len(asked) < 50
        return [known[cid] for cid in cids]

    run(dag.part_of_file(root, 0, size, lambda _: None, is_once=True), get)
    assert set(asked) == set(known)
    run(dag.part_of_file(root, size // 3, size // 2, lambda _: None, is_once=True), get)


def test_a_file_is_given_no_further_than_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dag, "MAX_DAG_BLOCKS", 100)
    blocks, root, size = bomb()
    known, given = dict(blocks), list[bytes]()
    with pytest.raises(TooLarge):
        run(dag.part_of_file(root, 0, size, given.append), lambda cids: [known[cid] for cid in cids])
    assert len(given) < 100
