"""The replay: every vector passes, a wrong one fails and is named, an unknown file is reported."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from pail import PailError
from spec.replay.__main__ import main, replay_file
from spec.replay.classes import replay_of
from spec.replay.report import Report

FOLDER = Path(__file__).parent.parent.parent / "spec/vectors/js"
CASES = {"pail": 73, "clock": 195, "crdt": 293, "unixfs": 11, "ucan": 75, "http": 7}


@pytest.mark.parametrize("name", CASES)
def test_every_vector_passes(name: str) -> None:
    report = replay_file(FOLDER / f"{name}.public.json")
    assert (report.passed, report.failures) == (CASES[name], [])


def test_prints_the_outcome_of_each_file(capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(FOLDER / f"{name}.public.json") for name in ("pail", "clock")]
    assert main(paths) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{paths[0]}: 73 passed, 0 failed",
        f"{paths[1]}: 195 passed, 0 failed",
    ]


CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
CHANGES = [
    ("pail", ("empty_root",), CID, "empty"),
    ("pail", ("put_del", 0, "ops", 1, "root"), CID, "put_del/simple"),
    ("pail", ("put_del", 0, "ops", 1, "additions"), [], "put_del/simple"),
    ("pail", ("put_del", 0, "ops", 1, "removals"), [], "put_del/simple"),
    ("pail", ("put_del", 0, "entries", 0, 1), CID, "put_del/simple"),
    ("pail", ("put_del", 0, "blocks"), {}, "put_del/simple"),
    ("pail", ("order_independence", 0, "root"), CID, "order_independence/order-0"),
    ("pail", ("errors", 0, "key"), "a", "errors/too-long"),
    ("pail", ("entries", 0, "queries", 1, "keys"), ["ab"], "entries/entries/{'prefix': 'ab'}"),
    ("pail", ("diffs", 0, "keys"), [], "diffs/diff-0"),
    ("pail", ("diffs", 0, "shards", "additions"), [], "diffs/diff-0"),
    ("pail", ("merges", 0, "root"), CID, "merges/merge-0"),
    ("pail", ("merges", 0, "b_root"), CID, "merges/merge-0"),
    ("pail", ("js_bugs", 0, "correct_entries"), [], "js_bugs/del-child-loses-parent-value"),
    ("clock", ("cases", 0, "events", 1, "data", "n"), 9, "clock-0-random-dag/event 1"),
    ("clock", ("cases", 0, "events", 1, "parents"), [], "clock-0-random-dag/event 1"),
    ("clock", ("cases", 0, "runs", 0, "steps", 1, "head"), [0], "clock-0-random-dag/in_order"),
    ("clock", ("encodings", 0, "cid"), CID, "encodings/put"),
    ("crdt", ("cases", 0, "steps", 1, "root"), CID, "crdt-0/step 1 put"),
    ("crdt", ("cases", 0, "steps", 1, "additions"), [], "crdt-0/step 1 put"),
    ("crdt", ("cases", 0, "steps", 1, "event"), None, "crdt-0/step 1 put"),
    ("crdt", ("cases", 0, "steps", 6, "entries"), [], "crdt-0/step 6 root"),
    ("crdt", ("cases", 0, "steps", 5, "head"), [], "crdt-0/step 5 merge-heads"),
    ("ucan", ("signers", "space", "did"), "did:key:z6", "signers/space"),
    ("ucan", ("signers", "space", "secret_bytes_hex"), "00", "signers/space"),
    ("ucan", ("signers", "space", "sample_signature_varsig_hex"), "00", "signers/space"),
    ("ucan", ("delegations", 0, "cid"), CID, "delegations/single"),
    ("ucan", ("delegations", 0, "issuer"), "did:web:x", "delegations/single"),
    ("ucan", ("delegations", 0, "capabilities", 0, "can"), "clock/head", "delegations/single"),
    ("ucan", ("delegations", 0, "nonce"), None, "delegations/single"),
    ("ucan", ("delegations", 1, "proofs"), [], "delegations/chained"),
    ("ucan", ("delegations", 0, "signature_hex"), "00", "delegations/single"),
    ("ucan", ("delegations", 0, "signed_payload_utf8"), "", "delegations/single"),
    ("ucan", ("delegations", 0, "archive"), "", "delegations/single"),
    ("ucan", ("validation", 0, "expect"), {"error": "Unauthorized"}, "validation/ok-self"),
    ("ucan", ("validation", 0, "expect"), {"ok": {"head": [1]}}, "validation/ok-self"),
    ("ucan", ("validation", 0, "expect"), {"reject": "any"}, "validation/ok-self"),
    ("ucan", ("validation", 0, "now"), 1 << 40, "validation/ok-self"),
    ("ucan", ("validation", 15, "expect"), {"ok": {"head": []}}, "validation/bad-no-proof"),
    ("ucan", ("validation", 15, "expect"), {"error": "Expired"}, "validation/bad-no-proof"),
    ("http", ("exchanges", 0, "request", "message_cid"), CID, "exchanges/head-empty"),
    ("http", ("exchanges", 0, "request", "invocations"), [], "exchanges/head-empty"),
    ("http", ("exchanges", 0, "request", "block_order"), [], "exchanges/head-empty"),
    ("http", ("exchanges", 0, "request", "headers"), {}, "exchanges/head-empty"),
    ("http", ("exchanges", 0, "response", "status"), 202, "exchanges/head-empty"),
    ("http", ("exchanges", 0, "response", "headers"), {}, "exchanges/head-empty"),
    ("http", ("exchanges", 0, "response", "body"), "", "exchanges/head-empty"),
    ("http", ("exchanges", 0, "response", "message"), {}, "exchanges/head-empty"),
    ("http", ("exchanges", 0, "response", "block_order"), [], "exchanges/head-empty"),
    ("http", ("exchanges", 1, "response", "receipts", 0, "out"), {}, "exchanges/advance-1"),
    ("http", ("exchanges", 1, "response", "receipts", 0, "cid"), CID, "exchanges/advance-1"),
    ("http", ("exchanges", 1, "response", "receipts", 0, "ran"), CID, "exchanges/advance-1"),
    ("http", ("exchanges", 1, "response", "receipts", 0, "issuer"), "did:x", "exchanges/advance-1"),
    ("http", ("exchanges", 1, "response", "receipts", 0, "sig_hex"), "", "exchanges/advance-1"),
    ("http", ("exchanges", 1, "response", "receipts", 0, "ocm_bytes_signed"), "", "exchanges/advance-1"),
]


@pytest.mark.parametrize(("name", "place", "wrong", "case"), CHANGES)
def test_a_wrong_vector_fails_and_is_named(name: str, place: tuple, wrong: object, case: str) -> None:
    vectors = copy.deepcopy(json.loads((FOLDER / f"{name}.public.json").read_text()))
    part: Any = vectors
    for key in place[:-1]:
        part = part[key]
    assert part[place[-1]] != wrong
    part[place[-1]] = wrong
    report = Report(errors=(PailError,))
    replay_of(vectors)(vectors, report)
    assert case in [failure for failure, _ in report.failures]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"cases": []}',
        '{"exchanges": []}',
        '{"delegations": []}',
        '{"put_del": []}',
        "\ufffd",
    ],
)
def test_a_file_that_cannot_be_replayed_is_one_line_and_a_failure(tmp_path: Path, text: str, capsys) -> None:
    path = tmp_path / "vectors.json"
    path.write_text(text)
    assert main([str(path)]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_missing_file_is_one_line_and_a_failure(tmp_path: Path, capsys) -> None:
    assert main([str(tmp_path / "none.json")]) == 1
    assert "not replayed" in capsys.readouterr().out


def test_without_files_it_says_how_to_use_it(capsys) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
