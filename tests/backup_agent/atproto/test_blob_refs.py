"""Links to blobs in records: both forms, anywhere, and nothing that only looks like one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_agent.atproto.blob_refs import MARK, BlobRef, blob_refs
from pail import CID, RAW, cid_of, decode_dag_cbor, encode_dag_cbor
from tests.backup_agent.atproto.trees import VECTORS

BLOB = cid_of(RAW, b"blob")
TYPED = {"$type": "blob", "ref": BLOB, "mimeType": "image/png", "size": 4}
LEGACY = {"cid": str(BLOB), "mimeType": "image/jpeg"}


def test_the_typed_form() -> None:
    assert blob_refs({"$type": "a.b.c", "avatar": TYPED}) == [BlobRef(BLOB, "image/png", 4)]


def test_the_legacy_form() -> None:
    assert blob_refs({"images": [{"image": LEGACY}]}) == [BlobRef(BLOB, "image/jpeg", None)]


def test_a_record_recorded_before_2023() -> None:
    data = (VECTORS / "indigo/testing/testdata/feedpost_record.cbor").read_bytes()
    assert MARK in data
    assert [str(ref.cid) for ref in blob_refs(decode_dag_cbor(data))] == [
        "bafkreieqq463374bbcbeq7gpmet5rvrpeqow6t4rtjzrkhnlumdylagaqa"
    ]


@pytest.mark.parametrize("size", [-1, None, "4", True, 1.5])
def test_a_size_that_is_none_is_unknown(size: Any) -> None:
    assert blob_refs({"a": TYPED | {"size": size}}) == [BlobRef(BLOB, "image/png", None)]


@pytest.mark.parametrize(
    "near_miss",
    [
        TYPED | {"$type": "blobs"},
        TYPED | {"ref": str(BLOB)},
        TYPED | {"mimeType": 1},
        {"$type": "blob", "ref": BLOB},
        LEGACY | {"size": 4},
        LEGACY | {"cid": "bafy"},
        LEGACY | {"cid": BLOB},
        {"mimeType": "image/png"},
        {"ref": BLOB},
    ],
    ids=str,
)
def test_what_only_resembles_one_is_data(near_miss: dict[str, Any]) -> None:
    assert blob_refs({"a": near_miss}) == []


def test_a_link_inside_of_what_only_resembles_one_is_found() -> None:
    assert blob_refs({"mimeType": [TYPED], "cid": LEGACY}) == [
        BlobRef(BLOB, "image/jpeg", None),
        BlobRef(BLOB, "image/png", 4),
    ]


PLAIN = st.recursive(
    st.none() | st.integers(0, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(around=st.lists(PLAIN, max_size=3), path=st.lists(st.booleans(), max_size=12), form=st.booleans())
def test_it_is_found_at_any_depth_and_has_the_mark(around: list[Any], path: list[bool], form: bool) -> None:
    inside: Any = TYPED if form else LEGACY
    for in_list in path:
        inside = [*around, inside] if in_list else {"x": inside, "y": around}
    data = encode_dag_cbor({"value": inside, "around": around})
    assert MARK in data
    assert [ref.cid for ref in blob_refs(decode_dag_cbor(data))] == [BLOB]


@given(st.dictionaries(st.text(max_size=3), PLAIN))
def test_a_plain_record_links_nothing(record: dict[str, Any]) -> None:
    assert blob_refs(record) == []


def test_the_cid_is_one() -> None:
    assert all(isinstance(ref.cid, CID) for ref in blob_refs({"a": [TYPED, LEGACY]}))
