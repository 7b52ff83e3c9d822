"""DAG-JSON as the original signs it, and the values that are not signed at all."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import DecodeError, encode_dag_cbor, parse_cid
from ucan.dag_json import encode_dag_json

CID = parse_cid("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "aa": 2, "a": 3}, '{"a":3,"aa":2,"b":1}'),
        (CID, f'{{"/":"{CID}"}}'),
        (b"\x01\x02\x03", '{"/":{"bytes":"AQID"}}'),
        ([], "[]"),
        ({}, "{}"),
        ([None, True, False, -1, 2**64 - 1], "[null,true,false,-1,18446744073709551615]"),
        ('é\u2028"\\\n\x01\x7f', '"é\u2028\\"\\\\\\n\\u0001\x7f"'),
        (1.5, "1.5"),
        (0.00001, "0.00001"),
        (0.000001, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (1e-10, "1e-10"),
        (-123456.789, "-123456.789"),
    ],
)
def test_writes_as_javascript_does(value: object, text: str) -> None:
    assert encode_dag_json(value).decode() == text


def test_sorts_keys_by_utf16_code_units() -> None:
    assert list(json.loads(encode_dag_json({"\uff5e": 1, "\U0001f600": 2}))) == ["\U0001f600", "\uff5e"]


@pytest.mark.parametrize("value", [{"/": "bafy"}, {"a": [{"/": {"bytes": "AQID"}}]}, 1.0, -0.0, 1e300])
def test_refuses_what_looks_like_something_else(value: object) -> None:
    with pytest.raises(DecodeError):
        encode_dag_json(value)


PARTS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8)
NAMES = st.text("abc", max_size=3)
VALUES = st.recursive(
    PARTS | st.binary(max_size=8) | st.just(CID),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(VALUES, VALUES)
def test_different_blocks_have_different_texts(one: object, other: object) -> None:
    is_same = encode_dag_cbor(one) == encode_dag_cbor(other)
    assert (encode_dag_json(one) == encode_dag_json(other)) == is_same
