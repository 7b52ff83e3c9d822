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
