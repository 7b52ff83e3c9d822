"""The Merkle search tree: every good one is taken, by every walk."""

import json

import pytest
from hypothesis import given, settings

from backup_agent.atproto.mst import (
    MAX_ASK,
    STEPS_AHEAD,
    TreeCount,
    find_record,
    walk_blocks,
    walk_entries,
    walk_records,
)
from backup_agent.atproto.mst_node import Entry, layer_of
from bench.tree_builder import build_tree
from pail import CID, Block, MissingBlock, decode_dag_cbor, parse_cid, run
from tests.backup_agent.atproto.trees import RECORDS, VECTORS, build, build_links, reader, value, verify

HEIGHTS = json.loads((VECTORS / "atproto-interop/mst/key_heights.json").read_text())
EXAMPLE_KEYS = (VECTORS / "atproto-interop/mst/example_keys.txt").read_text().split()
PROOFS = json.loads((VECTORS / "atproto-interop/firehose/commit-proof-fixtures.json").read_text())
MANY = [f"app.bsky.feed.like/{number:013}" for number in range(3000)]


def listed(root: CID, blocks: dict[CID, bytes]) -> list[Entry]:
    entries: list[Entry] = []
    run(walk_entries(root, entries.extend), reader(blocks))
    return entries


def test_there_are_heights_keys_and_proofs() -> None:
    assert len(HEIGHTS) == 9
    assert len(EXAMPLE_KEYS) == 156
    assert len(PROOFS) >= 5


@pytest.mark.parametrize("vector", HEIGHTS, ids=lambda vector: vector["key"] or "empty")
def test_the_layer_of_a_key(vector: dict[str, str]) -> None:
    assert layer_of(vector["key"].encode()) == vector["height"]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof["comment"])
def test_the_independent_builder_makes_the_published_roots(proof: dict[str, list[str]]) -> None:
    leaf = parse_cid(str(proof["leafValue"]))
    after = (set(proof["keys"]) | set(proof["adds"])) - set(proof["dels"])
    assert str(build_tree(dict.fromkeys(proof["keys"], leaf), {})) == proof["rootBeforeCommit"]
    assert str(build_tree(dict.fromkeys(after, leaf), {})) == proof["rootAfterCommit"]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof["comment"])
def test_a_published_proof_proves_its_operations(proof: dict[str, list[str]]) -> None:
    leaf = parse_cid(str(proof["leafValue"]))
    after = (set(proof["keys"]) | set(proof["adds"])) - set(proof["dels"])
    root, blocks = build_links(dict.fromkeys(after, leaf))
    enough = {cid: blocks[cid] for cid in map(parse_cid, proof["blocksInProof"]) if cid in blocks}
    for key in proof["adds"] + proof["dels"]:
        found = run(find_record(root, key.encode()), reader(enough))
        assert found == (leaf if key in proof["adds"] else None)


def test_the_example_keys_make_a_good_tree() -> None:
    root, blocks = build(EXAMPLE_KEYS)
    assert verify(root, blocks).records == len(EXAMPLE_KEYS)


def test_the_empty_tree_is_good() -> None:
    root, blocks = build([])
    assert str(root) == "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm"
    assert verify(root, blocks) == TreeCount(nodes=1, records=0)
    assert run(find_record(root, b"a/b"), reader(blocks)) is None


@given(records=RECORDS)
def test_a_tree_lists_what_it_was_built_from(records: dict[str, CID]) -> None:
    root, blocks = build_links(records)
    assert listed(root, blocks) == sorted((key.encode(), cid) for key, cid in records.items())


@given(records=RECORDS)
def test_each_record_is_found_and_no_other(records: dict[str, CID]) -> None:
    root, blocks = build_links(records)
    for key in [*records, "a.b.c/none", "zzz/~"]:
        assert run(find_record(root, key.encode()), reader(blocks)) == records.get(key)


def test_a_tree_longer_than_the_walk_looks_ahead_is_listed_in_order() -> None:
    root, blocks = build_links({key: value(key) for key in MANY})
    assert len(MANY) > 4 * STEPS_AHEAD
    assert [key.decode() for key, _ in listed(root, blocks)] == MANY


def test_records_come_with_their_own_blocks() -> None:
    root, blocks = build(MANY[:700])
    seen: list[str] = []

    def visit(entries: list[Entry], data: list[bytes]) -> None:
        assert [decode_dag_cbor(block)["at"].encode() for block in data] == [key for key, _ in entries]
        seen.extend(key.decode() for key, _ in entries)

    run(walk_records(root, visit), reader(blocks))
    assert seen == MANY[:700]


def test_no_ask_is_larger_than_promised() -> None:
    root, blocks = build(MANY)
    asks: list[int] = []

    def get(cids: list[CID]) -> list[bytes]:
        asks.append(len(cids))
        return [blocks[cid] for cid in cids]

    run(walk_records(root, lambda *_: None), get)
    assert max(asks) == MAX_ASK
    assert len(asks) < len(blocks) / 20


@settings(max_examples=30)
@given(records=RECORDS)
def test_blocks_come_in_the_order_of_a_car(records: dict[str, CID]) -> None:
    root, blocks = build(records)
    seen: list[Block] = []
    run(walk_blocks(root, seen.extend), reader(blocks))
    assert [block.cid for block in seen] == in_order(root, blocks)
    assert all(blocks[cid] == data for cid, data in seen)


def test_blocks_of_a_long_tree_come_in_the_order_of_a_car() -> None:
    root, blocks = build(MANY)
    seen: list[Block] = []
    assert sum(run(walk_blocks(root, seen.extend), reader(blocks))) == len(blocks)
    assert [block.cid for block in seen] == in_order(root, blocks)


def in_order(root: CID, blocks: dict[CID, bytes]) -> list[CID]:
    """A node, then its left subtree, and each record followed by the subtree behind it."""
    node = decode_dag_cbor(blocks[root])
    order = [root, *(in_order(node["l"], blocks) if node["l"] else [])]
    for entry in node["e"]:
        order += [entry["v"], *(in_order(entry["t"], blocks) if entry["t"] else [])]
    return order


@settings(max_examples=30)
@given(records=RECORDS.filter(bool))
def test_every_missing_block_is_missed(records: dict[str, CID]) -> None:
    root, blocks = build(records)
    for cid in blocks:
        with pytest.raises(MissingBlock) as missing:
            verify(root, {other: data for other, data in blocks.items() if other != cid})
        assert missing.value.cid == cid
