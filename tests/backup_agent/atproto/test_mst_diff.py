"""Differences of trees: against a dict's, against 16,384 published ones, and as a proof of the new tree."""

import gzip
import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_agent.atproto.errors import InvalidTree
from backup_agent.atproto.mst_diff import Change, TreeDiff, diff_trees
from backup_agent.atproto.mst_node import layer_of
from bench.tree_builder import build_tree, put_value
from pail import CID, Walk, decode_dag_cbor
from tests.backup_agent.atproto.test_mst_refusals import subtrees, swap
from tests.backup_agent.atproto.trees import RECORDS, VECTORS, build_links, read_car, value

SUITE = VECTORS / "mst-test-suite"
MANY = {f"app.bsky.feed.like/{number:013}": value(str(number)) for number in range(4000)}


def drive(walk: Walk[TreeDiff], blocks: dict[CID, bytes]) -> TreeDiff:
    """As `pail.run`, without hashing the same few nodes sixteen thousand times."""
    try:
        asked = next(walk)
        while True:
            asked = walk.send([blocks[cid] for cid in asked])
    except StopIteration as stop:
        return stop.value


def diff(old: dict[str, CID], new: dict[str, CID]) -> tuple[TreeDiff, set[CID], set[CID]]:
    """The difference of two trees, and the nodes of each."""
    (old_root, old_blocks), (new_root, new_blocks) = build_links(old), build_links(new)
    found = drive(diff_trees(old_root, new_root), old_blocks | new_blocks)
    return found, set(old_blocks), set(new_blocks)


def changes(old: dict[str, CID], new: dict[str, CID]) -> list[Change]:
    """The difference of two dicts."""
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return [Change(key.encode(), old.get(key), new.get(key)) for key in keys]


@given(old=RECORDS, new=RECORDS)
def test_trees_differ_as_their_dicts_do(old: dict[str, CID], new: dict[str, CID]) -> None:
    found, old_nodes, new_nodes = diff(old, new)
    assert found.changes == changes(old, new)
    assert found.new_nodes == new_nodes - old_nodes
    assert found.old_nodes == old_nodes - new_nodes


@given(
    records=RECORDS,
    edits=st.dictionaries(st.sampled_from(sorted(MANY)), st.none() | st.just(value()), max_size=9),
)
def test_a_few_edits_are_found(records: dict[str, CID], edits: dict[str, CID | None]) -> None:
    old = records | {key: MANY[key] for key in edits if key.endswith(("0", "1", "2"))}
    new = {key: cid for key, cid in (old | edits).items() if cid is not None}
    found, old_nodes, new_nodes = diff(old, new)
    assert found.changes == changes(old, new)
    assert (found.new_nodes, found.old_nodes) == (new_nodes - old_nodes, old_nodes - new_nodes)


def test_the_cost_follows_the_change() -> None:
    root, blocks = build_links(MANY)
    for key in list(MANY)[::397]:
        changed_root, changed = build_links(MANY | {key: value("new")})
        asked: list[CID] = []

        def keep(walk: Walk[TreeDiff], asked: list[CID] = asked) -> Walk[TreeDiff]:
            ask = next(walk)
            while True:
                asked.extend(ask)
                try:
                    ask = walk.send((yield ask))
                except StopIteration as stop:
                    return stop.value

        found = drive(keep(diff_trees(root, changed_root)), blocks | changed)
        assert len(found.changes) == 1
        assert len(asked) < 24


def test_equal_trees_are_not_read() -> None:
    root, _ = build_links(MANY)
    assert drive(diff_trees(root, root), {}) == TreeDiff([], set(), set())


@pytest.fixture(scope="module")
def suite() -> tuple[dict[str, CID], dict[CID, bytes]]:
    """The roots of the published trees by their file, and all of their blocks."""
    roots: dict[str, CID] = {}
    blocks: dict[CID, bytes] = {}
    for path in sorted((SUITE / "cars").rglob("*.car")):
        root, more = read_car(path.read_bytes())
        roots["./" + str(path.relative_to(SUITE))] = root
        blocks |= more
    return roots, blocks


def test_the_published_differences(suite: tuple[dict[str, CID], dict[CID, bytes]]) -> None:
    roots, blocks = suite
    lines = gzip.decompress((SUITE / "mst-diff.jsonl.gz").read_bytes()).splitlines()
    for line in lines:
        case = json.loads(line)
        inputs, wanted = case["inputs"], case["results"]
        found = drive(diff_trees(roots[inputs["mst_a"]], roots[inputs["mst_b"]]), blocks)
        assert [operation(change) for change in found.changes] == wanted["record_ops"], case["_path"]
        assert texts(found.new_nodes) == wanted["created_nodes"], case["_path"]
        assert texts(found.old_nodes) == wanted["deleted_nodes"], case["_path"]
    assert (len(roots), len(lines)) == (128, 16_384)


def operation(change: Change) -> dict[str, str | None]:
    old, new = change.old and str(change.old), change.new and str(change.new)
    return {"rpath": change.key.decode(), "old_value": old, "new_value": new}


def texts(cids: set[CID]) -> Sequence[str]:
    return sorted(map(str, cids))


def test_the_published_trees_are_those_of_the_builder(suite: tuple[dict[str, CID], dict[CID, bytes]]) -> None:
    roots, blocks = suite
    empty = build_tree({}, blocks)
    for root in roots.values():
        records = {
            change.key.decode(): change.new for change in drive(diff_trees(empty, root), blocks).changes
        }
        assert build_tree({key: cid for key, cid in records.items() if cid}, {}) == root


def test_an_old_subtree_in_a_new_place_is_not_trusted() -> None:
    root, blocks = build_links(MANY)
    one, other = subtrees(blocks, root)[:2]
    with pytest.raises(InvalidTree, match="out of order"):
        drive(diff_trees(root, swap(blocks, root, one, other)), blocks)


@pytest.mark.parametrize("bound", ["low", "high"])
def test_an_old_subtree_is_checked_against_tighter_bounds(bound: str) -> None:
    """The new tree moves a key of the root past the edge of the unchanged subtree beside it."""
    root, blocks = build_links(MANY)
    node = decode_dag_cbor(blocks[root])
    key = node["e"][0]["k"]
    at = sorted(MANY).index(key.decode()) + (10 if bound == "low" else -10)
    moved = _of_layer_like(key, sorted(MANY)[at].encode())
    forged = put_value(node | {"e": [{**node["e"][0], "k": moved}]}, blocks)
    with pytest.raises(InvalidTree, match="out of order"):
        drive(diff_trees(root, forged), blocks)


def _of_layer_like(key: bytes, near: bytes) -> bytes:
    candidates = (near + f"{number:06}".encode() for number in range(1_000_000))
    return next(candidate for candidate in candidates if layer_of(candidate) == layer_of(key))


@settings(max_examples=50)
@given(old=RECORDS, new=RECORDS, data=st.data())
def test_a_bad_node_of_the_new_tree_is_refused(
    old: dict[str, CID], new: dict[str, CID], data: st.DataObject
) -> None:
    (old_root, old_blocks), (new_root, new_blocks) = build_links(old), build_links(new)
    fresh = sorted(set(new_blocks) - set(old_blocks))
    if fresh:
        bad = data.draw(st.sampled_from(fresh))
        with pytest.raises(InvalidTree) as refusal:
            drive(diff_trees(old_root, new_root), old_blocks | new_blocks | {bad: b"\xa0"})
        assert refusal.value.cid == bad
