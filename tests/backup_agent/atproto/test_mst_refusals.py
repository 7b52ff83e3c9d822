"""The Merkle search tree: every bad one is refused, by name of the node and the key."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_agent.atproto.errors import InvalidTree
from backup_agent.atproto.mst_bytes import MAX_KEY_BYTES, MAX_NODE_BYTES
from backup_agent.atproto.mst_node import Node, Place, decode_node
from bench.tree_builder import layer, put_node, put_value
from pail import CID, DAG_CBOR, RAW, cid_of, decode_dag_cbor, encode_dag_cbor
from tests.backup_agent.atproto.trees import RECORDS, build, value, verify

LEAVES = [key for key in (f"a.b/{number:04}" for number in range(100)) if layer(key) == 0]
LAYER_1 = next(key for key in (f"a.b/{number:04}" for number in range(100)) if layer(key) == 1)
LINK = value()
Nodes = dict[CID, bytes]


def entry(key: bytes, shared: Any = 0, record: Any = LINK, below: Any = None) -> dict[str, Any]:
    return {"k": key, "p": shared, "t": below, "v": record}


def decode(listed: Any, left: Any = None, place: Place | None = None) -> Node:
    data = encode_dag_cbor({"e": listed, "l": left})
    return decode_node(place or Place(cid_of(DAG_CBOR, data)), data)


def first(*keys: str) -> list[dict[str, Any]]:
    """Entries of these keys with their prefixes not compressed, wrong from the second on."""
    return [entry(key.encode()) for key in keys]


BAD_SHAPES: dict[str, tuple[Any, str]] = {
    "no map": ([], "no map of exactly e and l"),
    "a field more": ({"e": [], "l": None, "x": 1}, "no map of exactly e and l"),
    "a field less": ({"e": []}, "no map of exactly e and l"),
    "entries no list": ({"e": {}, "l": None}, "entries are no list"),
    "left no link": ({"e": [], "l": 1}, "left link"),
    "left raw": ({"e": first("a/b"), "l": cid_of(RAW, b"")}, "left link"),
    "entry no map": ({"e": [1], "l": None}, "no map of exactly k, p, t and v"),
    "entry with more": ({"e": [entry(b"a/b") | {"x": 1}], "l": None}, "no map of exactly k, p, t and v"),
    "entry with less": ({"e": [{"k": b"a/b", "p": 0, "v": LINK}], "l": None}, "no map of exactly k"),
    "key text": ({"e": [entry("a/b")], "l": None}, "not a number and some bytes"),  # type: ignore[arg-type]
    "key empty": ({"e": [entry(b"")], "l": None}, "not a number and some bytes"),
    "prefix bool": ({"e": [entry(b"a/b", True)], "l": None}, "not a number and some bytes"),
    "prefix negative": ({"e": [entry(b"a/b", -1)], "l": None}, "shares -1 bytes"),
    "prefix too long": ({"e": [entry(b"a/b", 1)], "l": None}, "shares 1 bytes with a shorter key"),
    "prefix huge": ({"e": [entry(b"a/b", 1 << 40)], "l": None}, "with a shorter key"),
    "record null": ({"e": [entry(b"a/b", record=None)], "l": None}, "record is no link.*'a/b'"),
    "record raw": ({"e": [entry(b"a/b", record=cid_of(RAW, b""))], "l": None}, "record is no link"),
    "record v0": ({"e": [entry(b"a/b", record=CID(b"\x12\x20" + bytes(32)))], "l": None}, "no link"),
    "subtree false": ({"e": [entry(b"a/b", below=False)], "l": None}, "subtree is no link"),
    "no slash": ({"e": first("ab"), "l": None}, "not a record path.*'ab'"),
    "two slashes": ({"e": first("a/b/c"), "l": None}, "not a record path.*'a/b/c'"),
    "no collection": ({"e": first("/b"), "l": None}, "not a record path"),
    "no record key": ({"e": first("a/"), "l": None}, "not a record path"),
    "space": ({"e": first("a/b c"), "l": None}, "not a record path"),
    "not ASCII": ({"e": first("a/é"), "l": None}, "not a record path"),
    "long key": ({"e": first("a/" + "b" * MAX_KEY_BYTES), "l": None}, "the limit is 1024"),
}


@pytest.mark.parametrize(("content", "cause"), BAD_SHAPES.values(), ids=BAD_SHAPES)
def test_a_node_of_another_shape_is_refused(content: Any, cause: str) -> None:
    data = encode_dag_cbor(content)
    cid = cid_of(DAG_CBOR, data)
    with pytest.raises(InvalidTree, match=f"tree node {cid}: .*{cause}"):
        decode_node(Place(cid), data)


@pytest.mark.parametrize("size", [23, 24, 25, 255, 256, 257, MAX_KEY_BYTES])
def test_keys_of_all_lengths_are_taken(size: int) -> None:
    keys = [b"a/" + b"b" * (size - 2), b"a/" + b"b" * (size - 3) + b"c"]
    for key in keys:
        assert decode([entry(key)]).entries == [(key, LINK)]
    shared = [entry(keys[0]), entry(b"c", size - 1)]
    if layer(keys[0].decode()) == layer(keys[1].decode()):
        assert [key for key, _ in decode(shared).entries] == keys


def test_a_key_too_long_with_its_prefix_is_refused() -> None:
    key = b"a/" + b"b" * 998
    with pytest.raises(InvalidTree, match="a record path of 1025 bytes; the limit is 1024"):
        decode([entry(key), entry(b"c" * 26, 999)])


def test_a_prefix_shorter_than_it_could_be_is_refused() -> None:
    with pytest.raises(InvalidTree, match=f"shared prefix is longer.*{LEAVES[1]!r}"):
        decode([entry(LEAVES[0].encode()), entry(LEAVES[1].encode()[2:], 2)])


@pytest.mark.parametrize("again", [0, 1])
def test_keys_that_do_not_ascend_are_refused(again: int) -> None:
    later, key = LEAVES[1].encode(), LEAVES[again].encode()
    shared = next((at for at in range(len(key)) if later[at] != key[at]), len(key) - 1)
    with pytest.raises(InvalidTree, match=r"out of order, not greater than|shared prefix is longer"):
        decode([entry(later), entry(key[shared:], shared)])


def test_a_lesser_key_behind_a_greater_is_named() -> None:
    with pytest.raises(InvalidTree, match="out of order, not greater than 'b/a', at key 'a/a'"):
        decode([entry(b"b/a"), entry(b"a/a")])


def test_a_key_on_another_layer_is_refused() -> None:
    keys = sorted([LEAVES[0], LAYER_1])
    nodes: Nodes = {}
    cid = put_node(None, [(key, LINK, None) for key in keys], nodes)
    with pytest.raises(InvalidTree, match=r"a key of layer \d in a node of layer \d"):
        decode_node(Place(cid), nodes[cid])


def test_a_node_below_must_be_of_the_layer_below() -> None:
    nodes: Nodes = {}
    cid = put_node(None, [(LEAVES[0], LINK, None)], nodes)
    with pytest.raises(InvalidTree, match="a key of layer 0 in a node of layer 1"):
        decode_node(Place(cid, layer=1), nodes[cid])


def test_layer_0_has_nothing_below() -> None:
    for data in ({"e": [entry(LEAVES[0].encode(), below=LINK)], "l": None}, {"e": [], "l": LINK}):
        with pytest.raises(InvalidTree, match="on layer 0 and has a subtree"):
            decode_node(Place(LINK, layer=0), encode_dag_cbor(data))


def test_a_root_that_is_not_trimmed_is_refused() -> None:
    with pytest.raises(InvalidTree, match="its top is not trimmed"):
        decode([], LINK)


def test_an_empty_node_that_is_not_the_root_is_refused() -> None:
    with pytest.raises(InvalidTree, match="empty, and not the root"):
        decode([], place=Place(LINK, layer=1))


def test_an_empty_node_may_bridge_layers() -> None:
    assert decode([], LINK, Place(LINK, layer=2)).children() == [Place(LINK, 1, b"", None)]


def test_keys_outside_of_their_parents_bounds_are_refused() -> None:
    data = encode_dag_cbor({"e": [entry(LEAVES[5].encode())], "l": None})
    low, high = LEAVES[6].encode(), LEAVES[4].encode()
    with pytest.raises(InvalidTree, match=f"not greater than {LEAVES[6]!r}"):
        decode_node(Place(LINK, 0, low=low), data)
    with pytest.raises(InvalidTree, match=f"not less than {LEAVES[4]!r}"):
        decode_node(Place(LINK, 0, high=high), data)
    for same in (Place(LINK, 0, low=LEAVES[5].encode()), Place(LINK, 0, high=LEAVES[5].encode())):
        with pytest.raises(InvalidTree, match="out of order"):
            decode_node(same, data)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\0",
        lambda data: data[:-1],
        lambda data: b"\xa2ae\x98\x01" + data[4:],  # a length that is not minimal
        lambda data: b"\xbfae" + data[3:] + b"\xff",
        lambda data: data.replace(b"ap\x00", b"ap\x18\x00"),
        lambda data: data.replace(b"ak\x48", b"ak\x58\x08"),
        lambda data: data.replace(b"ak\x48", b"ak\x47"),  # the pattern cannot count, the walk does
        lambda data: data.replace(b"ak\x48", b"ak\x49"),
        lambda data: data.replace(b"ae\x81", b"ae\x80"),
        lambda data: data.replace(b"ae\x81", b"ae\x82"),
        lambda data: b"\x81" * 5000 + data,
        lambda data: b"",
    ],
)
def test_bytes_that_are_not_the_one_encoding_are_refused(change: Callable[[bytes], bytes]) -> None:
    good = encode_dag_cbor({"e": [entry(LEAVES[0].encode())], "l": None})
    decode_node(Place(LINK), good)
    assert change(good) != good
    with pytest.raises(InvalidTree, match=str(LINK)):
        decode_node(Place(LINK), change(good))


def test_a_node_above_the_limit_is_refused_unread() -> None:
    with pytest.raises(InvalidTree, match=f"the limit is {MAX_NODE_BYTES}"):
        decode_node(Place(LINK), bytes(MAX_NODE_BYTES + 1))


def test_a_node_of_many_entries_is_taken() -> None:
    keys = [key for key in (f"a.b/{number:06}" for number in range(9000)) if layer(key) == 0]
    nodes: Nodes = {}
    cid = put_node(None, [(key, LINK, None) for key in keys], nodes)
    assert len(decode_node(Place(cid), nodes[cid]).entries) == len(keys) > 256 * 24


@given(st.binary(max_size=200))
def test_any_bytes_are_a_node_or_refused(data: bytes) -> None:
    with pytest.raises(InvalidTree):
        decode_node(Place(LINK), data)


@settings(max_examples=60)
@given(records=RECORDS.filter(lambda records: len(records) > 3), choice=st.randoms(use_true_random=False))
def test_a_flipped_bit_in_any_node_is_refused_or_changes_what_is_linked(records: Any, choice: Any) -> None:
    root, blocks = build(records)
    cid = choice.choice([cid for cid, data in blocks.items() if data.startswith(b"\xa2ae")])
    data = bytearray(blocks[cid])
    data[choice.randrange(len(data))] ^= 1 << choice.randrange(8)
    try:
        node = decode_node(Place(cid, None if cid == root else layer_in(blocks, cid)), bytes(data))
    except InvalidTree:
        return
    assert encode_dag_cbor(decode_dag_cbor(bytes(data))) == bytes(data)
    assert node != decode_node(Place(cid, None if cid == root else layer_in(blocks, cid)), blocks[cid])


def layer_in(blocks: Nodes, cid: CID) -> int:
    """The layer of the node: that of its keys, or one more than the one below."""
    node = decode_dag_cbor(blocks[cid])
    return layer(node["e"][0]["k"].decode()) if node["e"] else layer_in(blocks, node["l"]) + 1


def replace(blocks: Nodes, root: CID, target: CID, substitute: CID | None) -> CID:
    """The tree with every link to `target` put to `substitute`, hashed anew up to the root."""
    if root == target:
        assert substitute
        return substitute
    node = decode_dag_cbor(blocks[root])
    node["l"] = follow(blocks, node["l"], target, substitute)
    for item in node["e"]:
        item["t"] = follow(blocks, item["t"], target, substitute)
    return put_value(node, blocks)


def follow(blocks: Nodes, link: CID | None, target: CID, substitute: CID | None) -> CID | None:
    if link == target:
        return substitute
    return None if link is None else replace(blocks, link, target, substitute)


FOUR_LAYERS = [f"a.b/{number:05}" for number in range(400)]


def subtrees(blocks: Nodes, root: CID) -> list[CID]:
    node = decode_dag_cbor(blocks[root])
    return [link for link in (node["l"], *(item["t"] for item in node["e"])) if link]


def test_a_subtree_put_twice_is_refused() -> None:
    root, blocks = build(FOUR_LAYERS)
    one, other = subtrees(blocks, root)[:2]
    with pytest.raises(InvalidTree, match="out of order"):
        verify(replace(blocks, root, other, one), blocks)


def test_subtrees_put_in_each_others_place_are_refused() -> None:
    root, blocks = build(FOUR_LAYERS)
    one, other = subtrees(blocks, root)[:2]
    with pytest.raises(InvalidTree, match="out of order"):
        verify(swap(blocks, root, one, other), blocks)


def swap(blocks: Nodes, root: CID, one: CID, other: CID) -> CID:
    node = decode_dag_cbor(blocks[root])
    exchange = {one: other, other: one}
    node["l"] = exchange.get(node["l"], node["l"])
    for item in node["e"]:
        item["t"] = exchange.get(item["t"], item["t"])
    return put_value(node, blocks)


def test_a_subtree_hung_one_layer_too_high_is_refused() -> None:
    root, blocks = build(FOUR_LAYERS)
    below = subtrees(blocks, root)[0]
    lower = subtrees(blocks, below)[0]
    with pytest.raises(InvalidTree, match="a key of layer"):
        verify(replace(blocks, root, below, lower), blocks)


def test_a_subtree_behind_an_idle_bridge_is_refused() -> None:
    root, blocks = build(FOUR_LAYERS)
    below = subtrees(blocks, root)[0]
    with pytest.raises(InvalidTree, match="a key of layer"):
        verify(replace(blocks, root, below, put_node(below, [], blocks)), blocks)
