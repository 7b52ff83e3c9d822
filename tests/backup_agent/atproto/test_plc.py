"""The audit log of a did:plc: the published logs, and every way to forge one that we could think of."""

import json
from typing import Any

import pytest

from backup_agent.atproto.did_document import DidDocument
from backup_agent.atproto.errors import InvalidPlcLog
from backup_agent.atproto.plc import PlcState, verify_plc_log
from tests.backup_agent.atproto.trees import VECTORS

LOGS = {
    path.stem: json.loads(path.read_bytes()) for path in (VECTORS / "did-plc/testdata").glob("log_*.json")
}
VALID = sorted(name for name in LOGS if not name.startswith("log_invalid_"))
INVALID = {
    "log_invalid_nullification_too_slow": "operation 3: it undoes an operation more than 3 days",
    "log_invalid_sig_b64_padding_bits": "operation 1: its sig is not the canonical base64url",
    "log_invalid_sig_b64_padding_chars": "operation 1: its sig is not the canonical base64url",
    "log_invalid_sig_k256_high_s": "operation 1: it is not signed by one of its own rotation keys",
    "log_invalid_sig_p256_high_s": "operation 1: it is not signed by one of its own rotation keys",
    "log_invalid_update_tombstoned": "operation 3: it follows a tombstone",
}


def verify(log: list[dict[str, Any]], did: str | None = None) -> PlcState:
    return verify_plc_log(did or log[0]["did"], json.dumps(log).encode())


def copy(name: str) -> list[dict[str, Any]]:
    return json.loads(json.dumps(LOGS[name]))


def test_every_published_log_is_tried() -> None:
    assert len(VALID) == 10
    assert set(LOGS) == set(VALID) | set(INVALID)


@pytest.mark.parametrize("name", VALID)
def test_a_valid_log_is_proved(name: str) -> None:
    log = LOGS[name]
    state = verify(log)
    last = [entry for entry in log if not entry["nullified"]][-1]
    assert str(state.operation.cid) == last["cid"]
    assert {str(cid) for cid in state.nullified} == {entry["cid"] for entry in log if entry["nullified"]}
    assert state.tombstoned == (last["operation"]["type"] == "plc_tombstone")


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_log_is_refused_for_its_reason(name: str) -> None:
    with pytest.raises(InvalidPlcLog, match=INVALID[name]):
        verify(LOGS[name])


def test_a_legacy_genesis_is_read_as_what_it_stood_for() -> None:
    state = verify(LOGS["log_legacy_dholms"][:1])
    assert state.handle == "dan.bsky.social"
    assert state.pds == "https://bsky.social"
    assert state.signing_key == "did:key:zQ3shP5TBe1sQfSttXty15FAEHV1DZgcxRZNxvEWnPfLFwLxJ"


def test_another_accounts_log_is_refused() -> None:
    with pytest.raises(InvalidPlcLog, match="operation 1: it is of"):
        verify(LOGS["log_bskyapp"], "did:plc:yk4dd2qkboz2yv6tpubpc6co")


def test_a_log_that_is_renamed_is_refused() -> None:
    log = copy("log_bskyapp")
    for entry in log:
        entry["did"] = "did:plc:yk4dd2qkboz2yv6tpubpc6co"
    with pytest.raises(InvalidPlcLog, match="operation 1: it is the beginning of did:plc:z72"):
        verify(log)


def test_a_changed_operation_is_refused() -> None:
    log = copy("log_bskyapp")
    log[1]["operation"]["alsoKnownAs"] = ["at://evil.example"]
    with pytest.raises(InvalidPlcLog, match="operation 2: it hashes to"):
        verify(log)


def test_an_operation_that_is_left_out_is_noticed() -> None:
    with pytest.raises(InvalidPlcLog, match="operation 2: its prev is no operation in force"):
        verify([LOGS["log_legacy_dholms"][0], *LOGS["log_legacy_dholms"][2:]])


def test_a_log_without_its_beginning_is_refused() -> None:
    with pytest.raises(InvalidPlcLog, match="does not begin with the first operation"):
        verify(LOGS["log_bskyapp"][1:])


def test_a_log_cannot_hide_that_an_operation_was_undone() -> None:
    log = copy("log_nullification")
    log[1]["nullified"] = False
    with pytest.raises(InvalidPlcLog, match="marked as nullified"):
        verify(log)


def test_a_log_cannot_claim_that_an_operation_was_undone() -> None:
    log = copy("log_bskyapp")
    log[1]["nullified"] = True
    with pytest.raises(InvalidPlcLog, match="marked as nullified"):
        verify(log)


def test_times_that_run_backwards_are_refused() -> None:
    log = copy("log_bskyapp")
    log[1]["createdAt"] = "2020-01-01T00:00:00.000Z"
    with pytest.raises(InvalidPlcLog, match="operation 2: it is older"):
        verify(log)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "other"},
        {"extra": 1},
        {"prev": 7},
        {"prev": "bafy"},
        {"sig": None},
        {"sig": "é"},
        {"rotationKeys": ["did:key:z6MkkzVdCuTQ4kd2dG7eYnuKoREiQmroEEmD2Yr5sXp83Tsx"]},
        {"rotationKeys": ["did:web:a.example"]},
        {"rotationKeys": "did:key:zQ3sh"},
        {"rotationKeys": [LOGS["log_bskyapp"][0]["operation"]["rotationKeys"][0]] * 17},
        {"services": {"a": {"type": "b"}}},
        {"services": []},
        {"alsoKnownAs": [{"a": 1 << 70}]},
        {"alsoKnownAs": ["a" * 20_000]},
        {"verificationMethods": {"atproto": None}},
    ],
    ids=str,
)
def test_a_malformed_operation_is_refused(change: dict[str, Any]) -> None:
    log = copy("log_bskyapp")
    log[0]["operation"] |= change
    with pytest.raises(InvalidPlcLog, match="operation 1: "):
        verify(log)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"[1]", b"null", b"[" * 9999, b"\xff", b"[" + b"1," * 4096 + b"1]"]
)
def test_bytes_that_are_no_log_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidPlcLog):
        verify_plc_log("did:plc:yk4dd2qkboz2yv6tpubpc6co", data)


def test_a_document_is_held_against_its_log() -> None:
    state = verify(LOGS["log_bskyapp"])
    assert state.signing_key
    assert state.pds
    true = DidDocument(state.did, state.handle, state.signing_key, state.pds)
    lie = DidDocument(state.did, "evil.example", "did:key:z6Mk", "https://evil.example")
    assert state.contradictions(true) == []
    assert state.contradictions(lie) == ["signing key", "host", "handle"]
