"""UCAN blocks: what is issued reads back, one signature is good for one block and its known twin."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import DecodeError, TooLarge, decode_dag_cbor, encode_dag_cbor, parse_cid
from pail.errors import PailError
from tests.ucan.people import AGENT, MAIL_DID, SERVICE_DID, SPACE, grant
from ucan import Absentee, Capability, UcanError, delegate, view_delegation
from ucan.token import (
    MAX_CAPABILITIES,
    MAX_PROOFS,
    MAX_UCAN_BYTES,
    Ucan,
    decode_ucan,
    encode_ucan,
    signed_payload,
    twin,
)

CID = parse_cid("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
ISSUED = grant(SPACE, AGENT.did, nonce="n", facts=[{"a": 1}], proofs=[CID])

PARTS = st.none() | st.integers(-9, 9) | st.text("ab", max_size=3) | st.binary(max_size=3) | st.just(CID)
CAVEATS = st.none() | st.dictionaries(
    st.text("abc", max_size=2), PARTS | st.lists(PARTS, max_size=2), max_size=3
)
CAPABILITIES = st.builds(
    Capability,
    can=st.sampled_from(["*", "a/*", "clock/head", "space/blob/add"]),
    resource=st.sampled_from([SPACE.did, "ucan:*", "https://example.com/x"]),
    nb=CAVEATS,
)


@settings(max_examples=100)
@given(
    st.lists(CAPABILITIES, max_size=3),
    st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
    st.none() | st.integers(1, 2**53 - 1),
    st.none() | st.text(max_size=3),
    st.sampled_from([(), ({"a": 1.5, "b": CID},)]),
)
def test_what_is_issued_reads_back(capabilities: Any, exp: Any, nbf: Any, nonce: Any, facts: Any) -> None:
    issued = delegate(
        SPACE, SERVICE_DID, capabilities, expires_at_unix=exp, not_before_unix=nbf, nonce=nonce, facts=facts
    )
    read, payload = decode_ucan(issued.data)
    assert (read, payload) == (issued.ucan, signed_payload(read, "EdDSA"))
    assert (read.capabilities, read.facts) == (tuple(capabilities), facts)
    assert encode_ucan(read).data == issued.data
    SPACE.verifier.verify_varsig(payload, read.signature)


def changed(**fields: Any) -> bytes:
    whole = decode_dag_cbor(ISSUED.data) | fields
    return encode_dag_cbor({name: value for name, value in whole.items() if value is not ...})


ONE = {"can": "test/echo", "with": SPACE.did}


@pytest.mark.parametrize(
    "fields",
    [
        {"v": "0.9.0"},
        {"v": ...},
        {"iss": ...},
        {"iss": b""},
        {"iss": "did:key:x"},
        {"aud": CID},
        {"att": ...},
        {"att": [1]},
        {"att": [{**ONE, "can": "Test/echo"}]},
        {"att": [{**ONE, "can": "test"}]},
        {"att": [{**ONE, "can": "/test"}]},
        {"att": [{**ONE, "with": "no resource"}]},
        {"att": [{**ONE, "nb": None}]},
        {"att": [{**ONE, "nb": {"a": {"/": "bafy"}}}]},
        {"att": [{**ONE, "nb": {"a": 1.0}}]},
        {"att": [{**ONE, "more": 1}]},
        {"exp": ...},
        {"exp": 1.5},
        {"exp": True},
        {"exp": 2**53},
        {"nbf": 0},
        {"nbf": None},
        {"nbf": "1"},
        {"nnc": None},
        {"nnc": 1},
        {"fct": []},
        {"fct": [1]},
        {"prf": ...},
        {"prf": [b""]},
        {"s": ...},
        {"s": b""},
        {"s": b"\xed\xa1\x03\x40" + bytes(63)},
        {"s": b"\xed\xa1\x03\x40" + bytes(65)},
        {"s": b"\x80\xa0\x03\x00more"},
        {"s": b"\xea\xa1\x03\x40" + bytes(64)},
        {"more": 1},
    ],
)
def test_another_block_is_refused(fields: dict[str, Any]) -> None:
    """What the original would take among it: each would be a second block under one signature."""
    with pytest.raises(DecodeError):
        decode_ucan(changed(**fields))


@pytest.mark.parametrize(
    "fields", [{"att": [ONE] * (MAX_CAPABILITIES + 1)}, {"prf": [CID] * (MAX_PROOFS + 1)}], ids=["att", "prf"]
)
def test_counts_have_limits(fields: dict[str, Any]) -> None:
    with pytest.raises(TooLarge):
        decode_ucan(changed(**fields))


def test_the_size_has_a_limit() -> None:
    decode_ucan(changed(fct=[{"a": bytes(MAX_UCAN_BYTES - 1000)}]))
    with pytest.raises(TooLarge):
        decode_ucan(changed(fct=[{"a": bytes(MAX_UCAN_BYTES)}]))


def test_counts_up_to_the_limits_are_taken() -> None:
    ucan, _ = decode_ucan(changed(att=[ONE] * MAX_CAPABILITIES, prf=[CID] * MAX_PROOFS))
    assert (len(ucan.capabilities), len(ucan.proofs)) == (MAX_CAPABILITIES, MAX_PROOFS)


@settings(max_examples=150)
@given(st.binary(max_size=60) | st.binary(max_size=8).map(lambda noise: ISSUED.data[:100] + noise))
def test_any_bytes_are_read_or_refused_by_our_errors(data: bytes) -> None:
    with pytest.raises((PailError, UcanError)):
        decode_ucan(data)


def test_an_empty_nonce_is_not_signed_so_the_two_blocks_are_twins() -> None:
    without, empty = grant(SPACE, AGENT.did), grant(SPACE, AGENT.did, nonce="")
    assert without.ucan.signature == empty.ucan.signature
    assert (twin(without.ucan), twin(empty.ucan)) == (empty.cid, without.cid)
    assert twin(grant(SPACE, AGENT.did, nonce="n").ucan) is None


def fields_signed(ucan: Ucan) -> bytes:
    return signed_payload(ucan, "EdDSA")


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": AGENT.did},
        {"audience": SPACE.did},
        {"capabilities": ()},
        {"expires_at_unix": None},
        {"not_before_unix": 1},
        {"nonce": "other"},
        {"facts": ()},
        {"proofs": ()},
    ],
)
def test_every_field_is_signed(change: dict[str, Any]) -> None:
    assert fields_signed(replace(ISSUED.ucan, **change)) != fields_signed(ISSUED.ucan)


def test_an_absentee_leaves_the_signature_out() -> None:
    issued = grant(Absentee(MAIL_DID), AGENT.did, "*", "ucan:*")
    assert issued.ucan.signature.hex() == "80a00300"
    assert view_delegation(issued.cid, {issued.cid: issued.data}) == issued


def test_abilities_are_written_in_lower_case() -> None:
    assert grant(SPACE, AGENT.did, "Test/ECHO").ucan.capabilities[0].can == "test/echo"
