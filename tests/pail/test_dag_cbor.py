"""The DAG-CBOR profile against three sets of vectors; each difference is listed with its reason."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from pail import (
    CID,
    DAG_CBOR,
    RAW,
    DecodeError,
    cid_of,
    decode_dag_cbor,
    encode_block,
    encode_dag_cbor,
    parse_cid,
)

VECTORS = Path(__file__).parent.parent.parent / "spec" / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


FIXTURES = [json.loads(line) for line in (VECTORS / "codec-fixtures/fixtures.jsonl").read_text().splitlines()]
NEGATIVE = load("codec-fixtures/negative-fixtures/dag-cbor/decode/duplicate-keys.json")
DASL = [
    pytest.param(case, id=f"{path.stem}: {case['type']}: {case['name']}")
    for path in sorted((VECTORS / "dasl-testing/fixtures/cbor").glob("*.json"))
    for case in json.loads(path.read_text())
]
ATPROTO = load("atproto-interop/data-model/data-model-fixtures.json")
assert (len(FIXTURES), len(NEGATIVE), len(DASL), len(ATPROTO)) == (128, 1, 105, 3)


@pytest.mark.parametrize("row", FIXTURES, ids=lambda row: row["name"])
def test_a_codec_fixture_decodes_encodes_and_has_its_cid(row: dict[str, Any]) -> None:
    data = bytes.fromhex(row["dag-cbor"]["hex"])
    block = encode_block(decode_dag_cbor(data))
    assert (str(block.cid), block.data) == (row["dag-cbor"]["cid"], data)


@pytest.mark.parametrize("row", NEGATIVE, ids=lambda row: row["name"])
def test_a_negative_fixture_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        decode_dag_cbor(bytes.fromhex(row["hex"]))


DAG_CBOR_WINS = "the fixture is of another profile than DAG-CBOR, which says the opposite"
ANY_CID = (
    "DASL narrows CIDs to version 1, raw or DAG-CBOR, and two hashes; IPLD and blocks from elsewhere do not"
)
DIFFERENCES = {
    ("roundtrip", "float reduction"): DAG_CBOR_WINS,
    ("invalid_in", "float reduction"): DAG_CBOR_WINS,
    ("roundtrip", "short NaN"): DAG_CBOR_WINS,
    ("roundtrip", "zero float16"): DAG_CBOR_WINS,
    ("roundtrip", "smallest unsigned bigint"): DAG_CBOR_WINS,
    ("roundtrip", "highest negative bigint"): DAG_CBOR_WINS,
    ("roundtrip", "map with equal int and float keys"): DAG_CBOR_WINS,
    ("invalid_in", "text not in Unicode Normalization Form C"): DAG_CBOR_WINS,
    ("invalid_in", "CIDv0"): ANY_CID,
    ("invalid_in", "empty CID"): ANY_CID,
    ("invalid_in", "short hash digest"): ANY_CID,
    ("invalid_in", "long hash digest"): ANY_CID,
    ("invalid_in", "CIDv1 that isn't raw or cbor"): ANY_CID,
    ("invalid_in", "disallowed hash type (SHA-1)"): ANY_CID,
    ("invalid_in", "negative zero float64"): "a record that holds it must keep its bytes",
    ("invalid_out", "negative zero"): "a record that holds it must keep its bytes",
}
UNENCODABLE: dict[str, Any] = {
    "NaN": float("nan"),
    "Inf": float("inf"),
    "-Inf": float("-inf"),
    "negative zero": -0.0,
    "bignum": 1 << 64,
    "map with int key": {0: 0},
    "simple value 'undefined'": ...,
    "unassigned simple value": ...,
    "tagged object (datetime)": object(),
}


def passes(case: dict[str, Any]) -> bool:
    """Whether the codec does what the case asks for."""
    data = bytes.fromhex(case["data"])
    try:
        if case["type"] == "invalid_out":
            encode_dag_cbor(UNENCODABLE[case["name"]])
            return False
        return encode_dag_cbor(decode_dag_cbor(data)) == data and case["type"] == "roundtrip"
    except DecodeError:
        return case["type"] == "invalid_in"
    except (TypeError, ValueError):
        return case["type"] == "invalid_out"


@pytest.mark.parametrize("case", DASL)
def test_a_dasl_case_holds_or_is_a_listed_difference(case: dict[str, Any]) -> None:
    assert passes(case) is ((case["type"], case["name"]) not in DIFFERENCES)


def test_every_listed_difference_is_a_case() -> None:
    cases = {(case.values[0]["type"], case.values[0]["name"]) for case in DASL}  # type: ignore[index]
    assert DIFFERENCES.keys() <= cases


def from_json(value: Any) -> Any:
    """The data model's value of atproto's JSON form."""
    if isinstance(value, list):
        return [from_json(child) for child in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$link"}:
        return parse_cid(value["$link"])
    if value.keys() == {"$bytes"}:
        return base64.b64decode(value["$bytes"] + "==")
    return {key: from_json(child) for key, child in value.items()}


@pytest.mark.parametrize("case", ATPROTO, ids=lambda case: case["cid"])
def test_an_atproto_record_has_its_bytes_and_its_cid(case: dict[str, Any]) -> None:
    data = base64.b64decode(case["cbor_base64"] + "==")
    value = from_json(case["json"])
    block = encode_block(value)
    assert (str(block.cid), block.data, decode_dag_cbor(data)) == (case["cid"], data, value)


def test_links_come_out_as_cids_and_bytes_as_bytes() -> None:
    link = cid_of(RAW, b"leaf")
    value = decode_dag_cbor(encode_dag_cbor({"bytes": bytes(link), "link": link}))
    assert (type(value["bytes"]), type(value["link"])) == (bytes, CID)


def test_booleans_numbers_and_none_keep_their_types() -> None:
    values = [True, False, 0, 1, 1.0, -0.0, None, "", b""]
    decoded = decode_dag_cbor(encode_dag_cbor(values))
    assert [(type(value), repr(value)) for value in decoded] == [
        (type(value), repr(value)) for value in values
    ]


@pytest.mark.parametrize("value", [(1,), {1}, bytearray(b"x"), {1: 2}, {b"k": 1}, {None: 1}])
def test_a_value_of_another_type_is_the_callers_mistake(value: Any) -> None:
    with pytest.raises(TypeError):
        encode_dag_cbor(value)


@pytest.mark.parametrize("value", [1 << 64, -(1 << 64) - 1, "\ud800", {"\udfff": 1}])
def test_a_value_outside_the_profile_is_the_callers_mistake(value: Any) -> None:
    with pytest.raises(ValueError):
        encode_dag_cbor(value)


@pytest.mark.parametrize("number", [0, -1, (1 << 64) - 1, -(1 << 64), (1 << 63), -(1 << 63) - 1])
def test_integers_of_64_bits_and_a_sign_are_whole(number: int) -> None:
    assert decode_dag_cbor(encode_dag_cbor(number)) == number


def test_keys_sort_by_length_first() -> None:
    assert list(decode_dag_cbor(encode_dag_cbor({"aa": 1, "b": 2, "": 3, "ü": 4}))) == ["", "b", "aa", "ü"]


def test_a_block_is_named_by_its_bytes() -> None:
    block = encode_block({"a": 1})
    assert block.cid == cid_of(DAG_CBOR, block.data)
