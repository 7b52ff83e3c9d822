"""CIDs in binary and text, against the vectors and `multiformats`."""

import csv
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID as Reference

from pail import (
    CAR,
    CID,
    DAG_CBOR,
    DAG_PB,
    RAW,
    DecodeError,
    HashMismatch,
    cid_of,
    decode_cid,
    parse_cid,
    verify_block,
)
from pail.cid import MAX_CID_BYTES, decode_cid_prefix
from pail.varint import encode_varint

VECTORS = Path(__file__).parent.parent.parent / "spec" / "vectors"
FIXTURES = [
    json.loads(line) for line in (VECTORS / "codec-fixtures" / "fixtures.jsonl").read_text().splitlines()
]
TEXTS = [
    name for row in FIXTURES if (name := row["name"].removeprefix("cid-"))[0] in "bQ" and name != row["name"]
]
OTHER_BASES = [name for row in FIXTURES if (name := row["name"].removeprefix("cid-"))[0] == "z"]
assert len(TEXTS) == 13
assert len(OTHER_BASES) == 3

HELLO = cid_of(RAW, b"hello")
OLD = CID(b"\x12\x20" + hashlib.sha256(b"hello").digest())


@pytest.mark.parametrize("text", TEXTS)
def test_the_fixtures_cids_keep_their_text(text: str) -> None:
    cid = parse_cid(text)
    assert (str(cid), bytes(cid)) == (text, bytes(Reference.decode(text)))
    assert decode_cid(bytes(cid)) == cid


@pytest.mark.parametrize("text", OTHER_BASES)
def test_a_version_1_in_another_base_is_refused(text: str) -> None:
    """A deliberate difference from the fixtures: one CID has one text, so that texts can be compared."""
    with pytest.raises(DecodeError):
        parse_cid(text)


