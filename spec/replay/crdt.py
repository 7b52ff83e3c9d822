"""Replays vectors of class `crdt`: the map over a clock, by several replicas with one store."""

from __future__ import annotations

from pail import CID, NoHead, Walk, parse_cid, run
from pail.clock import Head, advance, decode_event
from pail.crdt import Update, batch, delete, entries, get, put, root
from spec.replay.report import Report, Vectors, expect, expect_error
from spec.replay.store import Store, bytes_of, cids_of, pairs_of


def replay(vectors: Vectors, report: Report) -> None:
    """Every step of every case, and the errors."""
    for case in vectors.get("cases", []):
        store = Store()
        for index, step in enumerate(case["steps"]):
            with report.case(f"{case['id']}/step {index} {step['op']}"):
                _check_step(store, step)
    for vector in vectors.get("errors", []):
        with report.case(f"errors/{vector['id']}"):
            _ERRORS[vector["id"]](vector)


def _head(texts: Vectors) -> Head:
    return tuple(sorted(parse_cid(text) for text in texts))


def _check_step(store: Store, step: Vectors) -> None:
    match step["op"]:
        case "merge-heads":
            _check_merge(store, step)
        case "root":
            _check_root(store, step)
        case _:
            _check_update(store, step)


def _walk(step: Vectors) -> Walk[Update]:
    head = _head(step["head_in"])
    match step["op"]:
        case "put":
            return put(head, step["key"], parse_cid(step["value"]))
        case "del":
            return delete(head, step["key"])
        case "batch":
            return batch(head, pairs_of(step["entries"]))
        case other:
            raise ValueError(f"unknown step: {other}")


def _check_update(store: Store, step: Vectors) -> None:
    update = run(_walk(step), store.read)
    store.keep(update.additions)
    if step["event"] is None:
        expect("event", update.event, None)
    else:
        assert update.event is not None, "no event was made"
        store.keep([update.event])
        expect("event", update.event.data, bytes_of(step["event"]["bytes"]))
        expect("CID of the event", str(update.event.cid), step["event"]["cid"])
    expect("root", str(update.root), step["root"])
    expect("head", update.head, _head(step["head"]))
    if "additions" in step:
        expect("additions", {cid for cid, _ in update.additions}, cids_of(step["additions"]))
    if "removals" in step:
        expect("removals", set(update.removals), cids_of(step["removals"]))


def _check_merge(store: Store, step: Vectors) -> None:
    """In either order of arrival."""
    for heads in (step["from"], step["from"][::-1]):
        head: Head = ()
        for event in [event for other in heads for event in _head(other)]:
            head = run(advance(head, event), store.read)
        expect("head", head, _head(step["head"]))


def _check_root(store: Store, step: Vectors) -> None:
    head = _head(step["head_in"])
    expect("root", str(run(root(head), store.read).root), step["root"])
    for key, value in step["get"].items():
        expect(f"value of {key!r}", run(get(head, key), store.read), value and parse_cid(value))
    expect("entries", run(entries(head), store.read), sorted(pairs_of(step["entries"])))


def _check_headless(_: Vectors) -> None:
    with expect_error("the root of no head", NoHead):
        run(root(()), Store().read)


def _check_no_ancestor(vector: Vectors) -> None:
    """The original hangs; here the union of what both agents did on the empty pail is wanted."""
    store = Store()
    wanted: dict[str, CID] = {}
    head: Head = ()
    for event in vector["events"]:
        cid, data = parse_cid(event["cid"]), bytes_of(event["bytes"])
        store.blocks[cid] = data
        operation = decode_event(data).data
        wanted[operation["key"]] = operation["value"]
        head = run(advance(head, cid), store.read)
    expect("head", set(head), cids_of(event["cid"] for event in vector["events"]))
    expect("entries", run(entries(head), store.read), sorted(wanted.items()))


def _check_delete(_: Vectors) -> None:
    """The original has none; here a deleted key is gone."""
    store = Store()
    value = parse_cid("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
    head: Head = ()
    for key, is_put in (("a", True), ("ab", True), ("a", False)):
        update = run(put(head, key, value) if is_put else delete(head, key), store.read)
        assert update.event is not None, "no event was made"
        store.keep([*update.additions, update.event])
        head = run(advance(head, update.event.cid), store.read)
    expect("entries", run(entries(head), store.read), [("ab", value)])


_ERRORS = {
    "headless-root": _check_headless,
    "del-not-implemented": _check_delete,
    "no-common-ancestor": _check_no_ancestor,
}
