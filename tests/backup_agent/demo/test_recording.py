"""The recorded account is whole: a real repository under a real chain of signatures."""

import base64
import json
from typing import Any

import pytest

from backup_agent.demo.plc_log import document, moved, updated
from backup_agent.demo.recording import ACCOUNT, Recording, Revision, load_recording
from pail import DAG_CBOR, cid_of, decode_dag_cbor, encode_dag_cbor, parse_cid, verify_block
from tests.forged import read_car
from ucan.principal import Verifier

MAX_RECORDING_BYTES = 4_000_000
UNIXFS_CHUNK_BYTES = 1 << 20

RECORDING: Recording = load_recording()
REVISIONS = [RECORDING.first, RECORDING.second]


def operations(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry["operation"] for entry in log]


def unsigned(signed: dict[str, Any]) -> bytes:
    return encode_dag_cbor({name: value for name, value in signed.items() if name != "sig"})


@pytest.mark.parametrize("revision", REVISIONS, ids=["first", "second"])
def test_a_commit_is_signed_by_the_key_that_the_log_names(revision: Revision) -> None:
    blocks = dict(read_car(revision.car))
    commit = decode_dag_cbor(blocks[parse_cid(revision.cid)])
    assert (commit["did"], commit["rev"]) == (RECORDING.did, revision.rev)
    key = RECORDING.plc_log[-1]["operation"]["verificationMethods"]["atproto"]
    Verifier.parse(key).verify(unsigned(commit), commit["sig"])


def test_the_delta_completes_the_first_commit_to_the_second() -> None:
    before, delta = dict(read_car(RECORDING.first.car)), dict(read_car(RECORDING.delta))
    after = dict(read_car(RECORDING.second.car))
    assert parse_cid(RECORDING.second.cid) in delta
    assert not delta.keys() & before.keys()
    assert after.items() <= (before | delta).items()


def test_the_document_of_the_recorded_log_is_the_recorded_one() -> None:
    assert document(RECORDING.plc_log) == json.loads((ACCOUNT / "did.json").read_bytes())


def test_the_did_is_the_hash_of_the_first_operation() -> None:
    hashed = cid_of(DAG_CBOR, encode_dag_cbor(RECORDING.plc_log[0]["operation"]))
    text = base64.b32encode(hashed[-32:]).decode().lower()
    assert f"did:plc:{text[:24]}" == RECORDING.did


def test_a_move_is_signed_by_the_first_rotation_key_and_follows_the_last_operation() -> None:
    first, move = operations(moved(RECORDING.plc_log, RECORDING.rotation_key, "http://localhost:2583"))
    assert move["prev"] == str(cid_of(DAG_CBOR, encode_dag_cbor(first)))
    signature = base64.urlsafe_b64decode(move["sig"] + "==")
    Verifier.parse(first["rotationKeys"][0]).verify(unsigned(move), signature)


def test_a_move_changes_the_host_and_nothing_else() -> None:
    log = moved(RECORDING.plc_log, RECORDING.rotation_key, "http://localhost:2583")
    before, after = document(RECORDING.plc_log), document(log)
    assert after.pop("service")[0]["serviceEndpoint"] == "http://localhost:2583"
    assert before.pop("service")
    assert after == before
    assert log[-1]["createdAt"] > log[-2]["createdAt"]


def test_an_update_leaves_the_log_it_was_given_as_it_was() -> None:
    size = len(RECORDING.plc_log)
    assert len(updated(RECORDING.plc_log, RECORDING.rotation_key, alsoKnownAs=[])) == size + 1
    assert len(RECORDING.plc_log) == size


def test_every_blob_hashes_to_its_name_and_one_takes_several_chunks() -> None:
    assert RECORDING.blobs
    for text in RECORDING.blobs:
        verify_block(parse_cid(text), RECORDING.blob(text))
    assert max(len(RECORDING.blob(text)) for text in RECORDING.blobs) > 2 * UNIXFS_CHUNK_BYTES


def test_every_blob_is_linked_from_a_record() -> None:
    car = RECORDING.first.car
    assert all(bytes(parse_cid(text)) in car for text in RECORDING.blobs)


def test_the_recording_stays_small_enough_to_ship() -> None:
    assert 0 < sum(path.stat().st_size for path in ACCOUNT.rglob("*")) < MAX_RECORDING_BYTES