def syntax(name: str) -> list[str]:
    lines = (VECTORS / "atproto-interop" / "syntax" / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


V0_OF_SYNTAX = "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"


def test_the_syntaxs_invalid_cids_are_refused() -> None:
    """But for version 0, which atproto bars and UnixFS files from elsewhere have."""
    invalid = syntax("cid_syntax_invalid.txt")
    assert len(invalid) == 10
    assert str(parse_cid(V0_OF_SYNTAX)) == V0_OF_SYNTAX
    for text in set(invalid) - {V0_OF_SYNTAX}:
        with pytest.raises(DecodeError):
            parse_cid(text)


def test_the_syntaxs_valid_cids_are_taken_in_base32_and_no_other_base() -> None:
    """The syntax only looks at the letters; most of its contrived examples are no CIDs."""
    valid = syntax("cid_syntax_valid.txt")
    assert len(valid) == 8
    for text in valid:
        if text.startswith("b"):
            assert str(parse_cid(text)) == text
        else:
            with pytest.raises(DecodeError):
                parse_cid(text)


@pytest.mark.parametrize("name", ["basic", "leading_zero", "two_leading_zeros"])
def test_text_is_multibase_base32(name: str) -> None:
    """Base58btc stands only for version 0, which starts with no zero; multiformats vouches for it below."""
    lines = (VECTORS / "multibase" / "tests" / f"{name}.csv").read_text().splitlines()
    rows = dict(csv.reader(lines, skipinitialspace=True))
    content = rows["encoding"].encode().decode("unicode_escape").encode()
    assert str(CID(content)) == rows["base32"]


@given(st.sampled_from([RAW, DAG_PB, DAG_CBOR, CAR, 0x300000]), st.binary(max_size=40))
def test_a_cid_is_that_of_multiformats(codec: int, content: bytes) -> None:
    cid = cid_of(codec, content)
    digest = hashlib.sha256(content).digest()
    assert cid == b"\x01" + encode_varint(codec) + b"\x12\x20" + digest
    assert (cid.codec, cid.multihash) == (codec, b"\x12\x20" + digest)
    assert parse_cid(str(cid)) == decode_cid(bytes(cid)) == cid


@given(st.binary(min_size=32, max_size=32))
def test_a_version_0_is_that_of_multiformats(digest: bytes) -> None:
    cid = decode_cid(b"\x12\x20" + digest)
    assert str(cid) == str(Reference.decode(bytes(cid)))
    assert (cid.codec, cid.multihash, parse_cid(str(cid))) == (DAG_PB, b"\x12\x20" + digest, cid)


BAD = {
    "empty": b"",
    "version 0 in the form of 1": b"\x00" + HELLO[1:],
    "version 2": b"\x02" + HELLO[1:],
    "cut short": HELLO[:-1],
    "a byte behind": HELLO + b"\0",
    "version 0 cut short": OLD[:-1],
    "version 0 with a byte behind": OLD + b"\0",
    "codec not minimal": b"\x01\xd5\x00" + HELLO[2:],
    "length not minimal": HELLO[:3] + b"\xa0\x00" + HELLO[4:],
    "length without end": HELLO[:3] + b"\xff" * 20,
    "length beyond everything": HELLO[:3] + b"\xff" * 8 + b"\x7f" + HELLO[4:],
    "no digest": HELLO[:3],
    "multibase's own prefix": b"\x00" + HELLO,
}


@pytest.mark.parametrize("name", BAD)
def test_bytes_that_are_no_cid_are_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        decode_cid(bytes(BAD[name]))


def test_a_cid_may_be_so_long_and_no_longer() -> None:
    longest = b"\x01\x55\x00" + bytes([MAX_CID_BYTES - 4]) + bytes(MAX_CID_BYTES - 4)
    assert decode_cid(longest) == longest
    with pytest.raises(DecodeError):
        decode_cid(b"\x01\x55\x00" + bytes([MAX_CID_BYTES - 3]) + bytes(MAX_CID_BYTES - 3))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_cid_or_refused(data: bytes) -> None:
    try:
        cid, end = decode_cid_prefix(data)
    except DecodeError:
        return
    assert cid == data[:end]
    assert decode_cid(bytes(cid)) == parse_cid(str(cid)) == cid


TEXT = str(HELLO)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        TEXT.upper(),
        "B" + TEXT[1:].upper(),
        TEXT + "=",
        TEXT[:-1],
        TEXT + "a",
        " " + TEXT,
        TEXT + "\n",
        TEXT.replace("k", "\u212a"),
        TEXT[:-1] + chr(ord(TEXT[-1]) + 1),
        "z" + TEXT,
        str(OLD)[:-1],
        "Qm" + "0" * 44,
        "Qm" + "z" * 44,
        "b" * 100_000,
    ],
)
def test_text_that_is_not_the_canonical_one_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_cid(text)


@given(st.text(alphabet="abkfQmz234567=\u0131é", max_size=70))
def test_any_text_is_a_cid_or_refused(text: str) -> None:
    try:
        assert str(parse_cid(text)) == text
    except DecodeError:
        return


@pytest.mark.parametrize("cid", [HELLO, OLD, cid_of(DAG_CBOR, b"hello"), cid_of(CAR, b"hello")])
def test_a_block_is_verified_under_every_form_of_sha2_256(cid: CID) -> None:
    verify_block(cid, b"hello")
    with pytest.raises(HashMismatch) as caught:
        verify_block(cid, b"hullo")
    assert caught.value.cid == cid


@pytest.mark.parametrize(
    "cid",
    [
        b"\x01\x55\x00\x05hello",
        b"\x01\x55\x11\x14" + bytes(20),
        b"\x01\x55\x12\x1f" + HELLO[4:35],
        b"\x01\x55\x13\x20" + HELLO[4:],
    ],
)
def test_another_hash_cannot_be_verified(cid: bytes) -> None:
    with pytest.raises(DecodeError, match="not sha2-256"):
        verify_block(decode_cid(cid), b"hello")


def test_cids_sort_and_compare_as_bytes() -> None:
    cids = [cid_of(RAW, bytes([number])) for number in range(20)]
    assert sorted(cids) == sorted(cids, key=bytes)
    assert len({*cids, *map(bytes, cids)}) == 20
