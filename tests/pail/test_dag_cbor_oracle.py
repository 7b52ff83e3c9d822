"""Two codecs that share no line: `dag-cbor`, the strict reference, must agree in both directions."""

from collections.abc import Callable
from typing import Any

import dag_cbor as reference
from dag_cbor.decoding.err import CBORDecodingError
from hypothesis import given, settings
from hypothesis import strategies as st
from multiformats import CID as ReferenceCID
from multiformats.multicodec.err import MulticodecKeyError
from multiformats.multihash.err import MultihashKeyError

from pail import CID, DAG_CBOR, DAG_PB, RAW, DecodeError, cid_of, decode_dag_cbor, encode_dag_cbor

NAMES_UNKNOWN_TO_THE_REFERENCE = (MulticodecKeyError, MultihashKeyError)
"""The only difference: a codec or hash missing in its table. Here the form of a CID is enough."""

REFUSALS_OF_THE_REFERENCE = (CBORDecodingError, ValueError, LookupError, OverflowError, MemoryError)
"""Only the first is meant: for empty links and huge lengths others escape from it."""

cids = st.builds(cid_of, st.sampled_from([RAW, DAG_CBOR, DAG_PB]), st.binary(max_size=4))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 64), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.binary(max_size=30)
    | cids
)


def containers(child: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(child, max_size=5) | st.dictionaries(st.text(max_size=4), child, max_size=5)


values = st.recursive(scalars, containers, max_leaves=20)


def convert(value: Any, link: Callable[[Any], Any]) -> Any:
    """`value` with the other library's CIDs."""
    if isinstance(value, CID | ReferenceCID):
        return link(value)
    if isinstance(value, list):
        return [convert(child, link) for child in value]
    if isinstance(value, dict):
        return {key: convert(child, link) for key, child in value.items()}
    return value


@settings(max_examples=300, deadline=None)
@given(values)
def test_the_same_value_has_the_same_bytes(value: Any) -> None:
    data = encode_dag_cbor(value)
    assert data == reference.encode(convert(value, ReferenceCID.decode))
    assert decode_dag_cbor(data) == value == convert(reference.decode(data), lambda cid: CID(bytes(cid)))


def agree(data: bytes) -> None:
    """Both take `data`, as the same value and with the same bytes again, or both refuse it."""
    try:
        value = decode_dag_cbor(data)
    except DecodeError:
        value = refused = DecodeError
    else:
        refused = None
        assert encode_dag_cbor(value) == data
    try:
        theirs = reference.decode(data)
    except NAMES_UNKNOWN_TO_THE_REFERENCE:
        return
    except REFUSALS_OF_THE_REFERENCE:
        assert refused, data.hex()
    else:
        assert encode_dag_cbor(convert(theirs, lambda cid: CID(bytes(cid)))) == data
        assert not refused, data.hex()


heads = st.sampled_from(
    b"\x00\x17\x18\x19\x1a\x1b\x1f\x20\x40\x58\x5f\x60\x78\x80\x98\x9f\xa0\xb8\xbf\xc0\xc2\xd8\x2a\xf4\xf6\xf7\xf8\xf9\xfa\xfb\xff"
)
patches = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 1), heads | st.integers(0, 255)), max_size=3)


@settings(max_examples=1000, deadline=None)
@given(values.map(encode_dag_cbor), patches, st.none() | st.integers(0, 60))
def test_mutated_bytes_are_taken_or_refused_by_both(
    data: bytes, patched: list[tuple[int, int, int]], end: int | None
) -> None:
    mutated = bytearray(data)
    for at, width, byte in patched:
        mutated[at : at + width] = bytes([byte])
    agree(bytes(mutated[:end]))


@settings(max_examples=500, deadline=None)
@given(st.lists(heads | st.integers(0, 255), max_size=24).map(bytes))
def test_random_bytes_are_taken_or_refused_by_both(data: bytes) -> None:
    agree(data)


@settings(max_examples=300, deadline=None)
@given(cids | st.just(CID(b"\x12\x20" + bytes(32))), patches)
def test_mutated_links_are_taken_or_refused_by_both(cid: CID, patched: list[tuple[int, int, int]]) -> None:
    mutated = bytearray(b"\0" + cid)
    for at, width, byte in patched:
        mutated[at % 6 : at % 6 + width] = bytes([byte])
    data = encode_dag_cbor(bytes(mutated))
    agree(b"\xd8\x2a" + data)
