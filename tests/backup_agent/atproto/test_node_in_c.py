"""The compiled decoder of tree nodes takes what the plain one takes, and refuses in the same words."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_agent.atproto import mst_node
from backup_agent.atproto.errors import InvalidTree
from backup_agent.atproto.mst_bytes import MAX_KEY_BYTES
from backup_agent.atproto.mst_node import Place, decode_node, take_apart_plainly
from pail import DAG_CBOR, RAW, cid_of, encode_dag_cbor
from tests.backup_agent.atproto.trees import RECORDS, build

compiled = pytest.importorskip(
    "backup_agent.atproto._node", reason="NOT COMPILED: no C compiler when this was installed"
)

LINK = cid_of(DAG_CBOR, b"some block")
numbers = st.integers(0, 12) | st.sampled_from([23, 24, 255, 256, MAX_KEY_BYTES, 1 << 16, 1 << 40, -1])
keys = (
    st.from_regex(rb"[a-z]{1,3}/?[a-z0-9]{0,3}/?", fullmatch=True)
    | st.binary(max_size=4)
    | st.sampled_from([b"a/" + b"x" * size for size in (22, 23, 253, 254, 1021, 1022, 1023)])
)
links = st.sampled_from([LINK, LINK, None, cid_of(RAW, b"raw")])
entries = st.fixed_dictionaries({"p": numbers, "k": keys, "t": links, "v": links})
nodes = st.fixed_dictionaries({"e": st.lists(entries, max_size=4), "l": links}).map(encode_dag_cbor)


def outcome(place: Place, data: bytes) -> Any:
    try:
        return decode_node(place, data)
    except InvalidTree as error:
        return str(error)


def agree(place: Place, data: bytes) -> None:
    """What is taken is taken alike, and what is refused is refused alike."""
    found = compiled.take_apart(data)
    try:
        plain = take_apart_plainly(Place(place.cid), data)
    except InvalidTree:
        assert found is None
    else:
        assert found == plain
    native = outcome(place, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mst_node, "_take_apart", lambda _: None)
        assert outcome(place, data) == native


@settings(max_examples=300, deadline=None)
@given(nodes)
def test_nodes_of_odd_fields(data: bytes) -> None:
    agree(Place(LINK), data)


@given(st.binary(max_size=100), st.sampled_from([b"", b"\xa2ae", b"\xa2ae\x81\xa4ak", b"\x81" * 5000]))
def test_any_bytes(data: bytes, start: bytes) -> None:
    agree(Place(LINK), start + data)


@settings(max_examples=100, deadline=None)
@given(records=RECORDS.filter(bool), draw=st.data())
def test_nodes_of_real_trees_whole_changed_and_cut(records: Any, draw: st.DataObject) -> None:
    _, blocks = build(records)
    place = Place(LINK, draw.draw(st.sampled_from([None, 0, 1, 2])))
    for data in [data for data in blocks.values() if data.startswith(b"\xa2ae")][:20]:
        agree(place, data)
        changed = bytearray(data)
        at = draw.draw(st.integers(0, len(data) - 1))
        changed[at] ^= draw.draw(st.integers(1, 255))
        agree(place, bytes(changed))
        agree(place, data[:at])
        agree(place, data[:at] + data[at + 1 :])


@pytest.mark.parametrize("size", [1, 22, 23, 24, 254, 255, 256, 1022, 1023])
@pytest.mark.parametrize("shared", [0, 2, 23, 24, 255, 256])
def test_keys_up_to_the_limit_and_above(size: int, shared: int) -> None:
    first = b"a/" + b"b" * max(0, shared - 2)
    rows = [{"p": 0, "k": first + b"a" + b"x" * size, "t": None, "v": LINK}]
    rows.append({"p": len(first), "k": b"z" * size, "t": LINK, "v": LINK})
    for count in (1, 2):
        agree(Place(LINK), encode_dag_cbor({"e": rows[:count], "l": None}))


def test_what_is_no_bytes_is_the_callers_mistake() -> None:
    with pytest.raises(TypeError):
        compiled.take_apart("text")


def test_without_memory_it_says_so_wherever_that_ends() -> None:
    memory = pytest.importorskip("_testcapi", reason="this Python has no tests of its own")
    key = {"p": 0, "k": b"a/b", "t": LINK, "v": LINK}
    data = encode_dag_cbor({"e": [key], "l": LINK})
    for number in range(1, 50):
        with contextlib.suppress(MemoryError):
            memory.set_nomemory(number, number + 1)
            try:
                compiled.take_apart(data)
            finally:
                memory.remove_mem_hooks()
