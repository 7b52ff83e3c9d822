"""The signed commit: whose it is, and that not a byte of it may change."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from backup_agent.atproto.commit import Commit, decode_commit, verify_commit
from backup_agent.atproto.errors import InvalidCommit
from bench.make_repo import ORDER, did_key, sign_commit
from pail import CID, DAG_CBOR, RAW, cid_of, decode_dag_cbor, encode_block, encode_dag_cbor
from tests.backup_agent.atproto.trees import VECTORS, read_car, value
from ucan import P256, PublicKey, format_did_key

DID = "did:plc:syntheticsyntheticsynthe"
KEY = ec.derive_private_key(7, ec.SECP256K1())
GOOD: dict[CID, bytes] = {}
CID_OF_GOOD = sign_commit(KEY, DID, value("root"), "3jzfcijpj2z2a", GOOD)
FIELDS = decode_dag_cbor(GOOD[CID_OF_GOOD])
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def decode(**changed: Any) -> Commit:
    fields = {name: field for name, field in (FIELDS | changed).items() if field is not ...}
    return decode_commit(*encode_block(fields))


def test_a_good_commit_is_proved() -> None:
    commit = decode_commit(CID_OF_GOOD, GOOD[CID_OF_GOOD])
    verify_commit(commit, did=DID, signing_key=did_key(KEY))
    assert (commit.did, commit.rev, commit.root, commit.previous) == (
        DID,
        "3jzfcijpj2z2a",
        value("root"),
        None,
    )


def test_a_commit_signed_with_p256_is_proved() -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    unsigned = {name: field for name, field in FIELDS.items() if name != "sig"}
    r, s = decode_dss_signature(key.sign(encode_dag_cbor(unsigned), ec.ECDSA(SHA256())))
    signature = r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    verify_commit(decode(sig=signature), did=DID, signing_key=format_did_key(PublicKey(P256, point)))


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"version": 2}, "version 2, not 3"),
        ({"version": True}, "version True"),
        ({"version": ...}, "version None"),
        ({"prev": ...}, "not exactly the fields"),
        ({"extra": 1}, "not exactly the fields"),
        ({"sig": ...}, "not exactly the fields"),
        ({"did": 1}, "not both text"),
        ({"did": "plc:a"}, "not a valid DID"),
        ({"rev": "now"}, "not a valid TID"),
        ({"data": None}, "data is no link"),
        ({"data": cid_of(RAW, b"")}, "data is no link"),
        ({"prev": "bafy"}, "prev is neither"),
        ({"sig": "text"}, "signature is not 64 bytes"),
        ({"sig": bytes(63)}, "signature is not 64 bytes"),
        ({"sig": bytes(65)}, "signature is not 64 bytes"),
    ],
)
def test_a_malformed_commit_is_refused(changed: dict[str, Any], cause: str) -> None:
    with pytest.raises(InvalidCommit, match=cause):
        decode(**changed)


@pytest.mark.parametrize(
    "changed",
    [{"rev": "3jzfcijpj2z2b"}, {"data": value("other")}, {"prev": value()}, {"sig": bytes(64)}],
    ids=str,
)
def test_a_changed_commit_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidCommit, match="signature by did:key:zQ3sh"):
        verify_commit(decode(**changed), did=DID, signing_key=did_key(KEY))


def test_another_accounts_commit_is_refused() -> None:
    with pytest.raises(InvalidCommit, match=f"the commit of {DID}, not of did:plc:other"):
        verify_commit(decode(), did="did:plc:other", signing_key=did_key(KEY))


def test_another_key_does_not_prove_it() -> None:
    other = did_key(ec.derive_private_key(8, ec.SECP256K1()))
    with pytest.raises(InvalidCommit, match="does not match"):
        verify_commit(decode(), did=DID, signing_key=other)


def test_the_other_signature_with_high_s_is_refused() -> None:
    s = ORDER - int.from_bytes(FIELDS["sig"][32:], "big")
    with pytest.raises(InvalidCommit, match="high S"):
        verify_commit(
            decode(sig=FIELDS["sig"][:32] + s.to_bytes(32, "big")), did=DID, signing_key=did_key(KEY)
        )


def test_a_signing_key_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidCommit, match="not a did:key"):
        verify_commit(decode(), did=DID, signing_key="zQ3sh")


@given(st.integers(0, len(GOOD[CID_OF_GOOD]) * 8 - 1))
def test_every_flipped_bit_is_refused(bit: int) -> None:
    data = bytearray(GOOD[CID_OF_GOOD])
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidCommit):
        verify_commit(
            decode_commit(cid_of(DAG_CBOR, bytes(data)), bytes(data)), did=DID, signing_key=did_key(KEY)
        )


@given(st.binary(max_size=100))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidCommit):
        decode_commit(CID_OF_GOOD, data)


@pytest.mark.parametrize("name", ["divy.repo", "repo_slice.car"])
def test_commits_from_before_version_3_are_refused_for_that(name: str) -> None:
    root, blocks = read_car((VECTORS / "indigo/testing/testdata" / name).read_bytes())
    with pytest.raises(InvalidCommit, match="version 2, not 3"):
        decode_commit(root, blocks[root])
