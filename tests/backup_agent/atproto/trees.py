"""Trees for tests, from the independent builder, and readers over their blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hypothesis import strategies as st

from backup_agent.atproto.mst import TreeCount, walk_records
from bench.tree_builder import build_tree, put_value
from pail import CID, DAG_CBOR, MissingBlock, Reader, cid_of, run
from pail.car import CarReader

VECTORS = Path(__file__).parents[3] / "spec/vectors"


def value(text: str = "") -> CID:
    """The CID of some record."""
    return cid_of(DAG_CBOR, text.encode())


def build(keys: Iterable[str]) -> tuple[CID, dict[CID, bytes]]:
    """A tree of these keys, its records among the blocks."""
    blocks: dict[CID, bytes] = {}
    records = {key: put_value({"at": key}, blocks) for key in keys}
    return build_tree(records, blocks), blocks


def build_links(records: Mapping[str, CID]) -> tuple[CID, dict[CID, bytes]]:
    """A tree of these entries, without records."""
    blocks: dict[CID, bytes] = {}
    return build_tree(dict(records), blocks), blocks


def reader(blocks: Mapping[CID, bytes]) -> Reader:
    def get(cids: Sequence[CID]) -> list[bytes]:
        for cid in cids:
            if cid not in blocks:
                raise MissingBlock(cid)
        return [blocks[cid] for cid in cids]

    return get


def verify(root: CID, blocks: Mapping[CID, bytes]) -> TreeCount:
    """Walk the whole tree and its records."""
    return run(walk_records(root, lambda _entries, _blocks: None), reader(blocks))


def read_car(content: bytes) -> tuple[CID, dict[CID, bytes]]:
    """The first root and the blocks of a CAR."""
    car = CarReader()
    blocks = dict(car.feed(content))
    car.close()
    assert car.roots
    return car.roots[0], blocks


PATHS = st.builds(
    "{}/{}".format,
    st.sampled_from(["app.bsky.feed.like", "app.bsky.feed.post", "a.b.c"]),
    st.text("abcXYZ019._~:-", min_size=1, max_size=8),
)
RECORDS = st.dictionaries(PATHS, st.sampled_from("abc").map(value), max_size=60)
