"""Replays vectors of class `clock`: events and advancing heads."""

from __future__ import annotations

from pail import MissingBlock, parse_cid, run
from pail.clock import Head, advance, decode_event, encode_event
from spec.replay.report import Report, Vectors, expect, expect_error
from spec.replay.store import Store, bytes_of, value_of

_UNREADABLE = "[object Object]"
"""How some vectors show a link within `data`; the bytes alone tell which."""


def replay(vectors: Vectors, report: Report) -> None:
    """Every case's events and runs, the encodings, the errors."""
    for case in vectors.get("cases", []):
        for index, event in enumerate(case["events"]):
            with report.case(f"{case['id']}/event {index}"):
                _check_event(event, event["parents"])
        for run_ in case["runs"]:
            with report.case(f"{case['id']}/{run_['name']}"):
                _check_run(case["events"], run_["steps"])
    for event in vectors.get("encodings", []):
        with report.case(f"encodings/{event['id']}"):
            _check_event(event, event["parents_given"])
    for vector in vectors.get("errors", []):
        with report.case(f"errors/{vector['id']}"):
            _check_error(vector)


def _check_event(event: Vectors, parents: Vectors) -> None:
    data = bytes_of(event["bytes"])
    decoded = decode_event(data)
    expect("parents", set(decoded.parents), {parse_cid(parent) for parent in parents})
    if _UNREADABLE not in str(event["data"]):
        expect("data", decoded.data, value_of(event["data"]))
    block = encode_event([parse_cid(parent) for parent in parents], decoded.data)
    expect("bytes", block.data, data)
    expect("CID", str(block.cid), event["cid"])


def _check_run(events: Vectors, steps: Vectors) -> None:
    cids = [parse_cid(event["cid"]) for event in events]
    store = Store()
    store.blocks.update(zip(cids, (bytes_of(event["bytes"]) for event in events), strict=True))
    head: Head = ()
    for number, step in enumerate(steps):
        head = run(advance(head, cids[int(step["advance"])]), store.read)
        expect(f"head after step {number}", set(head), {cids[int(index)] for index in step["head"]})
        expect("order of the head", head, tuple(sorted(head)))


def _check_error(vector: Vectors) -> None:
    assert vector["error"].startswith("missing block"), f"unknown error: {vector['error']}"
    head = tuple(sorted(parse_cid(cid) for cid in vector["head"]))
    for known in ((), head):
        with expect_error("the event", MissingBlock):
            run(advance(known, parse_cid(vector["event"])), Store().read)
