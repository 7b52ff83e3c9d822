"""UnixFS files against a plain model, and trees that lie."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import (
    CID,
    DAG_PB,
    RAW,
    Block,
    DecodeError,
    HashMismatch,
    MissingBlock,
    TooLarge,
    cid_of,
    run,
    unixfs,
)
from pail.dag_pb import PBLink, PBNode, bytes_field, encode_dag_pb, varint_field
from pail.unixfs import CHUNK_BYTES, MAX_DEPTH, FileWriter, leaves, read
from pail.unixfs_node import MAX_LEAF_BYTES, MAX_LINKS, Entry, decode_directory, encode_directory
from pail.varint import MAX_VARINT


class Store(dict[CID, bytes]):
    """Blocks in memory, as a reader that records what it was asked for."""

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        super().__init__(blocks)
        self.asked: list[Sequence[CID]] = []

    def get_all(self, cids: Sequence[CID]) -> list[bytes]:
        self.asked.append(cids)
        if missing := [cid for cid in cids if cid not in self]:
            raise MissingBlock(missing[0])
        return [self[cid] for cid in cids]

    def put(self, codec: int, data: bytes) -> CID:
        cid = cid_of(codec, data)
        self[cid] = data
        return cid


def write(content: bytes, *, chunk_bytes: int = 4, width: int = 3) -> tuple[Entry, Store]:
    writer = FileWriter(chunk_bytes=chunk_bytes, width=width)
    blocks = writer.write(content) + writer.close()
    return writer.root, Store(blocks)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.integers(4, 9), st.integers(3, 5))
def test_what_is_written_is_read(content: bytes, chunk_bytes: int, width: int) -> None:
    root, store = write(content, chunk_bytes=chunk_bytes, width=width)
    assert run(read(root.cid), store.get_all) == content
    assert root.size_bytes == len(content)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=9))
def test_how_it_is_fed_does_not_matter(content: bytes, cuts: list[int]) -> None:
    writer = FileWriter(chunk_bytes=4, width=3)
    blocks: list[Block] = []
    start = 0
    for cut in [*sorted(cuts), len(content)]:
        blocks += writer.write(content[start:cut])
        start = max(start, cut)
    blocks += writer.close()
    assert (writer.root, dict(blocks)) == write(content)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES])
def test_up_to_one_chunk_a_file_is_its_raw_block(size: int) -> None:
    content = bytes(size)
    writer = FileWriter()
    blocks = writer.write(content) + writer.close()
    assert blocks == [Block(cid_of(RAW, content), content)]


def test_a_chunk_comes_out_as_soon_as_it_is_full() -> None:
    writer = FileWriter()
    first = writer.write(bytes(CHUNK_BYTES - 1))
    assert (first, len(writer.write(b"\0"))) == ([], 1)


def test_the_tree_declares_the_bytes_of_all_its_blocks() -> None:
    root, store = write(bytes(range(100)))
    assert root.dag_bytes == sum(len(block) for block in store.values())


def test_leaves_are_asked_for_a_few_at_once() -> None:
    root, store = write(bytes(range(200)), width=100)
    sizes: list[int] = []
    assert run(leaves(root.cid, lambda leaf: sizes.append(len(leaf))), store.get_all) == 200
    assert sizes == [4] * 50
    assert max(len(cids) for cids in store.asked) == unixfs.LEAVES_AHEAD


def test_a_missing_leaf_is_named() -> None:
    root, store = write(bytes(range(100)))
    lost = next(cid for cid in store if cid.codec == RAW)
    del store[lost]
    with pytest.raises(MissingBlock) as caught:
        run(read(root.cid), store.get_all)
    assert caught.value.cid == lost


def test_a_changed_leaf_never_comes_out() -> None:
    root, store = write(bytes(range(100)))
    store[cid_of(RAW, bytes(range(8, 12)))] = b"\0\0\0\0"
    seen: list[bytes] = []
    with pytest.raises(HashMismatch):
        run(leaves(root.cid, seen.append), store.get_all)
    assert bytes(range(100)).startswith(b"".join(seen))


LEAF = Block(cid_of(RAW, b"leaf"), b"leaf")
FILE = varint_field(1, 2)


def file_data(*sizes: int, total: int | None = None) -> bytes:
    whole = sum(sizes) if total is None else total
    return FILE + varint_field(3, whole) + b"".join(varint_field(4, size) for size in sizes)


def link(tsize: int = 4, cid: CID = LEAF.cid) -> PBLink:
    return PBLink(cid, "", tsize)


def refused(node: PBNode, error: type[Exception] = DecodeError) -> None:
    store = Store([LEAF])
    root = store.put(DAG_PB, encode_dag_pb(node))
    with pytest.raises(error):
        run(read(root), store.get_all)


LIES = {
    "more sizes than links": PBNode((link(),), file_data(4, 4)),
    "more links than sizes": PBNode((link(), link()), file_data(4)),
    "sizes do not add up": PBNode((link(),), file_data(4, total=5)),
    "leaf is smaller": PBNode((link(),), file_data(5)),
    "leaf is larger": PBNode((link(),), file_data(3)),
    "tsize is another": PBNode((link(5),), file_data(4)),
    "no tsize": PBNode((PBLink(LEAF.cid, ""),), file_data(4)),
    "sizes beyond any integer": PBNode((link(), link()), file_data(MAX_VARINT, MAX_VARINT, total=4)),
    "no data": PBNode((link(),)),
    "empty child": PBNode((link(0, cid_of(RAW, b"")),), file_data(0)),
    "directory": PBNode((link(),), varint_field(1, 1)),
    "bytes of its own": PBNode((), FILE + bytes_field(2, b"hello") + varint_field(3, 5)),
    "mode": PBNode((link(),), file_data(4) + varint_field(7, 0o644)),
    "sizes before their sum": PBNode((link(),), FILE + varint_field(4, 4) + varint_field(3, 4)),
    "packed sizes": PBNode((link(),), FILE + varint_field(3, 4) + bytes_field(4, b"\x04")),
    "child of DAG-CBOR": PBNode((link(4, cid_of(0x71, b"leaf")),), file_data(4)),
}


@pytest.mark.parametrize("name", LIES)
def test_a_node_that_lies_is_refused(name: str) -> None:
    refused(LIES[name])


def test_a_node_may_have_so_many_links_and_no_more() -> None:
    store = Store([LEAF])
    root = store.put(DAG_PB, encode_dag_pb(PBNode((link(),) * MAX_LINKS, file_data(*[4] * MAX_LINKS))))
    assert len(run(read(root), store.get_all)) == 4 * MAX_LINKS
    refused(PBNode((link(),) * (MAX_LINKS + 1), file_data(*[4] * (MAX_LINKS + 1))), TooLarge)


def test_a_leaf_above_the_limit_is_not_asked_for() -> None:
    refused(PBNode((link(MAX_LEAF_BYTES + 1),), file_data(MAX_LEAF_BYTES + 1)), TooLarge)


def test_sizes_without_end_are_refused() -> None:
    refused(PBNode((), FILE + varint_field(3, 300_000) + varint_field(4, 1) * 300_000), TooLarge)


def tower(height: int) -> tuple[CID, Store]:
    """Nodes of one child each, over one leaf."""
    store = Store([LEAF])
    cid, tsize = LEAF.cid, 4
    for _ in range(height):
        data = encode_dag_pb(PBNode((link(tsize, cid),), file_data(4)))
        cid, tsize = store.put(DAG_PB, data), tsize + len(data)
    return cid, store


def test_nodes_may_be_so_deep_and_no_deeper() -> None:
    root, store = tower(MAX_DEPTH)
    assert run(read(root), store.get_all) == b"leaf"
    root, store = tower(MAX_DEPTH + 1)
    with pytest.raises(TooLarge):
        run(read(root), store.get_all)


def test_one_block_repeated_into_a_huge_file_is_refused_at_its_root() -> None:
    store = Store([LEAF])
    cid, size, tsize = LEAF.cid, 4, 4
    for _ in range(4):
        data = encode_dag_pb(PBNode((link(tsize, cid),) * 1024, file_data(*[size] * 1024)))
        cid, size, tsize = store.put(DAG_PB, data), size * 1024, tsize * 1024 + len(data)
    with pytest.raises(TooLarge):
        run(read(cid), store.get_all)
    assert len(store.asked) == 1


def test_a_limit_on_the_file_holds_on_both_sides() -> None:
    for root, store in (write(bytes(100)), write(bytes(4))):
        assert len(run(read(root.cid, max_bytes=root.size_bytes), store.get_all)) == root.size_bytes
        with pytest.raises(TooLarge):
            run(read(root.cid, max_bytes=root.size_bytes - 1), store.get_all)


def test_a_directory_reads_as_it_was_written() -> None:
    entry = Entry(LEAF.cid, 4, 4)
    block, whole = encode_directory({"b": entry, "a": entry, "ü": entry})
    assert decode_directory(block.data) == {"a": LEAF.cid, "b": LEAF.cid, "ü": LEAF.cid}
    assert whole == Entry(block.cid, 0, len(block.data) + 12)


@pytest.mark.parametrize("names", [["b", "a"], ["a", "a"], [""], ["."], [".."], ["a/b"], ["a\0"], [None]])
def test_a_directory_with_names_that_are_none_is_refused(names: list[str | None]) -> None:
    node = PBNode(tuple(PBLink(LEAF.cid, name, 4) for name in names), varint_field(1, 1))
    with pytest.raises(DecodeError):
        decode_directory(encode_dag_pb(node))


def test_a_file_is_no_directory() -> None:
    with pytest.raises(DecodeError, match="not a UnixFS directory"):
        decode_directory(encode_dag_pb(PBNode((link(),), file_data(4))))
