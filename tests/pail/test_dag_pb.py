"""DAG-PB against the fixtures of the codec, refusals among them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import CID, RAW, DecodeError, PailError, TooLarge, cid_of, decode_dag_cbor
from pail.dag_pb import (
    MAX_DAG_PB_BYTES,
    PBLink,
    PBNode,
    bytes_field,
    decode_dag_pb,
    encode_dag_pb,
    varint_field,
)

FOLDER = Path(__file__).parent.parent.parent / "spec" / "vectors" / "codec-fixtures"
ROWS = [json.loads(line) for line in (FOLDER / "fixtures.jsonl").read_text().splitlines()]
FIXTURES = [row for row in ROWS if "dag-pb" in row]
REFUSED = json.loads((FOLDER / "negative-fixtures/dag-pb/decode/edges.json").read_text())
assert len(FIXTURES) == 17
assert len(REFUSED) == 9

LEAF = cid_of(RAW, b"leaf")
HASH = bytes_field(1, LEAF)


def node_of(value: Any) -> PBNode:
    """The node that the data model's form of a fixture stands for."""
    links = [PBLink(link["Hash"], link.get("Name"), link.get("Tsize")) for link in value["Links"]]
    return PBNode(tuple(links), value.get("Data"))


@pytest.mark.parametrize("row", FIXTURES, ids=lambda row: row["name"])
def test_a_fixture_decodes_and_encodes(row: dict[str, Any]) -> None:
    data = bytes.fromhex(row["dag-pb"]["hex"])
    node = node_of(decode_dag_cbor(bytes.fromhex(row["dag-cbor"]["hex"])))
    assert (decode_dag_pb(data), encode_dag_pb(node)) == (node, data)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row["name"])
def test_a_negative_fixture_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        decode_dag_pb(bytes.fromhex(row["hex"]))


BAD = {
    "data before links": bytes_field(1, b"data") + bytes_field(2, HASH),
    "data twice": bytes_field(1, b"a") + bytes_field(1, b"b"),
    "unknown field": bytes_field(3, b""),
    "data as an integer": varint_field(1, 5),
    "link as an integer": varint_field(2, 5),
    "CID twice": bytes_field(2, HASH + HASH),
    "name before CID": bytes_field(2, bytes_field(2, b"a") + HASH),
    "size before name": bytes_field(2, HASH + varint_field(3, 1) + bytes_field(2, b"a")),
    "name as an integer": bytes_field(2, HASH + varint_field(2, 1)),
    "unknown field in a link": bytes_field(2, HASH + varint_field(4, 1)),
    "name not UTF-8": bytes_field(2, HASH + bytes_field(2, b"\xff")),
    "bad CID": bytes_field(2, bytes_field(1, LEAF[:-1])),
    "bytes behind the CID": bytes_field(2, bytes_field(1, LEAF + b"x")),
    "size not minimal": bytes_field(2, HASH + b"\x18\x81\x00"),
    "size above 63 bits": bytes_field(2, HASH + b"\x18" + b"\xff" * 9 + b"\x01"),
    "key not minimal": b"\x8a\x00\x00",
    "fixed 32 bits": b"\x0d\0\0\0\0",
    "fixed 64 bits": b"\x09" + bytes(8),
    "group": b"\x0b\x0c",
    "cut in the length": b"\x0a",
    "cut in the data": b"\x0a\x05abc",
    "claims more than there is": b"\x0a" + b"\xff" * 8 + b"\x7f",
}


@pytest.mark.parametrize("name", BAD)
def test_anything_but_the_canonical_form_is_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        decode_dag_pb(BAD[name])


def test_a_block_above_the_limit_is_refused() -> None:
    most = bytes_field(1, bytes(MAX_DAG_PB_BYTES - 4))
    assert len(decode_dag_pb(most).data or b"") == MAX_DAG_PB_BYTES - 4
    with pytest.raises(TooLarge):
        decode_dag_pb(bytes_field(1, bytes(MAX_DAG_PB_BYTES - 3)))


links = st.builds(
    PBLink, st.just(LEAF), st.none() | st.text(max_size=9), st.none() | st.integers(0, (1 << 63) - 1)
)
nodes = st.builds(PBNode, st.lists(links, max_size=5).map(tuple), st.none() | st.binary(max_size=200))


@settings(max_examples=100, deadline=None)
@given(nodes)
def test_what_is_encoded_decodes_to_itself(node: PBNode) -> None:
    decoded = decode_dag_pb(encode_dag_pb(node))
    assert decoded == node
    assert all(type(link.cid) is CID for link in decoded.links)


@settings(max_examples=300, deadline=None)
@given(nodes.map(encode_dag_pb), st.binary(max_size=4), st.integers(0, 300))
def test_whatever_decodes_encodes_to_the_same_bytes(data: bytes, patch: bytes, at: int) -> None:
    mutated = data[:at] + patch + data[at + len(patch) :]
    try:
        node = decode_dag_pb(mutated)
    except PailError:
        return
    assert encode_dag_pb(node) == mutated
